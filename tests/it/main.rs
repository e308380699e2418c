//! Tests across the rooms, in one binary.

mod api;
mod capsules;
mod cli;
mod corpus;
mod digests;
mod durable;
mod exam;
mod ledger;
mod node;
mod quorum;
mod replay;
mod seeds;
mod stories;

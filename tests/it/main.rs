//! Tests across the rooms, in one binary.

mod api;
mod cli;
mod corpus;
mod exam;
mod node;
mod quorum;
mod replay;
mod seeds;
mod stories;

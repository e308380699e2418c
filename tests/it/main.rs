//! Tests across packages, in one binary.

mod api;
mod capsules;
mod cases;
mod cli;
mod clocks;
mod corpus;
mod coverage;
mod digests;
mod durable;
mod exam;
mod judge;
mod layers;
mod ledger;
mod node;
mod page;
mod plans;
mod printed;
mod quorum;
mod recover;
mod refusals;
mod replay;
mod rules;
mod seeds;
mod stores;
mod stories;
mod subjects;

//! Tests across the rooms, in one binary.

mod cli;
mod node;
mod quorum;

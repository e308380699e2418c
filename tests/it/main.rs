//! Tests across the rooms, in one binary.

mod node;
mod quorum;

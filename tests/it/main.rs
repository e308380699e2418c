//! Tests across the rooms, in one binary.

mod corpus;
mod node;
mod quorum;

//! Finds the records that a group of writes changes. Entries of the log are not such records.

use wavetank_raft::execute::{CATCH_UP, HARD_STATE, encode_catch_up, encode_hard_state};
use wavetank_raft::{LogOp, Write};

/// Returns the newest vote record and the newest position of [`LogOp::CatchUp`] in these writes, as pairs of
/// a key and an encoded record. Returns no pair for a record that no write changes.
pub(super) fn newest_records(writes: &[Write]) -> impl Iterator<Item = (&'static [u8], Vec<u8>)> {
    let newest = writes.iter().rev().find_map(|write| write.hard_state);
    let vote = newest.map(|hard_state| (HARD_STATE, encode_hard_state(hard_state)));
    let position = |write: &Write| match write.log {
        LogOp::CatchUp(upto) => Some((CATCH_UP, encode_catch_up(upto).to_vec())),
        _ => None,
    };
    vote.into_iter().chain(writes.iter().rev().find_map(position))
}

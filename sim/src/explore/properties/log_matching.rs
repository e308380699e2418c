//! If two logs contain an entry with the same index and term, the two logs are identical up to that entry.

use crate::plan::server_set::ServerIdx;
use wavetank_raft::LogId;

/// Compares the logs of the servers `one` and `other`. `first` and `second` are the ids of all entries of
/// these logs. Returns the violation in words, or `None`.
pub(crate) fn breach(one: ServerIdx, first: &[LogId], other: ServerIdx, second: &[LogId]) -> Option<String> {
    let common = first.iter().zip(second).rposition(|(a, b)| a == b)?;
    let differs = (0..common).find(|&at| first[at] != second[at])?;
    let (id, apart) = (first[common], first[differs]);
    Some(format!("{one} and {other} both have {id}, but only {one} has {apart} before {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, N2, expect_rows, id};

    #[test]
    fn an_entry_has_one_past() {
        let of = |one: &[LogId], other: &[LogId]| breach(N1, one, N2, other);
        let (first, second, third) = (id(1, 1), id(2, 2), id(4, 3));
        let apart = "n1 and n2 both have t4.i3, but only n1 has t2.i2 before t4.i3";
        expect_rows(&[
            ("one is empty", of(&[], &[first]), None),
            ("one is behind", of(&[first, second], &[first]), None),
            ("they differ from an index on", of(&[first, second], &[first, id(3, 2)]), None),
            ("they are the same", of(&[first, second, third], &[first, second, third]), None),
            (
                "they differ and then agree again",
                of(&[first, second, third], &[first, id(3, 2), third]),
                Some(apart),
            ),
        ]);
    }
}

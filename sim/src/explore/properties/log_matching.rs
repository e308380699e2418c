//! If two logs contain an entry with the same index and term, they are identical up to that entry.

use crate::plan::server_set::ServerIdx;
use wavetank_raft::LogId;

/// Each log is the ids of its entries, from the first one.
pub(crate) fn breach(one: ServerIdx, first: &[LogId], other: ServerIdx, second: &[LogId]) -> Option<String> {
    let common = first.iter().zip(second).rposition(|(a, b)| a == b)?;
    let differs = (0..common).find(|&at| first[at] != second[at])?;
    let (id, apart) = (first[common], first[differs]);
    Some(format!("{one} and {other} both have {id}, and before it {one} has {apart} and {other} has not"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, N2, expect_rows, id};

    #[test]
    fn an_entry_has_one_past() {
        let of = |one: &[LogId], other: &[LogId]| breach(N1, one, N2, other);
        let (first, second, third) = (id(1, 1), id(2, 2), id(4, 3));
        let apart = "n1 and n2 both have t4.i3, and before it n1 has t2.i2 and n2 has not";
        expect_rows(&[
            ("nothing", of(&[], &[first]), None),
            ("one is behind", of(&[first, second], &[first]), None),
            ("they part and stay apart", of(&[first, second], &[first, id(3, 2)]), None),
            ("they are the same", of(&[first, second, third], &[first, second, third]), None),
            ("they part and meet", of(&[first, second, third], &[first, id(3, 2), third]), Some(apart)),
        ]);
    }
}

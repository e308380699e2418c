//! If two logs have an entry of the same term and index, they are the same up to there.

use super::Stated;
use crate::check::log_matching::LogMatching;
use crate::slot::Slot;
use wavetank_raft::LogId;

pub(crate) const STATED: Stated = Stated::of::<LogMatching>();

/// Each log is its entries, from the first one on.
pub(crate) fn breach((one, first): (Slot, &[LogId]), (other, second): (Slot, &[LogId])) -> Option<String> {
    let common = first.iter().zip(second).rposition(|(a, b)| a == b)?;
    let differs = (0..common).find(|&at| first[at] != second[at])?;
    let (id, apart) = (first[common], first[differs]);
    Some(format!("{one} and {other} both have {id}, and before it {one} has {apart} and {other} has not"))
}

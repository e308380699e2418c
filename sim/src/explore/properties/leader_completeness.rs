//! Whoever comes to lead has everything that was committed in earlier terms.

use super::Stated;
use crate::check::leader_completeness::LeaderCompleteness;
use crate::explore::past::Committed;
use crate::slot::Slot;
use wavetank_raft::{Log, Term};

pub(crate) const STATED: Stated = Stated::of::<LeaderCompleteness>();

pub(crate) fn breach(committed: &[Committed], log: &Log, (leader, term): (Slot, Term)) -> Option<String> {
    let missing = committed.iter().find(|entry| entry.during < term && !log.contains(entry.id))?;
    let Committed { id, during } = missing;
    Some(format!("{leader} leads {term} without {id}, which was committed in {during}"))
}

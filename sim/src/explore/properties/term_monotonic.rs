//! A server's term never falls, except that a crash takes it back to what is on disk.

use super::{Stated, Turn};
use crate::check::term_monotonic::TermMonotonic;
use crate::explore::stimulus::Stimulus;

pub(crate) const STATED: Stated = Stated::of::<TermMonotonic>();

pub(crate) fn breach(turn: &Turn<'_>) -> Option<String> {
    let least = match turn.stimulus {
        Stimulus::Crash => turn.before.disk.record.term,
        Stimulus::TimeOut
        | Stimulus::Resign
        | Stimulus::Beat
        | Stimulus::Persist
        | Stimulus::Propose
        | Stimulus::Add(_)
        | Stimulus::Remove(_)
        | Stimulus::Take(_) => turn.before.node.term(),
    };
    let now = turn.after.node.term();
    (now < least).then(|| format!("{} went from {least} back to {now}", turn.after.slot))
}

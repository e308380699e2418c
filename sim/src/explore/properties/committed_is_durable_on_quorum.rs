//! What a leader commits is on the disks of a quorum of its voters.

use super::Stated;
use crate::check::committed_is_durable_on_quorum::CommittedIsDurableOnQuorum;
use crate::explore::local::Local;
use crate::slot::Slot;
use wavetank_raft::{LogId, Voters};

pub(crate) const STATED: Stated = Stated::of::<CommittedIsDurableOnQuorum>();

/// `servers` are all of them, by their places.
pub(crate) fn breach<'a>(
    (leader, voters): (Slot, &Voters),
    newest: LogId,
    server: impl Fn(Slot) -> &'a Local,
) -> Option<String> {
    let has = |node| Slot::of(node).is_some_and(|slot| server(slot).disk.holds(newest));
    (!voters.is_quorum(has)).then(|| format!("{leader} has committed {newest}, which no quorum has on disk"))
}

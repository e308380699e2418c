//! Our own server as a subject.

use super::{Start, Subject, View, Wavetank};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Action, Configuration, Deadline, Effects, Event, Index, Server, Time};

/// The name of our server as a subject.
pub const OURS: &str = "wavetank";

impl Subject for Server {
    type Protocol = Wavetank;
    type Scratch = Effects;

    fn name(&self) -> &'static str {
        OURS
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        Ok(Self::boot(start.settings.clone(), start.boot, start.now))
    }

    #[inline]
    fn step(&mut self, now: Time, event: Event, scratch: &mut Effects, actions: &mut Vec<Action>) {
        self.step_with(now, event, scratch, actions);
    }

    #[inline]
    fn deadline(&self) -> Deadline {
        Self::deadline(self)
    }

    #[inline]
    fn view(&self) -> View {
        let node = self.node();
        View {
            role: Some(node.role()),
            term: Some(node.term()),
            vote: Some(node.vote()),
            leader: Some(node.leader()),
            last: Some(node.log().last()),
            commit: Some(node.commit()),
            applied: Some(self.applied()),
            snapshot: Some(node.snapshot()),
        }
    }

    #[inline]
    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Some(self.node().configuration())
    }

    #[inline]
    fn server(&self) -> Option<&Server> {
        Some(self)
    }

    fn hash_state<H: Hasher>(&self, hasher: &mut H) {
        self.hash(hasher);
    }
}

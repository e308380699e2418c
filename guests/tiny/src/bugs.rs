//! Five bugs that people really make.

use crate::{Request, Response, Tiny, TinyProtocol};
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Action, Configuration, Deadline, Event, Index, Time};
use wavetank_sim::{Start, Subject, View};

/// A bug that can be switched on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bug {
    /// A voter does not compare the candidate's log with its own (§5.4.1).
    NoLogCheck,
    /// A leader counts the copies of entries of earlier terms (§5.4.2, figure 8).
    CountOldTerms,
    /// The term is on the disk, but the vote is not (figure 2, `votedFor`).
    VoteNotPersisted,
    /// A follower deletes all entries after `prevLogIndex`, even if they agree with the request. A late request
    /// then deletes entries that were acknowledged (figure 2, AppendEntries RPC, step 3).
    TruncateOnStale,
    /// A follower acknowledges entries before they are durable (figure 2, "persistent state").
    AckBeforePersist,
}

impl Bug {
    /// All bugs with their names on the command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("no-log-check", Self::NoLogCheck),
        ("count-old-terms", Self::CountOldTerms),
        ("vote-not-persisted", Self::VoteNotPersisted),
        ("truncate-on-stale", Self::TruncateOnStale),
        ("ack-before-persist", Self::AckBeforePersist),
    ];
}

/// A server with the bug at this place of [`Bug::ALL`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WithBug<const BUG: usize>(Tiny);

impl<const BUG: usize> Subject for WithBug<BUG> {
    type Protocol = TinyProtocol;
    type Scratch = ();

    fn name(&self) -> &'static str {
        Bug::ALL[BUG].0
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let tiny = Tiny::start(start)?;
        Ok(Self(Tiny { bug: Some(Bug::ALL[BUG].1), ..tiny }))
    }

    fn step(
        &mut self,
        now: Time,
        event: Event<Request, Response>,
        (): &mut (),
        actions: &mut Vec<Action<Request, Response>>,
    ) {
        self.0.step(now, event, &mut (), actions);
    }

    fn deadline(&self) -> Deadline {
        self.0.deadline()
    }

    fn view(&self) -> View {
        self.0.view()
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        self.0.configuration()
    }
}

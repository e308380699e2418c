//! A subject: an implementation of a server that the tank can drive.
//!
//! The tank owns time, network, disks, crashes, faults and clients. It knows a server by [`Subject`] alone:
//! the server starts from the content of its disk, takes events, hands out actions, says when it wants to be
//! woken, and shows a [`View`] of its state.
//!
//! The common vocabulary is that of [`wavetank_raft`]: calls and their outcomes, entries, configurations,
//! disk jobs, snapshots. An adapter of another implementation translates to it. The messages between servers
//! belong to a [`Protocol`]. Subjects with the same protocol can stand in one cluster ([`Either`]).
//! `docs/subjects.md` tells how to write an adapter.

mod either;
mod ours;
mod parts;
mod protocol;

pub use either::Either;
pub use ours::OURS;
pub use parts::Parts;
pub use protocol::{Label, MessageRef, Opaque, OpaqueMessage, Protocol, Wavetank};

pub(crate) use protocol::{is_ours, our_request, our_response};

use crate::plan::server_set::ServerIdx;
use std::hash::Hasher;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Boot, Configuration, Deadline, Entry, Event, Index, LogId, NodeId, RoleName, Server, Settings,
    Term, Time,
};

/// The events of a server that speaks a protocol.
pub(crate) type EventIn<P> = Event<<P as Protocol>::Request, <P as Protocol>::Response>;

/// The events of a subject.
pub type EventOf<S> =
    Event<<<S as Subject>::Protocol as Protocol>::Request, <<S as Subject>::Protocol as Protocol>::Response>;

/// The actions of a subject.
pub type ActionOf<S> =
    Action<<<S as Subject>::Protocol as Protocol>::Request, <<S as Subject>::Protocol as Protocol>::Response>;

/// An implementation of a server.
///
/// 1. A subject is a function of its inputs. It reads no clock and starts no thread. All its random numbers
///    come from [`Boot::entropy`].
/// 2. The tank may execute an action as soon as it sees it, and may crash the server between two actions.
/// 3. Each call gets exactly one [`Action::Answer`].
/// 4. A crash drops the subject. [`Subject::start`] then gets what its
///    [`StoreJob`](wavetank_raft::StoreJob)s had written.
pub trait Subject: Sized {
    /// The protocol that the servers speak.
    type Protocol: Protocol;

    /// Buffers that all servers of a tank share, so that a step need not allocate them. Use `()` for none.
    type Scratch: Default;

    /// The name of the implementation, for messages about it.
    fn name(&self) -> &'static str;

    /// Starts a server from the content of its disk.
    ///
    /// # Errors
    /// Returns an error if the server refuses to start from this content.
    fn start(start: Start<'_>) -> Result<Self, StoreError>;

    /// Takes an event and adds the resulting actions to `actions`. `now` is the reading of the server's
    /// clock.
    fn step(
        &mut self,
        now: Time,
        event: EventOf<Self>,
        scratch: &mut Self::Scratch,
        actions: &mut Vec<ActionOf<Self>>,
    );

    /// The time on the server's clock at which it wants an [`Event::Timer`], and the reason. Schedules name the
    /// timer by the reason. Both may change with every step.
    fn deadline(&self) -> Deadline;

    /// The state that the server shows.
    fn view(&self) -> View;

    /// The part of the view that is not copied: the configuration that the server uses, with its index in the
    /// log. `None` if the server cannot show it, `Some(None)` if there is none yet.
    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        None
    }

    /// Our own server, if this subject is one. Some checks read more of it than a view has.
    fn server(&self) -> Option<&Server> {
        None
    }

    /// The checks that the documents of the implementation exclude. They are off, and reports list them
    /// ([`Report::excluded`](crate::Report::excluded)).
    fn exclusions(&self) -> &'static [Exclusion] {
        &[]
    }

    /// Adds the whole state to a hash, for the deep digest of a run. By default it adds nothing.
    fn hash_state<H: Hasher>(&self, _hasher: &mut H) {}
}

/// A check that the documents of an implementation exclude.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Exclusion {
    /// The name of the check.
    pub check: &'static str,
    /// The line of the document that excludes the check.
    pub line: &'static str,
}

/// Everything from which a server starts.
#[derive(Debug)]
pub struct Start<'a> {
    /// The server.
    pub idx: ServerIdx,
    /// The settings of the run, with the server's name.
    pub settings: &'a Settings,
    /// The content of the disk: term and vote, the newest snapshot, and the part of the log that fits into
    /// the cache of the settings. The tank loads the snapshot into the state machine before the first event.
    pub boot: Boot,
    /// The whole log on the disk.
    pub log: &'a [Entry],
    /// The reading of the server's clock.
    pub now: Time,
}

/// The state of a server, as far as it can show it. A part that is `None` cannot be shown; then the checks
/// that need it are off.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// The role.
    pub role: Option<RoleName>,
    /// The current term.
    pub term: Option<Term>,
    /// The candidate that got the server's vote in the current term, if any. With this part, the server
    /// stores its term and vote by [`Write::hard_state`](wavetank_raft::Write::hard_state).
    pub vote: Option<Option<NodeId>>,
    /// The leader that the server knows, if any.
    pub leader: Option<Option<NodeId>>,
    /// The last entry of the log. With this part, the server stores its entries and their terms by
    /// [`Write::log`](wavetank_raft::Write::log), where the checks read them.
    pub last: Option<LogId>,
    /// The index up to which the server knows entries to be committed.
    pub commit: Option<Index>,
    /// The last index that the state machine reported as applied.
    pub applied: Option<Index>,
    /// The last entry of the snapshot in which the log begins; [`LogId::ZERO`] if there is none.
    pub snapshot: Option<LogId>,
}

impl View {
    /// A view that shows nothing.
    pub const NOTHING: Self = Self {
        role: None,
        term: None,
        vote: None,
        leader: None,
        last: None,
        commit: None,
        applied: None,
        snapshot: None,
    };
}

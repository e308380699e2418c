//! A subject: an implementation of a server that the tank can drive.
//!
//! The tank owns time, network, disks, crashes, faults and clients. The tank uses a server only through the
//! trait [`Subject`]. A server starts from the content of its disk, takes events, returns actions, names the
//! time at which the tank must wake the server, and shows a [`View`] of its state.
//!
//! All subjects use the types of [`wavetank_raft`] for calls and outcomes, entries, configurations, disk jobs
//! and snapshots. An adapter of another implementation converts to these types. The messages between servers
//! belong to a [`Protocol`]. Subjects with the same protocol can stand in one cluster ([`Either`]).
//! `docs/subjects.md` tells how to write an adapter.

mod either;
mod hashicorp;
mod ours;
mod parts;
mod protocol;

pub use either::Either;
pub use hashicorp::HashiCorp;
pub use ours::OURS;
pub use parts::Parts;
pub use protocol::{Label, MessageRef, Opaque, OpaqueMessage, Protocol, Wavetank};

pub(crate) use protocol::{is_ours, our_request, our_response};

use crate::plan::server_set::ServerIdx;
use std::hash::Hasher;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Boot, Configuration, Deadline, Dialect, Entry, Event, Index, LogId, NodeId, RoleName, Server,
    Settings, Term, Time,
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
/// 2. The tank may execute an action immediately, and may crash the server between two actions.
/// 3. Each call gets exactly one [`Action::Answer`].
/// 4. A crash drops the subject. At the next start, [`Subject::start`] gets the data that the
///    [`StoreJob`](wavetank_raft::StoreJob)s of the dropped subject have written.
pub trait Subject: Sized {
    /// The protocol that the servers speak.
    type Protocol: Protocol;

    /// Buffers that all servers of a tank share, so that a step need not allocate buffers. Use `()` for no
    /// buffers.
    type Scratch: Default;

    /// Returns the name of the implementation. Messages about a server contain this name.
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

    /// True if the server takes the event now. The tank keeps all other events in their order, and delivers them
    /// when the server takes them. Reports of the server's own jobs must always be taken.
    fn takes_now(&self, _event: &EventOf<Self>) -> bool {
        true
    }

    /// Returns the time on the server's clock at which the server wants an [`Event::Timer`], and the reason.
    /// Schedules name the timer by this reason. The time and the reason may change with every step.
    fn deadline(&self) -> Deadline;

    /// Returns the state that the server shows.
    fn view(&self) -> View;

    /// Returns the configuration that the server uses, and the index of the configuration in the log. This
    /// part of the view is not copied. Returns `None` if the server cannot show a configuration, and
    /// `Some(None)` if the server has no configuration yet.
    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        None
    }

    /// The dialect of [`Wavetank`] that the server understands; without effect for another protocol. As a transport
    /// does, the tank tells the receiver of the server's first answer ([`Event::PeerSpeaks`]). If both servers are
    /// [`Dialect::Wavetank`], the tank tells them when they start.
    fn dialect(&self) -> Dialect {
        Dialect::Wavetank
    }

    /// Returns our own server; `None` if this subject is another implementation. Some checks read state of
    /// our server that is not in a [`View`].
    fn server(&self) -> Option<&Server> {
        None
    }

    /// Returns the checks that the documents of the implementation exclude. These checks are off, and reports
    /// list these checks ([`Report::excluded`](crate::Report::excluded)).
    fn exclusions(&self) -> &'static [Exclusion] {
        &[]
    }

    /// Adds the whole state to a hash, for the deep digest of a run. By default, this method adds nothing.
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

/// The data with which a server starts.
#[derive(Debug)]
pub struct Start<'a> {
    /// The server.
    pub idx: ServerIdx,
    /// The seed of the run. Subjects may draw their own settings from it, with a stream of their own.
    pub seed: u64,
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

/// The parts of its state that a server shows. If the implementation cannot show a part, this part is `None`,
/// and the checks that need this part are off.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// The role.
    pub role: Option<RoleName>,
    /// The current term.
    pub term: Option<Term>,
    /// The candidate that got the server's vote in the current term, if any. A server that shows this part
    /// must store its term and its vote with [`Write::hard_state`](wavetank_raft::Write::hard_state).
    pub vote: Option<Option<NodeId>>,
    /// The leader that the server knows, if any.
    pub leader: Option<Option<NodeId>>,
    /// The position of the last entry of the log. A server that shows this part must store its entries and
    /// the terms of the entries with [`Write::log`](wavetank_raft::Write::log). The checks read the entries
    /// there.
    pub last: Option<LogId>,
    /// The index up to which the server knows entries to be committed.
    pub commit: Option<Index>,
    /// The last index that the state machine reported as applied.
    pub applied: Option<Index>,
    /// The position of the last entry of the newest snapshot; [`LogId::ZERO`] if there is no snapshot.
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

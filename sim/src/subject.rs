//! A subject: an implementation of a server that the tank can drive.
//!
//! The tank owns time, network, disks, crashes, faults and clients. The tank uses a server only through the
//! trait [`Subject`]. A server starts from the content of its disk, handles events and returns actions. The
//! server also names the time at which the tank must wake the server, and shows a [`View`] of its state.
//!
//! All subjects use the types of [`wavetank_raft`] for calls and outcomes, entries, configurations, disk jobs
//! and snapshots. An adapter converts the types of another implementation to these types. The messages
//! between servers belong to a [`Protocol`]. Subjects with the same protocol can run in one cluster
//! ([`Either`]). `docs/subjects.md` is a guide for writing an adapter.

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

/// An event of a server that uses the protocol `P`.
pub(crate) type EventIn<P> = Event<<P as Protocol>::Request, <P as Protocol>::Response>;

/// An event of the subject `S`.
pub type EventOf<S> =
    Event<<<S as Subject>::Protocol as Protocol>::Request, <<S as Subject>::Protocol as Protocol>::Response>;

/// An action of the subject `S`.
pub type ActionOf<S> =
    Action<<<S as Subject>::Protocol as Protocol>::Request, <<S as Subject>::Protocol as Protocol>::Response>;

/// An implementation of a server.
///
/// 1. A subject is a function of its inputs. A subject reads no clock and starts no thread. All random numbers
///    of a subject come from [`Boot::entropy`].
/// 2. The tank may execute an action immediately, and may crash the server between two actions.
/// 3. Each call gets exactly one [`Action::Answer`].
/// 4. A crash drops the subject. At the next start, [`Subject::start`] gets the data that the
///    [`StoreJob`](wavetank_raft::StoreJob)s of the dropped subject have written.
pub trait Subject: Sized {
    /// The protocol between the servers of a cluster.
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

    /// Handles an event and adds the resulting actions to `actions`. `now` is the reading of the server's
    /// clock.
    fn step(
        &mut self,
        now: Time,
        event: EventOf<Self>,
        scratch: &mut Self::Scratch,
        actions: &mut Vec<ActionOf<Self>>,
    );

    /// True if the server can handle the event now. Otherwise the tank keeps the event. After each step of the
    /// server, the tank delivers the kept events in the order of their arrival, as long as the method returns
    /// true. The method must return true for every report about the server's own jobs.
    fn takes_now(&self, _event: &EventOf<Self>) -> bool {
        true
    }

    /// Returns the time on the server's clock at which the server wants an [`Event::Timer`], and the reason. The
    /// time is [`Time::NEVER`] if the server wants no timer event. Schedules name the timer by the reason. The
    /// time and the reason may change with every step.
    fn deadline(&self) -> Deadline;

    /// Returns the state that the server shows.
    fn view(&self) -> View;

    /// Returns the configuration that the server uses, and the index of the configuration in the log. Returns
    /// `None` if the server cannot show a configuration, and `Some(None)` if the server has no configuration
    /// yet. The [`View`] does not contain the configuration, because a copy for each view would cost too much
    /// time.
    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        None
    }

    /// Returns the dialect of the protocol [`Wavetank`] that this server understands. Other protocols have no
    /// dialects. A peer learns this dialect ([`Event::PeerSpeaks`]) before the peer handles a response from
    /// this server. If both servers understand [`Dialect::Wavetank`], they learn the dialect of each other as
    /// soon as both run.
    fn dialect(&self) -> Dialect {
        Dialect::Wavetank
    }

    /// Returns our own server. Returns `None` if this subject is another implementation. Some checks read
    /// state of our server that is not in a [`View`].
    fn server(&self) -> Option<&Server> {
        None
    }

    /// Returns the checks that the documents of the implementation exclude. The tank does not run these
    /// checks, and each report lists these checks ([`Report::excluded`](crate::Report::excluded)).
    fn exclusions(&self) -> &'static [Exclusion] {
        &[]
    }

    /// Adds the whole state to a hash, for the deep digest of a run. By default, this method adds nothing.
    fn hash_state<H: Hasher>(&self, _hasher: &mut H) {}
}

/// A check that is off for an implementation, because the documents of the implementation exclude the check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Exclusion {
    /// The name of the check.
    pub check: &'static str,
    /// The line of the document that excludes the check.
    pub line: &'static str,
}

impl Exclusion {
    /// The name of the check that an implementation excludes if its servers make no promise of silence. Such a
    /// server may vote immediately after a restart, even if it heard from a leader shortly before the restart.
    pub(crate) const SILENCE: &'static str = "promised_silence_is_kept";
}

/// The data with which a server starts.
#[derive(Debug)]
pub struct Start<'a> {
    /// The server that starts.
    pub idx: ServerIdx,
    /// The seed of the run. A subject may draw settings from this seed, with a random stream of its own.
    pub seed: u64,
    /// The settings of the run. They include the id of this server.
    pub settings: &'a Settings,
    /// The content of the disk: the term and the vote, the newest snapshot, and the part of the log that fits
    /// into the log cache of the settings. The tank loads the snapshot into the state machine before the
    /// first event.
    pub boot: Boot,
    /// The whole log on the disk.
    pub log: &'a [Entry],
    /// The reading of the server's clock, in microseconds.
    pub now: Time,
}

/// The state that a server shows. If the implementation cannot show a part of the state, this part is `None`,
/// and the checks that need this part are off.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// The role of the server; `None` if the server does not show the role.
    pub role: Option<RoleName>,
    /// The current term of the server; `None` if the server does not show the term.
    pub term: Option<Term>,
    /// The candidate that got the server's vote in the current term; `Some(None)` if the server has not voted
    /// in this term, and `None` if the server does not show the vote. A server that shows this part must
    /// store its term and its vote with [`Write::hard_state`](wavetank_raft::Write::hard_state).
    pub vote: Option<Option<NodeId>>,
    /// The leader that the server knows; `Some(None)` if the server knows no leader, and `None` if the server
    /// does not show the leader.
    pub leader: Option<Option<NodeId>>,
    /// The id of the last entry of the log; `None` if the server does not show the log. A server that shows
    /// this part must store its entries and the terms of the entries with
    /// [`Write::log`](wavetank_raft::Write::log). The checks read the entries from these writes.
    pub last: Option<LogId>,
    /// The commit index; `None` if the server does not show the commit index. The server knows that all
    /// entries up to this index are committed.
    pub commit: Option<Index>,
    /// The last index that the state machine reported as applied; `None` if the server does not show this
    /// index.
    pub applied: Option<Index>,
    /// The id of the last entry of the newest snapshot; [`LogId::ZERO`] if there is no snapshot, and `None`
    /// if the server does not show the snapshot.
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

//! The published status of a server: numbers that can be read without a lock, and watch channels.

use crate::driver::peer_status::PeerStatus;
use crate::driver::state::RaftState;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tokio::sync::watch;
use tokio::time::Instant;
use wavetank_raft::{
    ClusterId, Configuration, Halt, Index, LatestConfiguration, Leader, NoQuorum, NodeId, Server, Term, Time,
};

/// The value of `Numbers::contact` before the first contact with a leader.
const NEVER: u64 = u64::MAX;

/// The current term and the leader of this term, as far as a server knows them. The text form is
/// `n1 at 10.0.0.1:7000 leads in term 3`, or `no known leader in term 3`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Leadership {
    /// The current term.
    pub term: Term,
    /// The leader of the term; `None` if the server does not know the leader.
    pub leader: Option<Leader>,
    /// True if this server leads.
    pub is_self: bool,
}

impl fmt::Display for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.leader {
            Some(leader) => write!(f, "{leader} leads in term {}", self.term.0),
            None => write!(f, "no known leader in term {}", self.term.0),
        }
    }
}

/// The statistics of a server. The text form has one line `key: value` for each key of [`Stats::to_map`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The state of the server. The state of a stopped server is `Shutdown`.
    pub state: RaftState,
    /// The statistics of the protocol.
    pub server: wavetank_raft::Stats,
    /// The cluster to which the server belongs; `None` if the cluster is unknown.
    pub cluster: Option<ClusterId>,
    /// The number of refused calls from servers of other clusters, since this server started.
    pub calls_of_other_clusters: u64,
    /// The status of each other member, as the leader knows it. Empty if this server does not lead.
    pub peers: Vec<PeerStatus>,
    /// The reason why there is no quorum: voters that do not answer this server, or voters that have lost entries.
    /// `None` if there is a quorum, or if this server cannot know. A follower of a leader cannot know.
    pub no_quorum: Option<NoQuorum>,
}

impl Stats {
    /// Returns the values under HashiCorp's keys, and under further keys of this library, for example `peers`
    /// and `quorum`. In HashiCorp Raft, the method `Stats` returns such a map.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<&'static str, String> {
        self.pairs().into_iter().collect()
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.server.pairs();
        for (_, value) in pairs.iter_mut().filter(|(key, _)| *key == "state") {
            *value = self.state.to_string();
        }
        pairs.push(("cluster", self.cluster.map_or_else(|| "unknown".to_owned(), |id| id.to_string())));
        pairs.push(("calls_of_other_clusters", self.calls_of_other_clusters.to_string()));
        let peers: Vec<String> = self.peers.iter().map(ToString::to_string).collect();
        pairs.push(("peers", peers.join("; ")));
        let has_leader = self.server.last_contact.is_some();
        let quorum = match &self.no_quorum {
            Some(reason) => reason.to_string(),
            None if has_leader => "answers".to_owned(),
            None => "unknown".to_owned(),
        };
        pairs.push(("quorum", quorum));
        pairs
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.pairs().into_iter().enumerate() {
            let line_end = if at == 0 { "" } else { "\n" };
            write!(f, "{line_end}{key}: {value}")?;
        }
        Ok(())
    }
}

/// The end of a server: the reason and the last statistics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct End {
    pub(crate) why: Halt,
    /// The last statistics; `None` if the driver panicked.
    pub(crate) stats: Option<Stats>,
}

/// The latest configuration; `None` if the server has no configuration.
pub(crate) type Latest = Option<LatestConfiguration>;

/// Numbers that the driver stores and that handles read without a lock.
#[derive(Debug)]
pub(crate) struct Numbers {
    start: Instant,
    state: AtomicU32,
    term: AtomicU64,
    last_index: AtomicU64,
    commit_index: AtomicU64,
    applied_index: AtomicU64,
    contact: AtomicU64,
}

impl Numbers {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            state: AtomicU32::new(RaftState::Follower as u32),
            term: AtomicU64::new(0),
            last_index: AtomicU64::new(0),
            commit_index: AtomicU64::new(0),
            applied_index: AtomicU64::new(0),
            contact: AtomicU64::new(NEVER),
        }
    }

    /// Returns the current time of the server's clock.
    pub(crate) fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Returns the instant that corresponds to a time of the server's clock. Returns `None` if the instant is
    /// too far in the future.
    pub(crate) fn moment(&self, time: Time) -> Option<Instant> {
        self.start.checked_add(std::time::Duration::from_micros(time.0))
    }

    fn publish(&self, server: &Server, now: Time) {
        let node = server.node();
        self.state.store(RaftState::from(node.role()) as u32, Ordering::Release);
        self.term.store(node.term().0, Ordering::Release);
        self.last_index.store(node.log().last().index.0, Ordering::Release);
        self.commit_index.store(node.commit().0, Ordering::Release);
        self.applied_index.store(server.applied().0, Ordering::Release);
        if let Some(span) = node.last_contact(now) {
            self.contact.store((now - span).0, Ordering::Release);
        }
    }

    pub(crate) fn stop(&self) {
        self.state.store(RaftState::Shutdown as u32, Ordering::Release);
    }

    pub(crate) fn state(&self) -> RaftState {
        RaftState::of(self.state.load(Ordering::Acquire))
    }

    pub(crate) fn term(&self) -> Term {
        Term(self.term.load(Ordering::Acquire))
    }

    pub(crate) fn last_index(&self) -> Index {
        Index(self.last_index.load(Ordering::Acquire))
    }

    pub(crate) fn commit_index(&self) -> Index {
        Index(self.commit_index.load(Ordering::Acquire))
    }

    pub(crate) fn applied_index(&self) -> Index {
        Index(self.applied_index.load(Ordering::Acquire))
    }

    pub(crate) fn contact(&self) -> Option<Instant> {
        let contact = self.contact.load(Ordering::Acquire);
        if contact == NEVER { None } else { self.moment(Time(contact)) }
    }
}

/// The writing side of the status. The driver publishes the status here.
#[derive(Debug)]
pub(crate) struct StatusPublisher {
    pub(crate) numbers: Arc<Numbers>,
    leadership: watch::Sender<Leadership>,
    configuration: watch::Sender<Latest>,
    pub(crate) end: watch::Sender<Option<End>>,
    /// The term and the leader that were published last; `None` before the first publication.
    shown: Option<(Term, Option<NodeId>)>,
}

/// The reading side of the status. The handles read the status here.
#[derive(Clone, Debug)]
pub(crate) struct StatusView {
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) configuration: watch::Receiver<Latest>,
    pub(crate) end: watch::Receiver<Option<End>>,
}

impl StatusPublisher {
    pub(crate) fn new(start: Instant) -> (Self, StatusView) {
        let numbers = Arc::new(Numbers::new(start));
        let (leadership, leadership_seen) = watch::channel(Leadership::default());
        let (configuration, configuration_seen) = watch::channel(None);
        let (end, end_seen) = watch::channel(None);
        let view = StatusView {
            numbers: numbers.clone(),
            leadership: leadership_seen,
            configuration: configuration_seen,
            end: end_seen,
        };
        (Self { numbers, leadership, configuration, end, shown: None }, view)
    }

    /// Publishes the values that have changed.
    pub(crate) fn publish(&mut self, server: &Server, now: Time) {
        self.numbers.publish(server, now);
        let node = server.node();
        let is_reconfigured = self.publish_configuration(node.configuration());
        let shown = (node.term(), node.leader());
        if self.shown == Some(shown) && !is_reconfigured {
            return;
        }
        self.shown = Some(shown);
        let (term, leader) = shown;
        let member = leader.and_then(|leader| node.configuration()?.1.server(leader));
        let leadership = Leadership {
            term,
            leader: member.map(|member| Leader { id: member.id.clone(), address: member.address.clone() }),
            is_self: leader == Some(node.id()),
        };
        self.leadership.send_if_modified(|old| replace(old, leadership));
    }

    fn publish_configuration(&self, latest: Option<(Index, &Arc<Configuration>)>) -> bool {
        self.configuration.send_if_modified(|old| {
            let is_same = match (&*old, latest) {
                (Some(old), Some((index, new))) => old.index == index && Arc::ptr_eq(&old.configuration, new),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !is_same {
                *old = latest.map(|(index, configuration)| LatestConfiguration {
                    index,
                    configuration: configuration.clone(),
                });
            }
            !is_same
        })
    }

    /// Publishes that this server has stopped and knows no leader.
    pub(crate) fn stop(&self) {
        self.numbers.stop();
        self.leadership.send_if_modified(|old| {
            let is_news = old.leader.is_some() || old.is_self;
            (old.leader, old.is_self) = (None, false);
            is_news
        });
    }

    pub(crate) fn end(&self, end: End) {
        self.end.send_replace(Some(end));
    }
}

/// Publishes that the server has stopped. This value is dropped when the driver ends, also after a panic and
/// after the end of the tokio runtime.
impl Drop for StatusPublisher {
    fn drop(&mut self) {
        self.stop();
    }
}

fn replace<T: PartialEq>(old: &mut T, new: T) -> bool {
    let is_news = *old != new;
    *old = new;
    is_news
}

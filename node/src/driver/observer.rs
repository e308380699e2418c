//! The observers of a server. An observer receives the server's observations, as in HashiCorp Raft.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use wavetank_raft::{Leader, Observed};

/// An observer of a server. [`Raft::register_observer`](crate::Raft::register_observer) makes an observer. If
/// the queue of an observer is full, the server drops and counts further observations. The server never waits
/// for its observers.
#[derive(Debug)]
pub struct Observer {
    queue: mpsc::Receiver<Observed>,
    dropped: Arc<AtomicU64>,
}

impl Observer {
    /// Returns the next observation. Returns `None` after the server has stopped and all observations were
    /// received.
    pub async fn recv(&mut self) -> Option<Observed> {
        self.queue.recv().await
    }

    /// Returns the next observation without waiting. Returns `None` if the queue is empty.
    pub fn try_recv(&mut self) -> Option<Observed> {
        self.queue.try_recv().ok()
    }

    /// Returns the number of observations that the server dropped because the queue of this observer was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The sending end of an observer's queue, and the filter of the observer. The driver keeps this value.
pub(crate) struct Sink {
    queue: mpsc::Sender<Observed>,
    dropped: Arc<AtomicU64>,
    filter: Box<dyn Fn(&Observed) -> bool + Send>,
}

impl Sink {
    pub(crate) fn new(
        capacity: usize,
        filter: impl Fn(&Observed) -> bool + Send + 'static,
    ) -> (Self, Observer) {
        let (sender, queue) = mpsc::channel(capacity.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let sink = Self { queue: sender, dropped: dropped.clone(), filter: Box::new(filter) };
        (sink, Observer { queue, dropped })
    }

    /// Sends an observation if the observation passes the filter. Returns false if the receiver no longer
    /// exists.
    pub(crate) fn send(&self, observed: &Observed) -> bool {
        if (self.filter)(observed)
            && let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(observed.clone())
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        !self.queue.is_closed()
    }
}

/// Logs an observation.
pub(crate) fn log(observed: &Observed) {
    match observed {
        Observed::State { role, term } => tracing::info!(state = %role, %term, "entering state"),
        Observed::Leader(Some(Leader { id, address })) => tracing::info!(%id, %address, "there is a leader"),
        Observed::Leader(None) => tracing::info!("no leader is known"),
        Observed::FailedHeartbeat { peer, silent } => tracing::warn!(%peer, ?silent, "the peer is silent"),
        Observed::ResumedHeartbeat { peer } => tracing::info!(%peer, "the peer answers again"),
        Observed::Peer { removed: true, peer } => tracing::info!(id = %peer.id, "a member was removed"),
        Observed::LostEntries { peer, acknowledged, last } => tracing::error!(
            %peer, %acknowledged, %last,
            "a member lost acknowledged entries, so its copies no longer count for commits: remove the member, then add it again"
        ),
        Observed::OtherCluster { peer, own, other } => {
            tracing::warn!(
                %peer, %own, %other,
                "calls from another cluster are refused: to join that cluster, this server needs empty stores"
            );
        }
        Observed::EntryTooLarge { peer, entry, bytes, limit } => tracing::error!(
            %peer, %entry, bytes, limit,
            "an entry needs a message that is larger than message_bytes, and cannot be sent: raise message_bytes on all servers"
        ),
        Observed::NeedsSnapshot { peer, past } => tracing::warn!(
            %peer, %past,
            "a server of HashiCorp Raft does not understand an entry: the leader takes and sends a snapshot that includes the entry"
        ),
        Observed::NoQuorum(reason) => tracing::warn!(%reason, "nothing can be committed"),
        Observed::QuorumAgain => tracing::info!("a quorum answers again"),
        // The transport has logged this observation with the address.
        Observed::CallsRefused { .. } | Observed::Peer { removed: false, .. } => {}
        Observed::Truncated { after } => tracing::debug!(%after, "the end of the log was removed"),
        Observed::Ignored(why) => tracing::debug!(%why, "a message was ignored"),
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

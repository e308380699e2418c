//! The called server, the reasons why a connection to this server ends, and the pauses before the next
//! attempt to connect.

use super::super::Arrival;
use super::frames::FrameError;
use super::{NO_ANSWER, ServerStopped, Shared};
use crate::wire::{Header, WireError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;
use wavetank_raft::{Dialect, NodeId, Request, ServerAddress, ServerId};

/// The time without a call to a peer after which the connections to the peer are closed.
pub(super) const IDLE: Duration = Duration::from_secs(120);

/// The called server at the other end of the connections.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: ServerId,
    pub(super) address: ServerAddress,
    pub(super) shared: Arc<Shared>,
    /// The dialect of the peer's last answer; [`UNKNOWN`] before the first answer.
    speaks: AtomicU8,
    /// True if the peer refuses calls and the refusal was logged.
    is_refusing: AtomicBool,
    /// The index of the last entry that was reported to the server as too large; zero if no entry was
    /// reported.
    too_large: AtomicU64,
}

const UNKNOWN: u8 = 0;
const HASHICORPS: u8 = 1;
const OURS: u8 = 2;

/// The reason why a connection ended.
pub(super) enum ConnectionEnd {
    /// The peer closed the connection, or the connection failed.
    Lost(io::Error),
    /// The peer does not use this protocol.
    Foreign(FrameError),
    /// There are no more calls to send, or this server has stopped.
    Done,
}

impl ConnectionEnd {
    /// True if the peer closed the connection, and the connection did not fail for another reason.
    pub(super) fn is_closed_by_peer(&self) -> bool {
        const CLOSED: [io::ErrorKind; 3] =
            [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        match self {
            Self::Lost(error) => CLOSED.contains(&error.kind()),
            Self::Foreign(_) | Self::Done => false,
        }
    }
}

impl From<FrameError> for ConnectionEnd {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => Self::Lost(error),
            FrameError::Slow => Self::Lost(io::ErrorKind::TimedOut.into()),
            FrameError::Wire(WireError::Truncated) => Self::Lost(io::ErrorKind::UnexpectedEof.into()),
            error @ FrameError::Wire(_) => Self::Foreign(error),
        }
    }
}

impl From<WireError> for ConnectionEnd {
    fn from(error: WireError) -> Self {
        Self::Foreign(FrameError::Wire(error))
    }
}

impl From<io::Error> for ConnectionEnd {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<ServerStopped> for ConnectionEnd {
    fn from(_: ServerStopped) -> Self {
        Self::Done
    }
}

impl Peer {
    pub(super) const fn new(id: ServerId, address: ServerAddress, shared: Arc<Shared>) -> Self {
        Self {
            id,
            address,
            shared,
            speaks: AtomicU8::new(UNKNOWN),
            is_refusing: AtomicBool::new(false),
            too_large: AtomicU64::new(0),
        }
    }

    /// True if the peer has answered in Wavetank's dialect.
    pub(super) fn is_ours(&self) -> bool {
        self.speaks.load(Ordering::Relaxed) == OURS
    }

    /// True if the peer has answered as a server of HashiCorp Raft.
    pub(super) fn is_hashicorp(&self) -> bool {
        self.speaks.load(Ordering::Relaxed) == HASHICORPS
    }

    /// Returns the header of calls to the peer.
    pub(super) fn header(&self, dialect: Dialect) -> Header {
        Header { to: Some(self.id.clone()), ..self.shared.local().header(dialect) }
    }

    /// Returns the dialect for calls to the peer.
    pub(super) fn dialect(&self) -> Dialect {
        if self.is_ours() { Dialect::Wavetank } else { Dialect::HashiCorp }
    }

    /// Records that the peer answered a call. The next refusal by this peer is then logged again.
    pub(super) fn on_answered(&self) {
        self.is_refusing.store(false, Ordering::Relaxed);
    }

    /// Records that the peer refused a call with the text `words`. The first refusal in a row is logged as a
    /// warning and reported to this server. The text [`NO_ANSWER`] is only logged, because this text means
    /// only that the peer did not answer one call in time.
    pub(super) async fn on_refused(&self, words: String) -> Result<(), ServerStopped> {
        if words == NO_ANSWER || self.is_refusing.swap(true, Ordering::Relaxed) {
            tracing::debug!(id = %self.id, address = %self.address, words, "a call was refused");
            return Ok(());
        }
        tracing::warn!(id = %self.id, address = %self.address, words, "the peer refuses calls");
        self.shared.deliver(Arrival::Refused { from: self.id.node(), why: words }).await
    }

    /// Records that a call is larger than `message_bytes`, so the call was not sent. `bytes` is the size of
    /// the call. With this limit, the largest entry of the call can never arrive. This server gets one report
    /// about the entry.
    pub(super) async fn on_too_large(&self, request: &Request, bytes: u64) -> Result<(), ServerStopped> {
        let limit = self.shared.limits.message_bytes;
        tracing::debug!(id = %self.id, bytes, limit, "a call larger than message_bytes was not sent");
        let Request::AppendEntries(append) = request else { return Ok(()) };
        let Some(entry) = append.entries.iter().max_by_key(|entry| entry.weight()).map(|entry| entry.id)
        else {
            return Ok(());
        };
        if self.too_large.swap(entry.index.0, Ordering::Relaxed) == entry.index.0 {
            return Ok(());
        }
        self.shared.deliver(Arrival::TooLarge { to: self.id.node(), entry, bytes, limit }).await
    }

    /// Records that the peer answered in this dialect. Informs this server if the dialect is new or has
    /// changed. `peer` is the number of the peer.
    pub(super) async fn on_dialect(&self, peer: NodeId, dialect: Dialect) -> Result<(), ServerStopped> {
        let speaks = match dialect {
            Dialect::Wavetank => OURS,
            Dialect::HashiCorp => HASHICORPS,
        };
        if self.speaks.swap(speaks, Ordering::Relaxed) == speaks {
            return Ok(());
        }
        self.shared.deliver(Arrival::Speaks { peer, dialect }).await
    }
}

/// The pause before the next attempt to connect. The pause becomes longer after each failure, until a call is
/// answered. Only the first failure in a row is logged. `is_known` is true after this failure.
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
    pub(super) is_known: bool,
}

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Makes the pauses of a server with this heartbeat timeout. The longest pause is half of the timeout,
    /// but at least 10 ms and at most one second. Therefore a peer that returns hears from the leader before
    /// the peer campaigns. HashiCorp Raft has the same rule.
    pub(super) fn new(heartbeat_timeout: Duration) -> Self {
        let longest = (heartbeat_timeout / 2).clamp(Self::SHORTEST, Self::LONGEST);
        Self { next: Self::SHORTEST, longest, is_known: false }
    }

    pub(super) fn connected(&mut self, address: &ServerAddress) {
        if self.is_known {
            tracing::info!(%address, "connected");
        }
        (self.next, self.is_known) = (Self::SHORTEST, false);
    }

    pub(super) fn lost(&mut self, address: &ServerAddress, error: &io::Error) {
        if !self.is_known && error.kind() == io::ErrorKind::InvalidData {
            tracing::warn!(%address, %error, "no connection");
        } else if !self.is_known {
            tracing::info!(%address, %error, "no connection");
        }
        self.is_known = true;
    }

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
    }
}

//! The calling side: the lanes to one peer.

use super::super::{Arrival, Outgoing};
use super::frames::{FrameError, Frames};
use super::{Gone, NO_ANSWER, Shared, snapshot};
use crate::wire::{self, Header, Kind, WireError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use wavetank_raft::{
    Dialect, Entry, NodeId, Payload, Request, RequestPreVoteResponse, Response, RpcId, ServerAddress,
    ServerId, Term,
};

/// Calls that wait for their connection. More than that are lost: they are asked again.
const QUEUE: usize = 256;
/// Calls that wait for their answers on one connection.
const UNANSWERED: usize = 256;
/// Bytes that are gathered before they are written.
const GATHERED: usize = 256 << 10;
/// A peer that nothing was sent to for so long is forgotten.
pub(super) const IDLE: Duration = Duration::from_secs(120);

/// The lanes to a peer.
#[derive(Debug)]
pub(super) struct Link {
    /// What must not wait: heartbeats and votes.
    prompt: mpsc::Sender<Outgoing>,
    /// Entries.
    entries: mpsc::Sender<Outgoing>,
    /// Snapshots.
    snapshots: mpsc::Sender<Outgoing>,
}

/// The one at the other end.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: ServerId,
    pub(super) address: ServerAddress,
    pub(super) shared: Arc<Shared>,
    /// What it speaks, once it has answered in one dialect or the other.
    speaks: AtomicU8,
    /// It does not want to hear from this server, which has been told.
    is_refusing: AtomicBool,
}

const UNKNOWN: u8 = 0;
const HASHICORPS: u8 = 1;
const OURS: u8 = 2;

/// Whether the call carries what only our servers understand: a HashiCorp server would take half
/// a membership for the whole, or stop at an entry that it does not know. It is lost until the
/// peer has shown what it is, and asked again like any lost call.
fn needs_ours(request: &Request) -> bool {
    let is_beyond = |entry: &Entry| match &entry.payload {
        Payload::Restore(_) => true,
        Payload::Configuration(configuration) => configuration.is_joint(),
        Payload::Noop | Payload::Command(_) | Payload::Extended(_) | Payload::Barrier => false,
    };
    match request {
        Request::AppendEntries(append) => append.entries.iter().any(is_beyond),
        Request::RequestVote(_)
        | Request::RequestPreVote(_)
        | Request::InstallSnapshot(_)
        | Request::TimeoutNow(_) => false,
    }
}

/// A call that waits for its answer.
struct Unanswered {
    from: NodeId,
    rpc: RpcId,
    kind: Kind,
    dialect: Dialect,
    /// The term of a pre-vote.
    pre_vote: Option<Term>,
    until: Instant,
}

/// Why a conversation is over.
pub(super) enum Over {
    /// The peer hung up, or the connection failed.
    Lost(io::Error),
    /// The peer does not speak the protocol.
    Foreign(FrameError),
    /// Nothing more is to be sent.
    Done,
}

impl From<FrameError> for Over {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => Self::Lost(error),
            FrameError::Slow => Self::Lost(io::ErrorKind::TimedOut.into()),
            FrameError::Wire(WireError::Truncated) => Self::Lost(io::ErrorKind::UnexpectedEof.into()),
            error @ FrameError::Wire(_) => Self::Foreign(error),
        }
    }
}

impl From<WireError> for Over {
    fn from(error: WireError) -> Self {
        Self::Foreign(FrameError::Wire(error))
    }
}

impl From<io::Error> for Over {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<Gone> for Over {
    fn from(_: Gone) -> Self {
        Self::Done
    }
}

impl Link {
    pub(super) fn open(id: ServerId, address: ServerAddress, shared: &Arc<Shared>) -> Self {
        let (shared, speaks) = (shared.clone(), AtomicU8::new(UNKNOWN));
        let peer = Arc::new(Peer { id, address, shared, speaks, is_refusing: AtomicBool::new(false) });
        let shared = &peer.shared;
        let prompt = spawn_lane(&peer);
        // With a pool of one, entries and heartbeats share a connection.
        let entries = if shared.max_pool < 2 { prompt.clone() } else { spawn_lane(&peer) };
        let (snapshots, queue) = mpsc::channel(QUEUE);
        tokio::spawn(until_closed(shared.clone(), snapshot::lane(queue, peer)));
        Self { prompt, entries, snapshots }
    }

    /// Whether its lanes have ended, for want of anything to send.
    pub(super) fn is_gone(&self) -> bool {
        self.prompt.is_closed() || self.entries.is_closed() || self.snapshots.is_closed()
    }

    pub(super) fn send(&self, call: Outgoing) {
        let lane = match &call.request {
            Request::AppendEntries(append) if !append.entries.is_empty() => &self.entries,
            Request::AppendEntries(_)
            | Request::RequestVote(_)
            | Request::RequestPreVote(_)
            | Request::TimeoutNow(_) => &self.prompt,
            Request::InstallSnapshot(_) => &self.snapshots,
        };
        if let Err(error) = lane.try_send(call) {
            tracing::trace!(%error, "a call is lost");
        }
    }
}

impl Peer {
    /// Whether it has answered in our dialect.
    pub(super) fn is_ours(&self) -> bool {
        self.speaks.load(Ordering::Relaxed) == OURS
    }

    /// How this server introduces itself to it.
    pub(super) fn header(&self, dialect: Dialect) -> Header {
        Header { to: Some(self.id.clone()), ..self.shared.local().header(dialect) }
    }

    /// What it may be told.
    fn dialect(&self) -> Dialect {
        if self.is_ours() { Dialect::Wavetank } else { Dialect::HashiCorp }
    }

    /// It has refused a call in words. Told once, if it was not a single call that it ignored.
    pub(super) fn has_refused(&self, words: &str) {
        if words == NO_ANSWER || self.is_refusing.swap(true, Ordering::Relaxed) {
            tracing::debug!(id = %self.id, address = %self.address, words, "a call was refused");
        } else {
            tracing::warn!(id = %self.id, address = %self.address, words, "the peer refuses calls");
        }
    }

    /// It has answered in that dialect. Told if it is news.
    async fn has_spoken(&self, peer: NodeId, dialect: Dialect) -> Result<(), Gone> {
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

fn spawn_lane(peer: &Arc<Peer>) -> mpsc::Sender<Outgoing> {
    let (sender, queue) = mpsc::channel(QUEUE);
    tokio::spawn(until_closed(peer.shared.clone(), lane(queue, peer.clone())));
    sender
}

async fn until_closed(shared: Arc<Shared>, lane: impl Future<Output = ()>) {
    tokio::select! {
        () = lane => {}
        () = shared.closed() => {}
    }
}

/// Connects when there is something to send, talks until the connection ends, and begins again.
async fn lane(mut queue: mpsc::Receiver<Outgoing>, peer: Arc<Peer>) {
    let Peer { id, address, shared, .. } = &*peer;
    let mut pause = Pause::default();
    while let Ok(Some(first)) = tokio::time::timeout(IDLE, queue.recv()).await {
        let over = match shared.connect(id, address).await {
            Ok((reader, writer)) => {
                let frames = Frames::new(reader, shared);
                converse(frames, writer, first, &mut queue, &peer, &mut pause).await
            }
            Err(error) => Over::Lost(error),
        };
        match over {
            Over::Done => return,
            Over::Lost(error) => pause.lost(address, &error),
            Over::Foreign(error) => {
                tracing::warn!(%address, %error, "the peer does not speak the protocol");
                pause.is_known = true;
            }
        }
        pause.wait().await;
        // What waited meanwhile is old; the protocol asks again for what still matters.
        while queue.try_recv().is_ok() {}
    }
}

/// How long to wait before trying again: longer each time, until it works. A loss is told once.
pub(super) struct Pause {
    next: Duration,
    is_known: bool,
}

impl Default for Pause {
    fn default() -> Self {
        Self { next: Self::SHORTEST, is_known: false }
    }
}

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(super) fn connected(&mut self, address: &ServerAddress) {
        if self.is_known {
            tracing::info!(%address, "connected");
        }
        *self = Self::default();
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
        self.next = (self.next * 2).min(Self::LONGEST);
    }
}

/// Writes calls and reads answers, side by side, until one of the two fails.
async fn converse<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    frames: Frames<R>,
    writer: W,
    first: Outgoing,
    queue: &mut mpsc::Receiver<Outgoing>,
    peer: &Peer,
    pause: &mut Pause,
) -> Over {
    let (asked, unanswered) = mpsc::channel(UNANSWERED);
    tokio::select! {
        over = write_calls(writer, first, queue, asked, peer) => over,
        over = read_answers(frames, unanswered, peer, pause) => over,
    }
}

async fn write_calls<W: AsyncWrite + Unpin>(
    mut writer: W,
    first: Outgoing,
    queue: &mut mpsc::Receiver<Outgoing>,
    asked: mpsc::Sender<Unanswered>,
    peer: &Peer,
) -> Over {
    let shared = &peer.shared;
    let mut bytes = Vec::new();
    let mut next = Some(first);
    // The first call says who we are; whoever answers in kind is one of us. HashiCorp's servers
    // skip the field, and that it is there at all is the only difference that they are shown.
    let mut introduced = false;
    while let Some(call) = next {
        let until = Instant::now() + shared.timeout;
        let mut call = Some(call);
        while let Some(this) = call.take() {
            if needs_ours(&this.request) && !peer.is_ours() {
                call = queue.try_recv().ok();
                continue;
            }
            let dialect = if introduced { peer.dialect() } else { Dialect::Wavetank };
            introduced = true;
            wire::encode_request(&peer.header(dialect), &this.request, &mut bytes);
            if asked.send(Unanswered::of(&this, dialect, until)).await.is_err() {
                return Over::Done;
            }
            if bytes.len() < GATHERED {
                call = queue.try_recv().ok();
            }
        }
        match tokio::time::timeout(shared.timeout, writer.write_all(&bytes)).await {
            Ok(Ok(())) => bytes.clear(),
            Ok(Err(error)) => return Over::Lost(error),
            Err(slow) => return Over::Lost(slow.into()),
        }
        next = queue.recv().await;
    }
    Over::Done
}

async fn read_answers<R: AsyncRead + Unpin>(
    mut frames: Frames<R>,
    mut unanswered: mpsc::Receiver<Unanswered>,
    peer: &Peer,
    pause: &mut Pause,
) -> Over {
    loop {
        let call = tokio::select! {
            biased;
            call = unanswered.recv() => call,
            // A peer that hangs up between two calls, or speaks unasked.
            idle = frames.idle() => match idle {
                Ok(0) => return Over::Lost(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => unanswered.recv().await,
                Err(error) => return error.into(),
            },
        };
        let Some(call) = call else { return Over::Done };
        if let Err(over) = read_answer(&mut frames, call, peer).await {
            return over;
        }
        // Who takes a connection may still hang up at once: only an answer shows that it works.
        pause.connected(&peer.address);
    }
}

async fn read_answer<R: AsyncRead + Unpin>(
    frames: &mut Frames<R>,
    call: Unanswered,
    peer: &Peer,
) -> Result<(), Over> {
    let bytes = frames.reply(call.until).await?;
    let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let response = match wire::decode_reply(call.kind, bytes)? {
        Ok((header, response)) => {
            peer.is_refusing.store(false, Ordering::Relaxed);
            // Only who was addressed in our dialect says something by the one it answers in.
            if call.dialect == Dialect::Wavetank {
                peer.has_spoken(call.from, header.dialect).await?;
            }
            response
        }
        Err(words) => match call.on_refusal(&words) {
            Some(response) => response,
            None => {
                peer.has_refused(&words);
                return Ok(());
            }
        },
    };
    peer.shared.deliver(Arrival::Response { from: call.from, rpc: call.rpc, response }).await?;
    Ok(())
}

impl Unanswered {
    fn of(call: &Outgoing, dialect: Dialect, until: Instant) -> Self {
        let pre_vote = match &call.request {
            Request::RequestPreVote(vote) => Some(vote.term),
            Request::AppendEntries(_)
            | Request::RequestVote(_)
            | Request::InstallSnapshot(_)
            | Request::TimeoutNow(_) => None,
        };
        Self { from: call.to.node(), rpc: call.rpc, kind: Kind::of(&call.request), dialect, pre_vote, until }
    }

    /// A peer that does not know pre-votes counts as having given its own: HashiCorp's rule for
    /// mixed clusters.
    fn on_refusal(&self, words: &str) -> Option<Response> {
        let term = self.pre_vote.filter(|_| words.contains("unexpected command"))?;
        Some(Response::RequestPreVote(RequestPreVoteResponse { term, granted: true }))
    }
}

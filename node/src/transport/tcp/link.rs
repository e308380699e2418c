//! The calling side: the connections to a peer.

use super::super::{Arrival, Outgoing};
use super::frames::Frames;
use super::inflight::{Inflight, OnItsWay};
use super::pace::{patience, stall};
use super::peer::{Backoff, ConnectionEnd, IDLE, Peer};
use super::{Shared, pace, snapshot};
use crate::wire::{self, Header, Kind};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use wavetank_raft::{
    Dialect, Entry, LogId, NodeId, Request, RequestPreVote, RequestPreVoteResponse, RequestVote, Response,
    RpcId, ServerAddress, ServerId, Term,
};

/// The maximum number of calls that wait for a connection. Further calls are lost, and the protocol sends
/// these calls again.
const QUEUE: usize = 256;
/// The maximum number of calls that wait for an answer on one connection.
const UNANSWERED: usize = 256;
/// The maximum number of waiting pieces of a snapshot. The leader sends the next piece after the answer to
/// the previous piece, so all waiting pieces are copies of one piece.
const PIECES: usize = 8;
/// The maximum number of bytes of calls in one write.
const GATHERED: usize = 256 << 10;

/// The connections to one peer.
#[derive(Debug)]
pub(super) struct Link {
    peer: Arc<Peer>,
    /// The queue of calls that must not wait behind entries: heartbeats and votes. If the peer is a HashiCorp
    /// server, the queue has only the calls that [`is_urgent`] accepts.
    urgent: mpsc::Sender<Queued>,
    /// The queue of calls with entries.
    entries: mpsc::Sender<Queued>,
    inflight: Inflight,
    /// The queue of pieces of snapshots.
    snapshots: mpsc::Sender<Outgoing>,
}

/// True if only Wavetank servers understand the call. The link drops such a call until the peer has answered
/// in Wavetank's dialect. The leader sends the call again, like any lost call. If the peer is a HashiCorp
/// server, the leader sends a snapshot instead.
fn needs_ours(request: &Request) -> bool {
    matches!(request, Request::AppendEntries(append) if append.is_beyond_hashicorp())
}

/// True if a HashiCorp server answers the call even while the server's state machine is busy. These calls are
/// requests for votes, requests to start an election, and heartbeats without a position and without a commit
/// index.
fn is_urgent(request: &Request) -> bool {
    match request {
        Request::AppendEntries(append) => append.is_bare_heartbeat(),
        Request::RequestVote(_) | Request::RequestPreVote(_) | Request::TimeoutNow(_) => true,
        Request::InstallSnapshot(_) => false,
    }
}

/// A call that waits for its answer.
struct Unanswered {
    from: NodeId,
    rpc: RpcId,
    kind: Kind,
    dialect: Dialect,
    /// The pre-vote, if the call is a pre-vote or replaces a pre-vote.
    pre_vote: Option<RequestPreVote>,
    /// True for the first call on a connection.
    is_first: bool,
    /// The encoded size of the call, in bytes.
    bytes: u64,
    _on_its_way: Option<OnItsWay>,
}

/// A call in a queue.
#[derive(Debug)]
struct Queued {
    call: Outgoing,
    on_its_way: Option<OnItsWay>,
    /// The pre-vote that this call replaces, if it replaces a pre-vote.
    pre_vote: Option<RequestPreVote>,
}

impl From<Outgoing> for Queued {
    fn from(call: Outgoing) -> Self {
        Self { call, on_its_way: None, pre_vote: None }
    }
}

impl Link {
    pub(super) fn open(id: ServerId, address: ServerAddress, shared: &Arc<Shared>) -> Self {
        let peer = Arc::new(Peer::new(id, address, shared.clone()));
        let urgent = spawn_connection(&peer);
        // With a pool of one connection, entries and heartbeats share this connection.
        let entries = if shared.max_pool < 2 { urgent.clone() } else { spawn_connection(&peer) };
        let snapshots = spawn_snapshots(&peer);
        Self { peer, urgent, entries, inflight: Inflight::default(), snapshots }
    }

    /// True if all connections to the peer have ended because there were no calls to send.
    pub(super) fn is_gone(&self) -> bool {
        self.urgent.is_closed() && self.entries.is_closed() && self.snapshots.is_closed()
    }

    /// Sends a call. If the connection for this call has ended, opens only this connection again. For
    /// example, the connection for entries may end while a snapshot is sent for minutes.
    pub(super) fn send(&mut self, call: Outgoing) {
        let is_sent = match &call.request {
            Request::InstallSnapshot(_) => {
                if self.snapshots.is_closed() {
                    self.snapshots = spawn_snapshots(&self.peer);
                }
                // If the queue is full, the piece is lost. The leader sends the piece again.
                self.snapshots.try_send(call).is_ok()
            }
            Request::AppendEntries(append) if !append.entries.is_empty() => {
                if self.entries.is_closed() {
                    self.entries = spawn_connection(&self.peer);
                }
                let on_its_way = self.inflight.begin(append);
                on_its_way.is_some()
                    && self.entries.try_send(Queued { on_its_way, ..Queued::from(call) }).is_ok()
            }
            Request::AppendEntries(_)
            | Request::RequestVote(_)
            | Request::RequestPreVote(_)
            | Request::TimeoutNow(_) => {
                let is_urgent = !self.peer.is_hashicorp() || is_urgent(&call.request);
                let queue = if is_urgent { &mut self.urgent } else { &mut self.entries };
                if queue.is_closed() {
                    *queue = spawn_connection(&self.peer);
                }
                queue.try_send(call.into()).is_ok()
            }
        };
        if !is_sent {
            tracing::trace!(id = %self.peer.id, "a call is lost");
        }
    }
}

fn spawn_connection(peer: &Arc<Peer>) -> mpsc::Sender<Queued> {
    let (sender, queue) = mpsc::channel(QUEUE);
    peer.shared.spawn(run_connection(queue, peer.clone()));
    sender
}

fn spawn_snapshots(peer: &Arc<Peer>) -> mpsc::Sender<Outgoing> {
    let (sender, queue) = mpsc::channel(PIECES);
    peer.shared.spawn(snapshot::run_connection(queue, peer.clone()));
    sender
}

/// Opens a connection when there is a call to send, and uses the connection until the connection ends. Then
/// waits for the next call. Returns after the time [`IDLE`] without a call.
async fn run_connection(mut queue: mpsc::Receiver<Queued>, peer: Arc<Peer>) {
    let Peer { id, address, shared, .. } = &*peer;
    let mut backoff = Backoff::new(peer.shared.local().heartbeat_timeout);
    let mut replacement = None;
    loop {
        let first = match replacement.take() {
            Some(first) => first,
            None => match tokio::time::timeout(IDLE, queue.recv()).await {
                Ok(Some(first)) => first,
                Ok(None) | Err(_) => return,
            },
        };
        let end = match shared.connect(id, address).await {
            Ok(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                let frames = Frames::new(reader, shared);
                converse(frames, writer, first, &mut queue, &peer, &mut backoff, &mut replacement).await
            }
            Err(error) => ConnectionEnd::Lost(error),
        };
        match end {
            ConnectionEnd::Done => return,
            ConnectionEnd::Lost(error) => backoff.lost(address, &error),
            ConnectionEnd::Foreign(error) => {
                tracing::warn!(%address, %error, "the peer does not speak the protocol");
                backoff.is_known = true;
            }
        }
        backoff.wait().await;
        // Calls that waited meanwhile are old. The protocol sends a call again if the call still matters.
        while queue.try_recv().is_ok() {}
    }
}

/// Writes calls and reads answers at the same time, until the writing or the reading ends. Sets `replacement`
/// to the call with which the next connection must begin, if there is such a call.
async fn converse<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    frames: Frames<R>,
    writer: W,
    first: Queued,
    queue: &mut mpsc::Receiver<Queued>,
    peer: &Peer,
    backoff: &mut Backoff,
    replacement: &mut Option<Queued>,
) -> ConnectionEnd {
    let (asked, unanswered) = mpsc::channel(UNANSWERED);
    tokio::select! {
        // The answers come first. There are never more answers than calls, so the calls do not wait for ever.
        biased;
        end = read_answers(frames, unanswered, peer, backoff, replacement) => end,
        end = write_calls(writer, first, queue, asked, peer) => end,
    }
}

async fn write_calls<W: AsyncWrite + Unpin>(
    mut writer: W,
    first: Queued,
    queue: &mut mpsc::Receiver<Queued>,
    asked: mpsc::Sender<Unanswered>,
    peer: &Peer,
) -> ConnectionEnd {
    let shared = &peer.shared;
    let mut bytes = Vec::new();
    let mut next = Some(first);
    // The first call is in our dialect; a peer that answers in our dialect is one of our servers. HashiCorp's
    // servers skip the additional field, and see no other difference.
    let mut introduced = false;
    while let Some(call) = next {
        let mut call = Some(call);
        while let Some(this) = call.take() {
            if needs_ours(&this.call.request) && !peer.is_ours() {
                call = queue.try_recv().ok();
                continue;
            }
            let is_first = !introduced;
            let dialect = if is_first { Dialect::Wavetank } else { peer.dialect() };
            introduced = true;
            let before = bytes.len();
            let length =
                encode(&peer.header(dialect), &this.call.request, shared.limits.message_bytes, &mut bytes);
            if shared.limits.message_bytes < length {
                // The peer would close the connection.
                if peer.on_too_large(&this.call.request, length).await.is_err() {
                    return ConnectionEnd::Done;
                }
                bytes.truncate(before);
            } else {
                let unanswered = Unanswered { is_first, ..Unanswered::of(this, dialect, length) };
                if asked.send(unanswered).await.is_err() {
                    return ConnectionEnd::Done;
                }
            }
            if bytes.len() < GATHERED {
                call = queue.try_recv().ok();
            }
        }
        match pace::write_all(&mut writer, &bytes, stall(shared.timeout)).await {
            Ok(()) => bytes.clear(),
            Err(error) => return ConnectionEnd::Lost(error),
        }
        next = queue.recv().await;
    }
    ConnectionEnd::Done
}

/// Appends a call to `bytes`, and returns the length of the call in bytes. If the size of the entries alone
/// is above `limit`, appends nothing and returns this size. Such a call is not encoded, because the leader
/// repeats the call, and each encoding would cost time.
fn encode(header: &Header, request: &Request, limit: u64, bytes: &mut Vec<u8>) -> u64 {
    let entries = match request {
        Request::AppendEntries(append) => append.entries.iter().map(Entry::weight).sum(),
        Request::RequestVote(_)
        | Request::RequestPreVote(_)
        | Request::InstallSnapshot(_)
        | Request::TimeoutNow(_) => 0,
    };
    if limit < entries {
        return entries;
    }
    let before = bytes.len();
    wire::encode_request(header, request, bytes);
    (bytes.len() - before) as u64
}

async fn read_answers<R: AsyncRead + Unpin>(
    mut frames: Frames<R>,
    mut unanswered: mpsc::Receiver<Unanswered>,
    peer: &Peer,
    backoff: &mut Backoff,
    replacement: &mut Option<Queued>,
) -> ConnectionEnd {
    loop {
        let call = tokio::select! {
            biased;
            call = unanswered.recv() => call,
            // The peer closes the connection between two calls, or sends bytes without a call.
            idle = frames.idle() => match idle {
                Ok(0) => return ConnectionEnd::Lost(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => unanswered.recv().await,
                Err(error) => return error.into(),
            },
        };
        let Some(call) = call else { return ConnectionEnd::Done };
        if let Err(end) = read_answer(&mut frames, &call, peer).await {
            *replacement = call.replacement(&end, peer);
            return end;
        }
        // A peer may accept a connection and close it at once: only an answer shows that the connection
        // works.
        backoff.connected(&peer.address);
    }
}

async fn read_answer<R: AsyncRead + Unpin>(
    frames: &mut Frames<R>,
    call: &Unanswered,
    peer: &Peer,
) -> Result<(), ConnectionEnd> {
    // All earlier calls are answered, so the time counts for this call alone.
    let bytes = frames.reply(patience(peer.shared.timeout, call.bytes)).await?;
    let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let response = match wire::decode_reply(call.kind, bytes)? {
        Ok((header, response)) => {
            peer.on_answered();
            // The dialect of the answer says something only if the call was in our dialect.
            if call.dialect == Dialect::Wavetank {
                peer.on_dialect(call.from, header.dialect).await?;
            }
            match call.pre_vote.as_ref().filter(|_| call.kind == Kind::RequestVote) {
                Some(_) if peer.is_ours() => return Ok(()),
                Some(pre_vote) => granted(pre_vote),
                None => response,
            }
        }
        Err(words) => match call.on_refusal(&words) {
            Some(response) => response,
            None => return Ok(peer.on_refused(words).await?),
        },
    };
    peer.shared.deliver(Arrival::Response { from: call.from, rpc: call.rpc, response }).await?;
    Ok(())
}

/// Returns the response that grants this pre-vote.
const fn granted(pre_vote: &RequestPreVote) -> Response {
    Response::RequestPreVote(RequestPreVoteResponse { term: pre_vote.term, granted: true })
}

impl Unanswered {
    fn of(queued: Queued, dialect: Dialect, bytes: u64) -> Self {
        let Queued { call, on_its_way, pre_vote } = queued;
        let pre_vote = match &call.request {
            Request::RequestPreVote(vote) => Some(vote.clone()),
            Request::AppendEntries(_)
            | Request::RequestVote(_)
            | Request::InstallSnapshot(_)
            | Request::TimeoutNow(_) => pre_vote,
        };
        Self {
            from: call.to.node(),
            rpc: call.rpc,
            kind: Kind::of(&call.request),
            dialect,
            pre_vote,
            is_first: false,
            bytes,
            _on_its_way: on_its_way,
        }
    }

    /// Handles a refusal by the peer. If the peer does not support pre-votes, returns a response that grants
    /// the pre-vote. Otherwise returns `None`. HashiCorp Raft has the same rule for mixed clusters.
    fn on_refusal(&self, words: &str) -> Option<Response> {
        self.pre_vote.as_ref().filter(|_| words.contains("unexpected command")).map(granted)
    }

    /// Handles the end of the connection before the answer. Returns the call with which the next connection
    /// must begin, if this call is a pre-vote that the peer may not support.
    ///
    /// The TCP transport of HashiCorp Raft before 1.7.0 closes the connection at each pre-vote. If a quorum
    /// needed such peers, a server with pre-votes would never lead. An old connection may also end for another
    /// reason, so the pre-vote is first repeated on a new connection. A closed connection does not show that
    /// the peer works. So the next call asks for a vote in term zero, which changes no vote that counts. If a
    /// server of HashiCorp Raft answers this call, the pre-vote counts as granted.
    fn replacement(&self, end: &ConnectionEnd, peer: &Peer) -> Option<Queued> {
        let is_pre_vote = self.kind == Kind::RequestPreVote && !peer.is_ours();
        let pre_vote = self.pre_vote.clone().filter(|_| is_pre_vote && end.is_closed_by_peer())?;
        let vote = RequestVote { term: Term(0), last_log: LogId::ZERO, leadership_transfer: false };
        let request = if self.is_first {
            Request::RequestVote(vote)
        } else {
            Request::RequestPreVote(pre_vote.clone())
        };
        let call = Outgoing { to: peer.id.clone(), address: peer.address.clone(), rpc: self.rpc, request };
        Some(Queued { pre_vote: Some(pre_vote), ..Queued::from(call) })
    }
}

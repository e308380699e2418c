//! The called side: reads calls from a connection and sends answers in the order of the calls.

use super::super::{Arrival, Local, Replier};
use super::accepted::{Accepted, Place};
use super::frames::{FrameError, Frames};
use super::layer::Stream;
use super::pace::{patience, stall};
use super::stream::Caller;
use super::{NO_ANSWER, ServerStopped, Shared, pace};
use crate::wire::{self, Header, Kind};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use wavetank_raft::{
    ClusterId, Dialect, InstallSnapshot, InstallSnapshotResponse, Request, Response, ServerId,
};

/// The maximum number of calls of one connection that may wait for an answer.
const UNANSWERED: usize = 64;
/// The maximum number of bytes of answers in one write.
const GATHERED: usize = 64 << 10;
/// The text with which HashiCorp's servers refuse an unsupported version.
const UNSUPPORTED: &str = "operation not supported with current protocol version";

/// An answer that a call waits for.
struct Waiting {
    kind: Kind,
    dialect: Dialect,
    answer: Awaited,
}

enum Awaited {
    Response(oneshot::Receiver<Result<Response, String>>),
    Refusal(String),
}

/// The reason why this side ends a connection.
enum Broken {
    Frame(FrameError),
    ServerStopped,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => write!(f, "{error}"),
            Self::ServerStopped => write!(f, "the server has stopped"),
        }
    }
}

impl<E: Into<FrameError>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Frame(error.into())
    }
}

impl From<ServerStopped> for Broken {
    fn from(_: ServerStopped) -> Self {
        Self::ServerStopped
    }
}

/// Accepts connections until the transport is closed.
pub(super) async fn accept(shared: Arc<Shared>) {
    const SHORTEST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);
    let accepted_ones = Accepted::new(shared.limits.connections, shared.timeout);
    let mut pause = SHORTEST;
    loop {
        match shared.layer.accept().await {
            Ok((stream, peer)) => {
                pause = SHORTEST;
                let host = peer.rsplit_once(':').map_or(&*peer, |(host, _)| host);
                match accepted_ones.admit(host) {
                    Some((place, closing)) => {
                        let served = until_displaced(stream, peer, place, closing, shared.clone());
                        shared.spawn(served);
                    }
                    None => tracing::warn!(%peer, "connection refused: there are too many connections"),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}

/// Serves a connection until the connection ends, or until a new connection gets the place of this
/// connection.
async fn until_displaced(
    stream: Stream,
    peer: String,
    place: Place,
    closing: oneshot::Receiver<()>,
    shared: Arc<Shared>,
) {
    tokio::select! {
        biased;
        _ = closing => tracing::warn!(%peer, "connection closed: another connection needed the place"),
        () = connection(stream, &peer, &place, &shared) => {}
    }
}

async fn connection(stream: Stream, peer: &str, place: &Place, shared: &Shared) {
    let accepting = tokio::time::timeout(shared.timeout, shared.security.accept(stream)).await;
    let (stream, caller) = match accepting.map_err(std::io::Error::from).flatten() {
        Ok(accepted) => accepted,
        Err(error) => return tracing::warn!(%peer, %error, "connection closed"),
    };
    let (reader, writer) = tokio::io::split(stream);
    let (queue, waiting) = mpsc::channel(UNANSWERED);
    let reading = read_calls(Frames::new(reader, shared), queue, peer, &caller, place, shared);
    let writing = write_answers(writer, waiting, shared);
    tokio::pin!(writing);
    tokio::select! {
        // The answers come first. There are never more answers than calls, so the calls do not wait for ever.
        biased;
        () = &mut writing => {}
        ended = reading => match ended {
            Ok(()) => writing.await,
            Err(Broken::ServerStopped) => {}
            Err(Broken::Frame(FrameError::Io(error))) => tracing::debug!(%peer, %error, "connection lost"),
            Err(error @ Broken::Frame(_)) => tracing::warn!(%peer, %error, "connection closed"),
        },
    }
}

async fn read_calls<R: AsyncRead + Unpin>(
    mut frames: Frames<R>,
    queue: mpsc::Sender<Waiting>,
    peer: &str,
    caller: &Caller,
    place: &Place,
    shared: &Shared,
) -> Result<(), Broken> {
    let mut wait = shared.timeout;
    let mut is_told = false;
    let mut introduction = Introduction::default();
    while let Some(bytes) = frames.request(wait).await? {
        place.on_call();
        wait = shared.limits.idle;
        let (mut header, request) = wire::decode_request(bytes)?;
        introduction.complete(&mut header);
        let (kind, dialect) = (Kind::of(&request), header.dialect);
        let refusal = refusal(&header, caller, shared.local());
        if let Some(words) = refusal.as_ref().filter(|_| !is_told) {
            let id = header.id.as_ref().map(ServerId::as_str);
            tracing::warn!(%peer, id, words, "calls are refused");
            is_told = true;
        }
        let answer = match (request, refusal) {
            (Request::InstallSnapshot(install), refusal) => {
                let is_welcome = refusal.is_none();
                let awaited =
                    install_snapshot(&mut frames, header, install, is_welcome, place, shared).await?;
                refusal.map_or(Awaited::Response(awaited), Awaited::Refusal)
            }
            (_, Some(words)) => Awaited::Refusal(words),
            (request, None) => Awaited::Response(hand_over(header, request, shared).await?),
        };
        if queue.send(Waiting { kind, dialect, answer }).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Returns the reason to refuse calls with this header; `None` if such calls are accepted. If the header
/// names another receiver than this server, the caller uses an old address, or belongs to another cluster.
fn refusal(header: &Header, caller: &Caller, local: &Local) -> Option<String> {
    if !header.is_spoken(local.protocol_version) {
        return Some(UNSUPPORTED.to_owned());
    }
    if !caller.may_be(header.id.as_ref()) {
        let id = header.id.as_ref().map_or("(no name)", ServerId::as_str);
        return Some(format!("the certificate does not belong to server {id}"));
    }
    if header.id.as_ref() == Some(&local.id) {
        return Some(format!("the caller has the name of this server, {}", local.id));
    }
    let other = header.to.as_ref().filter(|to| **to != local.id)?;
    Some(format!("this server is {}, not {other}", local.id))
}

/// The fields that a Wavetank server adds to the header of the first call on each connection. Later calls
/// have these fields only after an answer has shown that the called server is a Wavetank server. Therefore
/// the fields of the first call count for the whole connection.
#[derive(Default)]
struct Introduction {
    to: Option<ServerId>,
    cluster: Option<ClusterId>,
}

impl Introduction {
    /// Adds the fields that this header lacks, with the values from earlier calls of the same connection.
    fn complete(&mut self, header: &mut Header) {
        self.to = header.to.take().or_else(|| self.to.take());
        self.cluster = header.cluster.or(self.cluster);
        (header.to, header.cluster) = (self.to.clone(), self.cluster);
    }
}

/// Passes a call to the server. Returns the receiver of the answer.
async fn hand_over(
    header: Header,
    request: Request,
    shared: &Shared,
) -> Result<oneshot::Receiver<Result<Response, String>>, ServerStopped> {
    let (answer, awaited) = oneshot::channel();
    let replier = Replier::new(move |response| {
        // The connection may have ended meanwhile.
        let _ = answer.send(response);
    });
    shared.deliver(Arrival::Request { header, request, replier }).await?;
    Ok(awaited)
}

/// Turns a call with all bytes of a snapshot into many calls with one piece each. The next call follows after
/// the answer to the previous call. Returns the receiver of the last answer. After a refusal, the remaining
/// bytes are read and discarded, because HashiCorp's senders read the answer only at the end.
async fn install_snapshot<R: AsyncRead + Unpin>(
    frames: &mut Frames<R>,
    header: Header,
    install: InstallSnapshot,
    mut is_welcome: bool,
    place: &Place,
    shared: &Shared,
) -> Result<oneshot::Receiver<Result<Response, String>>, Broken> {
    let size = install.meta.size;
    let (mut offset, mut last) = (0, None);
    while offset < size || (size == 0 && last.is_none()) {
        let length = shared.limits.snapshot_piece_bytes.min(size - offset);
        let data = frames.raw(usize::try_from(length).expect("a piece fits into memory")).await?;
        place.on_call();
        if is_welcome {
            let done = offset + length == size;
            let piece = InstallSnapshot { offset, data: data.into(), done, ..install.clone() };
            let awaited = hand_over(header.clone(), Request::InstallSnapshot(piece), shared).await?;
            let wait = if done { patience(shared.timeout, size) } else { Duration::ZERO };
            let answer = tokio::time::timeout(wait + stall(shared.timeout), awaited).await;
            last = Some(answer.ok().and_then(Result::ok));
            is_welcome = matches!(
                &last,
                Some(Some(Ok(Response::InstallSnapshot(InstallSnapshotResponse { success: true, .. }))))
            );
        } else {
            last = last.or(Some(None));
        }
        offset += length;
    }
    let (answer, awaited) = oneshot::channel();
    if let Some(Some(response)) = last {
        // The receiver of this answer still exists here.
        let _ = answer.send(response);
    }
    Ok(awaited)
}

/// Sends answers in the order of the calls. If the server does not answer a call within the timeout, the
/// function refuses the call with the text [`NO_ANSWER`], so that later calls do not wait for ever.
async fn write_answers<W: AsyncWrite + Unpin>(
    mut writer: W,
    mut waiting: mpsc::Receiver<Waiting>,
    shared: &Shared,
) {
    let mut bytes = Vec::new();
    while let Some(next) = waiting.recv().await {
        write_answer(next, shared, &mut bytes).await;
        while let Ok(mut next) = waiting.try_recv() {
            // Finished answers are written before the wait for this answer.
            let is_held_up = !next.is_there() || GATHERED <= bytes.len();
            if is_held_up && flush(&mut writer, &mut bytes, shared).await.is_err() {
                return;
            }
            write_answer(next, shared, &mut bytes).await;
        }
        if flush(&mut writer, &mut bytes, shared).await.is_err() {
            return;
        }
    }
}

async fn flush<W: AsyncWrite + Unpin>(
    writer: &mut W,
    bytes: &mut Vec<u8>,
    shared: &Shared,
) -> std::io::Result<()> {
    pace::write_all(writer, bytes, shared.timeout).await?;
    bytes.clear();
    Ok(())
}

impl Waiting {
    /// True if the answer has arrived.
    fn is_there(&mut self) -> bool {
        match &mut self.answer {
            Awaited::Response(receiver) => !receiver.is_empty() || receiver.is_terminated(),
            Awaited::Refusal(_) => true,
        }
    }
}

async fn write_answer(waiting: Waiting, shared: &Shared, bytes: &mut Vec<u8>) {
    let awaited = match waiting.answer {
        Awaited::Refusal(words) => return wire::encode_refusal(&words, bytes),
        Awaited::Response(receiver) => tokio::time::timeout(shared.timeout, receiver).await,
    };
    match awaited.ok().and_then(Result::ok) {
        Some(Err(words)) => wire::encode_refusal(&words, bytes),
        Some(Ok(response)) => {
            let header = header_of(waiting.kind, waiting.dialect, shared);
            wire::encode_response(&header, &response, bytes);
        }
        None => wire::encode_refusal(NO_ANSWER, bytes),
    }
}

/// Returns the header of an answer. HashiCorp's servers leave the header empty in answers to InstallSnapshot
/// and TimeoutNow.
fn header_of(kind: Kind, dialect: Dialect, shared: &Shared) -> Header {
    match kind {
        Kind::AppendEntries | Kind::RequestVote | Kind::RequestPreVote => {
            Header { cluster: None, ..shared.local().header(dialect) }
        }
        Kind::InstallSnapshot | Kind::TimeoutNow => Header { dialect, ..Header::EMPTY },
    }
}

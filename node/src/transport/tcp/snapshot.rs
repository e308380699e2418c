//! The connection for snapshots. This module turns the pieces of Wavetank's protocol into the single long
//! call of HashiCorp's protocol.
//!
//! This module itself answers each piece except the last piece, as soon as the operating system has accepted
//! the bytes of the piece. Therefore only one piece is in memory. The answer to the last piece comes from the
//! peer. An interrupted call starts again with the first piece.

use super::super::{Arrival, Outgoing};
use super::ServerStopped;
use super::frames::Frames;
use super::layer::Stream;
use super::pace::{self, patience, stall};
use super::peer::{Backoff, ConnectionEnd, IDLE, Peer};
use crate::wire::{self, Kind};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::timeout;
use wavetank_raft::{Dialect, InstallSnapshot, InstallSnapshotResponse, Request, Response, SnapshotMeta};

/// A call that sends a snapshot to the peer. `position` is the number of bytes of the snapshot that were
/// written.
struct Call {
    frames: Frames<ReadHalf<Stream>>,
    writer: WriteHalf<Stream>,
    meta: Arc<SnapshotMeta>,
    position: u64,
}

/// The pieces of a snapshot from the leader. While the connection sends a piece, the leader may send a copy
/// of the piece. The leader waits only for the answer to the newest copy.
struct Pieces<'a> {
    queue: &'a mut mpsc::Receiver<Outgoing>,
    newest: Option<Outgoing>,
}

impl Pieces<'_> {
    async fn next(&mut self) -> Option<Outgoing> {
        match self.newest.take() {
            Some(newest) => Some(newest),
            None => self.queue.recv().await,
        }
    }

    /// Waits until `work` is done, and returns the result. Keeps the newest piece that arrives during the
    /// work.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(piece) = self.queue.recv() => self.newest = Some(piece),
            }
        }
    }
}

/// The result of the work on a piece.
enum PieceOutcome {
    /// The next piece may follow.
    Next,
    /// The piece was the last piece, and the peer has installed the snapshot.
    Installed,
    /// The piece was the last piece, and the peer refused the snapshot.
    Refused,
}

pub(super) async fn run_connection(mut queue: mpsc::Receiver<Outgoing>, peer: Arc<Peer>) {
    let mut call: Option<Call> = None;
    let mut queue = Pieces { queue: &mut queue, newest: None };
    let mut backoff = Backoff::new(peer.shared.local().heartbeat_timeout);
    loop {
        let longest = if call.is_some() { stall(peer.shared.timeout) } else { IDLE };
        let next = match timeout(longest, queue.next()).await {
            Ok(Some(next)) => next,
            Ok(None) => return,
            // No further piece comes: the leader has changed, or has a newer snapshot.
            Err(_) if call.take().is_some() => continue,
            Err(_) => return,
        };
        match piece(&mut call, next, &mut queue, &peer).await {
            Ok(PieceOutcome::Next) => {}
            Ok(PieceOutcome::Installed) => backoff.connected(&peer.address),
            // The whole snapshot will be sent again, but not at once.
            Ok(PieceOutcome::Refused) => backoff.wait().await,
            Err(ConnectionEnd::Done) => return,
            Err(ConnectionEnd::Lost(error)) => {
                call = None;
                backoff.lost(&peer.address, &error);
                backoff.wait().await;
            }
            Err(ConnectionEnd::Foreign(error)) => {
                call = None;
                tracing::warn!(address = %peer.address, %error, "the peer does not speak the protocol");
                backoff.wait().await;
            }
        }
    }
}

async fn piece(
    call: &mut Option<Call>,
    next: Outgoing,
    queue: &mut Pieces<'_>,
    peer: &Peer,
) -> Result<PieceOutcome, ConnectionEnd> {
    let Request::InstallSnapshot(install) = &next.request else { return Ok(PieceOutcome::Next) };
    if call.as_ref().is_some_and(|call| call.meta != install.meta) {
        *call = None;
    }
    if install.meta.configuration.is_joint() && !peer.is_ours() {
        // A HashiCorp server would drop half of the configuration. Pieces are not sent until heartbeats
        // have shown the peer's dialect.
        return Ok(PieceOutcome::Next);
    }
    if call.is_none() && install.offset == 0 {
        *call = Some(Call::begin(install, peer).await?);
    }
    let Some(current) = call.as_mut().filter(|call| install.offset <= call.position) else {
        // There is no call, or a piece is missing: start from the beginning.
        *call = None;
        return answer(&next, false, 0, peer).await;
    };
    if install.offset < current.position {
        // The piece was sent again while the answer to the piece was on the way.
        return answer(&next, true, current.position, peer).await;
    }
    queue.meanwhile(current.write(install, peer)).await?;
    if !install.done {
        return answer(&next, true, current.position, peer).await;
    }
    let Some(finished) = call.take() else { return Ok(PieceOutcome::Next) };
    finished.finish(next, queue, peer).await
}

impl Call {
    async fn begin(install: &InstallSnapshot, peer: &Peer) -> Result<Self, ConnectionEnd> {
        let (reader, mut writer) = split(peer.shared.connect(&peer.id, &peer.address).await?);
        let mut bytes = Vec::new();
        let header = peer.header(Dialect::Wavetank);
        wire::encode_request(&header, &Request::InstallSnapshot(install.clone()), &mut bytes);
        pace::write_all(&mut writer, &bytes, peer.shared.timeout).await?;
        let frames = Frames::new(reader, &peer.shared);
        Ok(Self { frames, writer, meta: install.meta.clone(), position: 0 })
    }

    async fn write(&mut self, install: &InstallSnapshot, peer: &Peer) -> Result<(), ConnectionEnd> {
        let end = install.offset + install.data.len() as u64;
        let is_whole = end == self.meta.size;
        // If more or fewer bytes than announced were written, the peer would misread the following bytes.
        if self.meta.size < end || is_whole != install.done {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
        pace::write_all(&mut self.writer, &install.data, stall(peer.shared.timeout)).await?;
        self.position = end;
        Ok(())
    }

    /// Waits for the peer's answer to the snapshot. The leader gets this answer for the last piece, and also
    /// for the newest copy of the last piece that arrived during the wait.
    async fn finish(
        mut self,
        last: Outgoing,
        queue: &mut Pieces<'_>,
        peer: &Peer,
    ) -> Result<PieceOutcome, ConnectionEnd> {
        // The last bytes may still be on the way, and then the peer makes the snapshot durable.
        let wait = patience(peer.shared.timeout, self.meta.size) + stall(peer.shared.timeout);
        let bytes = queue.meanwhile(self.frames.reply(wait)).await?;
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let answered = match wire::decode_reply(Kind::InstallSnapshot, bytes)? {
            Ok((_, Response::InstallSnapshot(answered))) => answered,
            Ok((_, _)) => return Ok(PieceOutcome::Refused),
            Err(words) => return Err(io::Error::other(words).into()),
        };
        let next_offset = if answered.success { self.meta.size } else { 0 };
        let response = Response::InstallSnapshot(InstallSnapshotResponse { next_offset, ..answered });
        deliver(&last, response.clone(), peer).await?;
        if let Some(again) = queue.newest.take() {
            deliver(&again, response, peer).await?;
        }
        Ok(if answered.success { PieceOutcome::Installed } else { PieceOutcome::Refused })
    }
}

async fn answer(
    call: &Outgoing,
    success: bool,
    next_offset: u64,
    peer: &Peer,
) -> Result<PieceOutcome, ConnectionEnd> {
    if let Some(term) = call.request.term() {
        let response = Response::InstallSnapshot(InstallSnapshotResponse { term, success, next_offset });
        deliver(call, response, peer).await?;
    }
    Ok(PieceOutcome::Next)
}

async fn deliver(call: &Outgoing, response: Response, peer: &Peer) -> Result<(), ServerStopped> {
    peer.shared.deliver(Arrival::Response { from: call.to.node(), rpc: call.rpc, response }).await
}

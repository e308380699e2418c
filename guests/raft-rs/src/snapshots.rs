//! Snapshots: taken, sent, received and installed.
//!
//! raft-rs decides who needs a snapshot and moves its description. The adapter moves the content: the sender
//! reads it from its disk, and the receiver writes it to its disk before raft-rs sees the message.

use crate::server::{RaftAction, RaftRs, answer, tell_members};
use raft::SnapshotStatus;
use raft::eraftpb::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Answer, Data, Index, LogId, LogOp, NodeId, RequestError, RequestId, RpcId, SnapshotMeta,
    SnapshotPiece, StoreJob, Term, Time,
};

/// The most bytes of a piece that is read at once.
const PIECE_BYTES: u64 = 1 << 20;

/// The snapshots that are on their way.
#[derive(Debug)]
pub(crate) struct Snapshots {
    next_ticket: RpcId,
    next_check: Time,
    /// The snapshots that are read from the disk for a message.
    reading: BTreeMap<RpcId, Reading>,
    /// The peers that have not reported the arrival of a snapshot, with the last tick to wait.
    sent: BTreeMap<NodeId, u64>,
    arriving: Option<Arriving>,
    /// A snapshot that was written for a message which raft-rs has not handled yet.
    received: Option<Arc<SnapshotMeta>>,
    /// True while the state machine writes a snapshot.
    is_taking: bool,
    calls: Vec<RequestId>,
}

#[derive(Debug)]
struct Reading {
    message: Message,
    last: LogId,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Arriving {
    ticket: RpcId,
    from: NodeId,
    message: Message,
    meta: Arc<SnapshotMeta>,
}

impl Snapshots {
    pub(crate) const fn new(incarnation: u32, now: Time) -> Self {
        Self {
            next_ticket: RpcId((incarnation as u64) << 32),
            next_check: now,
            reading: BTreeMap::new(),
            sent: BTreeMap::new(),
            arriving: None,
            received: None,
            is_taking: false,
            calls: Vec::new(),
        }
    }

    const fn ticket(&mut self) -> RpcId {
        self.next_ticket = RpcId(self.next_ticket.0 + 1);
        self.next_ticket
    }
}

impl RaftRs {
    fn snapshot_end(&self) -> Index {
        self.raw.store().snapshot.as_ref().map_or(Index::ZERO, |meta| meta.last.index)
    }

    /// Takes a snapshot if many entries were applied since the last one, or if a follower needs one.
    pub(crate) fn snapshot_if_due(&mut self, now: Time, actions: &mut Vec<RaftAction>) {
        let is_wanted = self.raw.store().takes_wish();
        let is_due = self.snapshots.next_check <= now && {
            self.snapshots.next_check = now + self.settings.snapshot_interval();
            self.snapshot_end().0 + self.settings.snapshot_threshold <= self.handed.0
        };
        if is_wanted || is_due {
            self.take_snapshot(actions);
        }
    }

    pub(crate) fn on_snapshot_call(&mut self, request: RequestId, actions: &mut Vec<RaftAction>) {
        if self.snapshots.is_taking || self.take_snapshot(actions) {
            self.snapshots.calls.push(request);
        } else {
            actions.push(answer(request, Err(RequestError::NothingNewToSnapshot)));
        }
    }

    /// Takes a snapshot of the state after the last entry that was handed over. Returns false if there is
    /// nothing new.
    fn take_snapshot(&mut self, actions: &mut Vec<RaftAction>) -> bool {
        let store = self.raw.store();
        let (Some(term), Some((configuration_index, configuration))) =
            (store.term_at(self.handed), store.configuration_at(self.handed))
        else {
            return false;
        };
        if self.snapshots.is_taking || self.handed <= self.snapshot_end() {
            return false;
        }
        let meta = SnapshotMeta {
            last: LogId::new(term, self.handed),
            configuration: (**configuration).clone(),
            configuration_index,
            size: 0,
            checksum: 0,
        };
        self.snapshots.is_taking = true;
        actions.push(Action::TakeSnapshot(meta));
        true
    }

    pub(crate) fn on_snapshot_taken(
        &mut self,
        taken: Result<Arc<SnapshotMeta>, StoreError>,
        actions: &mut Vec<RaftAction>,
    ) {
        self.snapshots.is_taking = false;
        let outcome = taken.clone().map(Answer::Snapshotted).map_err(RequestError::Store);
        let calls = std::mem::take(&mut self.snapshots.calls);
        actions.extend(calls.into_iter().map(|request| answer(request, outcome.clone())));
        let Ok(meta) = taken else { return };
        // The leader's snapshot may be newer.
        if meta.last.index <= self.snapshot_end() {
            return;
        }
        // A change that is not applied yet is read from the log.
        let applied = self.raw.raft.raft_log.applied;
        let upto = Index(meta.last.index.0.saturating_sub(self.settings.trailing_logs).min(applied));
        let store = self.raw.mut_store();
        store.snapshot = Some(meta);
        if store.base().index < upto {
            store.compact(upto);
            self.persist(None, LogOp::Compact(upto), actions);
        }
    }

    /// Begins to read the content of a snapshot that raft-rs wants to send.
    pub(crate) fn read_snapshot_for(&mut self, message: Message, actions: &mut Vec<RaftAction>) {
        let metadata = message.get_snapshot().get_metadata();
        let last = LogId::new(Term(metadata.term), Index(metadata.index));
        self.snapshots.sent.insert(NodeId(message.to), self.ticks + Self::patience());
        let ticket = self.snapshots.ticket();
        self.snapshots.reading.insert(ticket, Reading { message, last, bytes: Vec::new() });
        let job = StoreJob::ReadSnapshot { ticket, last: Some(last), offset: 0, limit: PIECE_BYTES };
        actions.push(Action::Store(job));
    }

    pub(crate) fn on_snapshot_read(
        &mut self,
        ticket: RpcId,
        piece: Option<SnapshotPiece>,
        actions: &mut Vec<RaftAction>,
    ) {
        let Some(mut reading) = self.snapshots.reading.remove(&ticket) else { return };
        let Some(SnapshotPiece { meta, data, .. }) = piece else {
            return self.on_snapshot_arrived(NodeId(reading.message.to), false);
        };
        reading.bytes.extend_from_slice(&data);
        let offset = reading.bytes.len() as u64;
        if offset < meta.size {
            let last = Some(reading.last);
            self.snapshots.reading.insert(ticket, reading);
            let job = StoreJob::ReadSnapshot { ticket, last, offset, limit: PIECE_BYTES };
            return actions.push(Action::Store(job));
        }
        let head = serde_json::to_vec(&*meta).expect("a description can be encoded");
        let length = u32::try_from(head.len()).expect("a description is short").to_be_bytes();
        let mut message = reading.message;
        message.mut_snapshot().data = [&length[..], &head, &reading.bytes].concat().into();
        self.send(&message, actions);
    }

    /// "The application MUST report back to raft when the snapshot has been received or has failed"
    /// (`Ready::messages`).
    pub(crate) fn on_snapshot_arrived(&mut self, peer: NodeId, ok: bool) {
        if self.snapshots.sent.remove(&peer).is_some() {
            let status = if ok { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
            self.raw.report_snapshot(peer.0, status);
        }
    }

    /// Reports the snapshots that are lost on their way.
    pub(crate) fn time_out_snapshots(&mut self) {
        let ticks = self.ticks;
        let late = self.snapshots.sent.iter().filter(|(_, limit)| **limit < ticks);
        for peer in late.map(|(peer, _)| *peer).collect::<Vec<_>>() {
            self.on_snapshot_arrived(peer, false);
        }
    }

    /// Writes the content of a snapshot to the disk. raft-rs gets the message afterwards.
    pub(crate) fn on_snapshot_message(
        &mut self,
        from: NodeId,
        mut message: Message,
        actions: &mut Vec<RaftAction>,
    ) {
        let (meta, data) = content(&message.get_snapshot().data);
        message.mut_snapshot().data.clear();
        let known = Index(self.raw.raft.raft_log.committed).max(self.snapshot_end());
        if meta.last.index <= known {
            let _ = self.raw.step(message);
            self.report_arrival(from, true, actions);
        } else if self.snapshots.arriving.is_none() && self.installing.is_none() {
            // The disk keeps the newest snapshot, so the state machine must have loaded the one before.
            let (ticket, meta) = (self.snapshots.ticket(), Arc::new(meta));
            let write =
                StoreJob::WriteSnapshot { ticket, meta: Arc::clone(&meta), offset: 0, data, done: true };
            actions.push(Action::Store(write));
            self.snapshots.arriving = Some(Arriving { ticket, from, message, meta });
        }
    }

    pub(crate) fn on_snapshot_written(&mut self, ticket: RpcId, ok: bool, actions: &mut Vec<RaftAction>) {
        let Some(done) = self.snapshots.arriving.take_if(|it| it.ticket == ticket) else { return };
        if ok {
            self.snapshots.received = Some(done.meta);
            let _ = self.raw.step(done.message);
        }
        self.report_arrival(done.from, ok, actions);
    }

    /// Replaces the log by the snapshot that raft-rs has accepted.
    pub(crate) fn install(&mut self, index: Index, actions: &mut Vec<RaftAction>) -> Arc<SnapshotMeta> {
        let received = self.snapshots.received.take().filter(|meta| meta.last.index == index);
        let meta = received.expect("raft-rs accepts only a snapshot that was written");
        self.raw.mut_store().install(Arc::clone(&meta));
        self.changes.clear();
        self.handed = index;
        self.installing = Some(index);
        self.held.clear();
        self.configuration = Some((meta.configuration_index, Arc::new(meta.configuration.clone())));
        tell_members(&meta.configuration, actions);
        self.calls.on_snapshot(index, actions);
        meta
    }
}

/// Returns the description and the content of a snapshot in a message.
fn content(bytes: &[u8]) -> (SnapshotMeta, Data) {
    let (length, rest) = bytes.split_at(4);
    let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
    let (head, data) = rest.split_at(usize::try_from(length).expect("a description is short"));
    (serde_json::from_slice(head).expect("a sender encodes the description"), data.into())
}

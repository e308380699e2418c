//! Sends a snapshot piece by piece. A piece is read only after the follower has stored the previous piece, so
//! at most one piece per follower is in memory.

use super::{Leader, Peer};
use crate::message::{InstallSnapshot, InstallSnapshotResponse, Request};
use crate::node::io::{Effect, Effects, Ignored, SnapshotPiece, StoreJob};
use crate::node::state::NodeState;
use crate::role::Transition;
use crate::role::leader::progress::{Flow, SnapshotProgress};
use crate::types::{NodeId, RpcId, Time};

impl Peer {
    /// Begins to send the newest snapshot, because entries that the follower needs were compacted, or because
    /// the follower does not understand the next entry.
    pub(super) fn begin_snapshot(&mut self, state: &mut NodeState, fx: &mut Effects) {
        self.progress.inflight.retain(|call| !call.has_entries());
        self.progress.window = 0;
        let sending = SnapshotProgress { meta: None, offset: 0, reading: None, calling: None };
        self.progress.flow = Flow::Snapshot(sending);
        self.read_piece(state, fx);
    }

    fn read_piece(&mut self, state: &mut NodeState, fx: &mut Effects) {
        if let Flow::Snapshot(sending) = &mut self.progress.flow {
            let ticket = state.next_rpc();
            sending.reading = Some(ticket);
            sending.calling = None;
            let last = sending.meta.as_ref().map(|meta| meta.last);
            let (offset, limit) = (sending.offset, state.settings.snapshot_chunk_bytes);
            fx.push(Effect::Store(StoreJob::ReadSnapshot { ticket, last, offset, limit }));
        }
    }

    /// Reads a piece again if the piece was lost or could not be read. This function runs at each heartbeat.
    pub(super) fn retry_snapshot(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        if let Flow::Snapshot(sending) = &self.progress.flow {
            let lost =
                sending.calling.is_some_and(|(_, sent)| sent + state.settings.heartbeat_timeout() < now);
            if lost || (sending.calling.is_none() && sending.reading.is_none()) {
                self.read_piece(state, fx);
            }
        }
    }

    fn on_piece(&mut self, state: &mut NodeState, piece: Option<SnapshotPiece>, now: Time, fx: &mut Effects) {
        let Flow::Snapshot(sending) = &mut self.progress.flow else { return };
        sending.reading = None;
        let Some(piece) = piece else {
            // The snapshot was deleted, for example because there is a newer snapshot. The next heartbeat
            // begins to send the newest snapshot.
            sending.meta = None;
            sending.offset = 0;
            return;
        };
        let rpc = state.next_rpc();
        sending.meta = Some(piece.meta.clone());
        sending.offset = piece.offset;
        sending.calling = Some((rpc, now));
        let done = piece.meta.size <= piece.offset + piece.data.len() as u64;
        let request = Request::InstallSnapshot(InstallSnapshot {
            term: state.term,
            meta: piece.meta,
            offset: piece.offset,
            data: piece.data,
            done,
        });
        fx.push(Effect::Send { to: self.id, rpc, request });
    }
}

impl Leader {
    /// Handles a piece of a snapshot that was read from the store.
    pub(crate) fn on_snapshot_read(
        &mut self,
        state: &mut NodeState,
        ticket: RpcId,
        piece: Option<SnapshotPiece>,
        now: Time,
        fx: &mut Effects,
    ) {
        let reads = |peer: &&mut Peer| match &peer.progress.flow {
            Flow::Snapshot(sending) => sending.reading == Some(ticket),
            Flow::Probe { .. } | Flow::Replicate { .. } => false,
        };
        match self.peers.iter_mut().find(reads) {
            Some(peer) => peer.on_piece(state, piece, now, fx),
            None => NodeState::ignore(Ignored::UnknownTicket, fx),
        }
    }

    pub(crate) fn on_install_response(
        &mut self,
        state: &mut NodeState,
        from: NodeId,
        rpc: RpcId,
        response: &InstallSnapshotResponse,
        now: Time,
        fx: &mut Effects,
    ) -> Transition {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == from) else {
            NodeState::ignore(Ignored::UnknownRpc, fx);
            return Transition::Stay;
        };
        let Flow::Snapshot(sending) = &mut peer.progress.flow else {
            NodeState::ignore(Ignored::UnknownRpc, fx);
            return Transition::Stay;
        };
        let Some((_, sent)) = sending.calling.take_if(|(calling, _)| *calling == rpc) else {
            NodeState::ignore(Ignored::UnknownRpc, fx);
            return Transition::Stay;
        };
        peer.progress.last_contact = peer.progress.last_contact.max(sent);
        peer.progress.answered = peer.progress.answered.max(rpc);
        let meta = sending
            .meta
            .clone()
            .expect("the description of the snapshot is known after the first piece was read");
        let finished = response.success && meta.size <= response.next_offset;
        let stuck = !response.success && response.next_offset == sending.offset;
        sending.offset = response.next_offset.min(meta.size);
        peer.report_contact(now, fx);
        if finished {
            peer.progress.flow = Flow::Probe { next: meta.last.index.next(), waiting: false };
            peer.progress.matches(meta.last.index);
            self.replicate_to(state, from, now, fx);
            self.on_progress(state, from, now, fx);
            self.confirm_reads(state, now, fx);
            return self.advance_commit(state, now, fx);
        }
        // A follower that refuses the same piece is still writing this piece. If the leader sent the piece
        // again at once, the follower would only refuse again. So the leader sends the piece at the next
        // heartbeat.
        if !stuck {
            peer.read_piece(state, fx);
        }
        self.confirm_reads(state, now, fx);
        Transition::Stay
    }
}

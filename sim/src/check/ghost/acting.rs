//! What a server wants done, taken down action by action before any of it is done.

use super::{Allowed, Exposure, Facts, Ledger, Owed, Shadow, placed};
use crate::plan::server_set::Slot;
use wavetank_raft::{
    Action, Answer, Batch, NodeId, Outcome, Request, RequestId, Response, RpcId, StoreJob, Term,
};

impl Ledger {
    pub(super) fn act(&mut self, slot: Slot, actions: &[Action], facts: &mut Facts) {
        for action in actions {
            match action {
                Action::Send { to, request, .. } => self.sent(slot, *to, request, facts),
                Action::Reply { to, rpc, response } => self.replied(slot, *to, *rpc, response, facts),
                Action::Store(StoreJob::Persist(write)) => self.remember(slot, write, facts),
                Action::Store(StoreJob::WriteSnapshot { ticket, meta, done: true, .. }) => {
                    self.shadows[slot.at()].incoming.push((*ticket, meta.last));
                }
                Action::Apply(batch) => self.handed(slot, batch, facts),
                Action::TakeSnapshot(meta) => {
                    self.step.captured = Some((meta.last, placed(meta)));
                    facts.add(Facts::CAPTURING);
                }
                Action::Answer { request, outcome } => self.answered(slot, *request, outcome, facts),
                Action::Halt(why) => self.halts(slot, why),
                _ => {}
            }
        }
    }

    fn sent(&mut self, slot: Slot, to: NodeId, request: &Request, facts: &mut Facts) {
        match request {
            Request::AppendEntries(append) => self.told(slot, append.term, facts),
            Request::InstallSnapshot(piece) => self.told(slot, piece.term, facts),
            Request::RequestVote(vote) => {
                self.told(slot, vote.term, facts);
                self.note_vote(slot, vote.term, slot);
                self.expose(Exposure::Candidacy { term: vote.term, last: vote.last_log });
                facts.add(Facts::SENT_CANDIDACY);
            }
            // Its term is one that the sender is not in.
            Request::RequestPreVote(_) => self.step.messages += 1,
            Request::TimeoutNow(call) => {
                self.told(slot, call.term.unwrap_or(Term(0)), facts);
                self.expose(Exposure::TimeoutNow { to });
                facts.add(Facts::SENT_TIMEOUT_NOW);
            }
        }
    }

    fn replied(&mut self, slot: Slot, to: NodeId, rpc: RpcId, response: &Response, facts: &mut Facts) {
        match response {
            // Its term may be the one that was asked about.
            Response::RequestPreVote(_) => self.step.messages += 1,
            _ => self.told(slot, response.term().unwrap_or(Term(0)), facts),
        }
        let shadow = &mut self.shadows[slot.at()];
        match response {
            Response::AppendEntries(response) => {
                let owed = Shadow::settle(&mut shadow.owed, to, rpc);
                if let Some(owed) = owed.filter(|_| response.success) {
                    self.expose(Exposure::Ack { term: owed.term, upto: owed.upto });
                    facts.add(Facts::SENT_ACK);
                }
            }
            Response::InstallSnapshot(response) => {
                let owed = Shadow::settle(&mut shadow.owed_snapshots, to, rpc);
                // A leader takes the snapshot for installed once the next piece would begin at its end.
                let whole = |owed: &Owed| response.success && owed.size <= response.next_offset;
                if let Some(owed) = owed.filter(whole) {
                    self.expose(Exposure::SnapshotAck { term: owed.term, upto: owed.upto });
                    facts.add(Facts::SENT_SNAPSHOT_ACK);
                }
            }
            Response::RequestVote(response) => {
                if response.granted {
                    if let Some(candidate) = Slot::of(to) {
                        self.note_vote(slot, response.term, candidate);
                    }
                    self.expose(Exposure::Grant { term: response.term, to });
                    facts.add(Facts::SENT_GRANT);
                }
            }
            Response::RequestPreVote(response) => {
                if response.granted {
                    self.expose(Exposure::PreGrant { to });
                }
            }
            Response::TimeoutNow(_) => {}
        }
    }

    /// A message left that says which term its sender is in.
    fn told(&mut self, slot: Slot, term: Term, facts: &mut Facts) {
        self.step.messages += 1;
        self.step.told = self.step.told.max(term);
        facts.add_if(self.step.now.term < term, Facts::TERM_AHEAD);
        let exposed = &mut self.shadows[slot.at()].exposed;
        *exposed = (*exposed).max(term);
    }

    fn expose(&mut self, exposure: Exposure) {
        self.step.exposures.push(exposure);
    }

    /// A vote is given away, once and for all.
    pub(super) fn note_vote(&mut self, voter: Slot, term: Term, candidate: Slot) {
        self.step.votes.push((term, candidate));
        self.terms.vote(voter, term, candidate);
    }

    fn handed(&mut self, slot: Slot, batch: &Batch, facts: &mut Facts) {
        let (Some(first), Some(last)) = (batch.entries.first(), batch.entries.last()) else { return };
        let shadow = &mut self.shadows[slot.at()];
        let before = std::mem::replace(&mut shadow.handed, last.id.index);
        let (first, before) = match self.step.handed {
            // Several batches in one step are one if they follow each other.
            Some((earliest, upto, before)) if upto.next() == first.id.index => (earliest, before),
            _ => (first.id.index, before),
        };
        self.step.handed = Some((first, last.id.index, before));
        facts.add(Facts::HANDED);
    }

    fn answered(&mut self, slot: Slot, request: RequestId, outcome: &Outcome, facts: &mut Facts) {
        let shadow = &mut self.shadows[slot.at()];
        shadow.transfers.retain(|pending| *pending != request);
        let Some(at) = shadow.asked.iter().position(|asked| asked.request == request) else { return };
        let asked = shadow.asked.swap_remove(at);
        let index = match outcome {
            Ok(Answer::Readable { index }) => Some(*index),
            Ok(Answer::Done) => None,
            _ => return,
        };
        self.step.allowed.push(Allowed { asked, index });
        facts.add(Facts::READABLE);
    }
}

//! Records a server's actions before the world executes them.

use super::{AllowedRead, Facts, Ghost, GhostServer, PendingReply, Promise, StagingEnd, hash, placed};
use crate::plan::server_set::ServerIdx;
use crate::subject::{our_request, our_response};
use wavetank_raft::{
    Action, Answer, Batch, Entry, NodeId, Observed, Outcome, Payload, Refusal, Request, RequestError,
    RequestId, Response, RpcId, StoreJob, Term,
};

impl Ghost {
    pub(super) fn record_actions<Q: 'static, R: 'static>(
        &mut self,
        idx: ServerIdx,
        actions: &[Action<Q, R>],
        facts: &mut Facts,
    ) {
        let own = idx.node();
        for action in actions {
            match action {
                Action::Send { to, .. } | Action::Reply { to, .. } if *to == own => {
                    self.odd("sends a message to itself", facts);
                }
                Action::Send { to, request, .. } => match our_request(request) {
                    Some(request) => self.sent(idx, *to, request, facts),
                    None => self.step.messages += 1,
                },
                Action::Reply { to, rpc, response } => match our_response(response) {
                    Some(response) => self.replied(idx, *to, *rpc, response, facts),
                    None => self.step.messages += 1,
                },
                Action::Store(StoreJob::Persist(write)) => self.note_write(idx, write, facts),
                Action::Store(StoreJob::WriteSnapshot { ticket, meta, done: true, .. }) => {
                    self.ghost_servers[idx.at()].incoming.push((*ticket, meta.last));
                }
                Action::Apply(batch) => self.handed(idx, batch, facts),
                Action::TakeSnapshot(meta) => {
                    self.step.captured = Some((meta.last, placed(meta)));
                    self.ghost_servers[idx.at()].due_snapshot.in_progress = true;
                    facts.add(Facts::CAPTURING);
                }
                Action::Answer { request, outcome } => self.answered(idx, *request, outcome, facts),
                Action::Observe(observed) => self.observed(idx, observed, facts),
                Action::Halt(why) => self.note_halt(idx, why),
                _ => {}
            }
        }
    }

    #[cold]
    fn odd(&mut self, what: &'static str, facts: &mut Facts) {
        self.step.odd_action = Some(what);
        facts.add(Facts::ODD_ACTION);
    }

    fn observed(&mut self, idx: ServerIdx, observed: &Observed, facts: &mut Facts) {
        let ghost_server = &mut self.ghost_servers[idx.at()];
        match observed {
            Observed::Peer { removed, peer } => {
                ghost_server.told_members.retain(|member| member.id != peer.id);
                if !removed {
                    ghost_server.told_members.push(peer.clone());
                }
            }
            Observed::Leader(leader) => {
                ghost_server.told_leader.clone_from(leader);
                facts.add(Facts::LEADER);
            }
            _ => {}
        }
    }

    fn sent(&mut self, idx: ServerIdx, to: NodeId, request: &Request, facts: &mut Facts) {
        match request {
            Request::AppendEntries(append) => {
                self.note_sent_term(idx, append.term, facts);
                self.note_sent_append(idx, to, append, facts);
            }
            Request::InstallSnapshot(piece) => {
                self.note_sent_term(idx, piece.term, facts);
                self.ghost_servers[idx.at()].outstanding.forget(to);
            }
            Request::RequestVote(vote) => {
                self.note_sent_term(idx, vote.term, facts);
                self.note_vote(idx, vote.term, idx);
                self.promise(Promise::Candidacy { term: vote.term, last: vote.last_log });
                facts.add(Facts::SENT_CANDIDACY);
            }
            // A pre-vote request carries a term that the sender has not entered.
            Request::RequestPreVote(_) => self.step.messages += 1,
            Request::TimeoutNow(call) => {
                self.note_sent_term(idx, call.term.unwrap_or(Term(0)), facts);
                self.promise(Promise::TimeoutNow { to });
                facts.add(Facts::SENT_TIMEOUT_NOW);
            }
        }
    }

    fn replied(&mut self, idx: ServerIdx, to: NodeId, rpc: RpcId, response: &Response, facts: &mut Facts) {
        match response {
            // A pre-vote response may repeat the term of the request, which the server has not entered.
            Response::RequestPreVote(_) => self.step.messages += 1,
            _ => self.note_sent_term(idx, response.term().unwrap_or(Term(0)), facts),
        }
        let ghost_server = &mut self.ghost_servers[idx.at()];
        match response {
            Response::AppendEntries(response) => {
                let pending = GhostServer::take_pending(&mut ghost_server.pending_replies, to, rpc);
                if let Some(pending) = pending.filter(|_| response.success) {
                    self.promise(Promise::Ack { term: pending.term, upto: pending.upto });
                    facts.add(Facts::SENT_ACK);
                }
            }
            Response::InstallSnapshot(response) => {
                let pending = GhostServer::take_pending(&mut ghost_server.pending_snapshot_replies, to, rpc);
                // The leader regards the snapshot as installed when the next piece would begin at the end of
                // the snapshot.
                let whole = |pending: &PendingReply| response.success && pending.size <= response.next_offset;
                if let Some(pending) = pending.filter(whole) {
                    self.promise(Promise::SnapshotAck { term: pending.term, upto: pending.upto });
                    facts.add(Facts::SENT_SNAPSHOT_ACK);
                }
            }
            Response::RequestVote(response) => {
                if response.granted {
                    if let Some(candidate) = ServerIdx::of(to) {
                        self.note_vote(idx, response.term, candidate);
                    }
                    self.promise(Promise::Grant { term: response.term, to });
                    facts.add(Facts::SENT_GRANT);
                }
            }
            Response::RequestPreVote(response) => {
                if response.granted {
                    self.promise(Promise::PreGrant { to });
                }
            }
            Response::TimeoutNow(_) => {}
        }
    }

    /// Records a sent message that carries the term of its sender.
    fn note_sent_term(&mut self, idx: ServerIdx, term: Term, facts: &mut Facts) {
        self.step.messages += 1;
        self.step.sent_term = self.step.sent_term.max(term);
        facts.add_if(self.step.now.term < term, Facts::TERM_AHEAD);
        let announced = &mut self.ghost_servers[idx.at()].announced_term;
        *announced = (*announced).max(term);
    }

    fn promise(&mut self, promise: Promise) {
        self.step.promises.push(promise);
    }

    /// Records a vote. The server cannot withdraw the vote.
    pub(super) fn note_vote(&mut self, voter: ServerIdx, term: Term, candidate: ServerIdx) {
        self.step.votes.push((term, candidate));
        self.terms.vote(voter, term, candidate);
    }

    fn handed(&mut self, idx: ServerIdx, batch: &Batch, facts: &mut Facts) {
        let (Some(first), Some(last)) = (batch.entries.first(), batch.entries.last()) else {
            return self.odd("hands its state machine a batch without entries", facts);
        };
        let ghost_server = &mut self.ghost_servers[idx.at()];
        let before = std::mem::replace(&mut ghost_server.handed, last.id.index);
        let (first, before) = match self.step.handed {
            // Several batches in one step count as one batch if the batches follow each other.
            Some((earliest, upto, before)) if upto.next() == first.id.index => (earliest, before),
            _ => (first.id.index, before),
        };
        self.step.handed = Some((first, last.id.index, before));
        facts.add(Facts::HANDED);
        let is_special = |entry: &&Entry| matches!(entry.payload, Payload::Extended(_) | Payload::Restore(_));
        for entry in batch.entries.iter().filter(is_special) {
            self.step.special += 1;
            let index = entry.id.index;
            if self.has_payload(idx, index, hash::payload(&entry.payload)) == Some(false) {
                self.step.altered = Some(index);
            }
        }
    }

    fn answered(&mut self, idx: ServerIdx, request: RequestId, outcome: &Outcome, facts: &mut Facts) {
        self.note_answer(idx, request, outcome, facts);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        ghost_server.transfers.retain(|pending| *pending != request);
        if let Some(ended) = ghost_server.stagings.end(request)
            && *outcome == Err(RequestError::Refused(Refusal::TooSlow))
        {
            self.step.staging = Some((ended, StagingEnd::TooSlow));
            facts.add(Facts::STAGED);
        }
        let Some(at) = ghost_server.pending_reads.iter().position(|asked| asked.request == request) else {
            return;
        };
        let asked = ghost_server.pending_reads.swap_remove(at);
        let index = match outcome {
            Ok(Answer::Readable { index }) => Some(*index),
            Ok(Answer::Done) => None,
            _ => return,
        };
        self.step.allowed.push(AllowedRead { asked, index });
        facts.add(Facts::READABLE);
    }
}

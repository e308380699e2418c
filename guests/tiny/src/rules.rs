//! The rules of figure 2: "Rules for Servers", and the "receiver implementation" of both RPCs.

use crate::{Bug, Request, Response, Role, Tiny, TinyAction};
use std::collections::BTreeSet;
use std::sync::Arc;
use wavetank_raft::{
    Action, Batch, Configuration, Entry, HardState, Index, LogId, LogOp, NodeId, Observed, Payload,
    RequestError, RpcId, Span, Term,
};

// Rules for Servers, all servers.
impl Tiny {
    pub(crate) fn on_request(&mut self, from: NodeId, rpc: RpcId, request: Request) {
        self.on_term(request.term());
        let response = match request {
            Request::RequestVote { term, last } => self.on_request_vote(from, term, last),
            Request::AppendEntries { term, prev, entries, commit } => {
                self.on_append_entries(from, term, prev, &entries, commit)
            }
        };
        let reply = Action::Reply { to: from, rpc, response };
        let is_append = matches!(response, Response::AppendEntries { .. });
        if is_append && self.bug == Some(Bug::AckBeforePersist) {
            self.actions.push(reply);
        } else {
            self.when_durable(reply);
        }
        self.apply();
    }

    pub(crate) fn on_response(&mut self, from: NodeId, response: Response) {
        self.on_term(response.term());
        if response.term() < self.current_term {
            return;
        }
        match response {
            Response::RequestVote { granted: true, .. } => self.on_vote(from),
            Response::RequestVote { granted: false, .. } => {}
            Response::AppendEntries { success, upto, .. } => self.on_appended(from, success, upto),
        }
    }

    /// "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower
    /// (§5.1)."
    fn on_term(&mut self, term: Term) {
        if self.current_term < term {
            self.current_term = term;
            self.voted_for = None;
            self.store_term_and_vote();
            self.follow(None);
        }
    }

    fn follow(&mut self, leader: Option<NodeId>) {
        self.leader = leader;
        if matches!(self.role, Role::Leader { .. }) {
            self.reset_election_timer();
            self.answer_all(&RequestError::LeadershipLost);
        }
        self.role = Role::Follower;
    }

    /// "If commitIndex > lastApplied: increment lastApplied, apply log[lastApplied] to state machine (§5.3)." An
    /// entry must be durable here, too: a state machine never runs ahead of its log.
    fn apply(&mut self) {
        let upto = self.commit_index.min(self.durable_index());
        if self.last_applied < upto {
            let entries = self.log[self.last_applied.0 as usize..upto.0 as usize].to_vec();
            self.actions.push(Action::Apply(Batch { entries }));
            self.last_applied = upto;
        }
    }

    pub(crate) fn on_timer(&mut self) {
        if self.now < self.deadline {
            return;
        }
        match self.role {
            Role::Leader { .. } => self.send_entries_to_all(),
            Role::Follower | Role::Candidate { .. } => self.campaign(),
        }
    }
}

// Elections (§5.2, §5.4.1).
impl Tiny {
    /// Rules for Servers, candidates: "increment currentTerm, vote for self, reset election timer, send
    /// RequestVote RPCs to all other servers".
    fn campaign(&mut self) {
        self.reset_election_timer();
        if !self.voters().contains(&self.id) {
            return;
        }
        self.current_term = self.current_term.next();
        self.voted_for = Some(self.id);
        self.leader = None;
        self.role = Role::Candidate { votes: BTreeSet::new() };
        self.store_term_and_vote();
        for peer in self.peers() {
            self.send(peer, Request::RequestVote { term: self.current_term, last: self.last() });
        }
    }

    /// RequestVote RPC, receiver implementation.
    fn on_request_vote(&mut self, from: NodeId, term: Term, last: LogId) -> Response {
        // 2. "If votedFor is null or candidateId, and candidate's log is at least as up-to-date as receiver's
        // log, grant vote (§5.2, §5.4)." The order of `LogId` is the order of §5.4.1.
        let is_free = self.voted_for.is_none_or(|voted| voted == from);
        let is_up_to_date = self.last() <= last || self.bug == Some(Bug::NoLogCheck);
        // 1. "Reply false if term < currentTerm (§5.1)."
        let granted = term == self.current_term && is_free && is_up_to_date;
        if granted {
            self.reset_election_timer();
            if self.voted_for.is_none() {
                self.voted_for = Some(from);
                self.store_term_and_vote();
            }
        }
        Response::RequestVote { term: self.current_term, granted }
    }

    /// Candidates: "if votes received from majority of servers: become leader". A server hears its own vote when
    /// it is durable.
    pub(crate) fn on_vote(&mut self, from: NodeId) {
        let majority = self.voters().len() / 2 + 1;
        if let Role::Candidate { votes } = &mut self.role {
            votes.insert(from);
            if majority <= votes.len() {
                self.lead();
            }
        }
    }

    fn lead(&mut self) {
        let next = self.last().index.next();
        self.leader = Some(self.id);
        self.role = Role::Leader {
            next_index: self.peers().map(|peer| (peer, next)).collect(),
            match_index: self.peers().map(|peer| (peer, Index::ZERO)).collect(),
        };
        // §8: an entry of its own term tells the leader which entries are committed.
        self.append(Payload::Noop);
    }

    /// Followers: "if election timeout elapses without receiving AppendEntries RPC from current leader or granting
    /// vote to candidate: convert to candidate". Each timeout is drawn at random (§5.2).
    pub(crate) fn reset_election_timer(&mut self) {
        self.draws += 1;
        let base = match self.role {
            Role::Candidate { .. } => self.settings.election_timeout,
            Role::Follower | Role::Leader { .. } => self.settings.heartbeat_timeout,
        };
        let base = Span::from_duration(base);
        self.deadline = self.now + self.entropy.timeout(base, self.id, self.current_term, self.draws);
    }
}

// Replication (§5.3, §5.4.2).
impl Tiny {
    /// Appends an entry to the leader's log and sends it.
    pub(crate) fn append(&mut self, payload: Payload) -> Index {
        let index = self.last().index.next();
        self.store_entries(&[Entry::new(self.current_term, index, payload)]);
        self.send_entries_to_all();
        index
    }

    /// Rules for Servers, leaders: "send initial empty AppendEntries RPCs (heartbeat) to each server; repeat during
    /// idle periods to prevent election timeouts (§5.2)".
    fn send_entries_to_all(&mut self) {
        self.deadline = self.now + self.settings.heartbeat_interval();
        for peer in self.peers() {
            self.send_entries(peer);
        }
    }

    /// Leaders: "if last log index ≥ nextIndex for a follower: send AppendEntries RPC with log entries starting at
    /// nextIndex". The leader does not wait for the answer before it sends the next entries.
    fn send_entries(&mut self, peer: NodeId) {
        let Role::Leader { next_index, .. } = &mut self.role else { return };
        let next = next_index.get_mut(&peer).expect("a leader has an index for each peer");
        let prev = next.back();
        let rest = &self.log[prev.0 as usize..];
        let count = rest.len().min(self.settings.max_append_entries as usize);
        let entries = rest[..count].to_vec();
        *next = next.plus(count as u64);
        let prev = LogId::new(self.term_at(prev).expect("the entry is in the log"), prev);
        self.send(
            peer,
            Request::AppendEntries { term: self.current_term, prev, entries, commit: self.commit_index },
        );
    }

    /// AppendEntries RPC, receiver implementation.
    fn on_append_entries(
        &mut self,
        from: NodeId,
        term: Term,
        prev: LogId,
        entries: &[Entry],
        commit: Index,
    ) -> Response {
        let current = self.current_term;
        let answer = |success, upto| Response::AppendEntries { term: current, success, upto };
        // 1. "Reply false if term < currentTerm (§5.1)."
        if term < current {
            return answer(false, Index::ZERO);
        }
        // Candidates: "if AppendEntries RPC received from new leader: convert to follower".
        self.follow(Some(from));
        self.reset_election_timer();
        // 2. "Reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm (§5.3)."
        if self.term_at(prev.index) != Some(prev.term) {
            return answer(false, prev.index.back().min(self.last().index));
        }
        // 3. "If an existing entry conflicts with a new one (same index but different terms), delete the existing
        // entry and all that follow it (§5.3)." 4. "Append any new entries not already in the log."
        let is_new = |entry: &Entry| self.term_at(entry.id.index) != Some(entry.id.term);
        let truncates = self.bug == Some(Bug::TruncateOnStale);
        if let Some(at) = entries.iter().position(|entry| is_new(entry) || truncates) {
            self.store_entries(&entries[at..]);
        }
        // 5. "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)."
        let upto = prev.index.plus(entries.len() as u64);
        self.commit_index = self.commit_index.max(commit.min(upto));
        answer(true, upto)
    }

    /// Leaders: "if successful: update nextIndex and matchIndex for follower (§5.3); if AppendEntries fails because
    /// of log inconsistency: decrement nextIndex and retry (§5.3)".
    fn on_appended(&mut self, from: NodeId, success: bool, upto: Index) {
        let last = self.last().index;
        let Role::Leader { next_index, match_index } = &mut self.role else { return };
        let (Some(next), Some(matched)) = (next_index.get_mut(&from), match_index.get_mut(&from)) else {
            return;
        };
        if success {
            *matched = upto.max(*matched);
            *next = matched.next().max(*next);
        } else {
            // A late answer may be about entries that match by now.
            *next = upto.max(*matched).next().min(*next);
        }
        if !success || *next <= last {
            self.send_entries(from);
        }
        self.advance_commit_index();
    }

    /// Leaders: "if there exists an N such that N > commitIndex, a majority of matchIndex[i] ≥ N, and log[N].term ==
    /// currentTerm: set commitIndex = N (§5.3, §5.4)". The leader's own entries count when they are durable.
    pub(crate) fn advance_commit_index(&mut self) {
        if let Role::Leader { match_index, .. } = &self.role {
            let mut reached: Vec<Index> =
                match_index.values().copied().chain([self.durable_index()]).collect();
            reached.sort_unstable();
            let n = reached[(reached.len() - 1) / 2];
            let is_own = self.term_at(n) == Some(self.current_term) || self.bug == Some(Bug::CountOldTerms);
            if self.commit_index < n && is_own {
                self.commit_index = n;
            }
        }
        self.apply();
    }
}

// The log, the members and the network.
impl Tiny {
    /// Stores the term and the vote in one record.
    pub(crate) fn store_term_and_vote(&mut self) {
        let forgets = self.bug == Some(Bug::VoteNotPersisted);
        let vote = if forgets { None } else { self.voted_for };
        self.write(Some(HardState { term: self.current_term, vote }), LogOp::Keep);
    }

    /// Puts entries at the end of the log, after it has deleted all entries that stand in their place.
    pub(crate) fn store_entries(&mut self, entries: &[Entry]) {
        let kept = entries[0].id.index.back().0 as usize;
        let replaces = kept < self.log.len();
        self.log.truncate(kept);
        self.log.extend_from_slice(entries);
        let op = if replaces { LogOp::Replace } else { LogOp::Append };
        self.write(None, op(entries.into()));
        if let Payload::Configuration(members) = &entries[0].payload {
            // The transport learns the addresses of the members.
            let peers = members.servers().iter().cloned();
            let observe = |peer| Action::Observe(Observed::Peer { removed: false, peer });
            self.actions.extend(peers.map(observe));
        }
    }

    pub(crate) fn last(&self) -> LogId {
        self.log.last().map_or(LogId::ZERO, |entry| entry.id)
    }

    /// The term of the entry at an index. The index before the first entry has term 0.
    fn term_at(&self, index: Index) -> Option<Term> {
        match index {
            Index::ZERO => Some(Term(0)),
            Index(index) => self.log.get(index as usize - 1).map(|entry| entry.id.term),
        }
    }

    /// The members of the cluster. They are the first entry, and never change.
    pub(crate) fn members(&self) -> Option<&Arc<Configuration>> {
        match &self.log.first()?.payload {
            Payload::Configuration(members) => Some(members),
            _ => None,
        }
    }

    fn voters(&self) -> Vec<NodeId> {
        self.members().map_or_else(Vec::new, |members| members.voters().iter().collect())
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.id;
        self.voters().into_iter().filter(move |voter| *voter != id)
    }

    /// Sends a request when everything that was written before is durable: a candidate must not forget its term, and
    /// a leader must not forget its entries.
    fn send(&mut self, to: NodeId, request: Request) {
        self.rpc = RpcId(self.rpc.0 + 1);
        let send: TinyAction = Action::Send { to, rpc: self.rpc, request };
        self.when_durable(send);
    }
}

//! The protocol as a function. This module has the term rule (thesis §3.3), the dispatch of inputs to the roles, and
//! the change of roles.

pub(crate) mod boot;
pub(crate) mod io;
pub(crate) mod outbox;
pub(crate) mod refusal;
pub(crate) mod state;

mod requests;
mod view;

use crate::config::Settings;
use crate::message::{
    AppendEntries, AppendEntriesResponse, Dialect, InstallSnapshotResponse, Request, RequestPreVoteResponse,
    RequestVote, RequestVoteResponse, Response, TimeoutNow, TimeoutNowResponse,
};
use crate::node::boot::Boot;
use crate::node::io::{Deadline, DeadlineReason, Effect, Effects, Ignored, Input, RoleName};
use crate::node::state::NodeState;
use crate::quorum::VoteResult;
use crate::role::ballot::Ballot;
use crate::role::follower::Follower;
use crate::role::leader::Leader;
use crate::role::{CampaignCause, Role, Transition};
use crate::types::{NodeId, RpcId, Term, Time};

/// A Raft node: the state of the protocol on one server. A node is plain data. Only [`Node::step`],
/// [`Node::set_dialect`] and [`Node::drop_vote_promise`] change the data.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Node {
    state: NodeState,
    role: Role,
    /// The node grants no vote before this time (thesis §6.4.1). The leader's lease relies on this rule. A
    /// node that has heard from a leader must not help to replace that leader during the lease, even if a
    /// newer term appears. A node that has just started may have heard from a leader before it crashed. The
    /// rule does not apply to a vote for the node's own leader, or to a vote in a leadership transfer.
    quiet_until: Time,
}

impl Node {
    /// Starts a node from the content of its stores.
    ///
    /// # Panics
    /// Panics if the snapshot ends before the base of the log or after the end of the log. The recovery
    /// ([`execute::recover`](crate::execute::recover)) never returns such a snapshot and log.
    #[must_use]
    pub fn boot(settings: Settings, boot: Boot, now: Time) -> Self {
        // A bootstrap enters term 1, so the first leader has term 2 or more. A server below term 2
        // has heard from no leader, and a new cluster need not wait for its first election.
        let is_new = boot.hard_state.term <= Term(1);
        let mut state = NodeState::boot(settings, boot);
        let quiet_until = if is_new { now } else { now + state.settings.heartbeat_timeout() };
        let role = Role::Follower(Follower::new(&mut state, None, now));
        Self { state, role, quiet_until }
    }

    /// Handles one input at time `now`, changes the state and appends the effects to `fx`.
    ///
    /// The function accepts every input in every state and returns no error. An input that makes no sense leads to
    /// [`Effect::Ignored`] or to a refusal.
    ///
    /// # Panics
    /// Panics if an invariant of this crate is broken, or if the driver reports an impossible result.
    pub fn step(&mut self, now: Time, input: Input, fx: &mut Effects) {
        match input {
            Input::Timer => self.on_timer(now, fx),
            Input::Request { from, rpc, request } => self.on_request(from, rpc, request, now, fx),
            Input::Response { from, rpc, response } => self.on_response(from, rpc, response, now, fx),
            Input::Persisted(token) => {
                if self.state.outbox.persisted_upto(token, fx) {
                    self.on_persisted(now, fx);
                } else {
                    NodeState::ignore(Ignored::UnknownToken, fx);
                }
            }
            Input::Fetched { ticket, entries } => match &mut self.role {
                Role::Leader(leader) => leader.on_fetched(&mut self.state, ticket, &entries, now, fx),
                Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                    NodeState::ignore(Ignored::UnknownTicket, fx);
                }
            },
            Input::SnapshotRead { ticket, piece } => match &mut self.role {
                Role::Leader(leader) => leader.on_snapshot_read(&mut self.state, ticket, piece, now, fx),
                Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                    NodeState::ignore(Ignored::UnknownTicket, fx);
                }
            },
            Input::SnapshotWritten { ticket, ok } => self.on_snapshot_written(ticket, ok, now, fx),
            Input::SnapshotTaken(last) => self.state.snapshot_taken(last, now, fx),
            Input::Client(request) => self.on_client_request(request, now, fx),
        }
        self.state.finish(now, fx);
    }

    /// Allows the node to grant votes immediately after its start. Without this call, the node promises to
    /// grant no vote within the heartbeat timeout after its start. Servers of HashiCorp Raft make no such
    /// promise. A simulation of such a server calls this method after [`Node::boot`].
    pub fn drop_vote_promise(&mut self, now: Time) {
        self.quiet_until = now;
    }

    /// Records the protocol that a peer understands. Until this call, the node assumes nothing about the peer:
    /// the peer's answers do not count for a lease.
    pub fn set_dialect(&mut self, peer: NodeId, dialect: Dialect) {
        self.state.set_dialect(peer, dialect);
    }

    /// Handles the report that a piece of a snapshot was written. After the last piece, the store has the
    /// snapshot even if the snapshot is not installed, and the store may have deleted the previous snapshot.
    /// If this server has committed all entries of the snapshot, the snapshot becomes the newest snapshot of
    /// this server.
    fn on_snapshot_written(&mut self, ticket: RpcId, ok: bool, now: Time, fx: &mut Effects) {
        let whole = self.state.incoming.take_if(|(awaited, _)| *awaited == ticket);
        match &mut self.role {
            Role::Follower(f) => f.on_snapshot_written(&mut self.state, ticket, ok, now, fx),
            Role::Leader(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                NodeState::ignore(Ignored::UnknownTicket, fx);
            }
        }
        if let Some((_, last)) = whole.filter(|_| ok) {
            self.state.snapshot_stored(last);
        }
    }

    fn on_timer(&mut self, now: Time, fx: &mut Effects) {
        let transition = match &mut self.role {
            Role::Follower(follower) => follower.on_timer(&mut self.state, now, fx),
            Role::PreCandidate(ballot) | Role::Candidate(ballot) => ballot.on_timer(&self.state, now),
            Role::Leader(leader) => leader.on_timer(&mut self.state, now, fx),
        };
        self.transition(transition, now, fx);
    }

    fn on_persisted(&mut self, now: Time, fx: &mut Effects) {
        let transition = match &mut self.role {
            Role::Candidate(ballot) => {
                ballot.on_persisted(&self.state);
                elected(ballot.vote_result(&self.state))
            }
            Role::Leader(leader) => leader.on_persisted(&mut self.state, now, fx),
            Role::Follower(_) | Role::PreCandidate(_) => Transition::Stay,
        };
        self.transition(transition, now, fx);
    }

    /// Handles a request from a peer. Only this function applies the term rule to requests (thesis §3.3).
    /// After the rule is applied, the request has the term of this server.
    fn on_request(&mut self, from: NodeId, rpc: RpcId, request: Request, now: Time, fx: &mut Effects) {
        if from == self.state.id {
            return NodeState::ignore(Ignored::FromSelf, fx);
        }
        let term = match &request {
            Request::AppendEntries(m) => m.term,
            Request::InstallSnapshot(m) => m.term,
            // While this server is bound to a leader, a vote request must not even raise the term of this
            // server. Otherwise a removed server could depose the leader (thesis §4.2.3).
            Request::RequestVote(m) => {
                if self.is_bound_to_leader(from, now) && !m.leadership_transfer {
                    return self.reply_vote(from, rpc, false);
                }
                m.term
            }
            // A pre-vote changes nothing here: the candidate only asks whether it could win an election
            // (§9.6).
            Request::RequestPreVote(m) => {
                let granted = !self.is_bound_to_leader(from, now)
                    && self.is_term_for_pre_vote(from, m.term)
                    && self.state.log.last() <= m.last_log;
                let term = if granted { m.term } else { self.state.term };
                let response = Response::RequestPreVote(RequestPreVoteResponse { term, granted });
                return self.state.reply(from, rpc, response);
            }
            Request::TimeoutNow(m) => {
                let m = m.clone();
                return self.on_timeout_now(from, rpc, &m, now, fx);
            }
        };
        if self.state.term < term {
            self.transition(Transition::Follow(term, None), now, fx);
        } else if term < self.state.term {
            return self.reply_stale(from, rpc, &request, now);
        }
        assert!(
            term == self.state.term,
            "after the term rule, the request has term {term}, but the server has term {}",
            self.state.term
        );
        match request {
            Request::AppendEntries(m) => self.on_append(from, rpc, m, now, fx),
            Request::InstallSnapshot(m) => {
                if self.follow(from, now, fx)
                    && let Role::Follower(follower) = &mut self.role
                {
                    follower.on_install(&mut self.state, from, rpc, m, now, fx);
                }
            }
            Request::RequestVote(m) => self.on_vote(from, rpc, &m, now),
            Request::RequestPreVote(_) | Request::TimeoutNow(_) => {
                unreachable!("PreVote and TimeoutNow requests were answered before the term rule was applied")
            }
        }
    }

    /// True if this server may grant a pre-vote for `term`. The term must be newer than the term of this server. If
    /// the candidate possibly runs HashiCorp Raft, because it says so or has not answered this server yet, the term
    /// may also be the term of this server. Such a candidate ignores a refusal that has the term of its request, and
    /// would repeat the request forever. After the pre-vote, the candidate can enter a newer term.
    fn is_term_for_pre_vote(&self, from: NodeId, term: Term) -> bool {
        self.state.term < term || (self.state.term == term && !self.state.is_wavetank(from))
    }

    fn on_append(&mut self, from: NodeId, rpc: RpcId, m: AppendEntries, now: Time, fx: &mut Effects) {
        if !is_well_formed(&m) {
            NodeState::ignore(Ignored::Malformed, fx);
            return self.state.reply(from, rpc, append_refused(&self.state));
        }
        if self.follow(from, now, fx)
            && let Role::Follower(follower) = &mut self.role
        {
            follower.on_append(&mut self.state, from, rpc, m, now, fx);
        }
    }

    /// Follows `from` as the leader of this term. Returns false if `from` cannot be the leader of this term.
    fn follow(&mut self, from: NodeId, now: Time, fx: &mut Effects) -> bool {
        let accepted = match &mut self.role {
            Role::Follower(follower) => follower.on_leader_contact(from, now, fx),
            Role::PreCandidate(_) | Role::Candidate(_) => {
                self.transition(Transition::Follow(self.state.term, Some(from)), now, fx);
                true
            }
            Role::Leader(_) => false,
        };
        if accepted {
            self.quiet_until = now + self.state.settings.heartbeat_timeout();
        } else {
            NodeState::ignore(Ignored::SecondLeader, fx);
        }
        accepted
    }

    /// True if this server must not vote for `from` because of another leader (thesis §4.2.3, §6.4.1). The
    /// result is true on a leader. On any other server, the result is true within the heartbeat timeout after
    /// contact with a leader other than `from`. The result is also true within the heartbeat timeout after a
    /// start, because the server may have heard from a leader before the start.
    fn is_bound_to_leader(&self, from: NodeId, now: Time) -> bool {
        let quiet = now < self.quiet_until;
        match &self.role {
            Role::Leader(_) => true,
            Role::Follower(follower) => quiet && follower.leader != Some(from),
            Role::PreCandidate(_) | Role::Candidate(_) => quiet,
        }
    }

    /// Handles the vote request of a candidate of this term (thesis §3.4, §3.6.1).
    fn on_vote(&mut self, from: NodeId, rpc: RpcId, m: &RequestVote, now: Time) {
        let granted = match &mut self.role {
            Role::Follower(follower)
                if self.state.vote.is_none_or(|vote| vote == from)
                    && follower.leader.is_none_or(|leader| leader == from)
                    && self.state.log.last() <= m.last_log =>
            {
                self.state.give_vote(from);
                follower.restart_timer(now);
                true
            }
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => false,
        };
        self.reply_vote(from, rpc, granted);
    }

    fn reply_vote(&mut self, from: NodeId, rpc: RpcId, granted: bool) {
        let refused_for_term = false;
        let answer = RequestVoteResponse { term: self.state.term, granted, refused_for_term };
        self.state.reply(from, rpc, Response::RequestVote(answer));
    }

    /// Answers a request of an older term. The request changes nothing. The sender of the request learns the
    /// newer term from the response.
    fn reply_stale(&mut self, from: NodeId, rpc: RpcId, request: &Request, now: Time) {
        let term = self.state.term;
        let response = match request {
            Request::AppendEntries(_) => append_refused(&self.state),
            Request::RequestVote(m) => {
                let refused_for_term =
                    self.state.log.last() <= m.last_log && !self.is_bound_to_leader(from, now);
                Response::RequestVote(RequestVoteResponse { term, granted: false, refused_for_term })
            }
            Request::InstallSnapshot(_) => {
                Response::InstallSnapshot(InstallSnapshotResponse { term, success: false, next_offset: 0 })
            }
            Request::RequestPreVote(_) | Request::TimeoutNow(_) => {
                unreachable!("PreVote and TimeoutNow requests were answered before the term rule was applied")
            }
        };
        self.state.reply(from, rpc, response);
    }

    /// Handles a leader's request to campaign immediately (thesis §3.10). A request is refused if this server must
    /// not campaign, if the sender is not the leader of this server, or if the request has another term: a late
    /// request could depose a healthy leader. HashiCorp Raft accepts all TimeoutNow requests.
    fn on_timeout_now(&mut self, from: NodeId, rpc: RpcId, m: &TimeoutNow, now: Time, fx: &mut Effects) {
        let fresh = m.term.is_none_or(|term| term == self.state.term);
        let follows = matches!(&self.role, Role::Follower(follower) if follower.leader == Some(from));
        let accepted = fresh && follows && self.state.is_voter() && self.state.may_campaign(now);
        let response = Response::TimeoutNow(TimeoutNowResponse { accepted });
        self.state.reply(from, rpc, response);
        if accepted {
            self.transition(Transition::Campaign(CampaignCause::Transfer), now, fx);
        } else {
            NodeState::ignore(Ignored::StaleTimeoutNow, fx);
        }
    }

    fn on_response(&mut self, from: NodeId, rpc: RpcId, response: Response, now: Time, fx: &mut Effects) {
        if let Some(term) = self.newer_term(from, rpc, &response) {
            let campaigns_again = self.campaigns_again(from, rpc, &response);
            self.transition(Transition::Follow(term, None), now, fx);
            if campaigns_again {
                self.transition(Transition::Campaign(CampaignCause::RefusedForTerm), now, fx);
            }
            return;
        }
        let transition = match (&mut self.role, &response) {
            (Role::Leader(leader), Response::AppendEntries(m)) if m.term == self.state.term => {
                leader.on_append_response(&mut self.state, from, rpc, m, now, fx)
            }
            (Role::Leader(leader), Response::InstallSnapshot(m)) if m.term == self.state.term => {
                leader.on_install_response(&mut self.state, from, rpc, m, now, fx)
            }
            (Role::Candidate(ballot), Response::RequestVote(m)) if m.term == self.state.term => {
                ballot.on_vote(from, rpc, m.granted, fx);
                elected(ballot.vote_result(&self.state))
            }
            (Role::PreCandidate(ballot), Response::RequestPreVote(m)) => {
                ballot.on_vote(from, rpc, m.granted, fx);
                pre_elected(ballot.vote_result(&self.state))
            }
            // The response is to a request of an earlier role or term, or to TimeoutNow. A transfer does not
            // end when TimeoutNow is answered; the transfer ends when another server leads.
            (Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_), _) => {
                NodeState::ignore(Ignored::UnknownRpc, fx);
                Transition::Stay
            }
        };
        self.transition(transition, now, fx);
    }

    /// Applies the term rule to a response (thesis §3.3): returns the term of the response if that term is
    /// newer than this server's term. Returns `None` if the response possibly repeats the term of a pre-vote
    /// request, because possibly no server has entered this term yet. A response that grants a pre-vote repeats
    /// the term. A server of HashiCorp Raft also repeats the term when it refuses a pre-vote because of the
    /// candidate's log. The term of such a refusal counts only if the request is open and has an older term.
    /// Without this rule, each refusal could begin a new term.
    fn newer_term(&self, from: NodeId, rpc: RpcId, response: &Response) -> Option<Term> {
        let is_open = || matches!(&self.role, Role::PreCandidate(ballot) if ballot.is_open(from, rpc));
        let may_repeat = matches!(response, Response::RequestPreVote(m) if m.granted
            || (self.state.is_hashicorp(from) && (m.term <= self.state.term.next() || !is_open())));
        response.term().filter(|&term| !may_repeat && self.state.term < term)
    }

    /// True if this response makes a candidate campaign again immediately, in the term after the term of the
    /// response. Without pre-votes, the candidates that begin new terms may all be candidates that cannot win.
    /// A candidate that can win then learns of each new term from a refusal, too late to campaign in that term.
    fn campaigns_again(&self, from: NodeId, rpc: RpcId, response: &Response) -> bool {
        match (&self.role, response) {
            (Role::Candidate(ballot), Response::RequestVote(m)) => {
                m.refused_for_term
                    && self.state.settings.pre_vote_disabled
                    && ballot.may_campaign_again(from, rpc)
            }
            (Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_), _) => false,
        }
    }

    /// Changes the role, and continues as long as the new role asks for another change. For example, a single
    /// voter becomes a pre-candidate and a candidate in one step.
    fn transition(&mut self, first: Transition, now: Time, fx: &mut Effects) {
        let mut transition = first;
        loop {
            let next = match transition {
                Transition::Stay => return,
                Transition::Follow(term, leader) => {
                    if self.state.term < term {
                        self.state.enter(term);
                    }
                    let mut follower = Follower::new(&mut self.state, leader, now);
                    if let (Role::Follower(before), None) = (&self.role, leader) {
                        follower.keep_timer(before);
                    }
                    Role::Follower(follower)
                }
                Transition::PreCampaign => Role::PreCandidate(Ballot::start_pre_vote(&mut self.state, now)),
                Transition::Campaign(cause) => {
                    self.state.enter(self.state.term.next());
                    Role::Candidate(Ballot::start_vote(&mut self.state, cause, now))
                }
                Transition::Lead => {
                    self.report_role(RoleName::Leader, Some(self.state.id), fx);
                    Role::Leader(Leader::new(&mut self.state, now, fx))
                }
            };
            transition = self.become_role(next, fx);
        }
    }

    /// Replaces the role, asserts that the change is legal, and returns the next change. Only this function
    /// changes the role.
    fn become_role(&mut self, next: Role, fx: &mut Effects) -> Transition {
        let known = self.leader();
        if let Role::Leader(leader) = &mut self.role {
            leader.resign(fx);
        }
        let was = core::mem::replace(&mut self.role, next);
        match (&was, &self.role) {
            (Role::Candidate(_), Role::Leader(_)) => {}
            (_, Role::Leader(_)) => panic!("{}: a {} cannot become the leader", self.state.id, was.name()),
            (Role::Leader(_), Role::PreCandidate(_) | Role::Candidate(_)) => {
                panic!("{}: a leader cannot become a candidate", self.state.id)
            }
            (_, Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_)) => {}
        }
        match &self.role {
            Role::Leader(_) => return Transition::Stay,
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                self.report_role(self.role.name(), self.leader(), fx);
                if known != self.leader() {
                    fx.push(Effect::LeaderIs(self.leader()));
                }
            }
        }
        match &self.role {
            Role::PreCandidate(ballot) => pre_elected(ballot.vote_result(&self.state)),
            Role::Follower(_) | Role::Candidate(_) | Role::Leader(_) => Transition::Stay,
        }
    }

    fn report_role(&self, role: RoleName, leader: Option<NodeId>, fx: &mut Effects) {
        fx.push(Effect::Became { role, term: self.state.term });
        if role == RoleName::Leader {
            fx.push(Effect::LeaderIs(leader));
        }
    }

    /// Returns the time at which [`Input::Timer`] is due, and the reason for this time. The deadline may
    /// change with every step.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        match &self.role {
            Role::Follower(follower) => {
                Deadline { at: follower.deadline(), reason: DeadlineReason::Election }
            }
            Role::PreCandidate(ballot) | Role::Candidate(ballot) => {
                Deadline { at: ballot.deadline(), reason: DeadlineReason::Ballot }
            }
            Role::Leader(leader) => leader.deadline(&self.state),
        }
    }
}

fn append_refused(state: &NodeState) -> Response {
    Response::AppendEntries(AppendEntriesResponse {
        term: state.term,
        success: false,
        last_log: state.log.last().index,
        no_retry_backoff: false,
        hint: None,
    })
}

/// Returns the transition after a vote in an election. If the vote is won, the candidate leads. Otherwise the
/// candidate waits for its election timeout.
const fn elected(vote_result: VoteResult) -> Transition {
    match vote_result {
        VoteResult::Won => Transition::Lead,
        VoteResult::Lost | VoteResult::Pending => Transition::Stay,
    }
}

/// Returns the transition after a pre-vote. If the pre-vote is won, the election starts.
const fn pre_elected(vote_result: VoteResult) -> Transition {
    match vote_result {
        VoteResult::Won => Transition::Campaign(CampaignCause::ElectionTimeout),
        VoteResult::Lost | VoteResult::Pending => Transition::Stay,
    }
}

/// True if the indexes of the entries are consecutive and begin directly after `prev`, the terms of the
/// entries never fall, and no term is above the term of the message.
fn is_well_formed(m: &AppendEntries) -> bool {
    let mut before = m.prev;
    let chained = m.entries.iter().all(|entry| {
        let follows = entry.id.index == before.index.next() && before.term <= entry.id.term;
        before = entry.id;
        follows
    });
    chained && before.term <= m.term
}

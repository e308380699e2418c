//! The behaviour of a server of HashiCorp Raft, for storms of mixed clusters.
//!
//! [`HashiCorp`] runs our server, and changes the events and the actions of our server. So a peer observes
//! the behaviour of HashiCorp Raft. The code is not a port of HashiCorp Raft. Each difference from our server
//! has a switch.

use super::{Exclusion, Start, Subject, View, Wavetank};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Configuration, Deadline, DeadlineReason, Dialect, Effects, Event, Index, NodeId, Request,
    RequestPreVote, Response, RpcId, Server, Time, TimeoutNow,
};

/// A server that behaves like a server of HashiCorp Raft. Each bit of `SWITCHES` enables one difference from
/// our server. [`HashiCorp::ALL`] enables all differences.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HashiCorp<const SWITCHES: u8> {
    server: Server,
    /// The requests for a pre-vote that the server has not answered. Each element has the sender, the id of
    /// the call, and the request.
    asked: Vec<(NodeId, RpcId, RequestPreVote)>,
    /// The number of batches that the state machine has received and has not reported as applied.
    applying: u64,
}

/// The switches of [`HashiCorp`].
impl HashiCorp<0> {
    /// While the state machine applies entries, the server handles only the reports about its own jobs, and
    /// heartbeats without a position and without a commit index. All other messages, calls and timers wait.
    pub const BUSY: u8 = 1;
    /// The server also grants a pre-vote for its own current term. If the server refuses a pre-vote for a
    /// newer term because of the candidate's log, the response has the term of the request. A candidate
    /// ignores the term of such a refusal. A pre-vote for the current term breaks the promise of silence, like a
    /// vote with [`HashiCorp::NO_PROMISE`].
    pub const ECHO: u8 = 2;
    /// The server may vote immediately after a start. Our server grants no vote within the heartbeat timeout
    /// after a restart.
    pub const NO_PROMISE: u8 = 4;
    /// The messages of the server have only the fields of HashiCorp Raft. The fields that we add are empty.
    pub const BARE_MESSAGES: u8 = 8;
    /// The server does not understand restores and joint configurations in the log. Our transport sends no
    /// request with such an entry to a server of HashiCorp Raft. Therefore the server ignores such a request.
    pub const PLAIN_ENTRIES: u8 = 16;
    /// All switches.
    pub const ALL: u8 =
        Self::BUSY | Self::ECHO | Self::NO_PROMISE | Self::BARE_MESSAGES | Self::PLAIN_ENTRIES;
}

impl<const SWITCHES: u8> HashiCorp<SWITCHES> {
    const fn has(switch: u8) -> bool {
        SWITCHES & switch != 0
    }

    const fn is_busy(&self) -> bool {
        Self::has(HashiCorp::BUSY) && 0 < self.applying
    }

    /// Changes an action of our server into an action of a server of HashiCorp Raft.
    fn change(&mut self, action: &mut Action) {
        match action {
            Action::Apply(_) => self.applying += 1,
            Action::Send { request: Request::TimeoutNow(TimeoutNow { term }), .. }
                if Self::has(HashiCorp::BARE_MESSAGES) =>
            {
                *term = None;
            }
            Action::Reply { to, rpc, response } => self.change_response(*to, *rpc, response),
            _ => {}
        }
    }

    fn change_response(&mut self, to: NodeId, rpc: RpcId, response: &mut Response) {
        let is_bare = Self::has(HashiCorp::BARE_MESSAGES);
        match response {
            Response::AppendEntries(answer) if is_bare => answer.hint = None,
            Response::RequestVote(answer) if is_bare => answer.refused_for_term = false,
            Response::TimeoutNow(answer) if is_bare => answer.accepted = false,
            Response::RequestPreVote(answer) => {
                let at = self.asked.iter().position(|(from, number, _)| (*from, *number) == (to, rpc));
                let Some((.., asked)) = at.map(|at| self.asked.swap_remove(at)) else { return };
                let node = self.server.node();
                if Self::has(HashiCorp::ECHO) && !answer.granted && node.leader().is_none() {
                    answer.granted = node.term() == asked.term && node.log().last() <= asked.last_log;
                    answer.term = answer.term.max(asked.term);
                }
            }
            Response::AppendEntries(_)
            | Response::RequestVote(_)
            | Response::InstallSnapshot(_)
            | Response::TimeoutNow(_) => {}
        }
    }
}

impl<const SWITCHES: u8> Subject for HashiCorp<SWITCHES> {
    type Protocol = Wavetank;
    type Scratch = Effects;

    fn name(&self) -> &'static str {
        "hashicorp"
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let now = start.now;
        let mut server = <Server as Subject>::start(start)?;
        if Self::has(HashiCorp::NO_PROMISE) {
            server.drop_vote_promise(now);
        }
        Ok(Self { server, asked: Vec::new(), applying: 0 })
    }

    fn step(&mut self, now: Time, event: Event, scratch: &mut Effects, actions: &mut Vec<Action>) {
        let event = match event {
            Event::Request { request: Request::AppendEntries(append), .. }
                if Self::has(HashiCorp::PLAIN_ENTRIES) && append.is_beyond_hashicorp() =>
            {
                return;
            }
            // All peers are alike to a server of HashiCorp Raft.
            Event::PeerSpeaks { peer, .. } => Event::PeerSpeaks { peer, dialect: Dialect::HashiCorp },
            event => event,
        };
        match &event {
            Event::Request { from, rpc, request: Request::RequestPreVote(asked) } => {
                self.asked.push((*from, *rpc, asked.clone()));
            }
            Event::Applied { .. } => self.applying -= 1,
            _ => {}
        }
        let before = actions.len();
        self.server.step_with(now, event, scratch, actions);
        for action in &mut actions[before..] {
            self.change(action);
        }
    }

    fn takes_now(&self, event: &Event) -> bool {
        match event {
            Event::Request { request: Request::AppendEntries(append), .. } if append.is_bare_heartbeat() => {
                true
            }
            Event::Request { .. } | Event::Response { .. } | Event::Timer => !self.is_busy(),
            Event::Call { .. } | Event::ApplyBatch(_) => !self.is_busy(),
            // The server always takes the reports of its own jobs.
            _ => true,
        }
    }

    fn deadline(&self) -> Deadline {
        if self.is_busy() {
            Deadline { at: Time::NEVER, reason: DeadlineReason::Idle }
        } else {
            self.server.deadline()
        }
    }

    fn view(&self) -> View {
        self.server.view()
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Subject::configuration(&self.server)
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        const NO_SILENCE: Exclusion = Exclusion {
            check: Exclusion::SILENCE,
            line: "a server of HashiCorp Raft knows no leader after a start, and votes immediately",
        };
        if Self::has(HashiCorp::NO_PROMISE) || Self::has(HashiCorp::ECHO) { &[NO_SILENCE] } else { &[] }
    }

    fn dialect(&self) -> Dialect {
        Dialect::HashiCorp
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }

    fn hash_state<H: Hasher>(&self, hasher: &mut H) {
        self.hash(hasher);
    }
}

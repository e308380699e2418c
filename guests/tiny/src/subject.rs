use crate::clients::Wants;
use crate::disk::Disk;
use crate::{Bug, EXCLUSIONS, Request, Response, Role, Tiny, TinyAction, TinyProtocol};
use std::collections::BTreeMap;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Configuration, Deadline, DeadlineReason, Event, Halt, HardState, Index, LogId, Payload,
    RequestError, RoleName, RpcId, Time,
};
use wavetank_sim::{Exclusion, Start, Subject, View};

impl Subject for Tiny {
    type Protocol = TinyProtocol;
    type Scratch = ();

    fn name(&self) -> &'static str {
        env!("CARGO_PKG_NAME")
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let HardState { term, vote } = start.boot.hard_state;
        let mut tiny = Self {
            current_term: term,
            voted_for: vote,
            log: start.log.to_vec(),
            commit_index: Index::ZERO,
            last_applied: Index::ZERO,
            role: Role::Follower,
            leader: None,
            disk: Disk::default(),
            calls: BTreeMap::new(),
            responded: Index::ZERO,
            id: start.idx.node(),
            settings: start.settings.clone(),
            entropy: start.boot.entropy,
            draws: 0,
            now: start.now,
            deadline: start.now,
            // A server never uses a number twice, not even after a restart.
            rpc: RpcId(u64::from(start.boot.incarnation) << 32),
            bug: Bug::chosen(),
            actions: Vec::new(),
        };
        tiny.reset_election_timer();
        Ok(tiny)
    }

    fn step(
        &mut self,
        now: Time,
        event: Event<Request, Response>,
        (): &mut (),
        actions: &mut Vec<TinyAction>,
    ) {
        self.now = now;
        match event {
            Event::Timer => self.on_timer(),
            Event::Request { from, rpc, request } => self.on_request(from, rpc, request),
            Event::Response { from, response, .. } => self.on_response(from, response),
            Event::Call { request, call } => self.on_call(request, call),
            Event::ApplyBatch(commands) => {
                for (request, command) in commands {
                    self.propose(request, Payload::Command(command), Wants::Response);
                }
            }
            Event::Persisted(token) => self.on_persisted(token),
            Event::Applied { upto, responses } => self.on_applied(upto, responses),
            Event::StoreFailed(error) => {
                // Nobody knows what is on the disk. The server stops.
                self.answer_all(&RequestError::Store(error.clone()));
                self.actions.push(Action::Halt(Halt::Store(error)));
            }
            // Tiny asks for no reads of the disk and no snapshots, and all its peers speak its protocol.
            Event::Fetched { .. }
            | Event::SnapshotRead { .. }
            | Event::SnapshotWritten { .. }
            | Event::SnapshotTaken(_)
            | Event::Restored(_)
            | Event::PeerSpeaks { .. } => {}
        }
        actions.append(&mut self.actions);
    }

    fn deadline(&self) -> Deadline {
        let reason = match self.role {
            Role::Follower => DeadlineReason::Election,
            Role::Candidate { .. } => DeadlineReason::Ballot,
            Role::Leader { .. } => DeadlineReason::Heartbeat,
        };
        Deadline { at: self.deadline, reason }
    }

    fn view(&self) -> View {
        let role = match self.role {
            Role::Follower => RoleName::Follower,
            Role::Candidate { .. } => RoleName::Candidate,
            Role::Leader { .. } => RoleName::Leader,
        };
        View {
            role: Some(role),
            term: Some(self.current_term),
            vote: Some(self.voted_for),
            leader: Some(self.leader),
            last: Some(self.last()),
            commit: Some(self.commit_index),
            applied: Some(self.responded),
            snapshot: Some(LogId::ZERO),
        }
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        &EXCLUSIONS
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Some(self.members().map(|members| (Index(1), members)))
    }
}

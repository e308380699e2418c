use crate::disk::Disk;
use crate::{EXCLUSIONS, Tiny, TinyAction, TinyProtocol};
use std::sync::Arc;
use wavetank_raft::{Action, Configuration, Deadline, Event, Halt, Index, LogId, RequestError, Time};
use wavetank_raft::{RpcId, store::StoreError};
use wavetank_sim::subject::EventOf;
use wavetank_sim::{Exclusion, Start, Subject, View};

impl Subject for Tiny {
    type Protocol = TinyProtocol;
    type Scratch = ();

    fn name(&self) -> &'static str {
        env!("CARGO_PKG_NAME")
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let mut tiny = Self {
            current_term: start.boot.hard_state.term,
            voted_for: start.boot.hard_state.vote,
            log: start.log.to_vec(),
            disk: Disk::default(),
            // A server never uses the number of a message twice, not even after a restart.
            rpc: RpcId(u64::from(start.boot.incarnation) << 32),
            ..Self::blank(start.idx.node(), start.settings, start.boot.entropy, start.now)
        };
        tiny.reset_election_timer();
        Ok(tiny)
    }

    fn step(&mut self, now: Time, event: EventOf<Self>, (): &mut (), actions: &mut Vec<TinyAction>) {
        self.now = now;
        match event {
            Event::Timer => self.on_timer(),
            Event::Request { from, rpc, request } => self.on_request(from, rpc, request),
            Event::Response { from, response, .. } => self.on_response(from, response),
            Event::Call { request, call } => self.on_call(request, call),
            Event::ApplyBatch(commands) => self.on_commands(commands),
            Event::Persisted(token) => self.on_persisted(token),
            Event::Applied { upto, responses } => self.on_applied(upto, responses),
            Event::StoreFailed(error) => {
                // Nobody knows what is on the disk. The server stops.
                self.answer_all(&RequestError::Store(error.clone()));
                self.actions.push(Action::Halt(Halt::Store(error)));
            }
            // All other events answer actions of snapshots and of reads from the disk.
            _ => {}
        }
        actions.append(&mut self.actions);
    }

    fn deadline(&self) -> Deadline {
        Deadline { at: self.deadline, reason: self.role.deadline_reason() }
    }

    fn view(&self) -> View {
        View {
            role: Some(self.role.name()),
            term: Some(self.current_term),
            vote: Some(self.voted_for),
            leader: Some(self.leader),
            last: Some(self.last()),
            commit: Some(self.commit_index),
            applied: Some(self.responded),
            snapshot: Some(LogId::ZERO),
        }
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Some(self.members().map(|members| (Index(1), members)))
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        &EXCLUSIONS
    }
}

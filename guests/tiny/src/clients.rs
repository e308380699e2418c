//! The clients (§8): their calls, and the answers.

use crate::{Role, Tiny};
use std::collections::BTreeMap;
use std::sync::Arc;
use wavetank_raft::{
    Action, Answer, Call, Configuration, Data, Entry, Extended, Index, Leader, Outcome, Payload, ReadPath,
    RequestError, RequestId, Term, Unsupported,
};

/// The answer that a call wants when its entry is applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wants {
    Response,
    Read,
    Confirmation,
}

impl Tiny {
    pub(crate) fn on_call(&mut self, request: RequestId, call: Call) {
        match call {
            Call::Apply(command) => self.propose(request, Payload::Command(command), Wants::Response),
            Call::ApplyLog { data, extensions } => {
                let both = Arc::new(Extended { data, extensions });
                self.propose(request, Payload::Extended(both), Wants::Response);
            }
            Call::Barrier => self.propose(request, Payload::Barrier, Wants::Response),
            // A read goes through the log, like a command. That is slow, and needs no rule of its own.
            Call::Read(ReadPath::Index | ReadPath::Lease) => {
                self.propose(request, Payload::Barrier, Wants::Read);
            }
            Call::Read(ReadPath::Verify) | Call::VerifyLeader => {
                self.propose(request, Payload::Barrier, Wants::Confirmation);
            }
            Call::Bootstrap(configuration) => self.on_bootstrap(request, configuration),
            Call::Change { .. }
            | Call::AddVoterStaged { .. }
            | Call::Transfer { .. }
            | Call::Snapshot
            | Call::Restore(_)
            | Call::Reload(_)
            | Call::Shutdown => {
                self.answer(request, Err(RequestError::UnsupportedProtocol(Unsupported::Call)));
            }
        }
    }

    pub(crate) fn on_commands(&mut self, commands: Vec<(RequestId, Data)>) {
        for (request, command) in commands {
            self.propose(request, Payload::Command(command), Wants::Response);
        }
    }

    /// Writes the first entry of a new cluster: its members.
    fn on_bootstrap(&mut self, request: RequestId, configuration: Configuration) {
        // A crash during an earlier attempt may have kept the term and lost the entry.
        let is_new = self.current_term <= Term(1) && self.voted_for.is_none() && self.log.is_empty();
        if !is_new {
            return self.answer(request, Err(RequestError::CantBootstrap));
        }
        if !configuration.voters().contains(self.id) {
            return self.answer(request, Err(RequestError::NotVoter));
        }
        self.current_term = Term(1);
        self.store_term_and_vote();
        self.store_entries(&[Entry::new(Term(1), Index(1), Payload::Configuration(configuration.into()))]);
        self.when_durable(Action::Answer { request, outcome: Ok(Answer::Done) });
    }

    /// Rules for Servers, leaders: "if command received from client: append entry to local log, respond after
    /// entry applied to state machine (§5.3)".
    fn propose(&mut self, request: RequestId, payload: Payload, wants: Wants) {
        if !matches!(self.role, Role::Leader { .. }) {
            let member = self.leader.and_then(|leader| self.members()?.server(leader));
            let leader = member.map(|it| Leader { id: it.id.clone(), address: it.address.clone() });
            return self.answer(request, Err(RequestError::NotLeader(leader)));
        }
        let index = self.append(payload);
        self.calls.insert(index, (request, wants));
    }

    pub(crate) fn on_applied(&mut self, upto: Index, responses: Vec<(Index, Data)>) {
        self.responded = upto;
        let mut responses: BTreeMap<Index, Data> = responses.into_iter().collect();
        while let Some(call) = self.calls.first_entry().filter(|call| *call.key() <= upto) {
            let (index, (request, wants)) = call.remove_entry();
            let answer = match (wants, responses.remove(&index)) {
                (Wants::Read, _) => Answer::Readable { index },
                (Wants::Confirmation, _) => Answer::Done,
                (Wants::Response, Some(response)) => Answer::Applied { index, response },
                (Wants::Response, None) => Answer::Committed { index },
            };
            self.answer(request, Ok(answer));
        }
    }

    fn answer(&mut self, request: RequestId, outcome: Outcome) {
        self.actions.push(Action::Answer { request, outcome });
    }

    /// Answers all calls that wait. Their entries may still be committed.
    pub(crate) fn answer_all(&mut self, error: &RequestError) {
        for (request, _) in std::mem::take(&mut self.calls).into_values() {
            self.answer(request, Err(error.clone()));
        }
    }
}

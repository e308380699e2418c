//! Three servers with disks and messages, for the tests of the properties. A test takes two states of this
//! cluster that need not follow each other. The test presents these states to a property as one step.

use crate::explore::Bounds;
use crate::explore::call_id::CallId;
use crate::explore::history_vars::CommitRecord;
use crate::explore::server_state::{ServerState, StepContext};
use crate::explore::stimulus::{ModelMessage, Stimulus};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Index, LogId, Request, Response, Term};

pub(super) const N1: ServerIdx = ServerIdx(0);
pub(super) const N2: ServerIdx = ServerIdx(1);
pub(super) const N3: ServerIdx = ServerIdx(2);

#[derive(Clone)]
pub(super) struct ScriptedCluster {
    bounds: Bounds,
    servers: Vec<ServerState>,
    /// All messages that were sent so far.
    messages: Vec<ModelMessage>,
    /// The numbers of the messages in flight.
    in_flight: Vec<usize>,
}

impl ScriptedCluster {
    /// Makes the cluster after the bootstrap, in term 1.
    pub(super) fn founded() -> Self {
        let bounds = Bounds::default();
        let servers = bounds.servers().iter().map(|idx| ServerState::first(&bounds, idx)).collect();
        Self { bounds, servers, messages: Vec::new(), in_flight: Vec::new() }
    }

    /// Makes a cluster in which `n1` leads, and only the disk of `n1` has the first entry of its term.
    pub(super) fn led() -> Self {
        let mut scripted_cluster = Self::founded();
        scripted_cluster.elects(N1);
        scripted_cluster
    }

    /// Makes a cluster in which `n1` leads, and the first entry of its term is committed on all servers.
    pub(super) fn settled() -> Self {
        let mut scripted_cluster = Self::led();
        scripted_cluster.delivers(|_| true);
        scripted_cluster
    }

    /// Returns a server's current state.
    pub(super) fn at(&self, idx: ServerIdx) -> &ServerState {
        &self.servers[idx.at()]
    }

    /// Returns a server's current state, so that a test can change it.
    pub(super) fn at_mut(&mut self, idx: ServerIdx) -> &mut ServerState {
        &mut self.servers[idx.at()]
    }

    /// Makes a server campaign in the next term and get all votes. Messages in flight are lost.
    pub(super) fn elects(&mut self, idx: ServerIdx) {
        self.in_flight.clear();
        self.does(idx, &Stimulus::TimeOut);
        self.delivers(|message| match message {
            ModelMessage::Request { request, .. } => matches!(request, Request::RequestVote(_)),
            ModelMessage::Response { response, .. } => matches!(response, Response::RequestVote(_)),
        });
    }

    /// Gives this stimulus to a server, and makes the server's writes durable at once.
    pub(super) fn does(&mut self, idx: ServerIdx, stimulus: &Stimulus<'_>) {
        self.steps(idx, stimulus, 0, true);
    }

    /// Gives this stimulus to a server, and leaves the server's writes pending.
    pub(super) fn begins(&mut self, idx: ServerIdx, stimulus: &Stimulus<'_>) {
        self.steps(idx, stimulus, 0, false);
    }

    /// Delivers all messages of this kind. Also delivers the messages of this kind that servers send in
    /// answer.
    pub(super) fn delivers(&mut self, wanted: impl Fn(&ModelMessage) -> bool) {
        while let Some(at) = self.in_flight.iter().position(|&number| wanted(&self.messages[number])) {
            let number = self.in_flight.remove(at);
            let message = self.messages[number].clone();
            self.steps(message.to(), &Stimulus::Deliver(&message), number, true);
        }
    }

    fn steps(&mut self, idx: ServerIdx, stimulus: &Stimulus<'_>, number: usize, quick: bool) {
        let message = |number: u32| &self.messages[number as usize];
        let around = StepContext { bounds: &self.bounds, number: number as u32, message: &message, quick };
        let (after, outcome) = self.servers[idx.at()].step(stimulus, &around);
        assert_eq!(outcome.breach, None, "the tests play only steps that break no property");
        self.servers[idx.at()] = after;
        for message in outcome.sent {
            self.in_flight.push(self.messages.len());
            self.messages.push(message);
        }
    }
}

/// Makes the id of an entry.
pub(super) const fn id(term: u64, index: u64) -> LogId {
    LogId::new(Term(term), Index(index))
}

/// Makes the record of an entry that was first considered committed in the term `during`.
pub(super) const fn committed(term: u64, index: u64, during: u64) -> CommitRecord {
    CommitRecord { id: id(term, index), during: Term(during) }
}

/// Makes the identity of a server's first call to another server in a term.
pub(super) const fn call(from: ServerIdx, to: ServerIdx, term: u64) -> CallId {
    CallId { from, to, life: 1, term: Term(term), ordinal: 1 }
}

/// Compares each message of a property with the expected message, row by row.
pub(super) fn expect_rows(rows: &[(&str, Option<String>, Option<&str>)]) {
    for (case, actual, expected) in rows {
        assert_eq!(actual.as_deref(), *expected, "{case}");
    }
}

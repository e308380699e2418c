//! Three servers, their disks and their post, led to some moment: what the tests of properties look
//! at. What is wrong is two moments put together that do not follow each other.

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
    /// All that was ever sent.
    messages: Vec<ModelMessage>,
    /// Which of it is on its way.
    in_flight: Vec<usize>,
}

impl ScriptedCluster {
    /// As it was founded, in term 1.
    pub(super) fn founded() -> Self {
        let bounds = Bounds::default();
        let servers = bounds.servers().iter().map(|idx| ServerState::first(&bounds, idx)).collect();
        Self { bounds, servers, messages: Vec::new(), in_flight: Vec::new() }
    }

    /// `n1` leads, and what begins its term is on its own disk only.
    pub(super) fn led() -> Self {
        let mut scripted_cluster = Self::founded();
        scripted_cluster.elects(N1);
        scripted_cluster
    }

    /// `n1` leads, all have what begins its term, and it is committed.
    pub(super) fn settled() -> Self {
        let mut scripted_cluster = Self::led();
        scripted_cluster.delivers(|_| true);
        scripted_cluster
    }

    /// A server as it is now.
    pub(super) fn at(&self, idx: ServerIdx) -> &ServerState {
        &self.servers[idx.at()]
    }

    /// The same, to be meddled with.
    pub(super) fn at_mut(&mut self, idx: ServerIdx) -> &mut ServerState {
        &mut self.servers[idx.at()]
    }

    /// A server campaigns in the next term, and is voted for by all. What was on its way is lost.
    pub(super) fn elects(&mut self, idx: ServerIdx) {
        self.in_flight.clear();
        self.does(idx, &Stimulus::TimeOut);
        self.delivers(|message| match message {
            ModelMessage::Request { request, .. } => matches!(request, Request::RequestVote(_)),
            ModelMessage::Response { response, .. } => matches!(response, Response::RequestVote(_)),
        });
    }

    /// A server does this, and what it writes is on its disk.
    pub(super) fn does(&mut self, idx: ServerIdx, stimulus: &Stimulus<'_>) {
        self.steps(idx, stimulus, 0, true);
    }

    /// The same, and what it writes is on its way.
    pub(super) fn begins(&mut self, idx: ServerIdx, stimulus: &Stimulus<'_>) {
        self.steps(idx, stimulus, 0, false);
    }

    /// Everything of this kind arrives, and what comes of it, until there is no more.
    pub(super) fn delivers(&mut self, wanted: impl Fn(&ModelMessage) -> bool) {
        while let Some(at) = self.in_flight.iter().position(|&number| wanted(&self.messages[number])) {
            let number = self.in_flight.remove(at);
            let message = self.messages[number].clone();
            self.steps(message.to(), &Stimulus::Take(&message), number, true);
        }
    }

    fn steps(&mut self, idx: ServerIdx, stimulus: &Stimulus<'_>, number: usize, quick: bool) {
        let message = |number: u32| &self.messages[number as usize];
        let around = StepContext { bounds: &self.bounds, number: number as u32, message: &message, quick };
        let (after, outcome) = self.servers[idx.at()].step(stimulus, &around);
        assert_eq!(outcome.breach, None, "what is played here is legal");
        self.servers[idx.at()] = after;
        for message in outcome.sent {
            self.in_flight.push(self.messages.len());
            self.messages.push(message);
        }
    }
}

/// An entry's place.
pub(super) const fn id(term: u64, index: u64) -> LogId {
    LogId::new(Term(term), Index(index))
}

/// An entry that was first called committed in this term.
pub(super) const fn committed(term: u64, index: u64, during: u64) -> CommitRecord {
    CommitRecord { id: id(term, index), during: Term(during) }
}

/// A server's first call to another in a term.
pub(super) const fn call(from: ServerIdx, to: ServerIdx, term: u64) -> CallId {
    CallId { from, to, life: 1, term: Term(term), ordinal: 1 }
}

/// What a property expect_rows, row by row: what it must say, or nothing.
pub(super) fn expect_rows(rows: &[(&str, Option<String>, Option<&str>)]) {
    for (case, said, wanted) in rows {
        assert_eq!(said.as_deref(), *wanted, "{case}");
    }
}

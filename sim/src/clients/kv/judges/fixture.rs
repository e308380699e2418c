//! Scripted observations for tests of the client checks: operations and applied commands.

use super::{ClientJudges, Promises};
use crate::clients::callers::{Completion, OperationAnswer};
use crate::clients::kv::clients::{KvOperation, KvWant};
use crate::clients::kv::wire::{Command, CommandOutcome, Got, Response, Verb};
use crate::observe::observer::Observer;
use crate::observe::{Observation, ObservationKind, OperationEnd};
use crate::plan::server_set::ServerIdx;
use std::collections::BTreeMap;
use wavetank_raft::{Batch, Data, Entry, Index, Payload, ReadPath, Term, Time};

pub(super) const N1: ServerIdx = ServerIdx(0);
pub(super) const N2: ServerIdx = ServerIdx(1);

/// A scripted run on one key. All writes belong to one session, and all reads to one client.
pub(super) struct ClientFixture {
    judges: ClientJudges,
    operations: BTreeMap<u64, KvOperation>,
    writes: u32,
    step: u64,
}

impl ClientFixture {
    pub(super) fn new() -> Self {
        let judges = ClientJudges::new(Promises { leases_hold: true });
        Self { judges, operations: BTreeMap::new(), writes: 0, step: 0 }
    }

    /// Makes a scripted run that only this check judges.
    pub(super) fn only(check: &str) -> Self {
        let mut fixture = Self::new();
        fixture.judges.judges.retain(|judge| judge.name == check);
        fixture
    }

    fn on_observation(&mut self, kind: ObservationKind<'_>) -> &mut Self {
        self.step += 1;
        self.judges.on_observation(&Observation { at: Time(self.step), step: self.step, kind });
        self
    }

    pub(super) fn write(&mut self, number: u64, value: &str) -> &mut Self {
        self.writes += 1;
        let verb = Verb::Put(value.as_bytes());
        let command = Command { session: 1, sequence: self.writes, key: 1, verb };
        self.invoke(number, 0, None, KvWant::write(&command))
    }

    pub(super) fn read(&mut self, number: u64, at: ServerIdx) -> &mut Self {
        self.invoke(number, 1, Some(at), KvWant::read(1, Some(ReadPath::Index)))
    }

    pub(super) fn stale_read(&mut self, number: u64, at: ServerIdx) -> &mut Self {
        self.invoke(number, 1, Some(at), KvWant::read(1, None))
    }

    fn invoke(&mut self, number: u64, client: u16, pinned: Option<ServerIdx>, wanted: KvWant) -> &mut Self {
        let (invoked, order) = (Time(self.step), self.step);
        let operation = KvOperation { number, client, pinned, wanted, invoked, order, end: None };
        self.operations.insert(number, operation.clone());
        self.on_observation(ObservationKind::Invoked { client, operation: number, what: &operation })
    }

    pub(super) fn applied(&mut self, idx: ServerIdx, index: u64, write: u64) -> &mut Self {
        let bytes = self.operations[&write].bytes().expect("a state machine applies only writes");
        let payload = Payload::Command(Data::clone(bytes));
        let entries = vec![Entry::new(Term(1), Index(index), payload)];
        self.on_observation(ObservationKind::Applied { idx, batch: &Batch { entries }, digest: 0 })
    }

    pub(super) fn crashed(&mut self, idx: ServerIdx) -> &mut Self {
        self.on_observation(ObservationKind::Crashed { idx, wiped: false })
    }

    pub(super) fn acks(
        &mut self,
        write: u64,
        said: u64,
        outcome: CommandOutcome,
        effective: u64,
    ) -> &mut Self {
        let response = Response { outcome, effective: Index(effective) };
        self.ends(write, OperationEnd::Ok, Some(OperationAnswer::Applied(Index(said), response.encode())))
    }

    pub(super) fn sees(&mut self, read: u64, applied: u64, version: u64, value: &str) -> &mut Self {
        let got = Got { applied: Index(applied), version: Index(version), value: value.as_bytes() };
        self.ends(read, OperationEnd::Ok, Some(OperationAnswer::Got(got.encode())))
    }

    pub(super) fn fails(&mut self, operation: u64) -> &mut Self {
        self.ends(operation, OperationEnd::Failed, None)
    }

    pub(super) fn unknown(&mut self, operation: u64) -> &mut Self {
        self.ends(operation, OperationEnd::Unknown, None)
    }

    fn ends(&mut self, number: u64, ending: OperationEnd, answer: Option<OperationAnswer>) -> &mut Self {
        let (at, order) = (Time(self.step), self.step);
        let mut operation = self.operations[&number].clone();
        operation.end = Some(Completion { at, order, ending, answer });
        let client = operation.client;
        self.on_observation(ObservationKind::Returned { client, operation: number, ending, what: &operation })
    }

    pub(super) fn witnessed(&self, check: &str) -> u64 {
        self.judges.witnessed()[check]
    }

    pub(super) fn expect_holds(&mut self) {
        self.judges.end(Time(self.step));
        assert_eq!(self.judges.verdict(), None);
    }

    /// Ends the run and asserts that this check reported this message.
    pub(super) fn expect_violation(&mut self, check: &str, what: &str) {
        self.judges.end(Time(self.step));
        let violation = self.judges.verdict().expect("a check reports a violation");
        assert_eq!((violation.check.as_str(), violation.what.as_str()), (check, what));
    }
}

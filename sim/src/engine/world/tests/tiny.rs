//! A minimal state machine, minimal clients, and an observer that counts.

use crate::engine::workload::{Ask, Reply, TankFsm, Told, Want, Wants, Workload};
use crate::observe::{Observation, ObservationKind, OperationEnd, OperationValue};
use crate::plan::rng::{Domain, Spans, Stream};
use crate::{Observer, Plan, ServerIdx};
use std::collections::BTreeMap;
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};
use wavetank_raft::{Data, ReadPath, RequestError, RequestId, RoleName, Server, Span, Term, Time};

/// A state machine that combines all numbers that it receives into one number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum(u64);

impl Fsm for Sum {
    type Snapshot = Self;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let number = u64::from_le_bytes(command.data[..].try_into().unwrap());
        self.0 = self.0.wrapping_mul(31).wrapping_add(number);
        Data::from(&self.0.to_le_bytes()[..])
    }

    fn snapshot(&mut self) -> Result<Self, StoreError> {
        Ok(self.clone())
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes)?;
        self.0 = u64::from_le_bytes(bytes);
        Ok(())
    }
}

impl FsmSnapshot for Sum {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        writer.write_all(&self.0.to_le_bytes())?;
        // The snapshot is long enough to be sent in several pieces.
        writer.write_all(&[0; 300])
    }
}

impl TankFsm for Sum {
    fn query(&self, _: &[u8]) -> Data {
        Data::from(&self.0.to_le_bytes()[..])
    }

    fn digest(&self) -> u64 {
        self.0
    }
}

/// Clients that add numbers one after the other. Each sends to the server that it believes to be the
/// leader.
#[derive(Debug)]
pub(crate) struct SumClients {
    clients: Vec<Client>,
    think: Spans,
    patience: Span,
    servers: u64,
    operations: u64,
    stopped: bool,
}

#[derive(Debug)]
struct Client {
    stream: Stream,
    due: Time,
    to: ServerIdx,
    open: Option<u64>,
}

impl SumClients {
    pub(crate) fn new(plan: &Plan) -> Self {
        let client = |number| Client {
            stream: Stream::new(plan.seed, Domain::Workload, u64::from(number), 0),
            due: Time(0) + Span::ms(500),
            to: ServerIdx(0),
            open: None,
        };
        Self {
            clients: (0..plan.clients.count).map(client).collect(),
            think: plan.clients.think,
            patience: plan.clients.patience,
            servers: u64::from(plan.servers),
            operations: 0,
            stopped: false,
        }
    }

    fn end(&mut self, at: usize, now: Time, ending: OperationEnd, wants: &mut Wants) {
        let client = &mut self.clients[at];
        let operation = client.open.take().unwrap();
        client.due = now + client.stream.within(self.think);
        if ending != OperationEnd::Ok {
            client.to = ServerIdx(u8::try_from(client.stream.below(self.servers)).unwrap());
        }
        wants.told.push(Told::Returned { client: u16::try_from(at).unwrap(), operation, ending });
    }
}

impl Workload for SumClients {
    fn deadline(&self) -> Time {
        let due =
            |client: &Client| if self.stopped && client.open.is_none() { Time::NEVER } else { client.due };
        self.clients.iter().map(due).min().unwrap_or(Time::NEVER)
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        for at in 0..self.clients.len() {
            if now < self.clients[at].due {
                continue;
            }
            if self.clients[at].open.is_some() {
                self.end(at, now, OperationEnd::Unknown, wants);
            } else if !self.stopped {
                self.operations += 1;
                let client = &mut self.clients[at];
                (client.open, client.due) = (Some(self.operations), now + self.patience);
                let number = u16::try_from(at).unwrap();
                let data = Data::from(&self.operations.to_le_bytes()[..]);
                let want = match self.operations % 4 {
                    0 => Want::Read(ReadPath::Index, data),
                    1 => Want::Read(ReadPath::Lease, data),
                    _ => Want::Apply(data),
                };
                let request = RequestId(self.operations);
                wants.told.push(Told::Invoked { client: number, operation: self.operations });
                wants.asks.push(Ask { request, client: number, to: client.to, want });
            }
        }
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        let Some(at) = self.clients.iter().position(|client| client.open == Some(request.0)) else { return };
        let ending = match &reply {
            Reply::Answered(Ok(_)) | Reply::Value(Ok(_)) => OperationEnd::Ok,
            Reply::Answered(Err(RequestError::NotLeader(_))) | Reply::Value(Err(_)) => OperationEnd::Failed,
            Reply::Answered(Err(_)) | Reply::Broken => OperationEnd::Unknown,
        };
        self.end(at, now, ending, wants);
        if let Reply::Answered(Err(RequestError::NotLeader(Some(leader))))
        | Reply::Value(Err(RequestError::NotLeader(Some(leader)))) = &reply
        {
            self.clients[at].to = ServerIdx::of(leader.id.node()).unwrap();
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn is_idle(&self) -> bool {
        self.clients.iter().all(|client| client.open.is_none())
    }

    fn operation(&self, _: u64) -> &dyn OperationValue {
        &()
    }
}

/// An observer that counts observations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct EventCounts {
    pub(crate) elections: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
    pub(crate) restored: u64,
    pub(crate) snapshots: u64,
    pub(crate) leaders: BTreeMap<u64, ServerIdx>,
    led: Option<Term>,
}

impl Observer for EventCounts {
    fn on_observation(&mut self, observation: &Observation<'_>) {
        match observation.kind {
            ObservationKind::Stepping { server, .. } => self.led = leads(server),
            ObservationKind::Stepped { idx, server, .. } => {
                if let Some(term) = leads(server).filter(|term| self.led != Some(*term)) {
                    self.elections += 1;
                    let other = self.leaders.insert(term.0, idx);
                    assert_eq!(other, None, "{idx} is a second leader of {term}");
                }
            }
            ObservationKind::Returned { ending: OperationEnd::Ok, .. } => self.ok += 1,
            ObservationKind::Returned { ending: OperationEnd::Failed, .. } => self.failed += 1,
            ObservationKind::Returned { ending: OperationEnd::Unknown, .. } => self.unknown += 1,
            ObservationKind::Restored { .. } => self.restored += 1,
            ObservationKind::SnapshotTaken { .. } => self.snapshots += 1,
            _ => {}
        }
    }
}

fn leads(server: &Server) -> Option<Term> {
    let node = server.node();
    (node.role() == RoleName::Leader).then(|| node.term())
}

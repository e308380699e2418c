//! Draws the operations of the clients from strategies of proptest. Each client has its own random stream.

use super::{Delivery, MachineWant};
use crate::clients::callers::{Callers, ClientMachine, RetryPolicy, Script, UnknownWrite};
use crate::plan::rng::{Domain, Ratio, Spans, Stream};
use crate::plan::server_set::ServerSet;
use crate::plan::{ClientPlan, Plan};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use wavetank_machine::{StateMachine, decode, encode};
use wavetank_raft::ReadPath;

/// The strategies that draw the commands and the queries.
pub(crate) struct Strategies<T: StateMachine> {
    pub(crate) commands: BoxedStrategy<T::Command>,
    pub(crate) queries: BoxedStrategy<T::Query>,
}

impl<T: StateMachine> Clone for Strategies<T> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), queries: self.queries.clone() }
    }
}

/// A command or a query that a strategy drew, and that the strategy can simplify.
pub(crate) trait OperationTree {
    /// Makes the value simpler. Returns false if there is no simpler value.
    fn simplify(&mut self) -> bool;

    /// Undoes a part of the last simplification. Returns false if there is nothing to undo.
    fn complicate(&mut self) -> bool;

    /// Returns the encoded value.
    fn bytes(&self) -> Vec<u8>;
}

struct EncodedTree<V: ValueTree>(V);

impl<V: ValueTree<Value: Serialize>> OperationTree for EncodedTree<V> {
    fn simplify(&mut self) -> bool {
        self.0.simplify()
    }

    fn complicate(&mut self) -> bool {
        self.0.complicate()
    }

    fn bytes(&self) -> Vec<u8> {
        encode(&self.0.current()).to_vec()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OperationKind {
    Command,
    Query,
}

/// An operation that a client of a run has drawn.
pub(crate) struct DrawnOperation {
    pub(crate) client: u16,
    /// The number of the operation among the operations of this client, from 1.
    pub(crate) number: u32,
    pub(crate) kind: OperationKind,
    pub(crate) tree: Box<dyn OperationTree>,
}

/// The operations of a run, in the order of their beginnings.
pub(crate) type DrawnOperations = Rc<RefCell<Vec<DrawnOperation>>>;

/// Draws the operations of the clients of a plan.
pub(crate) struct MachineScript<T: StateMachine> {
    strategies: Strategies<T>,
    clients: Vec<ClientDraws>,
    /// The encoded command that clients send in place of every drawn command. `None`: the clients send the
    /// commands that they draw.
    command: Option<Vec<u8>>,
    replaced: BTreeMap<(u16, u32), Vec<u8>>,
    drawn: Option<DrawnOperations>,
    writes: Ratio,
    reads: Vec<ReadPath>,
    /// The number of clients that look for the leader. The other clients only read.
    seeking: u16,
}

/// The draws of one client.
struct ClientDraws {
    runner: TestRunner,
    /// The number of operations that the client has begun.
    begun: u32,
    /// The number of the last command among the commands of this client.
    sequence: u64,
}

/// Creates the clients of a plan. One client that asks only one server is added for every two clients that
/// look for the leader. If `drawn` is a list, the clients add their operations to this list.
pub(crate) fn clients<T: StateMachine>(
    plan: &Plan,
    strategies: Strategies<T>,
    delivery: Delivery,
    drawn: Option<DrawnOperations>,
) -> Callers<MachineScript<T>> {
    let ClientPlan { count, think, patience, .. } = plan.clients;
    let servers = ServerSet::first(usize::from(plan.servers));
    let all: Vec<_> = servers.iter().collect();
    let pinned =
        |at: u16| ClientMachine::pinned(count + at, all[usize::from(at) % all.len()], think, plan.seed);
    let seeking = (0..count).map(|number| ClientMachine::seeking(number, servers, think, plan.seed));
    let machines: Vec<_> = seeking.chain((0..count.div_ceil(2)).map(pinned)).collect();
    let script = MachineScript {
        strategies,
        command: plan.clients.command.clone(),
        replaced: replaced_by(plan),
        drawn,
        clients: (0..machines.len() as u64).map(|number| ClientDraws::new(plan.seed, number)).collect(),
        writes: plan.clients.writes,
        reads: plan.clients.reads.clone(),
        seeking: count,
    };
    let unknown = match delivery {
        Delivery::AtMostOnce => UnknownWrite::GiveUp,
        Delivery::ExactlyOnce => UnknownWrite::Repeat,
    };
    let (backoff, resign) = (Spans::ms(5, 50), Ratio::new(1, 8));
    Callers::with(script, machines, servers, RetryPolicy { patience, backoff, tries: 8, resign, unknown })
}

fn replaced_by(plan: &Plan) -> BTreeMap<(u16, u32), Vec<u8>> {
    let replaced = plan.clients.replaced.iter();
    replaced.map(|operation| ((operation.client, operation.number), operation.bytes.clone())).collect()
}

impl ClientDraws {
    fn new(seed: u64, client: u64) -> Self {
        let mut words = Stream::new(seed, Domain::Workload, client, 2);
        let mut bytes = [0; 32];
        for chunk in bytes.as_chunks_mut::<8>().0 {
            *chunk = words.word().to_le_bytes();
        }
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self { runner: TestRunner::new_with_rng(Config::default(), rng), begun: 0, sequence: 0 }
    }
}

impl<T: StateMachine> MachineScript<T> {
    /// Draws the next operation of a client. If another operation replaces the drawn operation, the draw
    /// still happens. Therefore a replacement does not change the draws of later operations.
    fn draw<V>(&mut self, client: u16, kind: OperationKind, strategy: &BoxedStrategy<V>) -> V
    where
        V: fmt::Debug + Serialize + DeserializeOwned + 'static,
    {
        let draws = &mut self.clients[usize::from(client)];
        draws.begun += 1;
        let number = draws.begun;
        let tree = match strategy.new_tree(&mut draws.runner) {
            Ok(tree) => tree,
            Err(reason) => panic!("the strategy drew no value: {reason}"),
        };
        let only = self.command.as_ref().filter(|_| kind == OperationKind::Command);
        let replaced = self.replaced.get(&(client, number)).or(only);
        let value = replaced.and_then(|bytes| decode(bytes).ok()).unwrap_or_else(|| tree.current());
        if let Some(drawn) = &self.drawn {
            let tree = Box::new(EncodedTree(tree));
            drawn.borrow_mut().push(DrawnOperation { client, number, kind, tree });
        }
        value
    }
}

impl<T: StateMachine> Script for MachineScript<T> {
    type Wanted = MachineWant<T>;

    fn next(&mut self, client: u16, operation: u64, rng: &mut Stream) -> MachineWant<T> {
        // Always draw two words, so that the next operation does not depend on this one.
        let (kind, way) = (rng.draw(), rng.draw());
        let is_seeking = client < self.seeking;
        if is_seeking && kind.hits(self.writes) {
            let command = self.draw(client, OperationKind::Command, &self.strategies.commands.clone());
            let draws = &mut self.clients[usize::from(client)];
            draws.sequence += 1;
            return MachineWant::command(T::identify(command, u64::from(client), draws.sequence), operation);
        }
        // A client that asks only one server also reads the local state.
        let paths = self.reads.len() as u64 + u64::from(!is_seeking);
        let path = self.reads.get(way.below(paths.max(1)) as usize).copied();
        let query = self.draw(client, OperationKind::Query, &self.strategies.queries.clone());
        MachineWant::query(query, path)
    }
}

impl<T: StateMachine> fmt::Debug for MachineScript<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineScript").finish_non_exhaustive()
    }
}

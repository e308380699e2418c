//! Draws the operations of the clients from strategies of proptest. Each client has its own random stream.

use super::{Delivery, MachineWant};
use crate::clients::callers::{Callers, ClientMachine, RetryPolicy, Script, UnknownWrite};
use crate::plan::rng::{Domain, Ratio, Spans, Stream};
use crate::plan::server_set::ServerSet;
use crate::plan::{ClientPlan, Plan};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::fmt;
use wavetank_machine::StateMachine;
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

/// Draws the operations of the clients of a plan.
pub(crate) struct MachineScript<T: StateMachine> {
    strategies: Strategies<T>,
    clients: Vec<ClientDraws>,
    writes: Ratio,
    reads: Vec<ReadPath>,
    /// The number of clients that look for the leader. The other clients only read.
    seeking: u16,
}

/// The draws of one client.
struct ClientDraws {
    runner: TestRunner,
    /// The number of the client's last command.
    sequence: u64,
}

/// Creates the clients of a plan. One client that asks only one server is added for every two clients that
/// look for the leader.
pub(crate) fn clients<T: StateMachine>(
    plan: &Plan,
    strategies: Strategies<T>,
    delivery: Delivery,
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

impl ClientDraws {
    fn new(seed: u64, client: u64) -> Self {
        let mut words = Stream::new(seed, Domain::Workload, client, 2);
        let mut bytes = [0; 32];
        for chunk in bytes.as_chunks_mut::<8>().0 {
            *chunk = words.word().to_le_bytes();
        }
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self { runner: TestRunner::new_with_rng(Config::default(), rng), sequence: 0 }
    }

    fn draw<V: fmt::Debug>(&mut self, strategy: &BoxedStrategy<V>) -> V {
        match strategy.new_tree(&mut self.runner) {
            Ok(tree) => tree.current(),
            Err(reason) => panic!("the strategy drew nothing: {reason}"),
        }
    }
}

impl<T: StateMachine> Script for MachineScript<T> {
    type Wanted = MachineWant<T>;

    fn next(&mut self, client: u16, operation: u64, rng: &mut Stream) -> MachineWant<T> {
        // Always draw two words, so that the next operation does not depend on this one.
        let (kind, way) = (rng.draw(), rng.draw());
        let draws = &mut self.clients[usize::from(client)];
        let is_seeking = client < self.seeking;
        if is_seeking && kind.hits(self.writes) {
            draws.sequence += 1;
            let command = draws.draw(&self.strategies.commands);
            return MachineWant::command(T::identify(command, u64::from(client), draws.sequence), operation);
        }
        // A client that asks only one server also reads the local state.
        let paths = self.reads.len() as u64 + u64::from(!is_seeking);
        let path = self.reads.get(way.below(paths.max(1)) as usize).copied();
        MachineWant::query(draws.draw(&self.strategies.queries), path)
    }
}

impl<T: StateMachine> fmt::Debug for MachineScript<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineScript").finish_non_exhaustive()
    }
}

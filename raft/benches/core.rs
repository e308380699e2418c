//! Measures the protocol alone: three nodes in one thread. Messages are passed by value, and each
//! write is reported as durable at once.
//!
//! Prints the commits per second on one core, as the median of several runs. The load of a machine
//! changes, so compare only measurements that were made directly after each other.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::float_arithmetic,
    reason = "a benchmark measures time and prints it"
)]

mod stopwatch;

use std::collections::VecDeque;
use stopwatch::on_core;
use wavetank_raft::{
    Boot, CacheLimits, ClientRequest, Config, Configuration, Data, Effect, Effects, Entropy, HardState,
    Index, Input, LogId, LogImage, Member, Node, NodeId, Payload, RoleName, Settings, StoreJob, Term, Time,
};

const RUNS: usize = 5;

/// Three nodes and the messages in flight between them.
struct Trio {
    nodes: Vec<Node>,
    ids: [NodeId; 3],
    wire: VecDeque<(usize, Input)>,
    fx: Effects,
    now: Time,
    messages: u64,
}

impl Trio {
    fn new() -> Self {
        let names = ["n1", "n2", "n3"];
        let members = names.map(|name| Member::voter(name, name));
        let configuration = Configuration::new(members.to_vec()).expect("three voters");
        let nodes = names.map(|name| {
            let config = Config { local_id: name.into(), ..Config::default() };
            let boot = Boot {
                entropy: Entropy(7),
                incarnation: 0,
                hard_state: HardState { term: Term(0), vote: None },
                log: LogImage::new(LogId::ZERO, CacheLimits::entries(config.log_cache_capacity)),
                snapshot: None,
                catch_up: LogId::ZERO,
            };
            Node::boot(Settings::new(config).expect("the defaults and a name"), boot, Time(0))
        });
        let ids = names.map(NodeId::of);
        let (wire, fx) = (VecDeque::new(), Effects::new());
        let mut trio = Self { nodes: nodes.into(), ids, wire, fx, now: Time(0), messages: 0 };
        for at in 0..3 {
            trio.give(at, Input::Client(ClientRequest::Bootstrap(configuration.clone())));
        }
        while trio.leader().is_none() {
            let next = (0..3).min_by_key(|&at| trio.nodes[at].deadline().at).expect("three nodes");
            trio.now = trio.nodes[next].deadline().at;
            trio.give(next, Input::Timer);
            trio.settle();
        }
        trio
    }

    fn leader(&self) -> Option<usize> {
        (0..3).find(|&at| self.nodes[at].role() == RoleName::Leader)
    }

    /// Gives one node an input and carries out its effects.
    fn give(&mut self, at: usize, input: Input) {
        self.nodes[at].step(self.now, input, &mut self.fx);
        let from = self.ids[at];
        let mut fx = std::mem::take(&mut self.fx);
        for effect in fx.drain(..) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for a server")]
            match effect {
                Effect::Send { to, rpc, request } => {
                    self.messages += 1;
                    self.wire.push_back((self.place(to), Input::Request { from, rpc, request }));
                }
                Effect::Reply { to, rpc, response } => {
                    self.messages += 1;
                    self.wire.push_back((self.place(to), Input::Response { from, rpc, response }));
                }
                Effect::Store(StoreJob::Persist(write)) => {
                    self.wire.push_back((at, Input::Persisted(write.token)));
                }
                _ => {}
            }
        }
        self.fx = fx;
    }

    fn place(&self, id: NodeId) -> usize {
        self.ids.iter().position(|known| *known == id).expect("one of the three")
    }

    fn settle(&mut self) {
        while let Some((at, input)) = self.wire.pop_front() {
            self.give(at, input);
        }
    }
}

/// Measures commits per second and messages per commit, with this many proposals in flight.
fn measure(in_flight: u64, bytes: usize, commits: u64) -> (f64, f64) {
    let mut trio = Trio::new();
    let leader = trio.leader().expect("elected");
    let first = trio.nodes[leader].commit();
    let messages = trio.messages;
    let began = on_core();
    while trio.nodes[leader].commit() < Index(first.0 + commits) {
        let batch = (0..in_flight).map(|_| Payload::Command(Data::from(vec![7; bytes]))).collect();
        trio.give(leader, Input::Client(ClientRequest::Propose(batch)));
        trio.settle();
    }
    let seconds = on_core() - began;
    let done = (trio.nodes[leader].commit().0 - first.0) as f64;
    (done / seconds, (trio.messages - messages) as f64 / done)
}

fn main() {
    println!("{:<28}{:>16}{:>20}", "3 nodes, in memory", "commits/s", "messages/commit");
    for (in_flight, bytes) in [(1, 16), (64, 16), (1, 256), (64, 256)] {
        let commits = if in_flight == 1 { 200_000 } else { 1_000_000 };
        let mut runs: Vec<(f64, f64)> = (0..RUNS).map(|_| measure(in_flight, bytes, commits)).collect();
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (rate, messages) = runs[RUNS / 2];
        let what = format!("{in_flight} in flight, {bytes} B");
        println!("{what:<28}{rate:>16.0}{messages:>20.2}");
    }
}

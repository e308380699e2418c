//! A few servers and their clients; random bytes choose the next event. The answers of clients are
//! compared with the commands that the state machines applied.

mod call_model;
mod command_log;
mod host;

use crate::decisions::Decisions;
use call_model::CallModel;
use host::Host;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;
use wavetank_raft::{
    Call, Change, Config, Configuration, Event, Member, NodeId, ReadPath, RoleName, Server, Settings, Span,
    Time,
};

/// Three servers found the cluster, and a fourth may be added.
const NAMES: [&str; 4] = ["n1", "n2", "n3", "n4"];

/// The maximum number of messages until the servers are quiet.
const MESSAGES_MAX: u32 = 20_000;

/// The maximum number of deadlines in the recovery time.
const WAITS_MAX: u32 = 50_000;

/// The maximum time that the cluster needs to recover after the last fault.
const RECOVERY_MAX: Span = Span::s(20);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_call_gets_one_true_outcome(bytes in prop::collection::vec(any::<u8>(), 300..3_000)) {
        run(&bytes);
    }
}

#[test]
fn a_cluster_without_faults_answers_calls() {
    run(&[]);
}

fn run(bytes: &[u8]) {
    let mut d = Decisions::new(bytes);
    let mut cluster = Cluster::new(&mut d);
    while !d.is_over() {
        cluster.act(&mut d);
    }
    cluster.settle();
}

/// A message in flight.
#[derive(Clone)]
struct Envelope {
    to: usize,
    event: Event,
}

struct Cluster {
    hosts: Vec<Host>,
    envelopes: Vec<Envelope>,
    call_model: CallModel,
    now: Time,
}

impl Cluster {
    fn new(d: &mut Decisions<'_>) -> Self {
        let config = Config {
            heartbeat_timeout: Duration::from_millis(100),
            election_timeout: Duration::from_millis(d.one_of(&[100, 150])),
            leader_lease_timeout: Duration::from_millis(d.one_of(&[100, 50])),
            commit_timeout: Duration::from_millis(5),
            disk_stall_timeout: Duration::from_millis(d.one_of(&[2_000, 100])),
            max_append_entries: d.one_of(&[64, 1, 2]),
            max_inflight: d.one_of(&[16, 1, 2]),
            log_cache_capacity: d.one_of(&[100, 1, 2]),
            trailing_logs: d.one_of(&[100, 0, 1]),
            snapshot_threshold: d.one_of(&[100, 2, 5]),
            snapshot_interval: Duration::from_millis(50),
            snapshot_chunk_bytes: d.one_of(&[4_096, 20]),
            pre_vote_disabled: d.coin(),
            shutdown_on_remove: false,
            ..Config::default()
        };
        let settings = |name: &str| Settings::new(Config { local_id: name.into(), ..config.clone() });
        let host = |name| Host::new(settings(name).expect("within the rules"));
        let hosts = NAMES.map(host).into();
        let mut cluster =
            Self { hosts, envelopes: Vec::new(), call_model: CallModel::default(), now: Time(0) };
        let founders = NAMES[..3].iter().map(|&name| Member::voter(name, name)).collect();
        let founders = Configuration::new(founders).expect("names differ");
        for at in 0..3 {
            cluster.call(at, Call::Bootstrap(founders.clone()));
            // A server that crashes before its bootstrap is persisted would need another one, which
            // this test never sends.
            while !cluster.hosts[at].writes.is_empty() {
                cluster.write(at);
            }
        }
        cluster
    }

    fn act(&mut self, d: &mut Decisions<'_>) {
        let at = usize::try_from(d.pick(4)).expect("a few");
        match d.pick(16) {
            0..=4 => self.deliver(d),
            5 | 6 => self.write(at),
            7 => self.hosts.iter().map(|host| host.writes.len()).max().into_iter().for_each(|most| {
                (0..4 * most).for_each(|turn| self.write(turn % 4));
            }),
            8 | 9 => self.wait(),
            10 => self.now = self.now + Span::ms(d.pick(30)),
            11 => self.call_apply(at),
            12 => self.call(at, call(d)),
            13 => drop(self.take(d)),
            14 => self.repeat(d),
            _ if d.pick(4) == 0 => self.crash(at, d),
            _ => (0..d.pick(40)).for_each(|_| self.deliver_first()),
        }
    }

    /// Takes a message in flight, mostly one of the oldest.
    fn take(&mut self, d: &mut Decisions<'_>) -> Option<Envelope> {
        let among = if d.pick(4) == 0 { self.envelopes.len() } else { self.envelopes.len().min(4) } as u64;
        if among == 0 {
            return None;
        }
        Some(self.envelopes.remove(usize::try_from(d.wide() % among).expect("one of them")))
    }

    fn deliver(&mut self, d: &mut Decisions<'_>) {
        if let Some(envelope) = self.take(d) {
            self.step(envelope.to, envelope.event);
        }
    }

    fn deliver_first(&mut self) {
        if !self.envelopes.is_empty() {
            let envelope = self.envelopes.remove(0);
            self.step(envelope.to, envelope.event);
        }
    }

    fn repeat(&mut self, d: &mut Decisions<'_>) {
        if let Some(envelope) = self.take(d) {
            self.envelopes.push(envelope.clone());
            self.step(envelope.to, envelope.event);
        }
    }

    fn write(&mut self, at: usize) {
        if let Some(written) = self.hosts[at].write() {
            self.step(at, written);
        }
    }

    /// Waits for the earliest deadline of all servers.
    fn wait(&mut self) {
        let due = |at: &usize| self.hosts[*at].server.deadline().at;
        let at = (0..4).min_by_key(due).expect("four servers");
        let when = self.hosts[at].server.deadline().at;
        if when != Time::NEVER {
            self.now = self.now.max(when);
            self.step(at, Event::Timer);
        }
    }

    fn call_apply(&mut self, at: usize) {
        let command = self.call_model.new_command();
        self.call(at, Call::Apply(command));
    }

    fn call(&mut self, at: usize, call: Call) {
        let request = self.call_model.begin(at, &call);
        self.step(at, Event::Call { request, call });
    }

    /// The process crashes: a part of its queue is persisted, and its clients get no answer.
    fn crash(&mut self, at: usize, d: &mut Decisions<'_>) {
        self.call_model.forget(at);
        self.hosts[at].crash(d.pick(4), self.now);
    }

    /// Gives a server one event, and the events that its actions cause.
    fn step(&mut self, at: usize, event: Event) {
        let mut events = VecDeque::from([event]);
        let mut turns = 0;
        while let Some(event) = events.pop_front() {
            turns += 1;
            assert!(turns < 1_000, "{} keeps itself busy with {event:?}", self.describe_servers());
            let mut actions = Vec::new();
            self.hosts[at].server.step(self.now, event, &mut actions);
            for action in actions {
                events.extend(self.hosts[at].execute_action(
                    action,
                    at,
                    &mut self.call_model,
                    &mut self.envelopes,
                ));
            }
        }
        let node = self.hosts[at].server.node();
        if node.role() == RoleName::Leader {
            self.call_model.leads(at, node.term());
        }
    }

    fn leader(&self) -> Option<usize> {
        let leads = |at: &usize| self.hosts[*at].server.node().role() == RoleName::Leader;
        (0..4).filter(leads).max_by_key(|&at| self.hosts[at].server.node().term())
    }

    /// Checks that without further faults all calls end, a leader serves, and all servers agree.
    fn settle(&mut self) {
        let until = self.now + RECOVERY_MAX;
        let mut has_asked = false;
        for _ in 0..WAITS_MAX {
            self.deliver_all();
            if let Some(leader) = self.leader().filter(|&leader| self.agrees(leader)) {
                if has_asked && self.call_model.is_closed() {
                    return;
                }
                if !has_asked {
                    has_asked = true;
                    self.call_apply(leader);
                    continue;
                }
            }
            assert!(self.now < until, "{}, and {:?}", self.describe_servers(), self.call_model.waiting());
            self.wait();
        }
        panic!("{} wait for nothing", self.describe_servers());
    }

    /// Delivers all messages in flight and persists all writes.
    fn deliver_all(&mut self) {
        for _ in 0..MESSAGES_MAX {
            (0..4).for_each(|at| self.write(at));
            if self.envelopes.is_empty() && self.hosts.iter().all(|host| host.writes.is_empty()) {
                return;
            }
            self.deliver_first();
        }
        panic!(
            "{} keep on talking: {:?}",
            self.describe_servers(),
            self.envelopes.first().map(|envelope| &envelope.event)
        );
    }

    /// True if all members have applied the leader's whole log.
    fn agrees(&self, leader: usize) -> bool {
        let server = &self.hosts[leader].server;
        let last = server.node().log().last().index;
        let Some((_, members)) = server.node().configuration() else { return false };
        let applied = |at: &usize| self.hosts[*at].server.applied() == last;
        let is_member = |at: &usize| members.server(NodeId::of(NAMES[*at])).is_some();
        !members.is_joint() && (0..4).filter(is_member).all(|at| applied(&at))
    }

    fn describe_servers(&self) -> String {
        let describe = |server: &Server| {
            let node = server.node();
            format!("{:?} {} {} {}", node.role(), node.term(), node.commit(), server.applied())
        };
        self.hosts.iter().map(|host| describe(&host.server)).collect::<Vec<_>>().join(", ")
    }
}

fn call(d: &mut Decisions<'_>) -> Call {
    let change = |change| Call::Change { change, prev_index: None };
    let newcomer = || (NAMES[3].into(), NAMES[3].into());
    match d.pick(12) {
        0 => Call::Barrier,
        1 => Call::VerifyLeader,
        2 | 3 => Call::Read(ReadPath::Index),
        4 => Call::Read(ReadPath::Lease),
        5 => Call::Snapshot,
        6 => Call::Transfer { target: d.coin().then(|| d.one_of(&NAMES).into()) },
        7 => {
            let (id, address) = newcomer();
            change(if d.coin() { Change::AddVoter(id, address) } else { Change::AddNonvoter(id, address) })
        }
        8 => {
            let (id, address) = newcomer();
            Call::AddVoterStaged { id, address, prev_index: None }
        }
        9 => change(Change::RemoveServer(d.one_of(&NAMES[2..]).into())),
        10 => change(Change::DemoteVoter(d.one_of(&NAMES[2..]).into())),
        _ => {
            let count = usize::try_from(2 + d.pick(3)).expect("a few");
            change(Change::Members(NAMES[..count].iter().map(|&name| Member::voter(name, name)).collect()))
        }
    }
}

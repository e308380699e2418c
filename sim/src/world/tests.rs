//! Whole runs, with the smallest state machine and clients that can be.

use super::*;
use crate::observe::{Ending, Observation, Seen, What};
use crate::rng::{Domain, Spans, Stream};
use crate::workload::{Ask, Reply, Told, Want};
use crate::{Plan, Watch, storm};
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotSink, SnapshotSource, StoreError};
use wavetank_raft::{Bytes, Error, ReadPath, RoleName};

#[test]
fn a_calm_cluster_elects_one_leader_and_serves_its_clients() {
    for servers in [1, 3, 5] {
        let mut world = calm(Plan::calm(1, servers));
        world.run_for(Span::s(10));
        let tally = world.watch();
        assert_eq!(tally.elections, 1, "{servers} servers");
        assert!(500 < tally.ok && tally.failed == 0 && tally.unknown == 0, "{tally:?}");
        world.stop_clients();
        world.run_for(Span::s(1));
        assert_eq!(world.converged(world.all()), Ok(()));
    }
}

#[test]
fn a_leader_that_crashes_is_replaced_and_comes_back_as_a_follower() {
    let mut world = calm(Plan::calm(2, 3));
    world.run_for(Span::s(1));
    let old = world.leader().unwrap();

    world.crash(old);
    world.run_for(Span::s(1));

    let new = world.leader().unwrap();
    assert_ne!(old, new);

    world.restart(old);
    world.run_for(Span::s(1));
    assert_eq!(world.server(old).unwrap().node().role(), RoleName::Follower);
    assert_eq!(world.server(old).unwrap().node().leader(), Some(new.node()));
}

#[test]
fn an_isolated_leader_steps_down_and_a_paused_one_is_replaced() {
    let mut world = calm(Plan::calm(3, 5));
    world.run_for(Span::s(1));
    let old = world.leader().unwrap();

    world.isolate(old);
    world.run_for(Span::s(1));
    assert_ne!(world.server(old).unwrap().node().role(), RoleName::Leader);
    let new = world.leader().unwrap();

    world.heal_all();
    world.pause(new);
    world.run_for(Span::s(1));
    assert!(world.leader().is_some_and(|leader| leader != new));

    world.resume(new);
    world.run_for(Span::s(1));
    world.stop_clients();
    world.run_for(Span::s(1));
    assert_eq!(world.converged(world.all()), Ok(()));
}

#[test]
fn a_blank_cluster_is_bootstrapped_and_a_spare_is_added() {
    let plan = Plan { birth: Birth::Blank, spares: 1, ..Plan::calm(4, 3) };
    let mut world = calm(plan);
    world.run_for(Span::s(2));
    let (leader, spare) = (world.leader().unwrap(), Slot(3));

    let (id, address) = (spare.id(), spare.address());
    let call = wavetank_raft::Call::AddVoterStaged { id, address, prev_index: Index::ZERO };
    let request = world.call(leader, call);
    world.run_for(Span::s(2));

    assert!(world.outcome(request).unwrap().is_ok(), "{:?}", world.outcome(request));
    let (_, members) = world.server(spare).unwrap().node().configuration().unwrap();
    assert_eq!(members.voters().iter().count(), 4);
    world.stop_clients();
    world.run_for(Span::s(1));
    assert_eq!(world.converged(world.all()), Ok(()));
}

#[test]
fn a_wiped_server_comes_back_blank_and_is_sent_a_snapshot() {
    let mut plan = Plan::calm(5, 3);
    (plan.config.snapshot_threshold, plan.config.trailing_logs) = (50, 5);
    let mut world = calm(plan);
    world.run_for(Span::s(5));
    let follower = world.all().iter().find(|&slot| Some(slot) != world.leader()).unwrap();

    world.crash_wiped(follower);
    world.run_for(Span::s(1));
    world.restart(follower);
    world.run_for(Span::s(1));

    world.stop_clients();
    world.run_for(Span::s(1));
    assert!(0 < world.watch().restored, "{:?}", world.watch());
    assert_eq!(world.converged(world.all()), Ok(()));
}

#[test]
fn the_same_seed_is_the_same_run() {
    let digest = |seed| {
        let mut world = stormy(seed);
        world.digest_deeply();
        storm::run(&mut world, |_| true);
        (world.digest(), world.events(), world.watch().clone(), world.faults())
    };
    let runs: Vec<_> = (0..4).map(digest).collect();
    assert_eq!(runs, (0..4).map(digest).collect::<Vec<_>>());
    assert_ne!(runs[0], runs[1]);
}

#[test]
fn storms_end_in_agreement() {
    let seeds = std::env::var("SEEDS").ok();
    let (from, to) = seeds.as_deref().and_then(|s| s.split_once("..")).unwrap_or(("0", "40"));
    let mut sum = Tally::default();
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let (mut events, mut time) = (0, 0);
    let mut bad = Vec::new();
    for seed in from.parse().unwrap()..to.parse::<u64>().unwrap() {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = stormy(seed);
            let ending = storm::run(&mut world, |_| true);
            (world.events(), world.now(), ending, world.faults(), world.into_watch())
        });
        match outcome {
            Ok((e, t, ending, f, tally)) => {
                events += e;
                time += t.0;
                if let Some(why) = ending.unsettled {
                    bad.push(format!("{seed}: {why}"));
                }
                for (name, count) in f {
                    *faults.entry(name).or_default() += count;
                }
                sum.add(&tally);
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                bad.push(format!("{seed}: panic {text}"));
            }
        }
    }
    eprintln!("{events} events, {} virtual s\n{sum:?}\n{faults:?}", time / 1_000_000);
    assert!(bad.is_empty(), "{} of them: {bad:#?}", bad.len());
}

fn calm(plan: Plan) -> World<Sum, Tally> {
    let clients = Clients::new(&plan);
    World::new(plan, |_| Sum::default(), Box::new(clients), Tally::default())
}

fn stormy(seed: u64) -> World<Sum, Tally> {
    calm(Plan::storm(seed))
}

/// Adds up what it is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum(u64);

impl Fsm for Sum {
    type Snapshot = Self;

    fn apply(&mut self, commands: &[Command<'_>]) -> Vec<Bytes> {
        let add = |command: &Command<'_>| {
            let number = u64::from_le_bytes(command.data[..].try_into().unwrap());
            self.0 = self.0.wrapping_mul(31).wrapping_add(number);
            Bytes::from(&self.0.to_le_bytes()[..])
        };
        commands.iter().map(add).collect()
    }

    fn snapshot(&mut self) -> Result<Self, StoreError> {
        Ok(self.clone())
    }

    fn restore(&mut self, source: &mut dyn SnapshotSource) -> Result<(), StoreError> {
        self.0 = u64::from_le_bytes(source.read_at(0, 8)?[..].try_into().unwrap());
        Ok(())
    }
}

impl FsmSnapshot for Sum {
    fn persist(&mut self, sink: &mut dyn SnapshotSink) -> Result<(), StoreError> {
        sink.write(&self.0.to_le_bytes())?;
        // Long enough for several pieces.
        sink.write(&[0; 300])
    }
}

impl TankFsm for Sum {
    fn query(&self, _: &[u8]) -> Bytes {
        Bytes::from(&self.0.to_le_bytes()[..])
    }

    fn digest(&self) -> u64 {
        self.0
    }
}

/// Clients that add numbers, one after the other, and ask whoever they think leads.
#[derive(Debug)]
pub(crate) struct Clients {
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
    to: Slot,
    open: Option<u64>,
}

impl Clients {
    pub(crate) fn new(plan: &Plan) -> Self {
        let client = |number| Client {
            stream: Stream::new(plan.seed, Domain::Workload, u64::from(number), 0),
            due: Time(0) + Span::ms(500),
            to: Slot(0),
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

    fn end(&mut self, at: usize, now: Time, ending: Ending, wants: &mut Wants) {
        let client = &mut self.clients[at];
        let operation = client.open.take().unwrap();
        client.due = now + client.stream.within(self.think);
        if ending != Ending::Ok {
            client.to = Slot(u8::try_from(client.stream.below(self.servers)).unwrap());
        }
        wants.told.push(Told::Returned { client: u16::try_from(at).unwrap(), operation, ending });
    }
}

impl Workload for Clients {
    fn deadline(&self) -> Time {
        let due = |client: &Client| if self.stopped && client.open.is_none() { Time::NEVER } else { client.due };
        self.clients.iter().map(due).min().unwrap_or(Time::NEVER)
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        for at in 0..self.clients.len() {
            if now < self.clients[at].due {
                continue;
            }
            if self.clients[at].open.is_some() {
                self.end(at, now, Ending::Unknown, wants);
            } else if !self.stopped {
                self.operations += 1;
                let client = &mut self.clients[at];
                (client.open, client.due) = (Some(self.operations), now + self.patience);
                let number = u16::try_from(at).unwrap();
                let data = Bytes::from(&self.operations.to_le_bytes()[..]);
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
            Reply::Answered(Ok(_)) | Reply::Value(Ok(_)) => Ending::Ok,
            Reply::Answered(Err(Error::NotLeader(_))) | Reply::Value(Err(_)) => Ending::Failed,
            Reply::Answered(Err(_)) | Reply::Broken => Ending::Unknown,
        };
        self.end(at, now, ending, wants);
        if let Reply::Answered(Err(Error::NotLeader(Some((id, _)))))
        | Reply::Value(Err(Error::NotLeader(Some((id, _))))) = &reply
        {
            self.clients[at].to = Slot::of(id.node()).unwrap();
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn is_idle(&self) -> bool {
        self.clients.iter().all(|client| client.open.is_none())
    }

    fn operation(&self, _: u64) -> &dyn What {
        &()
    }

    fn describe(&self, operation: u64) -> String {
        format!("add {operation}")
    }
}

/// Counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) elections: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
    pub(crate) restored: u64,
    pub(crate) snapshots: u64,
    pub(crate) terms: BTreeMap<u64, u8>,
    pub(crate) was: RoleName0,
}

/// The role before the step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RoleName0(RoleName, Term);

impl Default for RoleName0 {
    fn default() -> Self {
        Self(RoleName::Follower, Term(0))
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.elections += other.elections;
        self.ok += other.ok;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.restored += other.restored;
        self.snapshots += other.snapshots;
    }
}

impl Watch for Tally {
    fn see(&mut self, observation: &Observation<'_>) {
        match observation.seen {
            Seen::Stepping { server, .. } => self.was = RoleName0(server.node().role(), server.node().term()),
            Seen::Stepped { slot, server, .. } => {
                let node = server.node();
                if node.role() == RoleName::Leader && self.was != RoleName0(RoleName::Leader, node.term()) {
                    self.elections += 1;
                    let other = self.terms.insert(node.term().0, slot.0);
                    assert_eq!(other, None, "two leaders in {}", node.term());
                }
            }
            Seen::Returned { ending: Ending::Ok, .. } => self.ok += 1,
            Seen::Returned { ending: Ending::Failed, .. } => self.failed += 1,
            Seen::Returned { ending: Ending::Unknown, .. } => self.unknown += 1,
            Seen::Restored { .. } => self.restored += 1,
            Seen::SnapshotTaken { .. } => self.snapshots += 1,
            _ => {}
        }
    }
}

#[test]
#[ignore = "by hand"]
fn dump() {
    let what = std::env::var("TRACE").unwrap();
    let plan = match what.as_str() {
        "calm" => Plan::calm(3, 5),
        seed => Plan::storm(seed.parse().unwrap()),
    };
    println!("{}", serde_json::to_string_pretty(&plan).unwrap());
    let clients = Clients::new(&plan);
    let servers = plan.slots();
    let watch = (crate::trace::Full::new(), crate::trace::Story::new(servers));
    let mut world = World::new(plan, |_| Sum::default(), Box::new(clients), watch);
    if what == "calm" {
        world.run_for(Span::s(1));
        let old = world.leader().unwrap();
        world.isolate(old);
        world.run_for(Span::s(1));
        let new = world.leader().unwrap();
        world.heal_all();
        world.pause(new);
        world.run_for(Span::s(1));
        world.resume(new);
        world.run_for(Span::s(1));
        world.stop_clients();
        world.run_for(Span::s(1));
        println!("{:?}", world.converged(world.all()));
    } else {
        println!("{:?}", storm::run(&mut world, |_| true));
    }
    println!("{}", world.watch().1.as_str());
    println!("{}", world.watch().0.as_str());
}

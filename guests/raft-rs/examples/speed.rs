//! Compares speeds in one process: storms of raft-rs, storms of our server, and a naive simulation of raft-rs
//! without disks, faults and checks.
//!
//! The naive simulation has five nodes, links of 1 to 10 ms that lose one message in a hundred, 200 proposals a
//! second, and 60 seconds of virtual time. Messages are passed by value.

use raft::eraftpb::{ConfState, Message};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole, Storage};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Instant;
use wavetank_raft::Server;
use wavetank_raft_rs::{NAME, RaftRs};
use wavetank_scenarios::{Scenario, Suite, TraceForm, registry};

const NODES: u64 = 5;
const STORMS: u64 = 100;
const SECOND: u64 = 1_000_000;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let ours = Suite::of_subject::<Server>("wavetank");
    let theirs = Suite::of_subject::<RaftRs>(NAME);
    for suite in [&theirs, &ours, &theirs, &ours] {
        let (virtual_us, events, wall_us) = storms(suite.scenarios.last().expect("there is a storm"));
        let rate = |count: u64| count * SECOND / wall_us;
        let line = (rate(STORMS * 10), rate(virtual_us) / SECOND, rate(events));
        let (storms, seconds, steps) = line;
        writeln!(
            out,
            "{:<9} {}.{} storms/s, {seconds} virtual s/s, {steps} events/s",
            suite.subject,
            storms / 10,
            storms % 10
        )?;
    }
    for _ in 0..2 {
        let begun = Instant::now();
        let (events, commits) = Naive::new().run(60 * SECOND);
        let wall_us = micros(begun);
        let (seconds, rate) = (60 * SECOND / wall_us, events * SECOND / wall_us);
        writeln!(out, "naive     {seconds} virtual s/s, {rate} events/s, {commits} commits")?;
    }
    Ok(())
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
}

fn storms(storm: &Scenario) -> (u64, u64, u64) {
    let begun = Instant::now();
    let reports = (0..STORMS).map(|seed| registry::run(storm, 5_000 + seed, TraceForm::None).0);
    let (time, events) =
        reports.fold((0, 0), |(time, events), report| (time + report.virtual_time.0, events + report.events));
    (time, events, micros(begun))
}

enum Event {
    Tick(u64),
    Message(Box<Message>),
    Propose,
}

/// Five nodes, and their events by time and serial number.
struct Naive {
    nodes: BTreeMap<u64, RawNode<MemStorage>>,
    events: BTreeMap<(u64, u64), Event>,
    serial: u64,
    random: u64,
    now: u64,
    commits: u64,
}

impl Naive {
    fn new() -> Self {
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let state = ConfState { voters: (1..=NODES).collect(), ..ConfState::default() };
        let node = |id: u64| {
            let config = Config { id, election_tick: 10, heartbeat_tick: 2, ..Config::default() };
            let storage = MemStorage::new_with_conf_state(state.clone());
            (id, RawNode::new(&config, storage, &logger).expect("the settings are valid"))
        };
        let nodes = (1..=NODES).map(node).collect();
        let mut naive = Self { nodes, events: BTreeMap::new(), serial: 0, random: 7, now: 0, commits: 0 };
        (1..=NODES).for_each(|id| naive.put(id * 1_000, Event::Tick(id)));
        naive.put(SECOND, Event::Propose);
        naive
    }

    fn put(&mut self, after: u64, event: Event) {
        self.serial += 1;
        self.events.insert((self.now + after, self.serial), event);
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn run(mut self, end: u64) -> (u64, u64) {
        let mut count = 0;
        while let Some(((at, _), event)) = self.events.pop_first().filter(|((at, _), _)| *at < end) {
            (self.now, count) = (at, count + 1);
            let id = match event {
                Event::Tick(id) => {
                    self.put(10_000, Event::Tick(id));
                    self.nodes.get_mut(&id).expect("it is one of the nodes").tick();
                    id
                }
                Event::Message(message) => {
                    let id = message.to;
                    let _ = self.nodes.get_mut(&id).expect("it is one of the nodes").step(*message);
                    id
                }
                Event::Propose => {
                    self.put(5_000, Event::Propose);
                    let leads =
                        |(_, node): &(&u64, &mut RawNode<MemStorage>)| node.raft.state == StateRole::Leader;
                    let Some((id, leader)) = self.nodes.iter_mut().find(leads) else { continue };
                    let _ = leader.propose(Vec::new(), vec![0; 16]);
                    *id
                }
            };
            self.handle_ready(id);
        }
        (count, self.commits)
    }

    fn handle_ready(&mut self, id: u64) {
        let node = self.nodes.get_mut(&id).expect("it is one of the nodes");
        if !node.has_ready() {
            return;
        }
        let mut ready = node.ready();
        let mut messages = ready.take_messages();
        let store = node.mut_store().clone();
        store.wl().append(ready.entries()).expect("the entries follow the log");
        if let Some(hard_state) = ready.hs() {
            store.wl().set_hardstate(hard_state.clone());
        }
        messages.extend(ready.take_persisted_messages());
        let committed = ready.take_committed_entries().len();
        let mut light = node.advance(ready);
        messages.extend(light.take_messages());
        let committed = committed + light.take_committed_entries().len();
        node.advance_apply();
        assert!(0 < store.last_index().expect("a log in memory"), "a log begins at 1");
        self.commits += if node.raft.state == StateRole::Leader { committed as u64 } else { 0 };
        for message in messages {
            if self.draw(100) != 0 {
                let delay = 1_000 + self.draw(9_000);
                self.put(delay, Event::Message(Box::new(message)));
            }
        }
    }
}

//! Storms: a seed determines the whole plan.
//!
//! Storms are swarm testing: each seed disables many kinds of faults and draws the strength of the other
//! kinds. If every kind of fault happened in every run, a sequence of a few faults in the right order would
//! be rare. The seed also determines the configuration of the servers.

mod bias;

use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::rng::{Domain, Ratio, Spans, Stream};
use crate::plan::server_set::ServerIdx;
use crate::plan::{
    Budget, ClientPlan, ClockPlan, DiskPlan, HealPlan, InitialState, LinkPlan, MachinePlan, NemesisPlan,
    Plan, RandomDelay, Recurrence,
};
use std::collections::BTreeMap;
use std::time::Duration;
use wavetank_raft::{Config, ReadPath, Span};

mod edges;

use edges::EdgeConfig;

/// The random streams of a storm. One additional draw in one stream does not change the draws of the other
/// streams.
#[derive(Clone, Copy)]
enum Topic {
    Shape = 1,
    Config = 2,
    Links = 3,
    Disks = 4,
    Clocks = 5,
    Clients = 6,
    Scheduled = 7,
    Reactive = 8,
    Damage = 9,
    Leases = 10,
    SmallCluster = 11,
    Hub = 12,
    Installs = 13,
    Edges = 14,
    Stalls = 15,
    LateReads = 16,
    Outruns = 17,
    Lone = 18,
    Calls = 19,
    Extensions = 20,
    Listeners = 21,
    LargeCluster = 22,
}

/// The share of storms that may lose or damage more servers than the cluster tolerates.
const BEYOND: Ratio = Ratio::new(1, 20);

impl Plan {
    /// Returns the plan of the storm with this seed.
    #[must_use]
    pub fn storm(seed: u64) -> Self {
        let on = |topic: Topic| Stream::new(seed, Domain::Storm, topic as u64, 0);
        let mut shape = on(Topic::Shape);
        let servers = shape.one_of(&[3, 3, 3, 3, 5, 5, 5, 5, 4, 7]);
        let spares = shape.one_of(&[0, 0, 1, 2]);
        let (small, large) = (&mut on(Topic::SmallCluster), &mut on(Topic::LargeCluster));
        let unusual = large_cluster(large).or_else(|| small_cluster(small));
        let (servers, spares) = unusual.unwrap_or((servers, spares));
        let mut config = config(&mut on(Topic::Config));
        let edge = EdgeConfig::draw(&mut on(Topic::Edges));
        edge.configure(&mut config);
        let timeout = Span::from_duration(config.heartbeat_timeout);
        let mut clients = clients(&mut on(Topic::Clients), timeout);
        clients.extended = on(Topic::Extensions).chance(1, 3).then_some(Ratio::new(1, 4));
        let scheduled = scheduled(seed, timeout, &clients);
        let lone = config.pre_vote_disabled || on(Topic::Lone).chance(1, 4);
        let mut plan = Self {
            spares: spares.max(u8::from(scheduled.contains_key(&Scheduled::Replace))),
            birth: if shape.chance(1, 6) { InitialState::Blank } else { InitialState::Bootstrapped },
            config,
            links: links(&mut on(Topic::Links), timeout),
            disks: DiskPlan {
                late_read: late(&mut on(Topic::LateReads), &[2, 2, 10, 40], timeout.times(8)),
                ..disks(&mut on(Topic::Disks), timeout)
            },
            machines: MachinePlan {
                stall: late(&mut on(Topic::Stalls), &[5, 20, 60], timeout.times(6)),
                ..machines(&mut shape)
            },
            supervised: Some(timeout.times(3)),
            clients,
            nemesis: NemesisPlan {
                most_down: if shape.chance(1, 4) { servers } else { (servers / 2).max(1) },
                crash_between: shape.chance(1, 3).then_some(Ratio::new(1, 1_500)),
                scheduled,
                reactive: reactive(&mut on(Topic::Reactive)),
                budget: if on(Topic::Damage).draw().hits(BEYOND) { Budget::Beyond } else { Budget::Within },
            },
            chaos: shape.within(Spans::new(Span::s(20), Span::s(38))),
            heal: HealPlan {
                settle: timeout.times(6),
                leave_broken: shape.chance(1, 4),
                compact: shape.chance(1, 2),
                hub: on(Topic::Hub).chance(1, 3),
                lone,
            },
            ..Self::calm(seed, servers)
        };
        plan.bias(&on);
        let most = ServerIdx::MAX_SERVERS - usize::from(servers);
        plan.spares = plan.spares.min(u8::try_from(most).unwrap_or(u8::MAX));
        plan.clocks = clocks(&mut on(Topic::Clocks), &plan.config, &plan.clients);
        edge.adapt(&mut plan);
        // A large cluster takes several times as long to simulate.
        plan.chaos = if 9 < servers { plan.chaos.part(2) } else { plan.chaos };
        plan
    }

    /// Returns the plan of the storm with this seed, with every kind of disk fault and several kinds of state
    /// machine faults in addition. The number of servers with these faults is not limited.
    #[must_use]
    pub fn storm_beyond_budget(seed: u64) -> Self {
        let mut plan = Self::storm(seed);
        let timeout = Span::from_duration(plan.config.heartbeat_timeout);
        plan.nemesis.budget = Budget::Beyond;
        plan.spares = plan.spares.max(1);
        for &kind in Scheduled::ALL.iter().filter(|kind| kind.is_disk_fault()) {
            let mut stream = Stream::new(seed, Domain::Storm, Topic::Damage as u64, 2 + kind as u64);
            let every = Spans::new(timeout.times(4), timeout.times(stream.from_to(20, 120)));
            let lasts = Spans::new(timeout, timeout.times(12));
            plan.nemesis.scheduled.insert(kind, Recurrence { every, lasts });
        }
        for &kind in Scheduled::ALL.iter().filter(|kind| kind.is_machine_fault()) {
            let mut stream = Stream::new(seed, Domain::Storm, Topic::Damage as u64, 2 + kind as u64);
            let every = Spans::new(timeout.times(4), timeout.times(stream.from_to(20, 120)));
            // If all state machines failed permanently in every run, the runs would have few snapshots.
            if !kind.never_ends() || stream.chance(1, 6) {
                plan.nemesis.scheduled.insert(kind, Recurrence { every, lasts: Spans::ZERO });
            }
        }
        plan
    }
}

/// Draws a small cluster in one of 16 storms: the number of voters in the first configuration (one or two),
/// and the number of spare servers. Returns `None` in the other storms.
fn small_cluster(stream: &mut Stream) -> Option<(u8, u8)> {
    stream.chance(1, 16).then(|| (stream.one_of(&[1, 2]), stream.one_of(&[1, 2, 3])))
}

/// Draws a large cluster in one of 64 storms: the number of voters in the first configuration (10 to 13), and
/// the number of spare servers. Returns `None` in the other storms. With a large cluster, a storm finds
/// tables that have space for too few servers.
fn large_cluster(stream: &mut Stream) -> Option<(u8, u8)> {
    stream.chance(1, 64).then(|| (stream.one_of(&[10, 11, 11, 13, 13]), stream.one_of(&[0, 1, 2, 3])))
}

/// Draws the settings of the servers within the legal ranges, because some bugs do not appear with the
/// default configuration.
fn config(stream: &mut Stream) -> Config {
    let heartbeat_timeout = Duration::from_millis(stream.one_of(&[150, 200, 250, 300, 300, 400, 500]));
    let slower = stream.one_of(&[2, 2, 3, 4]);
    let election_timeout = heartbeat_timeout * slower / 2;
    Config {
        heartbeat_timeout,
        election_timeout,
        leader_lease_timeout: heartbeat_timeout / stream.one_of(&[1, 1, 2]),
        commit_timeout: Duration::from_millis(stream.one_of(&[1, 5, 20, 50])),
        max_append_entries: stream.one_of(&[1, 1, 2, 3, 8, 64]),
        max_append_bytes: stream.one_of(&[1, 100, 1 << 20, 1 << 20]),
        max_inflight: stream.one_of(&[1, 1, 2, 4, 16]),
        shutdown_on_remove: stream.chance(1, 2),
        trailing_logs: stream.one_of(&[0, 1, 3, 10, 50, 10_240]),
        snapshot_interval: Duration::from_millis(stream.one_of(&[100, 300, 1_000, 5_000])),
        snapshot_threshold: stream.one_of(&[2, 10, 40, 100, 8_192]),
        pre_vote_disabled: stream.chance(2, 5),
        log_cache_capacity: stream.one_of(&[1, 2, 8, 64, 1_024]),
        disk_stall_timeout: heartbeat_timeout * stream.one_of(&[1, 2, 5, 20]),
        lease_clock_drift_ppm: u64::from(stream.one_of(&[500_u32, 10_000, 100_000])),
        max_catch_up_rounds: stream.one_of(&[1, 3, 10]),
        snapshot_chunk_bytes: stream.one_of(&[64, 256, 4_096, 256 << 10]),
        ..Config::default()
    }
}

fn links(stream: &mut Stream, timeout: Span) -> LinkPlan {
    let max = Span::ms(stream.one_of(&[2, 5, 5, 10, 15]));
    let mut family = |n: u32, d: u32, chances: &[u32], by: Spans| {
        let (is_on, chance) = (stream.chance(n, d), stream.one_of(chances));
        is_on.then_some(RandomDelay { chance: Ratio::new(1, chance), by })
    };
    LinkPlan {
        far: family(1, 4, &[3, 6], Spans::new(Span::ms(1).min(timeout.part(8)), timeout.part(8))),
        reorder: family(1, 2, &[5, 20, 50], Spans::new(Span::us(100), max.times(4))),
        late: family(1, 2, &[30, 100, 300], Spans::new(timeout.part(2), timeout.times(5))),
        loss: family(1, 2, &[8, 20, 50, 100], Spans::ZERO).map(|late| late.chance),
        duplicate: family(1, 2, &[10, 30, 100], Spans::new(Span::us(100), timeout.times(2))),
        hold: family(1, 2, &[40, 100, 250], Spans::new(timeout, timeout.times(30))),
        on_way: family(2, 3, &[1, 2, 4], Spans::ZERO).map(|late| late.chance),
        corrupt: family(1, 3, &[20, 60, 200], Spans::ZERO).map(|late| late.chance),
        delay: Spans::new(Span::us(300), max),
    }
}

fn disks(stream: &mut Stream, timeout: Span) -> DiskPlan {
    let sync = stream.one_of(&[Spans::us(50, 300), Spans::us(300, 3_000), Spans::ms(2, 15)]);
    let (stalls, chance) = (stream.chance(1, 2), stream.one_of(&[20, 60, 200]));
    let (fails, each) = (stream.chance(1, 5), stream.one_of(&[300, 1_000]));
    DiskPlan {
        sync,
        read: Spans::new(Span::us(50), sync.max),
        stall: stalls.then_some(RandomDelay {
            chance: Ratio::new(1, chance),
            by: Spans::new(Span::ms(5), timeout.times(4)),
        }),
        fail: fails.then_some(Ratio::new(1, each)),
        late_read: None,
    }
}

/// Draws a delay of at most `longest`, or `None` in three of four storms. `chances` contains the possible
/// denominators of the delay's probability. A delayed read can end several terms later, and a delayed state
/// machine can stall while the log grows.
fn late(stream: &mut Stream, chances: &[u32], longest: Span) -> Option<RandomDelay> {
    let (is_on, each) = (stream.chance(1, 4), stream.one_of(chances));
    is_on.then_some(RandomDelay { chance: Ratio::new(1, each), by: Spans::new(Span::ms(1), longest) })
}

fn machines(stream: &mut Stream) -> MachinePlan {
    let apply = stream.one_of(&[Spans::ZERO, Spans::ZERO, Spans::us(10, 500), Spans::ms(1, 40)]);
    MachinePlan { apply, snapshot: stream.one_of(&[Spans::ms(1, 5), Spans::ms(5, 300)]), stall: None }
}

/// Draws the plan of the clocks. Any two clocks drift apart by at most the drift that the leases allow.
fn clocks(stream: &mut Stream, config: &Config, clients: &ClientPlan) -> ClockPlan {
    let most = u32::try_from(config.lease_clock_drift_ppm / 2)
        .expect("the drift is less than a million parts per million");
    let drifts = stream.chance(1, 2) || clients.read_under_leases_alone();
    let drift_ppm = if drifts { most } else { 0 };
    ClockPlan { start: Spans::ms(0, 10_000), drift_ppm }
}

fn clients(stream: &mut Stream, timeout: Span) -> ClientPlan {
    let count = stream.one_of(&[2, 3, 4, 6]);
    let reads = [ReadPath::Index, ReadPath::Lease, ReadPath::Verify];
    let paths = stream.one_of(&[0b001, 0b001, 0b010, 0b010, 0b011, 0b111, 0b101]);
    ClientPlan {
        count,
        think: stream.one_of(&[Spans::ms(50, 300), Spans::ms(100, 600), Spans::ms(5, 800)]),
        patience: timeout.times(stream.one_of(&[3, 6, 10])),
        keys: stream.one_of(&[1, 3, 5, 8]),
        writes: stream.one_of(&[Ratio::new(1, 2), Ratio::new(4, 5), Ratio::new(1, 4)]),
        reads: (0..3).filter(|bit| paths >> bit & 1 == 1).map(|bit| reads[bit]).collect(),
        delay: Spans::us(200, 5_000),
        loss: stream.chance(1, 3).then_some(Ratio::new(1, 50)),
        gather: stream.one_of(&[None, None, Some(Span::us(500)), Some(Span::ms(10))]),
        extended: None,
        replaced: Vec::new(),
        command: None,
    }
}

/// Draws the scheduled faults. Each kind has its own stream, so a new kind does not change the other draws of
/// a storm.
fn scheduled(seed: u64, timeout: Span, clients: &ClientPlan) -> BTreeMap<Scheduled, Recurrence> {
    let leases = clients.reads.contains(&ReadPath::Lease);
    // A server that is lost or damaged permanently takes no further part, so most storms have no such
    // fault.
    let has_disk_faults = Stream::new(seed, Domain::Storm, Topic::Damage as u64, 1).chance(1, 4);
    let draw = |&kind: &Scheduled| {
        let mut stream = Stream::new(seed, Domain::Storm, Topic::Scheduled as u64, 1 + kind as u64);
        // A call that changes little must not displace the faults, so fewer storms make such calls.
        let share = if kind.is_call_for_answer() { 5 } else { 3 };
        let (is_on, often) = (stream.chance(1, share), stream.from_to(8, 60));
        let is_short = stream.chance(1, 2) || kind == Scheduled::Flap || kind.breaks_leases();
        let short = Spans::new(Span::ms(5), timeout.times(2));
        let lasts = if is_short { short } else { Spans::new(timeout, timeout.times(12)) };
        let rhythm = Recurrence { every: Spans::new(timeout.times(2), timeout.times(often)), lasts };
        let is_rare = kind.is_disk_fault() || kind.never_ends();
        let may_be = (has_disk_faults || !is_rare) && !(leases && kind.breaks_leases());
        (is_on && may_be).then_some((kind, rhythm))
    };
    Scheduled::ALL.iter().filter_map(draw).collect()
}

fn reactive(stream: &mut Stream) -> BTreeMap<Reactive, Ratio> {
    let has_reactive_faults = stream.chance(2, 3);
    let mut draw = |&reactive: &Reactive| {
        let is_on = stream.chance(1, 4);
        (has_reactive_faults && is_on).then_some((reactive, reactive.default_chance()))
    };
    Reactive::ALL.iter().filter_map(&mut draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields::Value;
    use std::collections::BTreeSet;

    /// Fields that a storm does not draw.
    const NOT_DRAWN: [&str; 12] = [
        "plan.seed",
        "plan.servers",
        "plan.config.protocol_version",
        "plan.config.local_id",
        "plan.config.log_cache_bytes",
        "plan.config.max_command_bytes",
        "plan.config.no_snapshot_restore_on_start",
        "plan.clients.command",
        "plan.clients.replaced",
        "plan.fault_ids",
        "plan.order",
        "plan.judges",
    ];

    #[test]
    fn some_storms_have_more_than_nine_voters() {
        let plans: Vec<Plan> = (0..4_000).map(Plan::storm).collect();
        assert!(plans.iter().all(|plan| plan.validate().is_ok()));
        let sizes: BTreeSet<u8> = plans.iter().map(|plan| plan.servers).collect();
        assert!(sizes.is_superset(&BTreeSet::from([1, 2, 3, 4, 5, 7, 10, 11, 13])), "{sizes:?}");
    }

    #[test]
    fn every_field_of_a_plan_is_drawn_but_for_a_few() {
        let mut drawn = BTreeSet::from(NOT_DRAWN.map(str::to_owned));
        for seed in 0..300 {
            let plan = Plan::storm(seed);
            let (new, calm) = (Value::of(&plan), Value::of(&Plan::calm(seed, plan.servers)));
            drawn.extend(new.differences(&calm).map(|(path, _)| path));
        }
        let plan = Value::of(&Plan::calm(0, 3));
        let all: BTreeSet<String> = plan.fields("plan").into_iter().map(|(path, _)| path).collect();
        assert_eq!(drawn, all);
    }
}

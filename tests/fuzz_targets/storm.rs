//! Bytes become the faults of one storm. Every kind of fault is enabled. The bytes list the occasions on
//! which a fault happens, so that a change of one byte changes one fault.

use crate::decisions::Decisions;
use std::collections::BTreeSet;
use std::time::Duration;
use wavetank_raft::{Config, ReadPath, Server, Span};
use wavetank_scenarios::Trace;
use wavetank_scenarios::stories::storms;
use wavetank_sim::plan::fault_id::{FaultId, MessageFault};
use wavetank_sim::plan::fault_kind::{Reactive, Scheduled};
use wavetank_sim::plan::rng::{Ratio, Spans};
use wavetank_sim::plan::{
    ClientPlan, ClockPlan, DiskPlan, HealPlan, InitialState, LinkPlan, MachinePlan, NemesisPlan, RandomDelay,
    Recurrence,
};
use wavetank_sim::schedule::EventOrder;
use wavetank_sim::{JudgeLevel, Plan, ServerIdx, Verdict, shrink};

/// Runs the storm of these bytes under every judge.
///
/// # Panics
/// Panics when a judge finds a violation. The message has the plan as source.
pub fn run(bytes: &[u8]) {
    let plan = plan(bytes);
    assert_eq!(plan.validate(), Ok(()));
    let run = storms::storm::<Server>(plan.clone(), Trace::default());
    match &run.report.verdict {
        Verdict::Held | Verdict::Vacuous(_) => {}
        verdict @ (Verdict::Violated(_) | Verdict::Panicked(_)) => {
            panic!("{verdict:?}\n{}", shrink::source(&plan));
        }
    }
}

/// The plan of these bytes. It is short, and stays within the limits of Raft's guarantees.
#[must_use]
pub fn plan(bytes: &[u8]) -> Plan {
    let d = &mut Decisions::new(bytes);
    let mut plan = calm_plan(d);
    let mut fault_ids = BTreeSet::new();
    while !d.is_over() {
        let fault_id = fault_id(d, plan.server_count());
        let may_not_sleep = plan.clients.reads.contains(&ReadPath::Lease);
        if !matches!(fault_id, FaultId::Scheduled(Scheduled::Jump, _)) || !may_not_sleep {
            fault_ids.insert(fault_id);
        }
    }
    fault_ids.iter().for_each(|&fault_id| allow(&mut plan, fault_id));
    plan.fault_ids = Some(fault_ids);
    plan
}

/// A plan in which only disks fail.
fn calm_plan(d: &mut Decisions<'_>) -> Plan {
    let servers = u8::try_from(d.one_of(&[3, 1, 2, 4, 5])).expect("the number is small");
    let config = config(d);
    let timeout = Span::from_duration(config.heartbeat_timeout);
    Plan {
        seed: d.pick(256),
        servers,
        spares: u8::try_from(d.pick(3)).expect("the number is small"),
        birth: d.one_of(&[InitialState::Bootstrapped, InitialState::Blank]),
        links: LinkPlan { delay: Spans::new(Span::ms(1), Span::ms(1 + d.pick(12))), ..LinkPlan::calm() },
        disks: disks(d),
        machines: MachinePlan {
            apply: d.one_of(&[Spans::ZERO, Spans::us(10, 500), Spans::ms(1, 40)]),
            snapshot: Spans::ms(1, 5),
            stall: None,
        },
        supervised: Some(timeout.times(2)),
        clocks: ClockPlan { start: Spans::ms(0, 1_000), drift_ppm: d.one_of(&[0, 250]) },
        clients: clients(d),
        nemesis: NemesisPlan { most_down: d.one_of(&[servers / 2, servers]), ..NemesisPlan::none() },
        fault_ids: None,
        order: EventOrder::Drawn,
        judges: JudgeLevel::default(),
        chaos: Span::ms(200 + 8 * d.pick(256)),
        heal: HealPlan {
            settle: timeout.times(3),
            leave_broken: d.coin(),
            compact: d.coin(),
            hub: d.coin(),
            lone: false,
        },
        config,
    }
}

fn config(d: &mut Decisions<'_>) -> Config {
    let heartbeat_timeout = Duration::from_millis(d.one_of(&[100, 50, 150]));
    Config {
        heartbeat_timeout,
        election_timeout: heartbeat_timeout * d.one_of(&[2, 3, 4]) / 2,
        leader_lease_timeout: heartbeat_timeout,
        commit_timeout: Duration::from_millis(d.one_of(&[1, 20])),
        max_append_entries: d.one_of(&[1, 2, 8, 64]),
        max_append_bytes: d.one_of(&[1 << 20, 1, 100]),
        max_inflight: d.one_of(&[1, 2, 16]),
        shutdown_on_remove: d.coin(),
        trailing_logs: d.one_of(&[0, 1, 3, 10_240]),
        snapshot_interval: Duration::from_millis(d.one_of(&[50, 300])),
        snapshot_threshold: d.one_of(&[2, 10, 8_192]),
        pre_vote_disabled: d.coin(),
        log_cache_capacity: d.one_of(&[1, 2, 1_024]),
        disk_stall_timeout: heartbeat_timeout * d.one_of(&[1, 5]),
        snapshot_chunk_bytes: d.one_of(&[64, 4_096]),
        ..Config::default()
    }
}

fn disks(d: &mut Decisions<'_>) -> DiskPlan {
    let mut one_in = || d.one_of(&[0, 300, 100, 20]);
    let (stalls, fails) = (one_in(), one_in());
    DiskPlan {
        sync: Spans::new(Span::us(100), Span::ms(1 + d.pick(15))),
        read: Spans::us(50, 500),
        stall: (stalls != 0).then(|| RandomDelay { chance: Ratio::new(1, stalls), by: Spans::ms(5, 300) }),
        fail: (fails != 0).then(|| Ratio::new(1, 4 * fails)),
        late_read: None,
    }
}

fn clients(d: &mut Decisions<'_>) -> ClientPlan {
    const LEASE: [ReadPath; 1] = [ReadPath::Lease];
    const OTHERS: [ReadPath; 2] = [ReadPath::Index, ReadPath::Verify];
    ClientPlan {
        count: u16::try_from(1 + d.pick(4)).expect("the number is small"),
        think: Spans::new(Span::ms(1), Span::ms(10 + d.pick(100))),
        patience: Span::ms(100 + 4 * d.pick(256)),
        keys: d.one_of(&[1, 3]),
        writes: Ratio::new(d.one_of(&[1, 2, 3]), 4),
        reads: d.one_of(&[&OTHERS[..1], &LEASE, &OTHERS]).to_vec(),
        delay: Spans::us(200, 3_000),
        loss: None,
        gather: d.one_of(&[None, Some(Span::ms(5))]),
        replaced: Vec::new(),
        command: None,
        extended: d.one_of(&[None, Some(Ratio::new(1, 4))]),
    }
}

/// The faults of a message.
const MESSAGE_FAULTS: [MessageFault; 6] = [
    MessageFault::Loss,
    MessageFault::Hold,
    MessageFault::Late,
    MessageFault::Duplicate,
    MessageFault::Reorder,
    MessageFault::Corrupt,
];

/// One element of a list that may grow later. A byte keeps its meaning when the list grows.
fn one_of_all<T: Copy>(d: &mut Decisions<'_>, all: &[T]) -> T {
    let at = usize::try_from(d.pick(64)).expect("the number fits into a byte");
    all.get(at).copied().unwrap_or(all[at % 8 % all.len()])
}

/// The id of one fault.
fn fault_id(d: &mut Decisions<'_>, servers: usize) -> FaultId {
    let servers = servers as u64;
    let number =
        |d: &mut Decisions<'_>, below| u32::try_from(d.pick(below)).expect("the number fits into a byte");
    let idx = |d: &mut Decisions<'_>| ServerIdx(u8::try_from(d.pick(servers)).expect("the number is small"));
    match d.pick(8) {
        0 | 1 => FaultId::Scheduled(one_of_all(d, Scheduled::ALL), number(d, 4)),
        2 | 3 => FaultId::Reactive(one_of_all(d, Reactive::ALL), number(d, 32)),
        4 => {
            FaultId::Between(idx(d), u32::try_from(d.wide() % 2_048).expect("the number fits into two bytes"))
        }
        5 => FaultId::OnWay(u8::try_from(d.pick(servers + 1)).expect("the number is small"), number(d, 4)),
        _ => {
            let message_fault = one_of_all(d, &MESSAGE_FAULTS);
            let (from, to) = (idx(d), idx(d));
            FaultId::Message(
                message_fault,
                from,
                to,
                u32::try_from(d.wide() % 512).expect("the number fits into two bytes"),
            )
        }
    }
}

/// Enables the kind of this fault. It happens on every listed occasion.
fn allow(plan: &mut Plan, fault_id: FaultId) {
    const ALWAYS: Ratio = Ratio::new(1, 1);
    let timeout = Span::from_duration(plan.config.heartbeat_timeout);
    let late = |from: Span, upto: Span| Some(RandomDelay { chance: ALWAYS, by: Spans::new(from, upto) });
    match fault_id {
        FaultId::Scheduled(kind, _) => {
            let every = Spans::new(timeout, timeout.times(5));
            let lasts = Spans::new(Span::ms(5), timeout.times(4));
            plan.nemesis.scheduled.insert(kind, Recurrence { every, lasts });
        }
        FaultId::Reactive(reactive, _) => {
            plan.nemesis.reactive.insert(reactive, ALWAYS);
        }
        FaultId::Between(..) => plan.nemesis.crash_between = Some(ALWAYS),
        FaultId::OnWay(..) => plan.links.on_way = Some(ALWAYS),
        FaultId::Message(MessageFault::Loss, ..) => plan.links.loss = Some(ALWAYS),
        FaultId::Message(MessageFault::Corrupt, ..) => plan.links.corrupt = Some(ALWAYS),
        FaultId::Message(MessageFault::Hold, ..) => plan.links.hold = late(timeout, timeout.times(10)),
        FaultId::Message(MessageFault::Late, ..) => plan.links.late = late(timeout.part(2), timeout.times(4)),
        FaultId::Message(MessageFault::Duplicate, ..) => {
            plan.links.duplicate = late(Span::ms(1), timeout.times(2));
        }
        FaultId::Message(MessageFault::Reorder, ..) => plan.links.reorder = late(Span::ms(1), Span::ms(40)),
    }
}

//! The edits that simplify a plan. An edit may leave a plan unchanged.

use crate::plan::Plan;
use crate::plan::fault_id::FaultId;
use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::rng::{Ratio, Spans};
use wavetank_raft::{ReadPath, Span};

/// A function that simplifies a plan in one way.
pub(crate) type Edit = Box<dyn Fn(&mut Plan)>;

fn edit(edit: impl Fn(&mut Plan) + 'static) -> Edit {
    Box::new(edit)
}

/// Creates a list of edits. Each edit sets one field of a plan to the value of this field in a calm plan.
macro_rules! as_calm {
    ($($($field:ident).+),* $(,)?) => {
        vec![$(edit(|plan| plan.$($field).+ = Plan::calm(0, 1).$($field).+.clone())),*]
    };
}

/// Lists all edits that disable a fault or set a field to the default value.
pub(crate) fn off() -> Vec<Edit> {
    let mut edits = families();
    edits.extend(Scheduled::ALL.iter().map(|kind| {
        edit(move |plan| {
            plan.nemesis.scheduled.remove(kind);
            retain(plan, |fault_id| !matches!(fault_id, FaultId::Scheduled(other, _) if other == kind));
        })
    }));
    edits.extend(Reactive::ALL.iter().map(|reactive| {
        edit(move |plan| {
            plan.nemesis.reactive.remove(reactive);
            retain(plan, |fault_id| !matches!(fault_id, FaultId::Reactive(other, _) if other == reactive));
        })
    }));
    edits.extend(usual());
    edits
}

fn retain(plan: &mut Plan, keep: impl Fn(&FaultId) -> bool) {
    if let Some(fault_ids) = &mut plan.fault_ids {
        fault_ids.retain(keep);
    }
}

fn families() -> Vec<Edit> {
    as_calm!(
        links.far,
        links.reorder,
        links.late,
        links.loss,
        links.duplicate,
        links.hold,
        links.on_way,
        links.corrupt,
        disks.stall,
        disks.fail,
        disks.late_read,
        machines.stall,
        nemesis.crash_between,
        nemesis.budget,
        clocks,
        clients.loss,
        clients.gather,
        clients.extended,
        heal.leave_broken,
        heal.compact,
        heal.hub,
        heal.lone,
    )
}

/// Lists the edits that set a field of a plan to the default value.
fn usual() -> Vec<Edit> {
    let mut edits = as_calm!(
        birth,
        supervised,
        links.delay,
        disks.sync,
        disks.read,
        machines.apply,
        machines.snapshot,
        clients.think,
        clients.patience,
        clients.reads,
        clients.delay,
        nemesis.most_down,
        config.commit_timeout,
        config.max_append_entries,
        config.max_append_bytes,
        config.max_inflight,
        config.shutdown_on_remove,
        config.trailing_logs,
        config.snapshot_interval,
        config.snapshot_threshold,
        config.pre_vote_disabled,
        config.log_cache_capacity,
        config.disk_stall_timeout,
        config.lease_clock_drift_ppm,
        config.max_catch_up_rounds,
        config.snapshot_chunk_bytes,
        heal.settle,
    );
    edits.push(edit(|plan| {
        let calm = Plan::calm(0, 1).config;
        plan.config.heartbeat_timeout = calm.heartbeat_timeout;
        plan.config.election_timeout = calm.election_timeout;
        plan.config.leader_lease_timeout = calm.leader_lease_timeout;
    }));
    edits.extend(as_calm!(birth));
    edits
}

/// Lists the edits that reduce a number, for example the number of servers or the probability of a fault.
pub(crate) fn fewer() -> Vec<Edit> {
    let mut edits = Vec::new();
    for servers in [1, 2, 3, 4, 5] {
        edits.push(edit(move |plan| plan.servers = plan.servers.min(servers)));
    }
    for spares in [0, 1] {
        edits.push(edit(move |plan| plan.spares = plan.spares.min(spares)));
    }
    for clients in [0, 1, 2, 3] {
        edits.push(edit(move |plan| plan.clients.count = plan.clients.count.min(clients)));
    }
    for path in [ReadPath::Index, ReadPath::Lease, ReadPath::Verify] {
        edits.push(edit(move |plan| {
            if plan.clients.reads.contains(&path) {
                plan.clients.reads = vec![path];
            }
        }));
    }
    edits.push(edit(|plan| plan.clients.keys = 1));
    edits.push(edit(|plan| plan.clients.writes = Ratio::new(1, 1)));
    edits.push(edit(|plan| plan.machines.apply = Spans::ZERO));
    edits.push(edit(|plan| plan.nemesis.scheduled.values_mut().for_each(|it| it.every = doubled(it.every))));
    edits.push(edit(|plan| {
        plan.nemesis.reactive.values_mut().for_each(|chance| *chance = halved(*chance));
    }));
    edits.extend(halves());
    edits
}

/// Lists the edits that halve the probability of a fault.
fn halves() -> Vec<Edit> {
    macro_rules! halve {
        ($($family:ident),*) => {
            vec![$(edit(|plan| if let Some(late) = &mut plan.links.$family { late.chance = halved(late.chance) })),*]
        };
    }
    let mut edits = halve!(reorder, late, duplicate, hold, far);
    edits.push(edit(|plan| plan.links.loss = plan.links.loss.map(halved)));
    edits.push(edit(|plan| plan.disks.fail = plan.disks.fail.map(halved)));
    edits.push(edit(|plan| plan.nemesis.crash_between = plan.nemesis.crash_between.map(halved)));
    edits
}

/// Lists the edits that shorten the chaos phase of a plan.
#[cfg(feature = "proptest")]
pub(crate) fn shorter() -> Vec<Edit> {
    let part = |n: u64, of: u64| edit(move |plan| plan.chaos = Span(plan.chaos.0 / of * n));
    // The span is never rounded up. Otherwise the edits could lengthen and shorten the phase for ever.
    let rounded = edit(|plan| plan.chaos = Span::s(plan.chaos.0 / 1_000_000));
    vec![part(1, 8), part(1, 4), part(1, 2), part(3, 4), part(7, 8), rounded]
}

/// The limit for the denominator of a probability. A probability with a larger denominator is not halved
/// again, because an edit that disables the fault has almost the same effect.
const RAREST: u32 = 10_000;

fn halved(chance: Ratio) -> Ratio {
    if RAREST < chance.d { chance } else { Ratio::new(chance.n, chance.d * 2) }
}

fn doubled(spans: Spans) -> Spans {
    const LONGEST: Span = Span::s(60);
    if LONGEST < spans.max { spans } else { Spans::new(spans.min.times(2), spans.max.times(2)) }
}

/// Lists the edits that round numbers. A search tries these edits last.
pub(crate) fn rounder() -> Vec<Edit> {
    vec![
        edit(|plan| plan.links.delay = Spans::ms(1, 1)),
        edit(|plan| plan.links.delay = rounded(plan.links.delay)),
        edit(|plan| plan.disks.sync = Spans::ms(1, 1)),
        edit(|plan| plan.disks.sync = rounded(plan.disks.sync)),
        edit(|plan| plan.disks.read = rounded(plan.disks.read)),
        edit(|plan| plan.machines.apply = Spans::ZERO),
        edit(|plan| plan.machines.snapshot = Spans::ms(1, 1)),
        edit(|plan| plan.clients.delay = Spans::ms(1, 1)),
        edit(|plan| plan.clients.count = plan.clients.count.min(1)),
        edit(|plan| plan.clients.count = plan.clients.count.min(2)),
        edit(|plan| plan.clients.count /= 2),
        edit(|plan| plan.clients.think = doubled(plan.clients.think)),
        edit(|plan| plan.clients.think = rounded(plan.clients.think)),
        edit(|plan| plan.clients.writes = Ratio::new(1, 1)),
        edit(|plan| plan.clients.keys = 1),
        edit(|plan| plan.nemesis.scheduled.values_mut().for_each(|it| it.lasts = rounded(it.lasts))),
        edit(|plan| plan.nemesis.scheduled.values_mut().for_each(|it| it.every = rounded(it.every))),
    ]
}

/// Rounds both ends of a range up to whole milliseconds.
fn rounded(spans: Spans) -> Spans {
    let ms = |span: Span| Span::ms(span.0.div_ceil(1_000));
    Spans::new(ms(spans.min), ms(spans.max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields::Value;

    /// The fields that no edit sets to the value of a calm plan. Other edits reduce or change them.
    const OTHERWISE: [&str; 5] =
        ["plan.spares", "plan.clients.count", "plan.clients.keys", "plan.clients.writes", "plan.chaos"];

    #[test]
    fn every_field_that_a_storm_draws_has_its_edit() {
        for seed in 0..100 {
            for mut plan in [Plan::storm(seed), Plan::storm_beyond_budget(seed)] {
                off().iter().for_each(|edit| edit(&mut plan));
                let (new, calm) = (Value::of(&plan), Value::of(&Plan::calm(seed, plan.servers)));
                let left = new.differences(&calm).filter(|(path, _)| !OTHERWISE.contains(&&**path));
                assert_eq!(left.collect::<Vec<_>>(), []);
            }
        }
    }
}

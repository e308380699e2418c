//! The store, its clients and their judges in storms.

use crate::clients::kv::Kv;
use crate::clients::kv::clients::{Clients, HistoryRecorder, KvPlan};
use crate::clients::kv::judges::{ClientJudges, Promises};
use crate::engine::world::World;
use crate::plan::Plan;
use crate::plan::rng::Spans;
use crate::plan::server_set::ServerSet;
use crate::runner::storm_run;
use std::collections::BTreeMap;
use wavetank_linear::{Finding, KeyModel, judge};
use wavetank_raft::Span;

/// A storm on the store, with its judges and its history.
fn stormy(plan: Plan) -> World<Kv, (ClientJudges, HistoryRecorder)> {
    let judges = ClientJudges::new(Promises::from(&plan));
    let wants = KvPlan::from(&plan.clients);
    let clients = Clients::new(wants, ServerSet::first(usize::from(plan.servers)), plan.seed);
    World::new(plan, |_| Kv::default(), Box::new(clients), (judges, HistoryRecorder::default()))
}

#[test]
fn clients_see_one_store_in_every_storm() {
    let mut witnessed = BTreeMap::new();
    for seed in 0..60 {
        let mut world = stormy(Plan::storm(seed));
        storm_run::run(&mut world, |_| true);
        let at = world.now();
        let (mut judges, lines) = world.into_observer();
        judges.end(at);
        assert_eq!(judges.verdict(), None, "seed {seed}");
        for (check, count) in judges.witnessed() {
            *witnessed.entry(check).or_insert(0) += count;
        }
        let mut slices = 20_000;
        let mut patience = || {
            slices -= 1;
            0 < slices
        };
        let judged = judge(&lines.text(), KeyModel::Kv, &mut patience).unwrap();
        assert!(!matches!(judged.finding, Finding::Violation(_)), "seed {seed}");
    }
    assert!(witnessed.values().all(|&count| 100 < count), "{witnessed:?}");
}

#[test]
fn a_calm_cluster_does_what_all_its_clients_want() {
    let mut plan = Plan::calm(1, 3);
    plan.clients.think = Spans::ms(5, 20);
    let mut world = stormy(plan);
    world.run_for(Span::s(10));
    world.stop_clients();
    world.run_for(Span::s(1));
    let (judges, _) = world.observer();
    assert_eq!(judges.verdict(), None);
    assert!(1_000 < judges.witnessed()["linearizable"], "{:?}", judges.witnessed());
    let digests = world.all().iter().map(|idx| world.fsm(idx).unwrap().state.digest());
    let digests = digests.collect::<std::collections::BTreeSet<_>>();
    assert_eq!(digests.len(), 1);
}

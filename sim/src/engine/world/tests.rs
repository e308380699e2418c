//! Tests of whole runs, with a minimal state machine and minimal clients.

pub(crate) mod tiny;

use super::*;
use crate::Plan;
use crate::disk::fault::{DiskFault, Location, MachineFault};
use crate::plan::RandomDelay;
use crate::plan::rng::{Draw, Ratio, Spans};
use crate::runner::storm_run;
use tiny::{EventCounts, Sum, SumClients};
use wavetank_raft::store::{StoreError, StoreErrorKind};
use wavetank_raft::{Call, LogId, Refusal, RequestError, RoleName};

#[test]
fn a_calm_cluster_elects_one_leader_and_serves_its_clients() {
    for servers in [1, 3, 5] {
        let mut world = calm(Plan::calm(1, servers));
        world.run_for(Span::s(10));
        let tally = world.observer();
        assert_eq!(tally.elections, 1, "{servers} servers");
        // A client that does not know the leader is redirected once, so a few operations fail.
        assert!(500 < tally.ok && tally.failed <= 10 && tally.unknown == 0, "{tally:?}");
        world.stop_clients();
        world.run_for(Span::s(1));
        assert_eq!(world.converged(world.all()), Ok(()));
    }
}

#[test]
fn without_a_leader_the_electable_servers_are_reported() {
    let mut world = calm(Plan::calm(1, 5));
    let minority = ServerSet::first(2);
    world.partition(minority, world.all().minus(minority));
    let why = |world: &World<Sum, EventCounts>| world.converged(world.all()).unwrap_err();
    assert_eq!(why(&world), "no server leads, although these servers reach a quorum: n3 n4 n5");
    world.crash(ServerIdx(4));
    assert_eq!(why(&world), "no server leads, and no server reaches a quorum");
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
    let plan = Plan { birth: InitialState::Blank, spares: 1, ..Plan::calm(4, 3) };
    let mut world = calm(plan);
    world.run_for(Span::s(2));
    let (leader, spare) = (world.leader().unwrap(), ServerIdx(3));

    let (id, address) = (spare.id(), spare.address());
    let call = Call::AddVoterStaged { id, address, prev_index: None };
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
fn no_progress_is_demanded_if_the_founder_is_lost_before_it_told_others() {
    let plan = Plan { birth: InitialState::Blank, chaos: Span::ms(1), ..Plan::calm(4, 3) };
    let founded = |lost: Option<ServerIdx>| {
        let mut world = calm(plan.clone());
        world.isolate(ServerIdx(0));
        lost.into_iter().for_each(|idx| world.lose(idx));
        let viable = world.is_viable(world.all());
        (
            viable,
            world.knows_a_configuration(world.all().without(ServerIdx(0))),
            storm_run::run(&mut world, |_| true),
        )
    };
    let (viable, told, ending) = founded(Some(ServerIdx(0)));
    assert_eq!((viable, told, ending.unsettled), (false, false, None));
    assert!(!ending.core.contains(ServerIdx(0)));
    // If the founder is not lost, the run waits for it. Once the founder is reachable, all servers must
    // agree.
    let (_, told, ending) = founded(None);
    assert_eq!((told, ending.unsettled), (false, None));
    assert_eq!(ending.core.len(), 3);
}

#[test]
fn every_call_that_stages_a_server_is_answered() {
    let mut world = calm(Plan { spares: 1, ..Plan::calm(4, 3) });
    world.run_for(Span::s(2));
    let (leader, spare) = (world.leader().unwrap(), ServerIdx(3));
    world.crash(spare);

    let call = Call::AddVoterStaged { id: spare.id(), address: spare.address(), prev_index: None };
    let first = world.call(leader, call.clone());
    world.run_for(Span::ms(100));
    let second = world.call(leader, call);
    world.run_for(Span::s(60));

    let refused = |refusal| Some(Err(RequestError::Refused(refusal)));
    assert_eq!(world.outcome(first).cloned(), refused(Refusal::TooSlow));
    assert_eq!(world.outcome(second).cloned(), refused(Refusal::ChangeInProgress));
}

#[test]
fn a_server_that_may_still_be_promoted_counts_as_a_voter() {
    let mut world = calm(Plan { spares: 1, ..Plan::calm(4, 1) });
    world.run_for(Span::s(2));
    let (leader, spare) = (world.leader().unwrap(), ServerIdx(1));
    let add = wavetank_raft::Change::AddNonvoter(spare.id(), spare.address());
    world.call(leader, Call::Change { change: add, prev_index: None });
    world.run_for(Span::ms(200));
    let core = world.all().without(spare);
    assert!(world.is_viable(core), "a non-voter can be spared");

    world.pause(spare);
    world.run_for(Span::s(1));
    let stage = Call::AddVoterStaged { id: spare.id(), address: spare.address(), prev_index: None };
    let request = world.call(leader, stage);
    assert_eq!(world.outcome(request), None);
    assert!(!world.is_viable(core), "the promotion leaves the leader without a quorum");
    world.run_for(Span::s(60));
    assert!(world.outcome(request).unwrap().is_err(), "the promotion was given up");
    assert!(world.is_viable(core), "and is no longer awaited");
}

/// A leader sends a change to one follower and loses its disk before the message arrives. The message is
/// then the only place of the new configuration.
#[test]
fn a_configuration_in_a_message_counts_before_it_arrives() {
    let mut plan = Plan::calm(4, 3);
    plan.disks.sync = Spans::ms(40, 40);
    plan.links.delay = Spans::ms(20, 20);
    let mut world = calm(plan);
    world.run_for(Span::s(3));
    let leader = world.leader().unwrap();
    let [kept, removed] = world.all().without(leader).iter().collect::<Vec<_>>()[..] else { panic!() };
    world.stop_clients();
    world.run_for(Span::s(1));
    world.isolate(removed);
    let core = world.all().without(kept);
    assert!(world.is_viable(core), "two of three");

    let remove = wavetank_raft::Change::RemoveServer(removed.id());
    world.call(leader, Call::Change { change: remove, prev_index: None });
    world.run_for(Span::ms(5));
    world.crash_wiped(leader);
    assert!(!world.is_viable(core), "the message is on its way");
    assert_eq!(world.server(kept).unwrap().node().configuration().unwrap().1.servers().len(), 3);

    world.pause(kept);
    world.run_for(Span::ms(30));
    assert!(!world.is_viable(core), "the message waits for a paused server");

    world.crash(kept);
    assert!(world.is_viable(core), "the message went down with its receiver");
}

/// A removed server gets a new disk only if every other server knows of the removal. A damaged disk does not
/// show what its server knows.
#[test]
fn beside_a_damaged_disk_nobody_counts_as_removed() {
    let mut world = calm(Plan::calm(4, 4));
    world.run_for(Span::s(3));
    let leader = world.leader().unwrap();
    let [removed, damaged, _] = world.all().without(leader).iter().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(world.removed(), ServerSet::NONE);

    let remove = wavetank_raft::Change::RemoveServer(removed.id());
    world.call(leader, Call::Change { change: remove, prev_index: None });
    world.run_for(Span::s(1));
    assert_eq!(world.removed(), ServerSet::only(removed));

    world.damage(damaged, DiskFault::RotIn(Location::Record), Draw::ZERO);
    assert_eq!(world.removed(), ServerSet::NONE);
}

/// A leader calls a removed server for some heartbeats. A leader that is paused in this time still calls it after
/// the pause, while another server leads.
#[test]
fn beside_a_paused_leader_that_calls_it_nobody_counts_as_removed() {
    let mut world = calm(Plan::calm(4, 4));
    world.run_for(Span::s(3));
    let leader = world.leader().unwrap();
    let removed = world.all().without(leader).iter().next().unwrap();
    let remove = wavetank_raft::Change::RemoveServer(removed.id());
    world.call(leader, Call::Change { change: remove, prev_index: None });
    world.run_for(Span::ms(100));
    world.pause(leader);
    world.run_for(Span::s(3));
    assert!(world.leader().is_some(), "another server leads");
    assert_eq!(world.removed(), ServerSet::NONE);

    world.resume(leader);
    world.run_for(Span::s(3));
    assert_eq!(world.removed(), ServerSet::only(removed));
}

/// A server that was cut off before the removed server was added will get the configuration that names it yet.
#[test]
fn beside_a_server_that_has_missed_its_addition_nobody_counts_as_removed() {
    let mut plan = Plan::calm(4, 4);
    plan.spares = 1;
    let mut world = calm(plan);
    world.run_for(Span::s(3));
    let (leader, spare) = (world.leader().unwrap(), ServerIdx(4));
    let behind = world.all().without(leader).without(spare).iter().next().unwrap();
    world.isolate(behind);
    let add = wavetank_raft::Change::AddNonvoter(spare.id(), spare.address());
    world.call(leader, Call::Change { change: add, prev_index: None });
    world.run_for(Span::s(1));
    let remove = wavetank_raft::Change::RemoveServer(spare.id());
    world.call(leader, Call::Change { change: remove, prev_index: None });
    world.run_for(Span::s(3));
    assert_eq!(world.removed(), ServerSet::NONE);

    world.heal_all();
    world.run_for(Span::s(3));
    assert_eq!(world.removed(), ServerSet::only(spare));
}

/// A server without entries may have stored the position of a leader from before the removal.
#[test]
fn beside_a_server_with_a_term_and_no_entries_nobody_counts_as_removed() {
    let mut plan = Plan::calm(4, 4);
    plan.spares = 1;
    let mut world = calm(plan);
    world.run_for(Span::s(3));
    let (leader, spare) = (world.leader().unwrap(), ServerIdx(4));
    let removed = world.all().without(leader).without(spare).iter().next().unwrap();
    let add = wavetank_raft::Change::AddNonvoter(spare.id(), spare.address());
    world.call(leader, Call::Change { change: add, prev_index: None });
    while world.view_of(spare).term == Some(Term(0)) {
        world.run_for(Span(100));
    }
    world.crash(spare);
    world.isolate(spare);
    world.restart(spare);
    assert!(world.configuration(spare).is_none(), "the spare has no entry");
    world.run_for(Span::s(1));

    let remove = wavetank_raft::Change::RemoveServer(removed.id());
    world.call(leader, Call::Change { change: remove, prev_index: None });
    world.run_for(Span::s(3));
    assert_eq!(world.removed(), ServerSet::NONE);
}

#[test]
fn a_wiped_server_comes_back_blank_and_is_sent_a_snapshot() {
    let (mut world, follower) = compacted_with_a_wiped_follower();
    world.restart(follower);
    world.run_for(Span::s(1));

    world.stop_clients();
    world.run_for(Span::s(1));
    assert!(0 < world.observer().restored, "{:?}", world.observer());
    assert_eq!(world.converged(world.all()), Ok(()));
}

#[test]
fn a_server_stops_when_a_load_fails_and_loads_again_when_it_starts() {
    let (mut world, follower) = compacted_with_a_wiped_follower();
    world.break_machine(follower, MachineFault::FailLoad);
    world.restart(follower);
    world.run_for(Span::s(3));
    assert!(world.server(follower).is_none(), "it must not serve a lost state");

    world.break_machine(follower, MachineFault::NeverLoad);
    world.restart(follower);
    assert!(world.server(follower).is_none(), "it refuses to start without its state");
    assert_eq!(world.lost_or_damaged(), ServerSet::only(follower));
}

#[test]
fn a_failed_snapshot_is_answered_and_tried_again() {
    let mut world = calm(Plan::calm(5, 3));
    world.run_for(Span::s(5));
    let leader = world.leader().unwrap();

    world.break_machine(leader, MachineFault::FailSnapshot);
    let request = world.call(leader, Call::Snapshot);
    world.run_for(Span::s(1));
    let error = StoreError::new(StoreErrorKind::Io, "the state machine");
    assert_eq!(world.outcome(request), Some(&Err(RequestError::Store(error))));
    assert_eq!(world.server(leader).unwrap().node().snapshot(), LogId::ZERO);

    let request = world.call(leader, Call::Snapshot);
    world.run_for(Span::s(1));
    assert!(world.outcome(request).unwrap().is_ok());
    world.break_machine(leader, MachineFault::NeverSnapshot);
    for _ in 0..2 {
        let request = world.call(leader, Call::Snapshot);
        world.run_for(Span::s(1));
        assert!(world.outcome(request).unwrap().is_err());
    }
}

#[test]
fn a_slow_state_machine_gets_the_time_that_its_backlog_needs() {
    let mut plan = Plan { chaos: Span::s(30), ..Plan::calm(5, 3) };
    plan.config.max_append_entries = 1;
    plan.machines.apply = Spans::ms(400, 400);
    let limit = plan.liveness_limit();
    let mut world = calm(plan);
    world.crash(ServerIdx(0));
    let ending = storm_run::run(&mut world, |_| true);
    assert_eq!(ending.unsettled, None);
    assert!(limit < ending.took, "it needed more than {limit}: {}", ending.took);
}

#[test]
fn a_far_member_gets_the_time_that_its_backlog_needs() {
    let mut plan = Plan { chaos: Span::ms(1), ..Plan::calm(8, 3) };
    (plan.config.max_append_entries, plan.config.max_inflight) = (1, 1);
    plan.links.far = Some(RandomDelay { chance: Ratio::new(1, 2), by: Spans::ms(20, 20) });
    let limit = plan.liveness_limit();
    let mut world = calm(plan);
    world.crash(ServerIdx(0));
    world.run_for(Span::s(15));
    // The leader now needs the member that is behind for its quorum.
    let near = world.all().iter().find(|&idx| idx != ServerIdx(0) && Some(idx) != world.leader()).unwrap();
    world.lose(near);
    world.restart(ServerIdx(0));
    let ending = storm_run::run(&mut world, |_| true);
    assert_eq!(ending.unsettled, None);
    assert!(limit < ending.took, "it needed more than {limit}: {}", ending.took);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let digest = |seed| {
        let mut world = stormy(seed);
        world.digest_deeply();
        storm_run::run(&mut world, |_| true);
        (world.digest(), world.events(), world.observer().clone(), world.faults())
    };
    let runs: Vec<_> = (0..4).map(digest).collect();
    assert_eq!(runs, (0..4).map(digest).collect::<Vec<_>>());
    assert_ne!(runs[0], runs[1]);
}

#[test]
fn storms_end_in_agreement() {
    for seed in 0..100 {
        let mut world = stormy(seed);
        let ending = storm_run::run(&mut world, |_| true);
        assert_eq!(ending.unsettled, None, "seed {seed}");
    }
}

/// Runs a cluster until its log is compacted, and wipes a follower, which is down then.
fn compacted_with_a_wiped_follower() -> (World<Sum, EventCounts>, ServerIdx) {
    let mut plan = Plan::calm(5, 3);
    (plan.config.snapshot_threshold, plan.config.trailing_logs) = (50, 5);
    let mut world = calm(plan);
    world.run_for(Span::s(5));
    let follower = world.all().iter().find(|&idx| Some(idx) != world.leader()).unwrap();

    world.crash_wiped(follower);
    world.run_for(Span::s(1));
    (world, follower)
}

fn calm(plan: Plan) -> World<Sum, EventCounts> {
    let clients = SumClients::new(&plan);
    World::new(plan, |_| Sum::default(), Box::new(clients), EventCounts::default())
}

fn stormy(seed: u64) -> World<Sum, EventCounts> {
    calm(Plan::storm(seed))
}

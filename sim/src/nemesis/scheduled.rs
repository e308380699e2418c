//! Faults that recur at drawn times.

use super::{Act, Draw, Draws, NemesisView, ServerIdx, ServerSet, choose_one, choose_some, membership};
use crate::disk::fault::{DiskFault, MachineFault};
use crate::observe::NetworkChange;
use crate::plan::fault_kind::Scheduled;
use crate::plan::rng::Ratio;
use std::time::Duration;
use wavetank_raft::{Call, Change, Config, Reloadable, Span};

impl Scheduled {
    pub(super) fn act(self, view: &NemesisView<'_>, draws: Draws, lasts: Span, config: &Config) -> Act {
        let any_server = choose_one(view.awake, draws[0]);
        let act = match self {
            Self::Crash => any_server.map(|idx| Act::Crash(idx, lasts)),
            Self::Blink => any_server.map(|idx| Act::Crash(idx, Span::ZERO)),
            Self::CrashLeader => view.leader.map(|idx| Act::Crash(idx, lasts)),
            Self::Pause => any_server.map(|idx| Act::Pause(idx, lasts)),
            Self::Partition => Some(partition(view.all, draws, lasts)),
            Self::Isolate => choose_one(view.all, draws[0]).map(|idx| isolate(idx, view.all, lasts)),
            Self::IsolateLeader => view.leader.map(|idx| isolate(idx, view.all, lasts)),
            Self::OneWay => Some(one_way(view.all, draws, lasts)),
            Self::Link => pair(view.all, draws).map(|(a, b)| {
                let (a, b) = (ServerSet::only(a), ServerSet::only(b));
                Act::Network(NetworkChange::Partition(a, b), lasts, NetworkChange::HealAll)
            }),
            Self::Bridge => Some(bridge(view.all, draws, lasts)),
            Self::Flap => pair(view.all, draws).map(|(a, b)| Act::Flap(a, b, lasts)),
            Self::Transfer => transfer(view, draws),
            Self::Change => membership::any(view, draws),
            Self::Joint => membership::joint(view, draws),
            Self::Snapshot => any_server.map(|idx| Act::Call(idx, Call::Snapshot)),
            Self::Reload => any_server.map(|idx| Act::Call(idx, reload(draws, config))),
            Self::Jump => any_server
                .map(|idx| Act::Jump(idx, Span::from_duration(config.election_timeout).times(2) + lasts)),
            Self::LetGo => Some(Act::ReleaseHeld),
            Self::Rot => damage(DiskFault::Rot, view.expendable, draws),
            Self::Vanish => damage(DiskFault::Vanish, view.expendable, draws),
            Self::Misdirect => damage(DiskFault::Misdirect, view.expendable, draws),
            Self::DropPages => damage(DiskFault::DropPages, view.awake, draws),
            Self::FailRead => damage(DiskFault::FailRead, view.all.minus(view.lost), draws),
            Self::Fill => any_server.map(|idx| Act::Fill(idx, lasts)),
            Self::Replace => replace(view, draws),
            Self::Freeze => any_server.map(|idx| Act::Freeze(idx, lasts)),
            Self::Exchange => membership::exchange(view, draws),
            Self::Add => membership::add(view, draws),
            Self::Promote => membership::promote(view, draws),
            Self::Demote => membership::demote(view, draws),
            Self::Remove => membership::remove(view, draws),
            Self::FailLoad => break_machine(MachineFault::FailLoad, view.all.minus(view.lost), draws),
            Self::NeverLoad => break_machine(MachineFault::NeverLoad, view.expendable, draws),
            Self::FailSnapshot => break_machine(MachineFault::FailSnapshot, view.awake, draws),
            Self::NeverSnapshot => break_machine(MachineFault::NeverSnapshot, view.awake, draws),
            Self::Barrier => call_target(view, draws[0]).map(|idx| Act::Call(idx, Call::Barrier)),
            Self::VerifyLeader => call_target(view, draws[0]).map(|idx| Act::Call(idx, Call::VerifyLeader)),
            Self::Restore => call_target(view, draws[0]).map(Act::Restore),
            Self::Bootstrap => any_server.map(Act::Bootstrap),
            Self::StaleChange => membership::stale(view, draws),
            Self::NullChange => membership::null(view, draws),
            Self::TransferAndChange => transfer_and_change(view, draws),
            Self::Shutdown => any_server.map(Act::Shutdown),
            Self::NewDisk => membership::new_disk(view, draws, lasts),
            Self::Move => membership::change_address(view, draws),
            Self::ExchangeAddresses => membership::exchange_addresses(view, draws),
        };
        act.unwrap_or(Act::Nothing)
    }
}

pub(super) fn isolate(idx: ServerIdx, all: ServerSet, lasts: Span) -> Act {
    let cut = NetworkChange::Partition(ServerSet::only(idx), all.without(idx));
    Act::Network(cut, lasts, NetworkChange::HealAll)
}

fn partition(all: ServerSet, draws: Draws, lasts: Span) -> Act {
    let count = 1 + draws[0].below(all.len().saturating_sub(1).max(1) as u64);
    let ours = choose_some(all, usize::try_from(count).expect("at most 16 servers"), draws[1]);
    Act::Network(NetworkChange::Partition(ours, all.minus(ours)), lasts, NetworkChange::HealAll)
}

fn one_way(all: ServerSet, draws: Draws, lasts: Span) -> Act {
    let count = 1 + draws[0].below(all.len().saturating_sub(1).max(1) as u64);
    let unheard = choose_some(all, usize::try_from(count).expect("at most 16 servers"), draws[1]);
    Act::Network(NetworkChange::CutOneWay(unheard, all.minus(unheard)), lasts, NetworkChange::HealAll)
}

fn bridge(all: ServerSet, draws: Draws, lasts: Span) -> Act {
    let bridge = choose_one(all, draws[0]).map_or(ServerSet::NONE, ServerSet::only);
    let sides = all.minus(bridge);
    let ours = choose_some(sides, sides.len() / 2, draws[1]);
    Act::Network(NetworkChange::Partition(ours, sides.minus(ours)), lasts, NetworkChange::HealAll)
}

fn pair(all: ServerSet, draws: Draws) -> Option<(ServerIdx, ServerIdx)> {
    let a = choose_one(all, draws[0])?;
    Some((a, choose_one(all.without(a), draws[1])?))
}

/// Draws the server that receives a call: the leader, or in some cases another server. A server that does not
/// lead must refuse the call. Returns `None` if there is no such server.
pub(super) fn call_target(view: &NemesisView<'_>, draw: Draw) -> Option<ServerIdx> {
    if draw.hits(Ratio::new(1, 8)) { choose_one(view.awake, draw) } else { view.leader }
}

fn transfer(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let target = if draws[1].hits(Ratio::new(1, 3)) { None } else { choose_one(view.all, draws[2]) };
    let call = Call::Transfer { target: target.map(ServerIdx::id) };
    Some(Act::Call(call_target(view, draws[0])?, call))
}

/// Draws two calls of the leader: a transfer of leadership, and immediately afterwards a change of
/// membership. A leader must refuse the change during the transfer. Returns `None` if there is no leader, or
/// if no change is possible.
fn transfer_and_change(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let leader = view.leader?;
    let target = choose_one(view.all.without(leader), draws[3])?;
    let Act::Call(_, change) = membership::any(view, draws)? else { return None };
    Some(Act::CallTwice(leader, Call::Transfer { target: Some(target.id()) }, change))
}

fn damage(fault: DiskFault, among: ServerSet, draws: Draws) -> Option<Act> {
    choose_one(among, draws[0]).map(|idx| Act::Damage(idx, fault, draws[1]))
}

fn break_machine(fault: MachineFault, among: ServerSet, draws: Draws) -> Option<Act> {
    choose_one(among, draws[0]).map(|idx| Act::BreakMachine(idx, fault))
}

/// Chooses the next step of an operator who replaces a lost server: remove the lost server, then add a new
/// server. If no lost server is a member, the operator adds a server in two thirds of the cases. In the other
/// cases, or if there is no server to add, one more server is lost, if the cluster tolerates the loss.
/// Returns `None` if no step is possible.
fn replace(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (index, configuration) = view.membership?;
    let prev_index = Some(index);
    let is_member = |idx: &ServerIdx| configuration.server(idx.node()).is_some();
    let call = |call| Some(Act::Call(view.leader?, call));
    if let Some(dead) = view.lost.iter().find(is_member) {
        return call(Call::Change { change: Change::RemoveServer(dead.id()), prev_index });
    }
    let new_server = view.all.minus(view.lost).iter().find(|idx| !is_member(idx));
    match new_server {
        Some(idx) if draws[1].hits(Ratio::new(2, 3)) => {
            call(Call::AddVoterStaged { id: idx.id(), address: view.address(idx), prev_index })
        }
        Some(_) | None => choose_one(view.expendable, draws[0]).map(Act::Lose),
    }
}

/// Draws new values for the reloadable settings. No value is more than three times the configured value.
fn reload(draws: Draws, config: &Config) -> Call {
    let timeout = Span::from_duration(config.heartbeat_timeout);
    let heartbeat_timeout = Duration::from(timeout.times(4 + draws[1].below(5)).part(4));
    Call::Reload(Reloadable {
        trailing_logs: config.trailing_logs * draws[2].below(4),
        snapshot_interval: Span::from_duration(config.snapshot_interval).times(1 + draws[2].below(3)).into(),
        snapshot_threshold: config.snapshot_threshold.max(1) * (1 + draws[3].below(3)),
        heartbeat_timeout,
        election_timeout: heartbeat_timeout.max(config.election_timeout),
    })
}

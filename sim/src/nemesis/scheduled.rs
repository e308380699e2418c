//! Acts that come by the clock.

use super::{Act, Draw, Draws, NemesisView, ServerIdx, ServerSet, membership, one_of, some_of};
use crate::disk::fault::DiskFault;
use crate::observe::NetworkChange;
use crate::plan::fault_kind::Scheduled;
use crate::plan::rng::Ratio;
use wavetank_raft::{Call, Change, Config, Reloadable, Span};

impl Scheduled {
    pub(super) fn act(self, view: &NemesisView<'_>, draws: Draws, lasts: Span, config: &Config) -> Act {
        let anyone = one_of(view.awake, draws[0]);
        let act = match self {
            Self::Crash => anyone.map(|idx| Act::Crash(idx, lasts)),
            Self::Blink => anyone.map(|idx| Act::Crash(idx, Span::ZERO)),
            Self::CrashLeader => view.leader.map(|idx| Act::Crash(idx, lasts)),
            Self::Pause => anyone.map(|idx| Act::Pause(idx, lasts)),
            Self::Partition => Some(partition(view.all, draws, lasts)),
            Self::Isolate => one_of(view.all, draws[0]).map(|idx| isolate(idx, view.all, lasts)),
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
            Self::Snapshot => anyone.map(|idx| Act::Call(idx, Call::Snapshot)),
            Self::Reload => anyone.map(|idx| Act::Call(idx, reload(draws, config))),
            Self::Jump => anyone.map(|idx| Act::Jump(idx, config.election_timeout.times(2) + lasts)),
            Self::LetGo => Some(Act::LetGo),
            Self::Rot => strike(DiskFault::Rot, view.expendable, draws),
            Self::Misdirect => strike(DiskFault::Misdirect, view.expendable, draws),
            Self::DropPages => strike(DiskFault::DropPages, view.awake, draws),
            Self::FailRead => strike(DiskFault::FailRead, view.all.minus(view.lost), draws),
            Self::Fill => anyone.map(|idx| Act::Fill(idx, lasts)),
            Self::Replace => replace(view, draws),
            Self::Freeze => anyone.map(|idx| Act::Freeze(idx, lasts)),
            Self::Exchange => membership::exchange(view, draws),
            Self::Add => membership::add(view, draws),
            Self::Promote => membership::promote(view, draws),
            Self::Demote => membership::demote(view, draws),
            Self::Remove => membership::remove(view, draws),
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
    let ours = some_of(all, usize::try_from(count).expect("a few"), draws[1]);
    Act::Network(NetworkChange::Partition(ours, all.minus(ours)), lasts, NetworkChange::HealAll)
}

fn one_way(all: ServerSet, draws: Draws, lasts: Span) -> Act {
    let count = 1 + draws[0].below(all.len().saturating_sub(1).max(1) as u64);
    let mute = some_of(all, usize::try_from(count).expect("a few"), draws[1]);
    Act::Network(NetworkChange::CutOneWay(mute, all.minus(mute)), lasts, NetworkChange::HealAll)
}

fn bridge(all: ServerSet, draws: Draws, lasts: Span) -> Act {
    let bridge = one_of(all, draws[0]).map_or(ServerSet::NONE, ServerSet::only);
    let banks = all.minus(bridge);
    let ours = some_of(banks, banks.len() / 2, draws[1]);
    Act::Network(NetworkChange::Partition(ours, banks.minus(ours)), lasts, NetworkChange::HealAll)
}

fn pair(all: ServerSet, draws: Draws) -> Option<(ServerIdx, ServerIdx)> {
    let a = one_of(all, draws[0])?;
    Some((a, one_of(all.without(a), draws[1])?))
}

/// The leader, or now and then somebody else, who must refuse.
pub(super) fn addressee(view: &NemesisView<'_>, draw: Draw) -> Option<ServerIdx> {
    if draw.hits(Ratio::new(1, 8)) { one_of(view.awake, draw) } else { view.leader }
}

fn transfer(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let target = if draws[1].hits(Ratio::new(1, 3)) { None } else { one_of(view.all, draws[2]) };
    let call = Call::Transfer { target: target.map(ServerIdx::id) };
    Some(Act::Call(addressee(view, draws[0])?, call))
}

fn strike(fault: DiskFault, among: ServerSet, draws: Draws) -> Option<Act> {
    one_of(among, draws[0]).map(|idx| Act::Damage(idx, fault, draws[1]))
}

/// What an operator does about a server that does not come back: takes it out, and puts one in that
/// was never in. Where there is nothing to be done a server is lost, if it can be spared.
fn replace(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (prev_index, configuration) = view.membership?;
    let is_member = |idx: &ServerIdx| configuration.server(idx.node()).is_some();
    let call = |call| Some(Act::Call(view.leader?, call));
    if let Some(dead) = view.lost.iter().find(is_member) {
        return call(Call::Change { change: Change::RemoveServer(dead.id()), prev_index });
    }
    let fresh = view.all.minus(view.lost).iter().find(|idx| !is_member(idx));
    match fresh {
        Some(idx) if draws[1].hits(Ratio::new(2, 3)) => {
            call(Call::AddVoterStaged { id: idx.id(), address: idx.address(), prev_index })
        }
        Some(_) | None => one_of(view.expendable, draws[0]).map(Act::Lose),
    }
}

/// The knobs, each at most four times what it was.
fn reload(draws: Draws, config: &Config) -> Call {
    let timeout = |draw: Draw| Span(config.heartbeat_timeout.0 * (4 + draw.below(5)) / 4);
    let heartbeat_timeout = timeout(draws[1]);
    Call::Reload(Reloadable {
        trailing_logs: config.trailing_logs * draws[2].below(4),
        snapshot_interval: config.snapshot_interval.times(1 + draws[2].below(3)),
        snapshot_threshold: config.snapshot_threshold.max(1) * (1 + draws[3].below(3)),
        heartbeat_timeout,
        election_timeout: heartbeat_timeout.max(config.election_timeout),
    })
}

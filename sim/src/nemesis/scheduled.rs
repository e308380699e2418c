//! Acts that come by the clock.

use super::{Act, Draw, Draws, Sight, Slot, Slots, membership, one_of, some_of};
use crate::disk::fault::Blow;
use crate::observe::NetworkChange;
use crate::plan::fault_kind::Scheduled;
use crate::plan::rng::Ratio;
use wavetank_raft::{Call, Change, Config, Reloadable, Span};

impl Scheduled {
    pub(super) fn act(self, sight: &Sight<'_>, draws: Draws, lasts: Span, config: &Config) -> Act {
        let anyone = one_of(sight.awake, draws[0]);
        let act = match self {
            Self::Crash => anyone.map(|slot| Act::Crash(slot, lasts)),
            Self::Blink => anyone.map(|slot| Act::Crash(slot, Span::ZERO)),
            Self::CrashLeader => sight.leader.map(|slot| Act::Crash(slot, lasts)),
            Self::Pause => anyone.map(|slot| Act::Pause(slot, lasts)),
            Self::Partition => Some(partition(sight.all, draws, lasts)),
            Self::Isolate => one_of(sight.all, draws[0]).map(|slot| isolate(slot, sight.all, lasts)),
            Self::IsolateLeader => sight.leader.map(|slot| isolate(slot, sight.all, lasts)),
            Self::OneWay => Some(one_way(sight.all, draws, lasts)),
            Self::Link => pair(sight.all, draws).map(|(a, b)| {
                let (a, b) = (Slots::only(a), Slots::only(b));
                Act::Network(NetworkChange::Partition(a, b), lasts, NetworkChange::HealAll)
            }),
            Self::Bridge => Some(bridge(sight.all, draws, lasts)),
            Self::Flap => pair(sight.all, draws).map(|(a, b)| Act::Flap(a, b, lasts)),
            Self::Transfer => transfer(sight, draws),
            Self::Change => membership::any(sight, draws),
            Self::Joint => membership::joint(sight, draws),
            Self::Snapshot => anyone.map(|slot| Act::Call(slot, Call::Snapshot)),
            Self::Reload => anyone.map(|slot| Act::Call(slot, reload(draws, config))),
            Self::Jump => anyone.map(|slot| Act::Jump(slot, config.election_timeout.times(2) + lasts)),
            Self::LetGo => Some(Act::LetGo),
            Self::Rot => strike(Blow::Rot, sight.expendable, draws),
            Self::Misdirect => strike(Blow::Misdirect, sight.expendable, draws),
            Self::DropPages => strike(Blow::DropPages, sight.awake, draws),
            Self::FailRead => strike(Blow::FailRead, sight.all.minus(sight.lost), draws),
            Self::Fill => anyone.map(|slot| Act::Fill(slot, lasts)),
            Self::Replace => replace(sight, draws),
            Self::Freeze => anyone.map(|slot| Act::Freeze(slot, lasts)),
            Self::Exchange => membership::exchange(sight, draws),
            Self::Add => membership::add(sight, draws),
            Self::Promote => membership::promote(sight, draws),
            Self::Demote => membership::demote(sight, draws),
            Self::Remove => membership::remove(sight, draws),
        };
        act.unwrap_or(Act::Nothing)
    }
}

pub(super) fn isolate(slot: Slot, all: Slots, lasts: Span) -> Act {
    let cut = NetworkChange::Partition(Slots::only(slot), all.without(slot));
    Act::Network(cut, lasts, NetworkChange::HealAll)
}

fn partition(all: Slots, draws: Draws, lasts: Span) -> Act {
    let count = 1 + draws[0].below(all.len().saturating_sub(1).max(1) as u64);
    let ours = some_of(all, usize::try_from(count).expect("a few"), draws[1]);
    Act::Network(NetworkChange::Partition(ours, all.minus(ours)), lasts, NetworkChange::HealAll)
}

fn one_way(all: Slots, draws: Draws, lasts: Span) -> Act {
    let count = 1 + draws[0].below(all.len().saturating_sub(1).max(1) as u64);
    let mute = some_of(all, usize::try_from(count).expect("a few"), draws[1]);
    Act::Network(NetworkChange::CutOneWay(mute, all.minus(mute)), lasts, NetworkChange::HealAll)
}

fn bridge(all: Slots, draws: Draws, lasts: Span) -> Act {
    let bridge = one_of(all, draws[0]).map_or(Slots::NONE, Slots::only);
    let banks = all.minus(bridge);
    let ours = some_of(banks, banks.len() / 2, draws[1]);
    Act::Network(NetworkChange::Partition(ours, banks.minus(ours)), lasts, NetworkChange::HealAll)
}

fn pair(all: Slots, draws: Draws) -> Option<(Slot, Slot)> {
    let a = one_of(all, draws[0])?;
    Some((a, one_of(all.without(a), draws[1])?))
}

/// The leader, or now and then somebody else, who must refuse.
pub(super) fn addressee(sight: &Sight<'_>, draw: Draw) -> Option<Slot> {
    if draw.hits(Ratio::new(1, 8)) { one_of(sight.awake, draw) } else { sight.leader }
}

fn transfer(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let target = if draws[1].hits(Ratio::new(1, 3)) { None } else { one_of(sight.all, draws[2]) };
    let call = Call::Transfer { target: target.map(Slot::id) };
    Some(Act::Call(addressee(sight, draws[0])?, call))
}

fn strike(blow: Blow, among: Slots, draws: Draws) -> Option<Act> {
    one_of(among, draws[0]).map(|slot| Act::Harm(slot, blow, draws[1]))
}

/// What an operator does about a server that does not come back: takes it out, and puts one in that
/// was never in. Where there is nothing to be done a server is lost, if it can be spared.
fn replace(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let (prev_index, configuration) = sight.membership?;
    let is_member = |slot: &Slot| configuration.server(slot.node()).is_some();
    let call = |call| Some(Act::Call(sight.leader?, call));
    if let Some(dead) = sight.lost.iter().find(is_member) {
        return call(Call::Change { change: Change::RemoveServer(dead.id()), prev_index });
    }
    let fresh = sight.all.minus(sight.lost).iter().find(|slot| !is_member(slot));
    match fresh {
        Some(slot) if draws[1].hits(Ratio::new(2, 3)) => {
            call(Call::AddVoterStaged { id: slot.id(), address: slot.address(), prev_index })
        }
        Some(_) | None => one_of(sight.expendable, draws[0]).map(Act::Lose),
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

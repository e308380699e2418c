//! What an operator may want of the membership, given what it is now. Two voters are left, and
//! now and then one, which is its own majority.

use super::scheduled::addressee;
use super::{Act, Draw, Draws, Sight, Slot, Slots, one_of, some_of};
use crate::plan::rng::Ratio;
use wavetank_raft::{Call, Change, Configuration, Index, Member, Suffrage};

/// Any step that one server can be taken, given what it is now.
pub(super) fn any(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = sight.membership?;
    let slot = one_of(sight.all, draws[1]).filter(|&slot| !sight.lost.contains(slot))?;
    let suffrage = configuration.server(slot.node()).map(|member| member.suffrage);
    let choice = draws[2].below(4);
    match (suffrage, choice) {
        (None, 0) | (Some(Suffrage::Nonvoter), 0) => staged(sight, draws, slot),
        (None, 1) => call(sight, draws, Change::AddNonvoter(slot.id(), slot.address())),
        (None, _) | (Some(Suffrage::Nonvoter), 1 | 2) => {
            call(sight, draws, Change::AddVoter(slot.id(), slot.address()))
        }
        (Some(Suffrage::Nonvoter), _) => call(sight, draws, Change::RemoveServer(slot.id())),
        (Some(Suffrage::Voter), _) if voters(configuration).len() <= least(draws[3]) => None,
        (Some(Suffrage::Voter), 0) => call(sight, draws, Change::DemoteVoter(slot.id())),
        (Some(Suffrage::Voter), _) => call(sight, draws, Change::RemoveServer(slot.id())),
    }
}

/// A stranger comes in by one of three doors.
pub(super) fn add(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = sight.membership?;
    let stranger = one_of(strangers(sight, configuration), draws[1])?;
    let (id, address) = (stranger.id(), stranger.address());
    match draws[2].below(3) {
        0 => staged(sight, draws, stranger),
        1 => call(sight, draws, Change::AddNonvoter(id, address)),
        _ => call(sight, draws, Change::AddVoter(id, address)),
    }
}

/// One that listens gets a vote.
pub(super) fn promote(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = sight.membership?;
    let listeners = members(configuration).minus(voters(configuration));
    let listener = one_of(listeners.minus(sight.lost), draws[1])?;
    if draws[2].hits(Ratio::new(1, 2)) {
        return staged(sight, draws, listener);
    }
    call(sight, draws, Change::AddVoter(listener.id(), listener.address()))
}

/// A voter goes on listening, and no more.
pub(super) fn demote(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = sight.membership?;
    let voter = spare_voter(configuration, draws)?;
    call(sight, draws, Change::DemoteVoter(voter.id()))
}

/// A voter goes, or one that only listened.
pub(super) fn remove(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = sight.membership?;
    let listeners = members(configuration).minus(voters(configuration));
    let listener = one_of(listeners, draws[1]).filter(|_| draws[2].hits(Ratio::new(1, 3)));
    let leaves = listener.or_else(|| spare_voter(configuration, draws))?;
    call(sight, draws, Change::RemoveServer(leaves.id()))
}

/// Another list of servers: of any size, and now and then one without a vote.
pub(super) fn joint(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let count = 1 + usize::try_from(draws[1].below(sight.all.len() as u64)).expect("a few");
    let whole = sight.all.minus(sight.lost);
    let servers = some_of(whole, count, draws[2]);
    let without = if draws[3].hits(Ratio::new(1, 3)) { one_of(whole.minus(servers), draws[3]) } else { None };
    let mut members: Vec<_> = servers.iter().map(|slot| Member::voter(slot.id(), slot.address())).collect();
    members.extend(without.map(|slot| Member::nonvoter(slot.id(), slot.address())));
    let change = Change::Members(members);
    Some(Act::Call(addressee(sight, draws[0])?, Call::Change { change, prev_index: Index::ZERO }))
}

/// The members as they are, but for one voter, and a stranger in its place.
pub(super) fn exchange(sight: &Sight<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = sight.membership?;
    let leaves = one_of(voters(configuration), draws[1])?;
    let comes = one_of(strangers(sight, configuration), draws[2])?;
    let stay = configuration.servers().iter().filter(|member| member.id.node() != leaves.node()).cloned();
    let change = Change::Members(stay.chain([Member::voter(comes.id(), comes.address())]).collect());
    call(sight, draws, change)
}

/// A change, every other time only if the membership is still as it was seen.
fn call(sight: &Sight<'_>, draws: Draws, change: Change) -> Option<Act> {
    let prev_index = basis(sight, draws[3])?;
    Some(Act::Call(addressee(sight, draws[0])?, Call::Change { change, prev_index }))
}

fn staged(sight: &Sight<'_>, draws: Draws, slot: Slot) -> Option<Act> {
    let (id, address, prev_index) = (slot.id(), slot.address(), basis(sight, draws[3])?);
    Some(Act::Call(addressee(sight, draws[0])?, Call::AddVoterStaged { id, address, prev_index }))
}

fn basis(sight: &Sight<'_>, draw: Draw) -> Option<Index> {
    let (index, _) = sight.membership?;
    Some(if draw.hits(Ratio::new(1, 2)) { index } else { Index::ZERO })
}

/// Those outside that may come in: who is lost for good does not come back under its name.
fn strangers(sight: &Sight<'_>, configuration: &Configuration) -> Slots {
    sight.all.minus(sight.lost).minus(members(configuration))
}

fn members(configuration: &Configuration) -> Slots {
    configuration.members().filter_map(|member| Slot::of(member.id.node())).collect()
}

fn voters(configuration: &Configuration) -> Slots {
    let voters = configuration.servers().iter().filter(|member| member.suffrage == Suffrage::Voter);
    voters.filter_map(|member| Slot::of(member.id.node())).collect()
}

/// One of the voters, if enough others are left.
fn spare_voter(configuration: &Configuration, draws: Draws) -> Option<Slot> {
    let voters = voters(configuration);
    one_of(voters, draws[1]).filter(|_| least(draws[3]) < voters.len())
}

/// How many voters are to be left.
fn least(draw: Draw) -> usize {
    if draw.hits(Ratio::new(1, 4)) { 1 } else { 2 }
}

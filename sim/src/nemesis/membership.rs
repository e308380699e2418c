//! What an operator may want of the membership, given what it is now. Two voters are left, and
//! now and then one, which is its own majority.

use super::scheduled::addressee;
use super::{Act, Draw, Draws, NemesisView, ServerIdx, ServerSet, one_of, some_of};
use crate::plan::rng::Ratio;
use wavetank_raft::{Call, Change, Configuration, Index, Member, Suffrage};

/// Any step that one server can be taken, given what it is now.
pub(super) fn any(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let idx = one_of(view.all, draws[1]).filter(|&idx| !view.lost.contains(idx))?;
    let suffrage = configuration.server(idx.node()).map(|member| member.suffrage);
    let choice = draws[2].below(4);
    match (suffrage, choice) {
        (None, 0) | (Some(Suffrage::Nonvoter), 0) => staged(view, draws, idx),
        (None, 1) => call(view, draws, Change::AddNonvoter(idx.id(), idx.address())),
        (None, _) | (Some(Suffrage::Nonvoter), 1 | 2) => {
            call(view, draws, Change::AddVoter(idx.id(), idx.address()))
        }
        (Some(Suffrage::Nonvoter), _) => call(view, draws, Change::RemoveServer(idx.id())),
        (Some(Suffrage::Voter), _) if voters(configuration).len() <= least(draws[3]) => None,
        (Some(Suffrage::Voter), 0) => call(view, draws, Change::DemoteVoter(idx.id())),
        (Some(Suffrage::Voter), _) => call(view, draws, Change::RemoveServer(idx.id())),
    }
}

/// A stranger comes in by one of three doors.
pub(super) fn add(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let stranger = one_of(strangers(view, configuration), draws[1])?;
    let (id, address) = (stranger.id(), stranger.address());
    match draws[2].below(3) {
        0 => staged(view, draws, stranger),
        1 => call(view, draws, Change::AddNonvoter(id, address)),
        _ => call(view, draws, Change::AddVoter(id, address)),
    }
}

/// One that listens gets a vote.
pub(super) fn promote(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let listeners = members(configuration).minus(voters(configuration));
    let listener = one_of(listeners.minus(view.lost), draws[1])?;
    if draws[2].hits(Ratio::new(1, 2)) {
        return staged(view, draws, listener);
    }
    call(view, draws, Change::AddVoter(listener.id(), listener.address()))
}

/// A voter goes on listening, and no more.
pub(super) fn demote(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let voter = spare_voter(configuration, draws)?;
    call(view, draws, Change::DemoteVoter(voter.id()))
}

/// A voter goes, or one that only listened.
pub(super) fn remove(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let listeners = members(configuration).minus(voters(configuration));
    let listener = one_of(listeners, draws[1]).filter(|_| draws[2].hits(Ratio::new(1, 3)));
    let leaves = listener.or_else(|| spare_voter(configuration, draws))?;
    call(view, draws, Change::RemoveServer(leaves.id()))
}

/// Another list of servers: of any size, and now and then one without a vote.
pub(super) fn joint(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let count = 1 + usize::try_from(draws[1].below(view.all.len() as u64)).expect("a few");
    let whole = view.all.minus(view.lost);
    let servers = some_of(whole, count, draws[2]);
    let without = if draws[3].hits(Ratio::new(1, 3)) { one_of(whole.minus(servers), draws[3]) } else { None };
    let mut members: Vec<_> = servers.iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
    members.extend(without.map(|idx| Member::nonvoter(idx.id(), idx.address())));
    let change = Change::Members(members);
    Some(Act::Call(addressee(view, draws[0])?, Call::Change { change, prev_index: Index::ZERO }))
}

/// The members as they are, but for one voter, and a stranger in its place.
pub(super) fn exchange(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let leaves = one_of(voters(configuration), draws[1])?;
    let comes = one_of(strangers(view, configuration), draws[2])?;
    let stay = configuration.servers().iter().filter(|member| member.id.node() != leaves.node()).cloned();
    let change = Change::Members(stay.chain([Member::voter(comes.id(), comes.address())]).collect());
    call(view, draws, change)
}

/// A change, every other time only if the membership is still as it was seen.
fn call(view: &NemesisView<'_>, draws: Draws, change: Change) -> Option<Act> {
    let prev_index = basis(view, draws[3])?;
    Some(Act::Call(addressee(view, draws[0])?, Call::Change { change, prev_index }))
}

fn staged(view: &NemesisView<'_>, draws: Draws, idx: ServerIdx) -> Option<Act> {
    let (id, address, prev_index) = (idx.id(), idx.address(), basis(view, draws[3])?);
    Some(Act::Call(addressee(view, draws[0])?, Call::AddVoterStaged { id, address, prev_index }))
}

fn basis(view: &NemesisView<'_>, draw: Draw) -> Option<Index> {
    let (index, _) = view.membership?;
    Some(if draw.hits(Ratio::new(1, 2)) { index } else { Index::ZERO })
}

/// Those outside that may come in: who is lost for good does not come back under its name.
fn strangers(view: &NemesisView<'_>, configuration: &Configuration) -> ServerSet {
    view.all.minus(view.lost).minus(members(configuration))
}

fn members(configuration: &Configuration) -> ServerSet {
    configuration.members().filter_map(|member| ServerIdx::of(member.id.node())).collect()
}

fn voters(configuration: &Configuration) -> ServerSet {
    let voters = configuration.servers().iter().filter(|member| member.suffrage == Suffrage::Voter);
    voters.filter_map(|member| ServerIdx::of(member.id.node())).collect()
}

/// One of the voters, if enough others are left.
fn spare_voter(configuration: &Configuration, draws: Draws) -> Option<ServerIdx> {
    let voters = voters(configuration);
    one_of(voters, draws[1]).filter(|_| least(draws[3]) < voters.len())
}

/// How many voters are to be left.
fn least(draw: Draw) -> usize {
    if draw.hits(Ratio::new(1, 4)) { 1 } else { 2 }
}

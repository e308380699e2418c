//! Changes of membership that are possible for the current configuration. Most changes leave at least two
//! voters. Some changes leave one voter, and this voter alone is then a majority.

use super::scheduled::call_target;
use super::{Act, Draw, Draws, NemesisView, Restart, ServerIdx, ServerSet, choose_one, choose_some};
use crate::observe::addresses::AddressBook;
use crate::plan::rng::Ratio;
use wavetank_raft::{Call, Change, Configuration, Index, Member, ServerAddress, Span, Suffrage};

/// Draws a server, and a call for a change that is possible for the server's current suffrage. Returns `None`
/// if no change of this server is possible.
pub(super) fn any(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let idx = choose_one(view.all, draws[1]).filter(|&idx| !view.lost.contains(idx))?;
    let suffrage = configuration.server(idx.node()).map(|member| member.suffrage);
    let choice = draws[2].below(4);
    match (suffrage, choice) {
        (None, 0) | (Some(Suffrage::Nonvoter), 0) => staged(view, draws, idx),
        (None, 1) => call(view, draws, Change::AddNonvoter(idx.id(), view.address(idx))),
        (None, _) | (Some(Suffrage::Nonvoter), 1 | 2) => {
            call(view, draws, Change::AddVoter(idx.id(), view.address(idx)))
        }
        (Some(Suffrage::Nonvoter), _) => call(view, draws, Change::RemoveServer(idx.id())),
        (Some(Suffrage::Voter), _) if voters(configuration).len() <= min_voters(draws[3]) => None,
        (Some(Suffrage::Voter), 0) => call(view, draws, Change::DemoteVoter(idx.id())),
        (Some(Suffrage::Voter), _) => call(view, draws, Change::RemoveServer(idx.id())),
    }
}

/// Draws a call that adds a server: as a voter, as a non-voter, or as a voter after the server has caught up.
/// Returns `None` if there is no server to add.
pub(super) fn add(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let server = choose_one(non_members(view, configuration), draws[1])?;
    let (id, address) = (server.id(), view.address(server));
    match draws[2].below(3) {
        0 => staged(view, draws, server),
        1 => call(view, draws, Change::AddNonvoter(id, address)),
        _ => call(view, draws, Change::AddVoter(id, address)),
    }
}

/// Draws a call that promotes a non-voter. Returns `None` if there is no non-voter to promote.
pub(super) fn promote(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let non_voters = members(configuration).minus(voters(configuration));
    let non_voter = choose_one(non_voters.minus(view.lost), draws[1])?;
    if draws[2].hits(Ratio::new(1, 2)) {
        return staged(view, draws, non_voter);
    }
    call(view, draws, Change::AddVoter(non_voter.id(), view.address(non_voter)))
}

/// Draws a call that demotes a voter. Returns `None` if the change leaves too few voters.
pub(super) fn demote(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let voter = removable_voter(configuration, draws)?;
    call(view, draws, Change::DemoteVoter(voter.id()))
}

/// Draws a call that removes a voter or a non-voter. Returns `None` if the change leaves too few voters.
pub(super) fn remove(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let non_voters = members(configuration).minus(voters(configuration));
    let non_voter = choose_one(non_voters, draws[1]).filter(|_| draws[2].hits(Ratio::new(1, 3)));
    let leaves = non_voter.or_else(|| removable_voter(configuration, draws))?;
    call(view, draws, Change::RemoveServer(leaves.id()))
}

/// Chooses the next step of an operator who gives a server a new disk and keeps the server's name. The
/// operator removes a voter, exchanges the disk of this voter, and adds the server again. Every other server
/// must know of the removal before the disk is exchanged. A server that does not know of the removal could
/// count a vote of the blank server. Returns `None` if no step is possible.
pub(super) fn new_disk(view: &NemesisView<'_>, draws: Draws, lasts: Span) -> Option<Act> {
    let (_, configuration) = view.membership?;
    if let Some(blank) = choose_one(view.blank.minus(members(configuration)), draws[1]) {
        return match draws[2].below(4) {
            0 => staged(view, draws, blank),
            1 => call(view, draws, Change::AddNonvoter(blank.id(), view.address(blank))),
            _ => call(view, draws, Change::AddVoter(blank.id(), view.address(blank))),
        };
    }
    if let Some(removed) = choose_one(view.removed.minus(view.blank), draws[1]) {
        return Some(Act::NewDisk(removed, lasts));
    }
    call(view, draws, Change::RemoveServer(removable_voter(configuration, draws)?.id()))
}

/// Draws a call that replaces the configuration with a drawn list of members. The list has one or more voters,
/// and in some cases one non-voter. Returns `None` if no server can receive the call.
pub(super) fn joint(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let count = 1 + usize::try_from(draws[1].below(view.all.len() as u64)).expect("at most 16 servers");
    let whole = view.all.minus(view.lost);
    let servers = choose_some(whole, count, draws[2]);
    let without =
        if draws[3].hits(Ratio::new(1, 3)) { choose_one(whole.minus(servers), draws[3]) } else { None };
    let mut members: Vec<_> = servers.iter().map(|idx| Member::voter(idx.id(), view.address(idx))).collect();
    members.extend(without.map(|idx| Member::nonvoter(idx.id(), view.address(idx))));
    let change = Change::Members(members);
    Some(Act::Call(call_target(view, draws[0])?, Call::Change { change, prev_index: None }))
}

/// Draws a call that replaces one voter with a server that is not a member. All other members stay. Returns
/// `None` if no such call is possible.
pub(super) fn exchange(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let leaves = choose_one(voters(configuration), draws[1])?;
    let comes = choose_one(non_members(view, configuration), draws[2])?;
    let stay = configuration.servers().iter().filter(|member| member.id.node() != leaves.node()).cloned();
    let change = Change::Members(stay.chain([Member::voter(comes.id(), view.address(comes))]).collect());
    call(view, draws, change)
}

/// Draws a change with a false condition: the condition does not name the index of the latest configuration.
/// The leader must refuse the change. Returns `None` if no change is possible.
pub(super) fn stale(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (latest, _) = view.membership?;
    let Act::Call(idx, call) = any(view, draws)? else { return None };
    // No configuration is older than the configuration at index 1. A condition on a later configuration must
    // be refused too.
    let older = Index(latest.0.saturating_sub(1 + draws[3].below(latest.0.saturating_sub(1).max(1))));
    let prev_index = Some(if older == Index::ZERO { latest.next() } else { older });
    let call = match call {
        Call::Change { change, .. } => Call::Change { change, prev_index },
        Call::AddVoterStaged { id, address, .. } => Call::AddVoterStaged { id, address, prev_index },
        other => other,
    };
    Some(Act::Call(idx, call))
}

/// Draws a change that does not change the suffrage of any server. Returns `None` if no change is possible.
pub(super) fn null(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let voters = voters(configuration);
    let non_voters = members(configuration).minus(voters);
    let add =
        |to: fn(_, _) -> Change| choose_one(voters, draws[1]).map(|idx| to(idx.id(), view.address(idx)));
    let change = match draws[2].below(4) {
        0 => add(Change::AddNonvoter),
        1 => add(Change::AddVoter),
        2 => choose_one(non_voters, draws[1]).map(|idx| Change::DemoteVoter(idx.id())),
        _ => choose_one(non_members(view, configuration), draws[1]).map(|idx| Change::RemoveServer(idx.id())),
    };
    call(view, draws, change.or_else(|| add(Change::AddNonvoter))?)
}

/// Draws an act that moves a member to a new address. If the configuration has a wrong address, returns the
/// act that corrects the configuration. Returns `None` if no member can move.
pub(super) fn change_address(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    let restart = if draws[2].hits(Ratio::new(1, 2)) { Restart::AtOnce } else { Restart::Never };
    let idx = choose_one(members(configuration).minus(view.lost), draws[1])?;
    Some(if view.has_wrong_address(configuration) { Act::CorrectAddresses } else { Act::Move(idx, restart) })
}

/// Draws an act that exchanges the addresses of two members. If the configuration has a wrong address,
/// returns the act that corrects the configuration. Returns `None` if no exchange is possible.
pub(super) fn exchange_addresses(view: &NemesisView<'_>, draws: Draws) -> Option<Act> {
    let (_, configuration) = view.membership?;
    if view.has_wrong_address(configuration) {
        return Some(Act::CorrectAddresses);
    }
    // Two voters that have exchanged their addresses cannot reach each other. Both must be able to reach a
    // third voter.
    if voters(configuration).len() < 3 {
        return None;
    }
    let members = members(configuration).minus(view.lost);
    let one = choose_one(members, draws[1])?;
    Some(Act::ExchangeAddresses(one, choose_one(members.without(one), draws[2])?))
}

impl NemesisView<'_> {
    /// Returns the address at which a server listens.
    pub(super) fn address(&self, idx: ServerIdx) -> ServerAddress {
        self.addresses.of(idx)
    }

    /// True if the configuration has a wrong address of a member: the member listens at another address.
    fn has_wrong_address(&self, configuration: &Configuration) -> bool {
        let book = AddressBook::of(Some(configuration));
        members(configuration).iter().any(|idx| !self.addresses.is_right(&book, idx))
    }
}

/// Builds the call for a change. Half of the calls have a condition: the leader must refuse the change unless
/// the configuration of `view` is still the leader's current configuration. Returns `None` if no server can
/// receive the call.
fn call(view: &NemesisView<'_>, draws: Draws, change: Change) -> Option<Act> {
    let prev_index = prev_index_for(view, draws[3])?;
    Some(Act::Call(call_target(view, draws[0])?, Call::Change { change, prev_index }))
}

fn staged(view: &NemesisView<'_>, draws: Draws, idx: ServerIdx) -> Option<Act> {
    let (id, address, prev_index) = (idx.id(), view.address(idx), prev_index_for(view, draws[3])?);
    Some(Act::Call(call_target(view, draws[0])?, Call::AddVoterStaged { id, address, prev_index }))
}

/// Draws the condition of a change. The inner `Option` is the index of the current configuration, or `None`
/// for no condition. The outer `Option` is `None` if no configuration is known.
fn prev_index_for(view: &NemesisView<'_>, draw: Draw) -> Option<Option<Index>> {
    let (index, _) = view.membership?;
    Some(draw.hits(Ratio::new(1, 2)).then_some(index))
}

/// Returns the servers that may be added: they are not lost and not in the configuration. A server that is
/// lost permanently never returns under its old id.
fn non_members(view: &NemesisView<'_>, configuration: &Configuration) -> ServerSet {
    view.all.minus(view.lost).minus(members(configuration))
}

fn members(configuration: &Configuration) -> ServerSet {
    configuration.members().filter_map(|member| ServerIdx::of(member.id.node())).collect()
}

fn voters(configuration: &Configuration) -> ServerSet {
    let voters = configuration.servers().iter().filter(|member| member.suffrage == Suffrage::Voter);
    voters.filter_map(|member| ServerIdx::of(member.id.node())).collect()
}

/// Draws a voter that a change can remove. Returns `None` if a removal would leave fewer voters than
/// [`min_voters`] draws.
fn removable_voter(configuration: &Configuration, draws: Draws) -> Option<ServerIdx> {
    let voters = voters(configuration);
    choose_one(voters, draws[1]).filter(|_| min_voters(draws[3]) < voters.len())
}

/// Draws the minimum number of voters that a change must leave: one or two.
fn min_voters(draw: Draw) -> usize {
    if draw.hits(Ratio::new(1, 4)) { 1 } else { 2 }
}

//! The observers of a server know the members of the server's latest configuration and the leader that the
//! server follows, including the addresses (HashiCorp Raft's `PeerObservation` and `LeaderObservation`).
//!
//! The check runs when a server uses another configuration, follows another leader, or reports a leader to
//! its observers. Outside the simulator, the node is an observer of its server, and sends messages to the
//! addresses that the server reports.

use crate::check::ghost::{Facts, Ghost, GhostServer};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::Configuration;

pub(crate) const CHECK: Check = Check::new(
    "observers_are_told",
    "HashiCorp Raft, observations",
    JudgeLevel::Steps,
    Facts::CONFIGURED.or(Facts::LEADER),
    judge,
)
.needing(Parts::LEADER.or(Parts::CONFIGURATION).or(Parts::SERVER));

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let server = ghost.subject();
    let latest = server.configuration.as_deref()?;
    *witnessed += 1;
    if facts.touches(Facts::CONFIGURED)
        && let Some(what) = wrong_member(server, latest)
    {
        return violated(format_args!("{} has not told its observers {what}", ghost.step.idx));
    }
    // A leader that is no member has no address.
    let leader = latest.server(server.view.leader?)?;
    let is_told = server
        .told_leader
        .as_ref()
        .is_some_and(|told| told.id == leader.id && told.address == leader.address);
    if is_told {
        return None;
    }
    violated(format_args!(
        "{} follows {} at {}, but has not told its observers about this leader",
        ghost.step.idx, leader.id, leader.address
    ))
}

/// Returns a fact that the observers do not know: a member of the latest configuration, or a removed member.
/// Returns `None` if the observers know the members of the latest configuration.
fn wrong_member(server: &GhostServer, latest: &Configuration) -> Option<String> {
    let told = &server.told_members;
    let untold = latest.members().find(|member| !told.contains(member));
    let gone = || told.iter().find(|member| latest.server(member.id.node()).is_none());
    match untold {
        Some(member) => Some(format!("that {} at {} is a member", member.id, member.address)),
        None => gone().map(|member| format!("that {} was removed", member.id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Action, Entry, Event, Index, Leader, LogOp, Member, Observed, Payload, Term};

    /// n1 leads, its observers know the first configuration and this leader, and n1 appends another
    /// configuration, in which n3 has moved.
    fn moved(told: Vec<Observed>) -> Option<String> {
        let mut fixture = Fixture::three(&CHECK);
        let members = [N1, N2, N3].map(|idx| Member::voter(idx.id(), idx.address()));
        let peers = members.clone().map(|peer| Action::Observe(Observed::Peer { removed: false, peer }));
        fixture.step(N1, &Event::Timer, |_| {}, peers.into());
        let leader = Some(Leader { id: N1.id(), address: N1.address() });
        fixture.step(N1, &Event::Timer, |_| {}, vec![Action::Observe(Observed::Leader(leader))]);
        fixture.elect(N1, 2);
        // The scripted servers tell nobody of their bootstrap.
        fixture.take_violation();
        let [one, two, _] = members;
        let next =
            Configuration::new(vec![one, two, Member::voter("n3", "tank:17")]).expect("three addresses");
        let entry = Entry::new(Term(2), Index(3), Payload::Configuration(next.into()));
        let mut actions = vec![fixture.write(None, LogOp::Append([entry].into()))];
        actions.extend(told.into_iter().map(Action::Observe));
        fixture.step(N1, &Event::Timer, |_| {}, actions);
        fixture.take_violation()
    }

    fn peer(address: &str) -> Observed {
        Observed::Peer { removed: false, peer: Member::voter("n3", address) }
    }

    #[test]
    fn observers_must_learn_a_new_address() {
        assert_eq!(moved(vec![peer("tank:17")]), None);
        let what = "n1 has not told its observers that n3 at tank:17 is a member";
        assert_eq!(moved(Vec::new()).as_deref(), Some(what));
        assert_eq!(moved(vec![peer("tank:18")]).as_deref(), Some(what));
    }

    #[test]
    fn observers_must_learn_the_leader() {
        let other = Observed::Leader(Some(Leader { id: N1.id(), address: N2.address() }));
        let what = "n1 follows n1 at tank:1, but has not told its observers about this leader";
        assert_eq!(moved(vec![peer("tank:17"), other]).as_deref(), Some(what));
    }
}

//! An entry that a leader commits by counting copies is on the disks of a quorum (thesis §3.6.2, §3.8, §4.3).
//!
//! The check runs whenever a leader raises its commit index.

use crate::check::ghost::{ChainLink, Conf, Facts, Ghost, GhostStep, IndexedConf};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::Parts;
use wavetank_raft::Index;

const SECTION: &str = "thesis §3.6.2, §3.8, §4.3";

const NEEDS: Parts = Parts::ROLE.or(Parts::TERM).or(Parts::COMMIT).or(Parts::LOG).or(Parts::CONFIGURATION);

pub(crate) const CHECK: Check =
    Check::new("committed_is_durable_on_quorum", SECTION, JudgeLevel::History, Facts::COMMIT, judge)
        .needing(NEEDS);

/// True if the server raised its commit index in this step as a leader that counted copies. A server that
/// raised its commit index as a follower has counted no copies.
#[must_use]
pub(crate) fn counted(step: &GhostStep) -> bool {
    let led = step.was.leads() && step.was.term == step.now.term;
    step.was.commit < step.now.commit && (led || step.now.leads())
}

fn disks(ghost: &Ghost, among: ServerSet, commit: Index, link: ChainLink) -> ServerSet {
    let holds = |idx: &ServerIdx| {
        let ghost_server = ghost.ghost_server(*idx);
        // The server had the entry on its disk when the server acknowledged the entry. The whole disk was
        // lost later.
        ghost_server.disk_holds(commit, link) || commit <= ghost_server.lost
    };
    among.iter().filter(holds).collect()
}

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    if !counted(step) {
        return None;
    }
    let commit = step.now.commit;
    let link = ghost.subject().log.link(commit)?;
    *witnessed += 1;
    let conf_of = |placed: Option<IndexedConf>| placed.map_or_else(Conf::default, |placed| placed.conf);
    // One step may commit an entry and change the configuration, in either order. A quorum of one of the two
    // configurations is enough.
    let (was, now) = (conf_of(step.was_conf), conf_of(step.now_conf));
    let disks = disks(ghost, was.voters().or(now.voters()), commit, link);
    if was.is_quorum(disks) || now.is_quorum(disks) {
        return None;
    }
    let (leader, term) = (step.idx, step.now.term);
    violated(format_args!(
        "{leader} leads {term} and committed {commit} with copies on {disks:?}, which are {}",
        was.no_quorum_of_either(now)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N4, voters};
    use std::sync::Arc;
    use wavetank_raft::{Configuration, Event, Payload, Term, Token, UncheckedConfiguration};

    #[test]
    fn two_disks_of_three_are_enough() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.replicate(N1, N2, 0);
        fixture.commit(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn an_entry_in_memory_does_not_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.deliver(N1, N2, 0);
        fixture.commit(N1, 2);
        fixture.expect_violation(
            "n1 leads t2 and committed i2 with copies on {n1}, which are not a quorum of n1 n2 n3",
        );
    }

    #[test]
    fn a_server_without_a_vote_does_not_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.replicate(N1, N4, 0);
        fixture.commit(N1, 2);
        fixture.expect_violation("n1 leads t2 and committed i2 with copies on {n1}");
    }

    #[test]
    fn a_joint_commit_needs_both_majorities() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        let (old, new) = (voters(&[N1, N2, ServerIdx(2)]), voters(&[N1, N4]));
        let lists =
            UncheckedConfiguration { servers: new.servers().to_vec(), outgoing: old.servers().to_vec() };
        let joint = Arc::new(Configuration::try_from(lists).expect("a sound joint configuration"));
        fixture.append(N1, vec![Payload::Configuration(joint)]);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        fixture.expect_violation(
            "n1 leads t2 and committed i3 with copies on {n1 n2}, which are not a quorum of n1 n4 & n1 n2 n3",
        );
    }

    #[test]
    fn what_is_appended_in_the_same_step_does_not_change_the_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 1);
        fixture.replicate(N1, N2, 2);
        let entry = wavetank_raft::Entry::new(Term(2), Index(4), Payload::Configuration(voters(&[N1, N4])));
        let write = fixture.write(None, wavetank_raft::LogOp::Append([entry].into()));
        let commit = |scripted: &mut crate::check::fixture::ScriptedServer| scripted.view.commit = Index(3);
        fixture.step(N1, &Event::Persisted(Token(0)), commit, vec![write]);
        fixture.expect_holds();
    }
}

use super::*;
use crate::check::election::election_safety::CHECK;
use crate::check::fixture::{Fixture, N1, N2, N3, voters};
use wavetank_raft::{Entry, Event, LogId, LogOp, Payload};

const BOUNDS: LivenessBounds = LivenessBounds {
    election_timeout: Span::ms(100),
    timeouts: 10,
    slack: 2,
    changes_most: Some(1),
    has_time_to_elect: true,
};

/// A check that has seen all faults end now.
fn healed(fixture: &mut Fixture, core: ServerSet) -> Progress {
    let mut progress = Progress::new(BOUNDS);
    fixture.ghost.healed = Some((fixture.ghost.at, core));
    progress.on_observation(&fixture.ghost, Facts::HEALED);
    progress
}

fn look(fixture: &mut Fixture, progress: &mut Progress, at: Time) {
    fixture.ghost.at = at;
    progress.on_observation(&fixture.ghost, Facts::COMMIT);
}

fn apply_all(fixture: &mut Fixture) {
    for idx in [N1, N2, N3] {
        fixture.set_view(idx, |scripted| scripted.view.applied = scripted.view.commit);
    }
}

const LATE: Time = Time(1_000_000);

#[test]
fn a_core_that_converges_is_legal() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    fixture.settle(N1, 2);
    apply_all(&mut fixture);
    look(&mut fixture, &mut progress, Time(300_000));

    assert_eq!(progress.end(&fixture.ghost, LATE), None);
    assert_eq!(progress.wait(), Some(Span::ms(300)));
    assert_eq!(progress.witnessed(), 1);
}

#[test]
fn a_core_without_a_leader_is_reported() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    let stuck = progress.end(&fixture.ghost, LATE).expect("nobody leads");
    assert!(stuck.starts_with("no server leads the core n1 n2 n3"));
}

/// n1 needs the vote of n2 or n3, which have a later entry. In that entry only n1 has a vote, so n2 and n3
/// may not campaign.
#[test]
fn a_core_in_which_no_log_can_win_is_not_judged() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    for idx in [N2, N3] {
        assert!(progress.end(&fixture.ghost, LATE).is_some(), "n1 gets the vote of n3");
        let entry = Entry::new(Term(2), Index(2), Payload::Configuration(voters(&[N1])));
        let write = fixture.write(None, LogOp::Append([entry].into()));
        fixture.step(idx, &Event::Timer, |_| {}, vec![write]);
    }
    assert_eq!(progress.end(&fixture.ghost, LATE), None);
}

#[test]
fn a_core_in_which_nobody_has_caught_up_is_not_judged() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    for idx in [N1, N2, N3] {
        assert!(progress.end(&fixture.ghost, LATE).is_some(), "{idx} may campaign");
        let write = fixture.write(None, LogOp::CatchUp(LogId::new(Term(2), Index(5))));
        fixture.step(idx, &Event::Timer, |_| {}, vec![write]);
    }
    assert_eq!(progress.end(&fixture.ghost, LATE), None);
}

#[test]
fn a_core_that_has_no_time_to_elect_is_not_judged() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    progress.bounds.has_time_to_elect = false;
    assert_eq!(progress.end(&fixture.ghost, LATE), None);
    assert_eq!(progress.witnessed(), 0, "and that proves nothing");
}

#[test]
fn a_failure_says_what_servers_without_a_leader_do() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    let said = |progress: &mut Progress, fixture: &Fixture| {
        progress.end(&fixture.ghost, LATE).expect("nobody leads")
    };
    assert!(said(&mut progress, &fixture).ends_with("no server campaigned"));
    for term in [2, 3, 4] {
        fixture.campaign(N1, term);
        progress.on_observation(&fixture.ghost, Facts::CAMPAIGNED.or(Facts::TERM));
    }
    assert!(said(&mut progress, &fixture).ends_with("3 campaigns, 3 new terms, no winner"));
}

#[test]
fn nothing_is_judged_before_the_time_is_over() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    assert_eq!(progress.end(&fixture.ghost, Time(999_999)), None);
    assert_eq!(progress.witnessed(), 0, "the check had nothing to judge");
}

#[test]
fn a_core_without_a_quorum_is_not_judged() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::only(N2));
    assert_eq!(progress.end(&fixture.ghost, LATE), None);
}

#[test]
fn a_leader_that_commits_nothing_is_reported() {
    let mut fixture = Fixture::three(&CHECK);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    fixture.elect(N1, 2);
    let stuck = progress.end(&fixture.ghost, LATE).expect("its own entry is not committed");
    assert_eq!(stuck, "n1 leads t2, but has committed no entry of t2; its commit index is i0");
}

#[test]
fn a_member_that_stays_behind_is_reported() {
    let mut fixture = Fixture::three(&CHECK);
    fixture.settle(N1, 2);
    apply_all(&mut fixture);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    fixture.propose(N1, 1);
    fixture.replicate(N1, N2, 2);
    fixture.commit(N1, 3);
    fixture.commit(N2, 3);
    apply_all(&mut fixture);
    look(&mut fixture, &mut progress, Time(100_000));

    assert!(progress.wait().is_some(), "every server applied the entries that were committed before");
    let stuck = progress.end(&fixture.ghost, LATE).expect("n3 lacks what was committed long ago");
    let behind = "n1 leads t2, but n3 does not follow n1 or has not applied i3: \
                  n3 is a Follower at t2 with commit index i2 and applied index i2";
    assert_eq!(stuck, behind);
    assert_eq!(progress.end(&fixture.ghost, Time(299_999)), None);
}

#[test]
fn leadership_that_keeps_changing_is_reported() {
    let mut fixture = Fixture::three(&CHECK);
    fixture.settle(N1, 2);
    apply_all(&mut fixture);
    let mut progress = healed(&mut fixture, ServerSet::first(3));
    for (term, leader) in [(3, N2), (4, N3), (5, N1)] {
        fixture.settle(leader, term);
        progress.on_observation(&fixture.ghost, Facts::COMMIT);
        fixture.ghost.step.idx = leader;
        progress.on_observation(&fixture.ghost, Facts::LEADS | Facts::ROLE);
    }
    apply_all(&mut fixture);
    let stuck = progress.end(&fixture.ghost, LATE).expect("three leaders followed each other");
    assert_eq!(stuck, "the leader changed 2 times after the core settled");
}

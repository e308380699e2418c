use super::*;
use crate::check::election::election_safety::CHECK;
use crate::check::fixture::{N1, N2, N3, Tale};

const PATIENCE: Patience =
    Patience { election_timeout: Span::ms(100), timeouts: 10, slack: 2, changes_most: Some(1) };

/// Tells everything that the ledger sees to the judge as well.
fn healed(tale: &mut Tale, core: Slots) -> Progress {
    let mut progress = Progress::new(PATIENCE);
    tale.ledger.healed = Some((tale.ledger.at, core));
    progress.see(&tale.ledger, Facts::HEALED);
    progress
}

fn look(tale: &mut Tale, progress: &mut Progress, at: Time) {
    tale.ledger.at = at;
    progress.see(&tale.ledger, Facts::COMMIT);
}

fn apply_all(tale: &mut Tale) {
    for slot in [N1, N2, N3] {
        tale.pose(slot, |posed| posed.glimpse.applied = posed.glimpse.commit);
    }
}

const LATE: Time = Time(1_000_000);

#[test]
fn a_core_that_converges_is_well() {
    let mut tale = Tale::three(&CHECK);
    let mut progress = healed(&mut tale, Slots::first(3));
    tale.settle(N1, 2);
    apply_all(&mut tale);
    look(&mut tale, &mut progress, Time(300_000));

    assert_eq!(progress.end(&tale.ledger, LATE), None);
    assert_eq!(progress.wait(), Some(Span::ms(300)));
    assert_eq!(progress.witnessed(), 1);
}

#[test]
fn without_a_leader() {
    let mut tale = Tale::three(&CHECK);
    let mut progress = healed(&mut tale, Slots::first(3));
    let stuck = progress.end(&tale.ledger, LATE).expect("nobody leads");
    assert!(stuck.starts_with("nobody leads n1 n2 n3"));
}

#[test]
fn what_they_do_without_a_leader_is_said() {
    let mut tale = Tale::three(&CHECK);
    let mut progress = healed(&mut tale, Slots::first(3));
    let said = |progress: &mut Progress, tale: &Tale| progress.end(&tale.ledger, LATE).expect("nobody leads");
    assert!(said(&mut progress, &tale).ends_with("nobody campaigns"));
    for term in [2, 3, 4] {
        tale.campaign(N1, term);
        progress.see(&tale.ledger, Facts::CAMPAIGNED.or(Facts::TERM));
    }
    assert!(said(&mut progress, &tale).ends_with("3 campaigns and 3 terms, and nobody won"));
}

#[test]
fn not_before_patience_is_over() {
    let mut tale = Tale::three(&CHECK);
    let mut progress = healed(&mut tale, Slots::first(3));
    assert_eq!(progress.end(&tale.ledger, Time(999_999)), None);
    assert_eq!(progress.witnessed(), 0, "and that proves nothing");
}

#[test]
fn not_of_a_core_without_a_quorum() {
    let mut tale = Tale::three(&CHECK);
    let mut progress = healed(&mut tale, Slots::only(N2));
    assert_eq!(progress.end(&tale.ledger, LATE), None);
}

#[test]
fn a_leader_that_commits_nothing() {
    let mut tale = Tale::three(&CHECK);
    let mut progress = healed(&mut tale, Slots::first(3));
    tale.elect(N1, 2);
    let stuck = progress.end(&tale.ledger, LATE).expect("its own entry is not committed");
    assert_eq!(stuck, "n1, leader of t2, has committed no entry of its own, only i0");
}

#[test]
fn a_member_that_does_not_come_along() {
    let mut tale = Tale::three(&CHECK);
    tale.settle(N1, 2);
    apply_all(&mut tale);
    let mut progress = healed(&mut tale, Slots::first(3));
    tale.propose(N1, 1);
    tale.replicate(N1, N2, 2);
    tale.commit(N1, 3);
    tale.commit(N2, 3);
    apply_all(&mut tale);
    look(&mut tale, &mut progress, Time(100_000));

    assert!(progress.wait().is_some(), "all that was committed before is everywhere");
    let stuck = progress.end(&tale.ledger, LATE).expect("n3 lacks what was committed long ago");
    let behind =
        "n3 is a Follower at t2 with commit i2 and applied i2; n1 leads, and i3 was committed long ago";
    assert_eq!(stuck, behind);
    assert_eq!(progress.end(&tale.ledger, Time(299_999)), None);
}

#[test]
fn leadership_that_does_not_settle() {
    let mut tale = Tale::three(&CHECK);
    tale.settle(N1, 2);
    apply_all(&mut tale);
    let mut progress = healed(&mut tale, Slots::first(3));
    for (term, leader) in [(3, N2), (4, N3), (5, N1)] {
        tale.settle(leader, term);
        progress.see(&tale.ledger, Facts::COMMIT);
        tale.ledger.step.slot = leader;
        progress.see(&tale.ledger, Facts::LEADS | Facts::ROLE);
    }
    apply_all(&mut tale);
    let stuck = progress.end(&tale.ledger, LATE).expect("three leaders followed each other");
    assert_eq!(stuck, "the leader changed 2 times after all was settled");
}

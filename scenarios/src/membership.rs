//! Who belongs: stories of servers that are taken in, left out, and exchanged while others speak.

use crate::words::{Stage, election_timeouts};

/// A new server catches up without a vote before it gets one, and then counts.
pub fn a_newcomer_catches_up_before_it_counts(s: &mut Stage) {
    let leader = s.until_leader();
    let [newcomer] = s.spares();
    s.propose_many(leader, &["one", "two", "three"]).until_committed("three");

    let joining = s.add_voter_staged(leader, newcomer);
    s.until_granted(joining);
    s.until_converged();
    s.expect_committed(&["one", "two", "three"]);

    let [a, b] = s.followers_of(leader);
    s.crash(a);
    s.propose(leader, "with the newcomer").until_committed("with the newcomer");
    s.expect_voters(leader, &[leader, a, b, newcomer]);
}

/// A follower that was removed is not missed, and disturbs nobody although it is never told.
pub fn a_removed_follower_disturbs_nobody(s: &mut Stage) {
    let leader = s.until_leader();
    let [removed, stays] = s.followers_of(leader);
    let term = s.term_of(leader);
    s.isolate(removed);
    let leaving = s.remove(leader, removed);
    s.until_granted(leaving);

    s.heal();
    s.until_passed(election_timeouts(20));

    s.expect_leads(leader);
    s.expect_term(leader, term);
    s.expect_voters(leader, &[leader, stays]);
    s.propose(leader, "without it").until_committed("without it");
}

/// A leader that removes itself leads until that is committed, and another takes over.
pub fn a_leader_removes_itself(s: &mut Stage) {
    let old = s.until_leader();
    let [a, b] = s.followers_of(old);
    s.propose(old, "before").until_committed("before");

    let leaving = s.remove(old, old);
    s.until_granted(leaving);

    let new = s.until_leader_other_than(old);
    s.expect_voters(new, &[a, b]);
    s.propose(new, "after").until_committed("after");
    s.until_converged();
    s.expect_committed(&["before", "after"]);
}

/// A change that reached only a minority is undone by the leader of the others.
pub fn a_change_in_a_minority_is_undone(s: &mut Stage) {
    let old = s.until_leader();
    let [a, b] = s.followers_of(old);
    let [newcomer] = s.spares();
    s.part(&[old, newcomer], &[a, b]);
    let joining = s.add_voter(old, newcomer);

    let new = s.until_leader_other_than(old);
    s.propose(new, "kept").until_committed("kept");

    s.heal();
    s.until_refused(joining);
    s.until_converged();
    s.expect_voters(old, &[old, a, b]);
    s.expect_committed(&["kept"]);
}

/// While a change is not committed there is no other; afterwards there may be.
pub fn changes_come_one_at_a_time(s: &mut Stage) {
    let leader = s.until_leader();
    let [one, another] = s.spares();
    s.deafen(leader);
    let first = s.add_voter(leader, one);

    let second = s.add_voter(leader, another);
    s.until_refused(second);

    s.heal();
    s.until_granted(first);
    let third = s.add_voter(leader, another);
    s.until_granted(third);
    s.until_converged();
}

/// A server without a vote has every word, and counts for nothing.
pub fn a_nonvoter_counts_for_nothing(s: &mut Stage) {
    let old = s.until_leader();
    let [other] = s.followers_of(old);
    let [listener] = s.spares();
    let joining = s.add_nonvoter(old, listener);
    s.until_granted(joining);
    s.crash(other);
    s.propose(old, "heard by the listener").until_stored(listener, "heard by the listener");

    s.until_steps_down(old);
    s.expect_no_leader_for(election_timeouts(10));
    s.expect_not_committed("heard by the listener");

    s.restart(other);
    s.until_leader();
    s.until_converged();
    s.expect_committed(&["heard by the listener"]);
}

/// All members are exchanged at once, through a joint membership, and every word is handed on.
pub fn all_members_are_exchanged(s: &mut Stage) {
    let old = s.until_leader();
    let newcomers: [_; 3] = s.spares();
    s.propose(old, "before").until_committed("before");

    let exchange = s.change_members(old, &newcomers);
    s.until_granted(exchange);

    let new = s.until_leader_among(&newcomers);
    s.expect_voters(new, &newcomers);
    s.propose(new, "after").until_committed("after");
    s.until_converged();
    s.expect_committed(&["before", "after"]);
}

/// While the membership is joint, both the old and the new majority are needed.
pub fn a_joint_membership_needs_both_majorities(s: &mut Stage) {
    let old = s.until_leader();
    let [a, b] = s.followers_of(old);
    let newcomers: [_; 3] = s.spares();
    s.part(&newcomers, &[old, a, b]);

    let exchange = s.change_members(old, &newcomers);
    s.propose(old, "needs both").until_stored(a, "needs both");
    s.until_steps_down(old);
    s.expect_not_committed("needs both");

    s.heal();
    s.until_leader();
    s.until_refused(exchange);
    s.until_converged();
    s.expect_committed(&["needs both"]);
}

/// A server that was removed while it was away and has come back with its old membership cannot
/// lead: nobody whom it knows would follow.
pub fn a_server_from_the_past_cannot_lead(s: &mut Stage) {
    let leader = s.until_leader();
    let [forgotten, other] = s.followers_of(leader);
    let [newcomer] = s.spares();
    s.isolate(forgotten);
    let joining = s.add_voter(leader, newcomer);
    s.until_granted(joining);
    let leaving = s.remove(leader, forgotten);
    s.until_granted(leaving);
    s.crash(leader);

    s.heal();

    let new = s.until_leader_other_than(leader);
    s.expect([other, newcomer].contains(&new), "a member leads");
    s.restart(leader);
    s.until_converged();
}

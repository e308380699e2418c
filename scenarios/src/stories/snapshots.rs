//! What stands for the log: stories of snapshots that are taken, sent, cut short, and put in the
//! place of what was there.

use super::plan_tweaks::{
    four_entries_in_line, piecemeal, piecemeal_and_twice, snapshots_soon, two_entries_at_a_time,
    without_trailing_logs,
};
use crate::dsl::{Stage, election_timeouts};
use wavetank_sim::Slot;

stories![
    /// A server that crashes while it receives a snapshot has its old state or the new one, at
    /// whichever piece it crashes.
    #[cluster(plan_tweak = piecemeal)]
    fn a_crash_during_a_snapshot_install_loses_nothing(s: &mut Stage) {
        let leader = s.until_leader();
        let [frail, other] = s.followers_of(leader);
        let mut said = Vec::new();
        for pieces in 1..=4 {
            leave_behind(s, leader, other, frail, &mut said);
            s.heal();
            s.until_receives(frail, pieces);
            s.crash(frail);
            s.restart(frail);
            s.until_converged();
            expect_said(s, &said);
        }

        s.expect_installed(frail);
        s.expect_leads(leader);
    }

    /// When a leader crashes while it sends a snapshot, the next leader sends its own snapshot from the
    /// beginning.
    #[cluster(plan_tweak = piecemeal)]
    fn a_leader_crashes_while_it_sends_a_snapshot(s: &mut Stage) {
        let old = s.until_leader();
        let [behind, heir] = s.followers_of(old);
        let mut said = Vec::new();
        leave_behind(s, old, heir, behind, &mut said);
        s.heal();
        s.until_receives(behind, 2);

        s.crash(old);

        s.until_leads(heir);
        s.until_installed(behind);
        s.until_converged();
        expect_said(s, &said);
    }

    /// When the link fails in the middle of a snapshot, the snapshot is completed after the link is
    /// back.
    #[cluster(plan_tweak = piecemeal)]
    fn an_interrupted_snapshot_is_completed(s: &mut Stage) {
        let leader = s.until_leader();
        let [behind, other] = s.followers_of(leader);
        let mut said = Vec::new();
        leave_behind(s, leader, other, behind, &mut said);
        s.heal();
        s.until_receives(behind, 3);

        s.cut(leader, behind);
        s.until_passed(election_timeouts(3));
        s.expect_unreadable(behind, &said[0]);

        s.heal();
        s.until_installed(behind);
        s.until_converged();
        expect_said(s, &said);
    }

    /// Pieces that arrive twice and out of order still make one snapshot.
    #[cluster(plan_tweak = piecemeal_and_twice)]
    fn duplicated_pieces_make_one_snapshot(s: &mut Stage) {
        let leader = s.until_leader();
        let [behind, other] = s.followers_of(leader);
        let mut said = Vec::new();
        leave_behind(s, leader, other, behind, &mut said);

        s.heal();

        s.until_installed(behind);
        s.until_leader();
        s.until_converged();
        expect_said(s, &said);
    }

    /// When a newer snapshot follows one that was interrupted, a late piece of the older one costs time
    /// and does not get into the newer one.
    #[cluster(servers = 5, plan_tweak = piecemeal)]
    fn pieces_of_two_snapshots_do_not_mix(s: &mut Stage) {
        let leader = s.until_leader();
        let [behind, also_behind, _, _] = s.followers_of(leader);
        s.isolate(behind);
        s.isolate(also_behind);
        s.propose_many(leader, &["first of old", "other of old", "third of old"]);
        s.until_acknowledged("third of old");
        let old = s.snapshot(leader);
        s.until_granted(old);
        s.mend(leader, behind);
        s.until_receives(behind, 1);
        s.cut(leader, behind);

        let news = ["first of new", "other of new", "third of new"];
        let restored = s.restore(leader, &news);
        s.until_granted(restored);
        let newer = s.snapshot(leader);
        s.until_granted(newer);
        s.mend(leader, also_behind);
        s.until_receives(also_behind, 1);

        s.mend(leader, behind);
        s.until_sent(leader, behind, 2);
        s.repeat_first_piece(behind);
        s.until_installed(behind);
        s.until_converged();
        s.expect_committed(&news);
    }

    /// A long log suffix that was never committed is replaced by a snapshot that ends before it does.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn a_conflicting_suffix_is_replaced_by_a_snapshot(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        s.isolate(old);
        for number in 1..=40 {
            s.propose(old, &format!("lost {number}"));
        }
        s.until_stored(old, "lost 40");

        let new = s.until_leader_other_than(old);
        let [other] = s.others_among(&[a, b], new);
        let mut said = Vec::new();
        say_on(s, new, &mut said);
        compact(s, &[new, other], &said);

        s.heal();
        s.until_failed("lost 40");
        s.until_installed(old);
        said.push("afterwards".to_owned());
        s.propose(new, "afterwards").until_stored(old, "afterwards").until_converged();
        s.expect_not_stored(old, "lost 40");
        expect_said(s, &said);
    }

    /// A follower whose responses are lost keeps the entries that it has after the end of the snapshot
    /// that it is sent.
    #[cluster(plan_tweak = two_entries_at_a_time)]
    fn entries_after_a_snapshot_are_kept(s: &mut Stage) {
        let leader = s.until_leader();
        let [ahead, other] = s.followers_of(leader);
        s.isolate(other);
        s.propose(leader, "before").until_readable(ahead, "before");
        s.isolate(ahead);
        s.propose_many(leader, &["in the snapshot", "behind it"]);

        s.mend(leader, ahead);
        s.until_being_written(ahead, "behind it");
        s.cut_one_way(ahead, leader);
        s.mend(leader, other);
        s.until_acknowledged("in the snapshot");
        let taken = s.snapshot(leader);
        s.until_granted(taken);
        s.until_installed(ahead);

        s.crash(leader);
        s.heal();
        s.until_leader_other_than(leader);
        s.until_converged();
        s.expect_committed(&["before", "in the snapshot", "behind it"]);
    }

    /// When a snapshot overtakes commands that wait for the state machine, their callers get an error,
    /// and not another command's answer.
    #[cluster(plan_tweak = four_entries_in_line)]
    fn calls_overtaken_by_a_snapshot_fail(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        s.until_converged();
        s.stall_machine(old, election_timeouts(10));
        let waiting = ["one", "two", "three", "four", "five", "six"];
        s.propose_many(old, &waiting).until_committed("six");
        s.isolate(old);

        let new = s.until_leader_other_than(old);
        let [other] = s.others_among(&[a, b], new);
        let mut said = waiting.map(str::to_owned).to_vec();
        say_on(s, new, &mut said);
        compact(s, &[new, other], &said);

        s.heal();
        s.until_installed(old);
        s.propose(new, "afterwards").until_readable(old, "afterwards");
        said.push("afterwards".to_owned());
        for word in waiting {
            s.until_failed(word);
        }
        s.until_converged();
        expect_said(s, &said);
    }

    /// A server that missed several membership changes learns all of them from one snapshot.
    #[cluster(spares = 2, plan_tweak = without_trailing_logs)]
    fn a_snapshot_carries_the_configuration(s: &mut Stage) {
        let leader = s.until_leader();
        let [away, other] = s.followers_of(leader);
        let [comes, listens] = s.spares();
        s.isolate(away);
        let changes: [fn(&mut Stage, Slot, Slot) -> _; 4] =
            [Stage::add_voter, Stage::demote, Stage::remove, Stage::add_voter_staged];
        for change in changes {
            let asked = change(s, leader, comes);
            s.until_granted(asked);
        }
        let listening = s.add_nonvoter(leader, listens);
        s.until_granted(listening);
        let mut said = Vec::new();
        say_on(s, leader, &mut said);
        compact(s, &[leader, other], &said);

        s.heal();
        s.until_installed(away);
        s.expect_voters(away, &[leader, away, other, comes]);
        s.expect_listeners(away, &[listens]);
        s.until_converged();
        expect_said(s, &said);
    }

    /// A server that was demoted while it was isolated learns of it from a snapshot, and does not
    /// campaign.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn a_demotion_is_learnt_from_a_snapshot(s: &mut Stage) {
        let leader = s.until_leader();
        let [away, other] = s.followers_of(leader);
        s.isolate(away);
        let demotion = s.demote(leader, away);
        s.until_granted(demotion);
        let mut said = Vec::new();
        say_on(s, leader, &mut said);
        compact(s, &[leader, other], &said);
        s.expect_voters(away, &[leader, away, other]);

        s.heal();
        s.until_installed(away);
        s.expect_voters(away, &[leader, other]);

        s.crash(leader);
        s.crash(other);
        s.expect_no_leader_for(election_timeouts(10));
        s.restart_all();
        s.until_leader();
        s.until_converged();
        expect_said(s, &said);
    }

    /// A snapshot has only the committed configuration: a membership change under way is not in it, and
    /// can be undone.
    #[cluster(spares = 1, plan_tweak = without_trailing_logs)]
    fn a_snapshot_excludes_an_uncommitted_change(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let [newcomer] = s.spares();
        s.propose(old, "in the snapshot").until_acknowledged("in the snapshot");
        s.isolate(old);
        s.add_voter(old, newcomer);
        let taken = s.snapshot(old);
        s.until_granted(taken);
        s.until_voters(old, &[old, a, b, newcomer]);
        s.crash(old);

        s.restart(old);
        s.expect_readable(old, "in the snapshot");
        let new = s.until_leader_other_than(old);
        s.propose(new, "instead").until_committed("instead");

        s.heal();
        s.until_converged();
        s.expect_voters(old, &[old, a, b]);
        s.expect_committed(&["in the snapshot", "instead"]);
    }

    /// An idle leader whose whole log is in a snapshot still brings a new server up to date.
    #[cluster(spares = 1, plan_tweak = snapshots_soon)]
    fn an_idle_leader_adds_a_new_server(s: &mut Stage) {
        let leader = s.until_leader();
        let [newcomer] = s.spares();
        let mut said = Vec::new();
        say_on(s, leader, &mut said);
        s.until_snapshotted(leader);
        s.until_passed(election_timeouts(5));

        let joining = s.add_voter_staged(leader, newcomer);
        s.until_granted(joining);

        s.until_converged();
        s.expect_installed(newcomer);
        s.expect_leads(leader);
        expect_said(s, &said);
    }

    /// When servers compact their logs sooner than a snapshot can be sent, a follower that lags still
    /// catches up.
    #[cluster(plan_tweak = piecemeal)]
    fn a_follower_catches_up_despite_repeated_compaction(s: &mut Stage) {
        let leader = s.until_leader();
        let [behind, other] = s.followers_of(leader);
        let mut said = Vec::new();
        leave_behind(s, leader, other, behind, &mut said);

        s.heal();
        for pieces in [1, 4, 8] {
            s.until_receives(behind, pieces);
            say_on(s, leader, &mut said);
            let taken = s.snapshot(leader);
            s.until_granted(taken);
        }

        s.until_converged();
        s.expect_installed(behind);
        s.expect_leads(leader);
        expect_said(s, &said);
    }

    /// After the power failed on all servers, the state in their snapshots is there without any log.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn servers_start_from_their_snapshots(s: &mut Stage) {
        let leader = s.until_leader();
        let mut said = Vec::new();
        say_on(s, leader, &mut said);
        let all: [_; 3] = s.everybody();
        compact(s, &all, &said);

        s.crash_all();
        s.restart_all();
        for slot in all {
            s.expect_readable(slot, &said[said.len() - 1]);
        }

        let leader = s.until_leader();
        s.propose(leader, "afterwards").until_converged();
        said.push("afterwards".to_owned());
        expect_said(s, &said);
    }

    /// A restored state is ordered with the commands: it replaces what was committed before it, and
    /// nothing that comes after it.
    fn a_restore_is_ordered_with_the_commands(s: &mut Stage) {
        let leader = s.until_leader();
        let [away, _] = s.followers_of(leader);
        s.propose(leader, "long before").until_committed("long before");
        s.isolate(away);

        s.propose(leader, "just before");
        let restored = s.restore(leader, &["from outside", "in two words"]);
        s.propose(leader, "just after");
        s.until_granted(restored);
        s.until_acknowledged("just after");
        s.crash_all();

        s.heal();
        s.restart_all();
        s.until_leader();
        s.until_converged();
        s.expect_committed(&["from outside", "in two words", "just after"]);
    }

    /// A restored state that only a minority stored replaces no server's state.
    fn a_restore_needs_a_majority(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_converged();
        s.isolate(old);
        let restored = s.restore(old, &["from outside"]);

        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");
        s.expect_readable(old, "kept");
        s.expect_unreadable(old, "from outside");

        s.heal();
        s.until_refused(restored);
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }
];

/// Says twenty words more, and waits until they are kept.
fn say_on(s: &mut Stage, leader: Slot, said: &mut Vec<String>) {
    for _ in 0..20 {
        let word = format!("word {}", said.len() + 1);
        s.propose(leader, &word);
        said.push(word);
    }
    s.until_acknowledged(&said[said.len() - 1]);
}

/// Has a snapshot take the place of all that was said.
fn compact(s: &mut Stage, slots: &[Slot], said: &[String]) {
    for &slot in slots {
        s.until_readable(slot, &said[said.len() - 1]);
    }
    for &slot in slots {
        let taken = s.snapshot(slot);
        s.until_granted(taken);
    }
}

/// Says on while one is away, and compacts what it misses.
fn leave_behind(s: &mut Stage, leader: Slot, other: Slot, behind: Slot, said: &mut Vec<String>) {
    s.isolate(behind);
    say_on(s, leader, said);
    compact(s, &[leader, other], said);
    s.until_compacted_beyond(leader, behind).until_compacted_beyond(other, behind);
}

fn expect_said(s: &mut Stage, said: &[String]) {
    s.expect_committed(&said.iter().map(String::as_str).collect::<Vec<_>>());
}

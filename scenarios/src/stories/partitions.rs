//! Who hears whom: stories of links that fail both ways, one way, and now and then.

use crate::dsl::{Stage, election_timeouts};

stories![
    /// An isolated leader cannot commit its entry, and drops the entry when it returns.
    fn an_isolated_leader_loses_its_uncommitted_entry(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");

        s.isolate(old);
        s.propose(old, "lost");

        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");

        s.heal();
        s.until_failed("lost");
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// A leader that nobody hears is replaced, and follows the new leader, which it hears.
    fn a_leader_that_nobody_hears_is_replaced(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");
        s.mute(old);

        let new = s.until_leader_other_than(old);
        s.until_follows(old, new);
        s.propose(new, "also kept").until_committed("also kept");

        s.heal();
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// A leader that hears nobody steps down, although everybody hears it.
    fn a_leader_that_hears_nobody_steps_down(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");
        s.deafen(old);

        s.until_steps_down(old);
        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");

        s.heal();
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// A link that fails and recovers again and again costs time, but no command and no agreement.
    fn a_flapping_link_loses_nothing(s: &mut Stage) {
        let words = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
        for word in words {
            let leader = s.until_leader();
            let [one, _] = s.followers_of(leader);
            s.cut(leader, one);
            s.propose(leader, word).until_committed(word);
            s.until_passed(election_timeouts(1));
            s.mend(leader, one);
        }

        s.until_converged();
        s.expect_committed(&words);
    }

    /// A leader that reaches only one of four followers is replaced by a server that reaches a
    /// majority.
    #[cluster(servers = 5)]
    fn a_leader_that_reaches_one_of_four_is_replaced(s: &mut Stage) {
        let old = s.until_leader();
        let [the_bridge, a, b, c] = s.followers_of(old);
        for unreachable in [a, b, c] {
            s.cut(old, unreachable);
        }

        let new = s.until_leader_other_than(old);
        s.propose(new, "kept").until_committed("kept");
        s.until_follows(the_bridge, new);

        s.heal();
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// When servers hear only their neighbours in a chain, only servers in the middle reach a majority,
    /// and one of those leads.
    #[cluster(servers = 5)]
    fn a_chain_is_led_from_its_middle(s: &mut Stage) {
        let [a, b, c, d, e] = s.everybody();
        s.chain(&[d, b, a, c, e]);

        let leader = s.until_leader();
        s.expect([a, b, c].contains(&leader), "the leader has two neighbours");
        s.propose(leader, "kept").until_committed("kept");

        s.heal();
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// Partition follows partition, a command is committed before each, and all commands are kept in
    /// order.
    #[cluster(servers = 5)]
    fn repeated_partitions_lose_nothing(s: &mut Stage) {
        let words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        for word in words {
            let leader = s.until_leader();
            let [with_it, a, b, c] = s.followers_of(leader);
            s.propose(leader, word).until_committed(word);

            s.part(&[leader, with_it], &[a, b, c]);
            s.until_leader_other_than(leader);
            s.heal();
        }

        s.until_converged();
        s.expect_committed(&words);
    }
];

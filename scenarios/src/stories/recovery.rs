//! How a cluster comes to be: stories of its founding, and of what is left when it cannot be saved.

use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::Error;

stories![
    /// A cluster is founded once: whoever is in it cannot be told to found another.
    fn a_cluster_is_founded_once(s: &mut Stage) {
        let leader = s.until_leader();
        let all: [_; 3] = s.everybody();
        s.propose(leader, "kept").until_converged();

        for member in all {
            let again = s.found(member, &[member]);
            s.until_refused_because(again, &Error::CantBootstrap);
        }

        s.crash_all();
        s.restart_all();
        let again = s.found(all[0], &all);
        s.until_refused_because(again, &Error::CantBootstrap);
        s.until_leader();
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// Who founds a cluster belongs to it: others are refused, and stay as blank as they were.
    #[cluster(spares = 1)]
    fn a_stranger_founds_nothing(s: &mut Stage) {
        let leader = s.until_leader();
        let all: [_; 3] = s.everybody();
        let [stranger] = s.spares();

        let founding = s.found(stranger, &all);

        s.until_refused_because(founding, &Error::NotVoter);
        s.expect_not_led_by(stranger, election_timeouts(10));
        let joining = s.add_voter(leader, stranger);
        s.until_granted(joining);
        s.propose(leader, "with it").until_converged();
        s.expect_committed(&["with it"]);
    }
];

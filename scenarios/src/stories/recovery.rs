//! How a cluster comes to be: stories of its founding, and of what is left when it cannot be saved.

use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::Error;

stories![
    /// A cluster is bootstrapped once: a member refuses to be bootstrapped again.
    fn a_cluster_is_bootstrapped_once(s: &mut Stage) {
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

    /// A server that is not a member of the configuration refuses to bootstrap it, and stays blank.
    #[cluster(spares = 1)]
    fn a_server_outside_the_cluster_cannot_bootstrap_it(s: &mut Stage) {
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

//! For an election, a server counts only the votes of the voters in its configuration. For a commit, it counts
//! only the copies of an entry on these voters (thesis §4.2.1).
//!
//! Whenever the configuration of a server changes, the check compares the servers that the server counts with
//! the voters of the configuration.

use crate::check::ghost::{Conf, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("only_voters_count", "thesis §4.2.1", JudgeLevel::Steps, Facts::CONFIGURED, judge)
        .needing(Parts::CONFIGURATION.or(Parts::SERVER));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (idx, counted, in_force) = (ghost.step.idx, ghost.step.counted?, ghost.step.now_conf);
    let voters = in_force.map_or_else(Conf::default, |placed| placed.conf);
    if counted.incoming == voters.incoming && counted.outgoing == voters.outgoing {
        return None;
    }
    match in_force {
        Some(in_force) => {
            violated(format_args!("{idx} counts servers that are not the voters of {in_force}"))
        }
        None => violated(format_args!("{idx} counts voters, but {idx} knows no configuration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use crate::check::ghost::Conf;
    use wavetank_raft::{Index, Payload};

    #[test]
    fn the_voters_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.expect_holds();
    }

    #[test]
    fn other_servers_do_not_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.set_view(N1, |scripted| {
            scripted.configuration = Some((Index(3), voters(&[N1, N2])));
            scripted.counted = Some(Conf::of(&voters(&[N1, N2, N3])));
        });
        fixture.expect_violation("n1 counts servers that are not the voters of n1 n2 at i3");
    }
}

//! The sets that are counted with are the voters of the configuration in force, nobody more and
//! nobody less.

use crate::check::ghost::{Conf, Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// Only voters count (M7).
pub(crate) const CHECK: Check =
    Check::new("only_voters_count", "thesis §4.2.1", Column::Steps, Facts::CONFIGURED, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (slot, counted, in_force) = (ledger.step.slot, ledger.step.counted?, ledger.step.now_conf);
    let voters = in_force.map_or_else(Conf::default, |placed| placed.conf);
    if counted.incoming == voters.incoming && counted.outgoing == voters.outgoing {
        return None;
    }
    match in_force {
        Some(in_force) => say(format_args!("{slot} counts with others than the voters of {in_force}")),
        None => say(format_args!("{slot} counts with somebody, and knows no configuration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale, voters};
    use crate::check::ghost::Conf;
    use wavetank_raft::{Index, Payload};

    #[test]
    fn the_voters() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.is_quiet();
    }

    #[test]
    fn and_nobody_else() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.pose(N1, |posed| {
            posed.configuration = Some((Index(3), voters(&[N1, N2])));
            posed.counted = Some(Conf::of(&voters(&[N1, N2, N3])));
        });
        tale.speaks("n1 counts with others than the voters of n1 n2 at i3");
    }
}

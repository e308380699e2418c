//! A leader changes the membership only when the change before is committed, its own or inherited.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// One change at a time (M3).
pub(crate) const CHECK: Check =
    Check::new("one_change_at_a_time", "thesis §4.1", Column::Ghosts, Facts::CHANGED, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (leader, commit) = (ledger.step.slot, ledger.step.now.commit);
    ledger.step.changed.iter().find_map(|(pending, next)| {
        let pending = (*pending)?;
        *witnessed += 1;
        if pending.index <= commit {
            return None;
        }
        say(format_args!("{leader} appended {next} while {pending} was not committed (only {commit} was)"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale, voters};
    use crate::plan::server_set::Slot;
    use wavetank_raft::Payload;

    fn change(tale: &mut Tale, leader: Slot, to: &[Slot]) {
        tale.append(leader, vec![Payload::Configuration(voters(to))]);
    }

    #[test]
    fn one_after_the_other() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        change(&mut tale, N1, &[N1, N2]);
        tale.replicate(N1, N2, 2);
        tale.commit(N1, 3);
        change(&mut tale, N1, &[N1]);
        tale.is_quiet();
    }

    #[test]
    fn not_two_at_once() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        change(&mut tale, N1, &[N1, N2]);
        change(&mut tale, N1, &[N1]);
        tale.speaks("n1 appended n1 at i4 while n1 n2 at i3 was not committed (only i2 was)");
    }

    #[test]
    fn an_inherited_change_is_pending_too() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        change(&mut tale, N1, &[N1, N2]);
        tale.replicate(N1, N3, 2);
        tale.elect(N3, 3);
        change(&mut tale, N3, &[N3]);
        tale.speaks("n3 appended n3 at i5 while n1 n2 at i3 was not committed");
    }
}

//! Log Matching: if two logs have an entry with the same index and term, all entries before this entry are
//! the same in both logs (thesis §3.5).
//!
//! A log has no gap, and the terms in a log never fall. The check runs whenever a server appends entries or
//! starts.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::{Index, LogId};

const WATCHES: Facts = Facts::APPENDED.or(Facts::BOOTED);

pub(crate) const CHECK: Check =
    Check::new("log_matching", "thesis §3.5", JudgeLevel::History, WATCHES, judge).needing(Parts::LOG);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let (idx, log) = (step.idx, &ghost.subject().log);
    if let Some(entry) = step.hole {
        let last = log.last();
        return violated(format_args!("{idx} appended {entry}, but its log ended at {last}"));
    }
    let whole = (log.base().index.next(), log.last().index);
    let (from, upto) = if facts.touches(Facts::BOOTED) { whole } else { step.appended? };
    if let Some(twin) = first_twin(ghost, from, upto) {
        return Some(twin);
    }
    let (first, _) = step.appended?;
    let (before, entry) = (log.link(first.back())?, log.link(first)?);
    if before.term <= entry.term {
        return None;
    }
    let (entry, before) = (LogId::new(entry.term, first), before.term);
    violated(format_args!("{idx} appended {entry} after an entry of the newer term {before}"))
}

/// Compares the entries of the server from index `from` to index `upto` with the logs of other servers.
/// Returns a message for the first entry that another log also has although the two logs differ before this
/// entry. Returns `None` if there is no such entry.
fn first_twin(ghost: &Ghost, from: Index, upto: Index) -> Option<String> {
    let (second, log) = (ghost.step.idx, &ghost.subject().log);
    (from.0..=upto.0).map(Index).find_map(|index| {
        let link = log.link(index)?;
        let holder = ghost.history.first_holder(index, link.term)?;
        if holder.link == link {
            return None;
        }
        let (id, first) = (LogId::new(link.term, index), holder.by);
        violated(format_args!("{first} and {second} both have {id}, but their logs before {id} differ"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Entry, Event, Index, LogOp, Payload, Term};

    fn append(fixture: &mut Fixture, term: u64, index: u64) {
        let entry = Entry::new(Term(term), Index(index), Payload::Barrier);
        let write = fixture.write(None, LogOp::Append([entry].into()));
        fixture.step(N3, &Event::Timer, |_| {}, vec![write]);
    }

    #[test]
    fn conflicts_in_other_terms_are_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.propose(N1, 3);
        fixture.elect(N2, 3);
        fixture.propose(N2, 3);
        fixture.replicate(N2, N1, 1);
        fixture.expect_holds();
    }

    #[test]
    fn one_index_and_term_is_one_log() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        append(&mut fixture, 2, 2);
        fixture.expect_violation("n1 and n3 both have t2.i2, but their logs before t2.i2 differ");
    }

    #[test]
    fn an_equal_entry_after_a_different_one_is_another_log() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.append(N1, vec![Payload::Barrier]);
        append(&mut fixture, 1, 2);
        append(&mut fixture, 2, 3);
        fixture.expect_violation("n1 and n3 both have t2.i3, but their logs before t2.i3 differ");
    }

    #[test]
    fn a_log_has_no_holes_and_terms_do_not_fall() {
        let mut holes = Fixture::three(&CHECK);
        append(&mut holes, 1, 3);
        holes.expect_violation("n3 appended t1.i3, but its log ended at t1.i1");

        let mut falls = Fixture::three(&CHECK);
        append(&mut falls, 4, 2);
        append(&mut falls, 3, 3);
        falls.expect_violation("n3 appended t3.i3 after an entry of the newer term t4");
    }
}

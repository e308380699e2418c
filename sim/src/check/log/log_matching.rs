//! Log Matching: if two logs hold an entry of the same index and term, they are the same up to it.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::{Index, LogId};

const WATCHES: Facts = Facts::APPENDED.or(Facts::BOOTED);

/// Log Matching (L2).
pub(crate) const CHECK: Check = Check::new("log_matching", "thesis §3.5", Column::Ghosts, WATCHES, judge);

fn judge(ledger: &Ledger, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ledger.step;
    let (slot, log) = (step.slot, &ledger.subject().log);
    if let Some(entry) = step.hole {
        let last = log.last();
        return say(format_args!("{slot} appended {entry} after {last}"));
    }
    let whole = (log.base().index.next(), log.last().index);
    let (from, upto) = if facts.touches(Facts::BOOTED) { whole } else { step.appended? };
    if let Some(twin) = first_twin(ledger, from, upto) {
        return Some(twin);
    }
    let (first, _) = step.appended?;
    let (before, entry) = (log.link(first.back())?, log.link(first)?);
    if before.term <= entry.term {
        return None;
    }
    let (entry, before) = (LogId::new(entry.term, first), before.term);
    say(format_args!("{slot} appended {entry} after an entry of {before}"))
}

/// The first entry between two indexes that somebody else has too, above another log.
fn first_twin(ledger: &Ledger, from: Index, upto: Index) -> Option<String> {
    let (second, log) = (ledger.step.slot, &ledger.subject().log);
    (from.0..=upto.0).map(Index).find_map(|index| {
        let link = log.link(index)?;
        let head = ledger.history.head(index, link.term)?;
        if head.link == link {
            return None;
        }
        let (id, first) = (LogId::new(link.term, index), head.by);
        say(format_args!("{first} and {second} both have {id}, but not the same log up to it"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};
    use wavetank_raft::{Entry, Event, Index, LogOp, Payload, Term};

    fn append(tale: &mut Tale, term: u64, index: u64) {
        let entry = Entry::new(Term(term), Index(index), Payload::Barrier);
        let write = tale.write(None, LogOp::Append([entry].into()));
        tale.step(N3, &Event::Timer, |_| {}, vec![write]);
    }

    #[test]
    fn conflicts_in_other_terms_are_legal() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.propose(N1, 3);
        tale.elect(N2, 3);
        tale.propose(N2, 3);
        tale.replicate(N2, N1, 1);
        tale.is_quiet();
    }

    #[test]
    fn one_name_is_one_log() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        append(&mut tale, 2, 2);
        tale.speaks("n1 and n3 both have t2.i2, but not the same log");
    }

    #[test]
    fn the_same_entry_after_another_is_another_log() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.append(N1, vec![Payload::Barrier]);
        append(&mut tale, 1, 2);
        append(&mut tale, 2, 3);
        tale.speaks("n1 and n3 both have t2.i3, but not the same log");
    }

    #[test]
    fn a_log_has_no_holes_and_terms_do_not_fall() {
        let mut holes = Tale::three(&CHECK);
        append(&mut holes, 1, 3);
        holes.speaks("n3 appended t1.i3 after t1.i1");

        let mut falls = Tale::three(&CHECK);
        append(&mut falls, 4, 2);
        append(&mut falls, 3, 3);
        falls.speaks("n3 appended t3.i3 after an entry of t4");
    }
}

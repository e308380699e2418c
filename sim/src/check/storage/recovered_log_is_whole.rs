//! What a server starts from makes a whole: no hole, nothing damaged taken for sound, no gap
//! between the snapshot and the log.

use crate::check::ghost::{Chain, Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::Index;

/// The recovered log is whole (P3).
pub(crate) const CHECK: Check =
    Check::new("recovered_log_is_whole", "thesis §3.8, §5.1", Column::Outcomes, Facts::BOOTED, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (slot, found, log) = (ledger.step.slot, &ledger.step.found, &ledger.subject().log);
    if let Some(index) = found.hole {
        return say(format_args!("{slot} starts with a log that has a hole before {index}"));
    }
    if let Some(index) = first_damaged(log, &found.kept.log) {
        return say(format_args!(
            "{slot} starts with an entry at {index} that is not the one that was written"
        ));
    }
    let (snapshot, base) = (found.snapshot, log.base());
    if base.index <= snapshot.index {
        return None;
    }
    say(format_args!("{slot} starts with a snapshot of {snapshot} and a log that begins after {base}"))
}

/// The first index at which a log is not what reached the disk, and is not missing there.
fn first_damaged(log: &Chain, kept: &Chain) -> Option<Index> {
    let mut indexes = (log.base().index.0 + 1..=log.last().index.0).map(Index);
    indexes.find(|&index| kept.link(index).is_some_and(|kept| log.link(index) != Some(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};
    use crate::plan::server_set::Slot;
    use wavetank_raft::{Boot, Entropy, Entry, HardState, LogId, LogImage, Payload, Term};

    fn restart(tale: &mut Tale, slot: Slot, base: LogId, entries: &[Entry]) {
        tale.crash(slot);
        let log = LogImage::new(base, 1);
        let hard_state = HardState { term: Term(2), vote: Some(N1.node()) };
        let boot = Boot { entropy: Entropy(0), incarnation: 2, hard_state, log, snapshot: None };
        tale.boot_as(slot, &boot, entries);
    }

    fn tale() -> (Tale, Vec<Entry>) {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.propose(N1, 2);
        tale.replicate(N1, N2, 2);
        let entries = tale.posed(N2).entries.clone();
        (tale, entries)
    }

    #[test]
    fn as_it_was_written() {
        let (mut tale, entries) = tale();
        restart(&mut tale, N2, LogId::ZERO, &entries);
        restart(&mut tale, N1, LogId::ZERO, &entries[..3]);
        tale.is_quiet();
    }

    #[test]
    fn with_a_hole() {
        let (mut tale, mut entries) = tale();
        entries.remove(2);
        restart(&mut tale, N2, LogId::ZERO, &entries);
        tale.speaks("n2 starts with a log that has a hole before i4");
    }

    #[test]
    fn with_another_entry() {
        let (mut tale, mut entries) = tale();
        entries[2].payload = Payload::Barrier;
        restart(&mut tale, N2, LogId::ZERO, &entries);
        tale.speaks("n2 starts with an entry at i3 that is not the one that was written");
    }

    #[test]
    fn with_a_gap() {
        let (mut tale, entries) = tale();
        restart(&mut tale, N2, entries[1].id, &entries[2..]);
        tale.speaks("n2 starts with a snapshot of t0.i0 and a log that begins after t2.i2");
    }
}

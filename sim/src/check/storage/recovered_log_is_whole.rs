//! The log that a server recovers has no gap and no damaged entry. There is also no gap between the snapshot
//! and the first entry (thesis §3.8, §5.1).
//!
//! The check runs at every start of a server.

use crate::check::ghost::{Chain, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::Index;

pub(crate) const CHECK: Check =
    Check::new("recovered_log_is_whole", "thesis §3.8, §5.1", JudgeLevel::Outcomes, Facts::BOOTED, judge)
        .needing(Parts::LOG);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (idx, found, log) = (ghost.step.idx, &ghost.step.recovered, &ghost.subject().log);
    if let Some(index) = found.hole {
        return violated(format_args!("{idx} starts with a log that has a gap before {index}"));
    }
    if let Some(index) = first_damaged(log, &found.kept.log) {
        return violated(format_args!(
            "{idx} starts with an entry at {index} that differs from the written entry"
        ));
    }
    let (snapshot, base) = (found.snapshot, log.base());
    if base.index <= snapshot.index {
        return None;
    }
    violated(format_args!("{idx} starts with a snapshot up to {snapshot}, but its log begins after {base}"))
}

/// Returns the first index at which the recovered entry differs from the entry that reached the disk. Indexes
/// that are not on the disk are skipped. Returns `None` if no entry differs.
fn first_damaged(log: &Chain, kept: &Chain) -> Option<Index> {
    let mut indexes = (log.base().index.0 + 1..=log.last().index.0).map(Index);
    indexes.find(|&index| kept.link(index).is_some_and(|kept| log.link(index) != Some(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::{Boot, CacheLimits, Entropy, Entry, HardState, LogId, LogImage, Payload, Term};

    fn restart(fixture: &mut Fixture, idx: ServerIdx, base: LogId, entries: &[Entry]) {
        fixture.crash(idx);
        let log = LogImage::new(base, CacheLimits::entries(1));
        let hard_state = HardState { term: Term(2), vote: Some(N1.node()) };
        let boot = Boot {
            entropy: Entropy(0),
            incarnation: 2,
            hard_state,
            log,
            snapshot: None,
            catch_up: LogId::ZERO,
        };
        fixture.boot_as(idx, &boot, entries);
    }

    fn fixture() -> (Fixture, Vec<Entry>) {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 2);
        fixture.replicate(N1, N2, 2);
        let entries = fixture.scripted(N2).entries.clone();
        (fixture, entries)
    }

    #[test]
    fn an_unchanged_log_is_legal() {
        let (mut fixture, entries) = fixture();
        restart(&mut fixture, N2, LogId::ZERO, &entries);
        restart(&mut fixture, N1, LogId::ZERO, &entries[..3]);
        fixture.expect_holds();
    }

    #[test]
    fn a_log_with_a_hole_is_not() {
        let (mut fixture, mut entries) = fixture();
        entries.remove(2);
        restart(&mut fixture, N2, LogId::ZERO, &entries);
        fixture.expect_violation("n2 starts with a log that has a gap before i4");
    }

    #[test]
    fn a_log_with_another_entry_is_not() {
        let (mut fixture, mut entries) = fixture();
        entries[2].payload = Payload::Barrier;
        restart(&mut fixture, N2, LogId::ZERO, &entries);
        fixture.expect_violation("n2 starts with an entry at i3 that differs from the written entry");
    }

    #[test]
    fn a_gap_after_the_snapshot_is_not() {
        let (mut fixture, entries) = fixture();
        restart(&mut fixture, N2, entries[1].id, &entries[2..]);
        fixture.expect_violation("n2 starts with a snapshot up to t0.i0, but its log begins after t2.i2");
    }
}

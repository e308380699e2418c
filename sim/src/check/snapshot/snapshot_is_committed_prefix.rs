//! A snapshot contains a committed prefix of the log, and the latest configuration of this prefix (thesis
//! §5.1).
//!
//! The check runs whenever a server takes or installs a snapshot.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::LogId;

const WATCHES: Facts = Facts::CAPTURING.or(Facts::CAPTURED).or(Facts::INSTALLED);

const NEEDS: Parts = Parts::TERM.or(Parts::COMMIT).or(Parts::LOG).or(Parts::SNAPSHOT);

pub(crate) const CHECK: Check =
    Check::new("snapshot_is_committed_prefix", "thesis §5.1", JudgeLevel::History, WATCHES, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, step) = (ghost.step.idx, &ghost.step);
    if facts.touches(Facts::INSTALLED)
        && let Some(what) = entry(ghost, step.now.snapshot, witnessed)
    {
        return Some(what);
    }
    let (last, says) = step.captured?;
    if let Some(what) = entry(ghost, last, witnessed) {
        return Some(what);
    }
    match ghost.history.conf_at(last.index) {
        Some(was) if was == says => None,
        Some(was) => violated(format_args!(
            "{idx} has a snapshot up to {last} with configuration {says}, but {was} is committed"
        )),
        None => violated(format_args!(
            "{idx} has a snapshot up to {last} with configuration {says}, but no configuration is committed"
        )),
    }
}

/// Returns a message if the last entry of a snapshot is not committed.
fn entry(ghost: &Ghost, last: LogId, witnessed: &mut u64) -> Option<String> {
    let (idx, committed) = (ghost.step.idx, ghost.history.committed());
    if committed < last.index {
        return violated(format_args!(
            "{idx} has a snapshot up to {last}, but the newest committed index is {committed}"
        ));
    }
    let committed = ghost.history.at(last.index)?;
    *witnessed += 1;
    let (by, other) = (committed.by, LogId::new(committed.link.term, last.index));
    if other == last {
        return None;
    }
    violated(format_args!("{idx} has a snapshot up to {last}, but {by} committed {other}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::{Action, Event, Index, Payload, SnapshotMeta, Term};

    fn capture(fixture: &mut Fixture, last: LogId, conf: &[ServerIdx], at: u64) {
        let meta = SnapshotMeta {
            last,
            configuration: (*voters(conf)).clone(),
            configuration_index: Index(at),
            size: 0,
            checksum: 0,
        };
        fixture.step(N1, &Event::Timer, |_| {}, vec![Action::TakeSnapshot(meta)]);
    }

    fn fixture() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture
    }

    #[test]
    fn a_snapshot_of_committed_entries_is_legal() {
        let mut fixture = fixture();
        capture(&mut fixture, LogId::new(Term(2), Index(2)), &[N1, N2, N3], 1);
        fixture.expect_holds();
    }

    #[test]
    fn a_snapshot_of_uncommitted_entries_is_not() {
        let mut fixture = fixture();
        capture(&mut fixture, LogId::new(Term(2), Index(3)), &[N1, N2], 3);
        fixture.expect_violation("n1 has a snapshot up to t2.i3, but the newest committed index is i2");
    }

    #[test]
    fn a_snapshot_names_the_term_that_was_committed() {
        let mut fixture = fixture();
        capture(&mut fixture, LogId::new(Term(1), Index(2)), &[N1, N2, N3], 1);
        fixture.expect_violation("n1 has a snapshot up to t1.i2, but n1 committed t2.i2");
    }

    #[test]
    fn a_snapshot_holds_no_uncommitted_configuration() {
        let mut fixture = fixture();
        capture(&mut fixture, LogId::new(Term(2), Index(2)), &[N1, N2], 3);
        fixture.expect_violation(
            "n1 has a snapshot up to t2.i2 with configuration n1 n2 at i3, but n1 n2 n3 at i1 is committed",
        );
    }
}

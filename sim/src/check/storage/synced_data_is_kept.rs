//! A restarted server has all data that was durable on its disk before the crash (thesis §3.8).
//!
//! Only data that was never reported as durable may be missing. A server that does not find all other data
//! must refuse to start. The check runs at every restart of a server that keeps its disk.

use crate::check::ghost::{Facts, Ghost, RecoveredState};
use crate::check::{Check, violated, vote_record};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::Index;

pub(crate) const CHECK: Check =
    Check::new("synced_data_is_kept", "thesis §3.8", JudgeLevel::Steps, Facts::BOOTED, judge)
        .needing(Parts::TERM.or(Parts::VOTE).or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let found = &ghost.step.recovered;
    if !found.returning {
        return None;
    }
    *witnessed += 1;
    missing(ghost.step.idx, found)
}

/// Returns a message if durable data is missing after a start.
fn missing(idx: ServerIdx, found: &RecoveredState) -> Option<String> {
    let (hard, kept) = (found.hard, found.kept.hard);
    let older = hard.term < kept.term;
    let unvoted = hard.term == kept.term && hard.vote != kept.vote;
    if older || unvoted && kept.vote.is_some() {
        let (hard, kept) = (vote_record(hard), vote_record(kept));
        return violated(format_args!("{idx} restarts with the vote record {hard}, but its disk had {kept}"));
    }
    let (log, snapshot, last) = (&found.kept.log, found.snapshot, found.last);
    // A server that recovers discards a log that conflicts with its snapshot.
    let contradicts =
        snapshot.index != Index::ZERO && log.link(snapshot.index).is_some() && !log.has(snapshot);
    let kept = log.last();
    if contradicts || kept.index <= found.end() {
        return None;
    }
    violated(format_args!(
        "{idx} restarts with a log that ends at {last}, but the log on its disk ended at {kept}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};
    use crate::check::ghost::{Chain, DurableState};
    use wavetank_raft::{Entry, HardState, LogId, Payload, Term};

    #[test]
    fn unsynced_data_may_be_lost() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.deliver(N1, N2, 0);
        fixture.crash(N2);
        fixture.boot(N2);
        fixture.expect_holds();
    }

    #[test]
    fn synced_entries_may_not_be_lost() {
        let mut log = Chain::default();
        for index in 1..=9 {
            log.push(&Entry::new(Term(2), Index(index), Payload::Noop));
        }
        let kept = DurableState { log, ..DurableState::default() };
        let says = |last, snapshot| {
            let last = LogId::new(Term(2), Index(last));
            missing(N1, &RecoveredState { last, snapshot, kept: kept.clone(), ..RecoveredState::default() })
        };
        assert_eq!(says(9, LogId::ZERO), None);
        let less = "n1 restarts with a log that ends at t2.i8, but the log on its disk ended at t2.i9";
        assert_eq!(says(8, LogId::ZERO).as_deref(), Some(less));
        assert_eq!(says(8, LogId::new(Term(2), Index(5))).as_deref(), Some(less));
        assert_eq!(says(8, LogId::new(Term(3), Index(5))), None, "the snapshot contradicts it");
    }

    #[test]
    fn the_vote_record_may_not_be_lost() {
        let record =
            |term, vote: Option<ServerIdx>| HardState { term: Term(term), vote: vote.map(ServerIdx::node) };
        let says = |kept, hard| {
            let kept = DurableState { hard: kept, ..DurableState::default() };
            missing(N1, &RecoveredState { hard, kept, ..RecoveredState::default() })
        };
        assert_eq!(says(record(2, None), record(2, Some(N2))), None);
        assert_eq!(says(record(2, Some(N2)), record(3, None)), None);
        for found in [record(2, None), record(1, Some(N2))] {
            let lost = says(record(2, Some(N2)), found).expect("it has voted for n2 at t2");
            assert!(lost.ends_with("but its disk had t2 with a vote for n2"), "{lost}");
        }
    }
}

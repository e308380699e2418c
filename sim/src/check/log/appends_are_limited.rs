//! An AppendEntries request carries at most the configured number of entries and bytes. A leader sends a
//! follower at most the configured number of AppendEntries requests without an answer (thesis §10.2.1;
//! HashiCorp's `MaxAppendEntries` and `MaxRPCsInFlight`).
//!
//! An entry that is larger than the limit is sent alone. The check runs whenever a leader sends entries.

use crate::check::ghost::{Facts, Ghost, SentAppend};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("appends_are_limited", "thesis §10.2.1", JudgeLevel::Steps, Facts::SENT_ENTRIES, judge)
        .needing(Parts::MESSAGES.or(Parts::ROLE).or(Parts::SERVER));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, limits, outstanding) = (ghost.step.idx, ghost.subject().limits, &ghost.subject().outstanding);
    ghost.step.appends.iter().find_map(|SentAppend { to, entries, bytes }| {
        *witnessed += 1;
        if limits.append_entries < *entries {
            let most = limits.append_entries;
            return violated(format_args!(
                "{idx} sent {entries} entries to {to} in one message, but the limit is {most}"
            ));
        }
        if limits.append_bytes < *bytes && *entries != 1 {
            let most = limits.append_bytes;
            return violated(format_args!(
                "{idx} sent {entries} entries of {bytes} bytes to {to} in one message, but the limit is {most} bytes"
            ));
        }
        let open = outstanding.count(*to, limits.inflight);
        if open <= limits.inflight {
            return None;
        }
        let most = limits.inflight;
        violated(format_args!("{idx} waits for {open} answers from {to}, but the limit is {most}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};
    use wavetank_raft::{
        Action, AppendEntries, AppendEntriesResponse, Data, Entry, Event, Index, LogId, Payload, Request,
        Response, RpcId, Term,
    };

    /// n1 leads in t2, and the log of n1 ends at i2.
    fn leader() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture
    }

    /// n1 sends this number of entries after `prev` to n2. Each has a payload of this many bytes.
    fn send(fixture: &mut Fixture, prev: u64, count: u64, size: usize) {
        let payload = || Payload::Command(Data::from(vec![0; size]));
        let entries = (1..=count).map(|at| Entry::new(Term(2), Index(prev + at), payload())).collect();
        let prev = LogId::new(Term(2), Index(prev));
        let request = AppendEntries { term: Term(2), prev, entries, leader_commit: Index::ZERO };
        let rpc = fixture.rpc();
        let send = Action::Send { to: N2.node(), rpc, request: Request::AppendEntries(request) };
        fixture.step(N1, &Event::Timer, |_| {}, vec![send]);
    }

    #[test]
    fn appends_within_the_limits_are_legal() {
        let mut fixture = leader();
        send(&mut fixture, 2, 4, 1);
        send(&mut fixture, 6, 1, 1_000);
        fixture.expect_holds();
    }

    #[test]
    fn too_many_entries_or_bytes_are_not() {
        let mut fixture = leader();
        send(&mut fixture, 2, 5, 1);
        fixture.expect_violation("n1 sent 5 entries to n2 in one message, but the limit is 4");
        let mut fixture = leader();
        send(&mut fixture, 2, 2, 100);
        fixture.expect_violation(
            "n1 sent 2 entries of 264 bytes to n2 in one message, but the limit is 200 bytes",
        );
    }

    #[test]
    fn the_window_counts_appends_without_an_answer() {
        let mut fixture = leader();
        (2..4).for_each(|prev| send(&mut fixture, prev, 1, 1));
        fixture.expect_holds();
        send(&mut fixture, 4, 1, 1);
        fixture.expect_violation("n1 waits for 3 answers from n2, but the limit is 2");
    }

    #[test]
    fn an_answer_makes_space_in_the_window() {
        let mut fixture = leader();
        (2..4).for_each(|prev| send(&mut fixture, prev, 1, 1));
        fixture.set_matched(N1, N2, Index(3));
        send(&mut fixture, 4, 1, 1);
        fixture.expect_holds();
    }

    #[test]
    fn entries_that_are_sent_again_count_once() {
        let mut fixture = leader();
        (2..4).for_each(|prev| send(&mut fixture, prev, 1, 1));
        send(&mut fixture, 2, 2, 1);
        let response = Response::AppendEntries(AppendEntriesResponse {
            term: Term(2),
            success: false,
            last_log: Index(2),
            no_retry_backoff: false,
            hint: None,
        });
        fixture.step(N1, &Event::Response { from: N2.node(), rpc: RpcId(0), response }, |_| {}, Vec::new());
        (4..6).for_each(|prev| send(&mut fixture, prev, 1, 1));
        fixture.expect_holds();
    }
}

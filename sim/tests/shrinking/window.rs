//! A run without progress shrinks to a window that the servers can repeat, with the refusals in it.

use crate::run;
use wavetank_raft::Span;
use wavetank_sim::observe::refusals::{RefusalReason, Refused};
use wavetank_sim::schedule::{Choice, EventOrder, Fit};
use wavetank_sim::shrink::{self, Failure, Window};
use wavetank_sim::{Class, Plan, Verdict};

#[test]
fn an_election_that_nobody_wins_is_a_window_with_its_refusals() {
    let window = window_of::<10>("no server leads");
    let refusal = |by: u8, of: u8| {
        window.refusals.iter().find(|(_, it)| (it.by.0, it.of.0, it.what) == (by, of, Refused::PreVote))
    };
    for (by, of) in [(0, 1), (1, 0)] {
        let (count, refusal) = refusal(by, of).expect("each server refuses the other");
        assert!(Window::REPEATS / 2 <= *count, "{window}");
        assert_eq!(refusal.reason, RefusalReason::Unknown);
    }
    let text = window.to_string();
    assert!(
        text.contains("repeated 20 times") && text.contains("n1 refuses the pre-vote request of n2 in t"),
        "{text}"
    );
}

#[test]
fn a_leader_that_sends_no_entries_is_a_window_with_refused_heartbeats() {
    let window = window_of::<12>("n2 leads");
    let is_heartbeat = |choice: &Choice| choice.to_string().contains("heartbeat");
    assert!(window.elements.iter().any(|element| is_heartbeat(&element.choice)), "{window}");
    let refused: Vec<_> = window.refusals.iter().map(|(_, it)| (it.by.0, it.of.0, it.what)).collect();
    assert_eq!(refused, [(0, 1, Refused::Append)], "{window}");
    assert!(!window.elects && window.to_string().contains("n1 does not have the entry t2.i2"), "{window}");
}

/// Shrinks a calm run with a bug, and plays its window.
fn window_of<const BUG: u8>(why: &str) -> Window {
    let mut plan = Plan::calm(0, 2);
    plan.chaos = Span::s(1);
    let shrunk = shrink::shrink(plan, &mut run::<BUG>, &mut |_| true).expect("it makes no progress");
    assert_eq!(shrunk.failure, Failure::Check("progress".to_owned()));
    let window = shrunk.window.expect("the servers repeat themselves");
    assert!(window.why.contains(why), "{window}");
    let order = EventOrder::Scheduled(Fit::Repeating, window.schedule());
    let report = run::<BUG>(Plan { order, ..shrunk.plan }).report;
    let Verdict::Violated(violation) = &report.verdict else { panic!("{}", report.verdict) };
    assert_eq!((violation.class, report.commits), (Class::Liveness, 0));
    window
}

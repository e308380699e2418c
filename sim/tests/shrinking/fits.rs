//! The objects that the elements of a schedule take when other elements were left out.

use crate::run;
use wavetank_sim::Plan;
use wavetank_sim::runner::Run;
use wavetank_sim::schedule::{EventOrder, Fit};

/// An election of n2. The terms of the messages are those of another run.
const ELECTION: [&str; 5] = [
    "198.641 fire n2 election",
    "198.641 finish n2 write 1",
    "198.641 deliver n2>n1 t5 vote 1",
    "198.641 finish n1 write 1",
    "198.641 deliver n2>n1 t5 vote 1 answer 1",
];

fn played(fit: Fit, more: &[&str]) -> Run<()> {
    let lines = ELECTION.iter().chain(more);
    let elements = lines.map(|line| line.parse().expect("the line is an element")).collect();
    let mut plan = Plan { order: EventOrder::Scheduled(fit, elements), ..Plan::calm(0, 2) };
    plan.config.pre_vote_disabled = true;
    run::<13>(plan)
}

#[test]
fn a_message_that_was_lost_stays_lost_in_another_term() {
    let heartbeats = ["213.641 fire n2 heartbeat", "228.641 fire n2 heartbeat"];
    for fit in [Fit::Similar, Fit::Punctual] {
        let run = played(fit, &[&heartbeats[..], &["228.641 deliver n2>n1 t5 heartbeat 2"]].concat());
        let last = run.schedule.last().map(ToString::to_string);
        assert_eq!(last.as_deref(), Some("228.641 deliver n2>n1 t2 heartbeat 2"));
    }
}

#[test]
fn the_newest_message_stands_for_one_that_is_newer_still() {
    let heartbeats = ["213.641 fire n2 heartbeat", "228.641 fire n2 heartbeat"];
    let run = played(Fit::Similar, &[&heartbeats[..], &["228.641 deliver n2>n1 t2 heartbeat 5"]].concat());
    let last = run.schedule.last().map(ToString::to_string);
    assert_eq!(last.as_deref(), Some("228.641 deliver n2>n1 t2 heartbeat 2"));
}

#[test]
fn a_timer_that_is_not_due_waits_for_the_leader() {
    let skipped = |fit| played(fit, &["198.641 fire n1 election"]).report.skipped;
    assert_eq!((skipped(Fit::Similar), skipped(Fit::Punctual)), (0, 1));
}

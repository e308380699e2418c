//! Tests what a story says when something fails.

use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wavetank_machine::StateMachine;
use wavetank_sim::harness::story::Story;

/// Panics at 7. The snapshot does not contain the second number.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Fragile(u64, #[serde(skip)] u64);

impl StateMachine for Fragile {
    type Command = u64;
    type Query = ();
    type Reply = u64;

    fn apply(&mut self, amount: u64) -> u64 {
        assert!(amount != 7, "seven");
        self.0 += amount;
        self.1 += amount;
        self.1
    }

    fn query(&self, (): ()) -> u64 {
        self.1
    }
}

/// Returns the message with which a story ends.
fn told(tell: impl FnOnce(&mut Story<Fragile>)) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| tell(&mut Story::new(3)))).expect_err("the story fails");
    *panic.downcast::<String>().expect("the message is text")
}

#[test]
fn a_command_that_panics_ends_the_story_with_its_trace() {
    let told = told(|story| {
        let leader = story.until_leader();
        let seven = story.apply(leader, 7);
        let _ = story.until_answered(seven);
    });
    assert!(told.starts_with("panicked: `apply` of 7 at i"), "{told}");
    assert!(told.contains("seven (") && told.contains("LEAD"), "{told}");
}

#[test]
fn a_violation_ends_the_story_with_its_trace() {
    let told = told(|story| {
        let leader = story.until_leader();
        let one = story.apply(leader, 1);
        assert_eq!(story.until_answered(one), Ok(1));
        story.snapshot(leader);
        story.crash(leader);
        story.restart(leader);
        story.until_converged();
        story.query(leader, ());
    });
    assert!(told.starts_with("snapshot_is_whole (state machine) at "), "{told}");
    assert!(told.contains("commit"), "{told}");
}

#[test]
fn a_wait_in_vain_says_what_did_not_happen() {
    let told = told(|story| {
        let leader = story.until_leader();
        story.isolate(leader);
        story.until_leader_other_than(leader);
        story.until_converged();
    });
    let first = "all running servers have applied the same entries: this did not happen within 5";
    assert!(told.starts_with(first), "{told}");
    assert!(told.contains("LEAD"), "{told}");
}

//! Tests the report of a failure, its capsule, and the end of a state machine that hangs.

use super::adding;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wavetank_machine::StateMachine;
use wavetank_raft::Span;
use wavetank_sim::harness::storms::Storms;

/// Adds. With `LOSES`, an amount of 7 loses the sum.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Adds<const LOSES: bool>(BTreeMap<u8, u64>);

impl<const LOSES: bool> StateMachine for Adds<LOSES> {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, (key, amount): (u8, u64)) -> u64 {
        let sum = self.0.entry(key).or_default();
        *sum += amount;
        if LOSES && amount == 7 {
            *sum = 0;
        }
        *sum
    }

    fn query(&self, key: u8) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }
}

fn storms<const LOSES: bool>(folder: &Path) -> Storms<Adds<LOSES>> {
    let holds = |adds: &Adds<LOSES>| {
        let lost = adds.0.iter().find(|&(_, &sum)| sum == 0);
        lost.map_or(Ok(()), |(key, _)| Err(format!("key {key} has lost its sum")))
    };
    // A short run is shrunk in little time.
    adding().plan(|plan| plan.chaos = Span::s(3)).invariant("sums_are_kept", holds).capsules(folder)
}

fn run_and_fail<const LOSES: bool>(folder: &Path) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| storms::<LOSES>(folder).run(200)));
    *panic.expect_err("a run fails").downcast::<String>().expect("the message is text")
}

#[test]
fn a_failure_is_kept_and_replayed_first() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machines");
    let _ = std::fs::remove_dir_all(&folder);
    let told = run_and_fail::<true>(&folder);
    let first = told.lines().next().unwrap_or_default();
    assert!(first.starts_with("sums_are_kept (state machine) at "), "{told}");
    assert!(first.ends_with(" has lost its sum") && first.contains(", 7): key "), "{told}");
    assert!(told.lines().count() <= 42, "{told}");
    for text in ["commit  i", ", 7)", ": the test replays this file first.", "\nreplay  WAVETANK_CAPSULE="] {
        assert!(told.contains(text), "no `{text}` in:\n{told}");
    }
    assert!(!told.contains("0x"), "{told}");

    let again = run_and_fail::<true>(&folder);
    assert!(again.contains("the run is identical to the recorded run"), "{again}");

    // The capsule of the wrong state machine is no failure of a right one.
    let capsules = std::fs::read_dir(&folder).expect("the folder was made").count();
    let right = catch_unwind(AssertUnwindSafe(|| adding::<Adds<false>>().capsules(&folder).run(4)));
    assert_eq!((capsules, right.is_ok()), (1, true));
}

/// The number of commands that all state machines of this process have applied.
static APPLIED: AtomicU64 = AtomicU64::new(0);

/// Loses a command now and then, by a static counter.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Counts(u64);

impl StateMachine for Counts {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, (_, amount): (u8, u64)) -> u64 {
        if APPLIED.fetch_add(1, Ordering::Relaxed) % 97 != 5 {
            self.0 += amount;
        }
        self.0
    }

    fn query(&self, _: u8) -> u64 {
        self.0
    }
}

#[test]
fn a_run_that_does_not_repeat_is_told_before_the_shrink() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("counts");
    let _ = std::fs::remove_dir_all(&folder);
    let storms = adding::<Counts>().capsules(&folder);
    let panic = catch_unwind(AssertUnwindSafe(|| storms.run(8))).expect_err("a run fails");
    let told = *panic.downcast::<String>().expect("the message is text");
    assert!(told.starts_with("The state machine or the clients are not deterministic"), "{told}");
    assert!(told.contains("two runs of the same plan gave\n") && told.contains("\nand then\n"), "{told}");
    assert!(told.contains("\nreplay  WAVETANK_SEED="), "{told}");
    assert!(!folder.exists(), "{told}");
}

#[test]
fn a_shrink_ends_at_its_limit() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("limit");
    let _ = std::fs::remove_dir_all(&folder);
    let storms = storms::<true>(&folder).shrink_time_max(Duration::ZERO);
    let panic = catch_unwind(AssertUnwindSafe(|| storms.run(200))).expect_err("a run fails");
    let told = *panic.downcast::<String>().expect("the message is text");
    assert!(told.contains(" runs; the search stopped after 0 s; WAVETANK_SHRINK_TIME=SECONDS "), "{told}");
    assert!(told.contains("replay  WAVETANK_CAPSULE="), "{told}");
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Hangs;

impl StateMachine for Hangs {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = ();

    fn apply(&mut self, command: (u8, u64)) {
        if command.1 == 7 {
            loop {
                std::hint::spin_loop();
            }
        }
    }

    fn query(&self, _: u8) {}
}

#[test]
#[ignore = "does not end on purpose"]
fn hangs() {
    adding::<Hangs>().run(16);
}

#[test]
fn a_command_that_does_not_end_is_told_with_its_index() {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its path"));
    command.args(["report::hangs", "--exact", "--ignored"]).env("WAVETANK_WALL_TIME", "3");
    let output = command.current_dir(env!("CARGO_TARGET_TMPDIR")).output().expect("the process starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{told}");
    for text in
        ["a run did not end within 3.000 s", ", 7) at i", "and does not end", "replay  WAVETANK_SEED="]
    {
        assert!(told.contains(text), "no `{text}` in:\n{told}");
    }
}

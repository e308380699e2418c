//! Tests the output of `run_storms` when a test of a user fails, hangs or panics.
//!
//! The ignored tests fail on purpose. The others run them in a process of their own, as `cargo test` would, and
//! read its output.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use wavetank_raft::store::{Fsm, SnapshotReader, StoreError};
use wavetank_raft::{Data, RequestId, Time};
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::engine::workload::{NoClients, Reply, TankFsm, Wants, Workload};
use wavetank_sim::observe::OperationValue;
use wavetank_sim::{Plan, ServerSet, Storm, run_storms};

#[test]
fn a_failure_that_does_not_repeat_is_told_with_its_seed() {
    let said = run("fails_once");
    said.expect("once (invariant) at ");
    said.expect(": n");
    said.expect("only in the first run");
    said.expect(
        "The state machine or the clients are not deterministic: two runs of the same plan gave\nonce (",
    );
    said.expect("\nand then\nheld\n");
    said.expect("replay  WAVETANK_SEED=3 cargo test fails_once -- --exact");
}

#[test]
fn a_failure_is_printed_before_it_is_shrunk() {
    let said = run_for_3_s("fails_and_then_loops");
    // The process ended itself, so the output that `cargo test` captures is lost.
    said.expect("wavetank: once (invariant) at ");
    said.expect(
        "failed run: fails_and_then_loops, seed 3\nreplay  WAVETANK_SEED=3 cargo test fails_and_then_loops",
    );
    said.expect(
        "a run did not end within 3.000 s, so the process ends: the second run of fails_and_then_loops",
    );
}

#[test]
fn a_call_that_loops_forever_ends_the_process_with_the_seed() {
    let said = run_for_3_s("loops");
    said.expect("a run did not end within 3.000 s, so the process ends: loops, seed 3\n");
    said.expect("replay  WAVETANK_SEED=3 cargo test loops -- --exact");
}

#[test]
fn a_run_without_end_fails_at_the_bound_of_steps() {
    for name in ["clients_are_always_due", "makes_too_many_steps"] {
        let said = run(name);
        said.expect("the run did not end within 2000 steps");
        said.expect("failed plan    seed 3: ");
        said.expect("replay  WAVETANK_CAPSULE=");
    }
}

#[test]
fn a_panic_of_a_constructor_or_a_destructor_is_told_like_any_other() {
    for (name, message) in [
        ("panics_in_new", "panicked: no memory ("),
        ("panics_in_new_of_clients", "panicked: no clients ("),
        ("panics_in_drop", "panicked: still in use ("),
        ("panics_in_drop_of_everything", "panicked: still in use ("),
        ("panics_in_drop_at_the_end", "panicked: still in use ("),
        ("panics_in_an_invariant", "panicked: cannot tell ("),
    ] {
        let said = run(name);
        said.expect(message);
        said.expect("failed plan    seed 3: ");
        said.expect(&format!("{name} -- --exact"));
        said.expect("test result: FAILED. 0 passed; 1 failed");
    }
}

#[test]
fn a_panic_while_the_storm_is_made_is_told_with_its_seed() {
    let said = run("panics_in_the_test");
    said.expect("panicked: no storm (");
    said.expect("The code that creates the storm of seed 3 panicked.");
    said.expect("replay  WAVETANK_SEED=3 cargo test panics_in_the_test -- --exact");
}

#[test]
fn the_replay_command_runs_one_test() {
    // `panics_in_drop` is the beginning of the name of another test.
    let said = run("panics_in_drop");
    let (_, arguments) = said.0.split_once("json cargo test ").expect("the output has a command");
    let arguments = arguments
        .lines()
        .next()
        .expect("the command is one line")
        .split_whitespace()
        .filter(|&it| it != "--");
    let again = said_by(&mut command(&arguments.collect::<Vec<_>>()));
    again.expect("running 1 test\n");
}

/// The output of a process.
struct Said(String);

impl Said {
    fn expect(&self, text: &str) {
        assert!(self.0.contains(text), "no `{text}` in:\n{}", self.0);
    }
}

/// Runs one of the tests that fail, and expects that it fails without a signal.
fn run(name: &str) -> Said {
    said_by(&mut command(&[name, "--exact"]))
}

/// Does the same, with a limit for the wall time of each run.
fn run_for_3_s(name: &str) -> Said {
    said_by(command(&[name, "--exact"]).env("WAVETANK_WALL_TIME", "3"))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its path"));
    // Capsules are kept below the target directory if its name is `target`, and else below this one.
    command.args(arguments).arg("--ignored").current_dir(env!("CARGO_TARGET_TMPDIR"));
    for name in ["WAVETANK_SEED", "WAVETANK_SEEDS", "WAVETANK_CAPSULE", "WAVETANK_WALL_TIME"] {
        command.env_remove(name);
    }
    command
}

fn said_by(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the process starts");
    let said = [stderr, stdout].map(|bytes| String::from_utf8(bytes).expect("tests print text")).concat();
    assert_eq!(status.code(), Some(101), "{status}: {said}");
    Said(said)
}

/// The fault of a state machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    None,
    Drop,
    /// `apply` loops after this many runs have failed.
    LoopAfter(u32),
}

/// How many runs of the process have failed.
static FAILED: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
struct Flawed {
    kv: Kv,
    flaw: Flaw,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self { kv: Kv::default(), flaw }
    }

    /// An invariant that fails in the first run only.
    fn once(&self) -> Result<(), String> {
        if FAILED.fetch_max(1, Ordering::Relaxed) == 0 {
            Err("only in the first run".to_owned())
        } else {
            Ok(())
        }
    }
}

impl Fsm for Flawed {
    type Snapshot = <Kv as Fsm>::Snapshot;

    fn apply(&mut self, command: &wavetank_raft::store::Command<'_>) -> Data {
        while self.flaw == Flaw::LoopAfter(FAILED.load(Ordering::Relaxed)) {
            std::hint::spin_loop();
        }
        self.kv.apply(command)
    }

    fn snapshot(&mut self) -> Result<Self::Snapshot, StoreError> {
        self.kv.snapshot()
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        self.kv.restore(reader)
    }
}

impl TankFsm for Flawed {
    fn query(&self, query: &[u8]) -> Data {
        self.kv.query(query)
    }

    fn digest(&self) -> u64 {
        self.kv.digest()
    }
}

impl Drop for Flawed {
    fn drop(&mut self) {
        assert!(self.flaw != Flaw::Drop, "still in use");
    }
}

/// Clients that are due at once, again and again, or that panic when they are dropped.
#[derive(Debug)]
enum BadClients {
    AlwaysDue,
    Drop,
}

impl Workload for BadClients {
    fn deadline(&self) -> Time {
        match self {
            Self::AlwaysDue => Time(0),
            Self::Drop => Time::NEVER,
        }
    }

    fn wake(&mut self, _: Time, _: &mut Wants) {}

    fn reply(&mut self, _: Time, _: RequestId, _: Reply, _: &mut Wants) {}

    fn stop(&mut self) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn operation(&self, _: u64) -> &dyn OperationValue {
        &()
    }
}

impl Drop for BadClients {
    fn drop(&mut self) {
        assert!(matches!(self, Self::AlwaysDue), "clients in use");
    }
}

fn clients(plan: &Plan) -> Clients {
    let servers = ServerSet::first(usize::from(plan.servers));
    Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)
}

fn storm(seed: u64) -> Storm {
    Storm::from_seed(seed).nodes(3).steps_max(500_000)
}

#[test]
#[ignore = "fails on purpose"]
fn fails_once() {
    run_storms(3..4, |seed| {
        storm(seed).fsm(|| Flawed::new(Flaw::None)).invariant("once", Flawed::once).workload(clients)
    });
}

#[test]
#[ignore = "fails on purpose"]
fn fails_and_then_loops() {
    run_storms(3..4, |seed| {
        storm(seed).fsm(|| Flawed::new(Flaw::LoopAfter(1))).invariant("once", Flawed::once).workload(clients)
    });
}

#[test]
#[ignore = "does not end on purpose"]
fn loops() {
    run_storms(3..4, |seed| storm(seed).fsm(|| Flawed::new(Flaw::LoopAfter(0))).workload(clients));
}

#[test]
#[ignore = "fails on purpose"]
fn clients_are_always_due() {
    run_storms(3..4, |seed| {
        storm(seed).steps_max(2_000).fsm(Kv::default).workload(|_| BadClients::AlwaysDue)
    });
}

#[test]
#[ignore = "fails on purpose"]
fn makes_too_many_steps() {
    run_storms(3..4, |seed| storm(seed).steps_max(2_000).fsm(Kv::default).workload(clients));
}

#[test]
#[ignore = "fails on purpose"]
fn panics_in_new() {
    run_storms(3..4, |seed| storm(seed).fsm(|| -> Kv { panic!("no memory") }).workload(clients));
}

#[test]
#[ignore = "fails on purpose"]
fn panics_in_new_of_clients() {
    run_storms(3..4, |seed| storm(seed).fsm(Kv::default).workload(|_| -> NoClients { panic!("no clients") }));
}

#[test]
#[ignore = "fails on purpose"]
fn panics_in_drop() {
    run_storms(3..4, |seed| storm(seed).fsm(|| Flawed::new(Flaw::Drop)).workload(clients));
}

#[test]
#[ignore = "fails on purpose"]
fn panics_in_drop_of_everything() {
    run_storms(3..4, |seed| storm(seed).fsm(|| Flawed::new(Flaw::Drop)).workload(|_| BadClients::Drop));
}

#[test]
#[ignore = "fails on purpose"]
fn panics_in_drop_at_the_end() {
    run_storms(3..4, |seed| {
        Storm::from(Plan::calm(seed, 3)).fsm(|| Flawed::new(Flaw::Drop)).workload(clients)
    });
}

#[test]
#[ignore = "fails on purpose"]
fn panics_in_an_invariant() {
    run_storms(3..4, |seed| {
        storm(seed).fsm(Kv::default).invariant("told", |_| panic!("cannot tell")).workload(clients)
    });
}

#[test]
#[ignore = "fails on purpose"]
fn panics_in_the_test() {
    run_storms(3..4, |_| -> wavetank_sim::harness::Trial<Kv> { panic!("no storm") });
}

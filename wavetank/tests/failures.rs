//! Tests the report of a failed test, in a process of its own as under `cargo test`.

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use wavetank::{StateMachine, Storms};

/// A bank that loses money if a transfer moves more than 40.
#[derive(Clone, Serialize, Deserialize)]
struct LossyBank([u64; 4]);

impl StateMachine for LossyBank {
    type Command = (usize, usize, u64);
    type Query = usize;
    type Reply = u64;

    fn apply(&mut self, (from, to, sum): (usize, usize, u64)) -> u64 {
        if sum <= self.0[from] {
            self.0[from] -= sum;
            self.0[to] += sum - u64::from(40 < sum);
        }
        self.0[from]
    }

    fn query(&self, account: usize) -> u64 {
        self.0[account]
    }
}

#[test]
#[ignore = "fails on purpose"]
fn loses_money() {
    let kept = |bank: &LossyBank| match bank.0.iter().sum() {
        400 => Ok(()),
        sum => Err(format!("the sum of all balances is {sum}")),
    };
    Storms::starting_with(|| LossyBank([100; 4]), (0..4_usize, 0..4_usize, 1..90_u64), 0..4_usize)
        .plan(|plan| plan.servers = 3)
        .invariant("money_is_kept", kept)
        .run(4);
}

#[test]
#[ignore = "is run by another test"]
fn survives() {
    Storms::starting_with(|| LossyBank([100; 4]), (0..4_usize, 0..4_usize, 1..40_u64), 0..4_usize).run(2);
}

#[test]
fn the_capsule_is_written_beside_the_test() {
    let package = Package::new("beside");
    let told = package.run("loses_money");
    let capsules = package.capsules();
    assert_eq!(capsules.len(), 1, "{told}");
    assert!(told.contains(&format!("WAVETANK_CAPSULE={}", capsules[0].display())), "{told}");
    assert!(told.contains(concat!("panicked at ", file!(), ":")), "{told}");
}

#[test]
fn commands_shrink_to_the_smallest_that_fail() {
    let packages = [Package::new("smallest"), Package::new("again")];
    let [told, _] = packages.each_ref().map(|package| package.run("loses_money"));
    let (_, story) = told.split_once("shrunk to ").unwrap_or_else(|| panic!("{told}"));
    assert!(told.contains(", (0, 0, 41): the sum of all balances is 399"), "{told}");
    assert!(story.contains("commit  i") && story.contains(" (0, 0, 41)"), "{told}");
    assert!(story.contains(">>> money_is_kept ("), "the story ends with the violation: {told}");
    let asked = story.lines().filter(|line| line.contains(" ask     c")).count();
    assert!(asked <= 2, "the story has only operations that a server received: {told}");
    let steps = story.split_whitespace().next().and_then(|steps| steps.parse::<u64>().ok());
    assert!(steps.is_some_and(|steps| steps <= 40), "{told}");

    let kept =
        packages.each_ref().map(|package| fs::read_to_string(&package.capsules()[0]).expect("it is text"));
    assert_eq!(kept[0], kept[1]);
    assert!(kept[0].contains("\"command\": ["), "{}", kept[0]);
    // The capsule is replayed first.
    let again = packages[0].run("loses_money");
    assert!(again.contains("the run is identical to the recorded run"), "{again}");
    assert!(again.contains("(0, 0, 41)"), "{again}");
}

#[test]
fn a_test_that_passes_says_what_it_ran() {
    let told = Package::new("passes").run("survives");
    let line = told.lines().find(|line| line.starts_with("wavetank: survives: 2 storms, "));
    let line = line.unwrap_or_else(|| panic!("{told}"));
    let (_, rest) = line.split_once("storms, ").expect("the line has the word");
    let (commands, rest) = rest.split_once(" commands acknowledged, ").expect("the line has the words");
    assert!(20 < commands.parse::<u64>().expect("it is a number"), "{line}");
    assert!(rest.ends_with(" s"), "{line}");
}

/// A copy of the folders of this package in which a test runs. The folders are empty but for the file of the
/// test.
struct Package {
    /// The copy of this file.
    source: PathBuf,
}

impl Package {
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failures").join(name);
        let _ = fs::remove_dir_all(&root);
        let source = root.join(file!());
        fs::create_dir_all(source.parent().expect("the file is in a folder")).expect("the folder is ours");
        fs::write(&source, "").expect("the folder is ours");
        Self { source }
    }

    /// Runs one of the ignored tests, and returns what the test printed.
    fn run(&self, test: &str) -> String {
        let mut command = Command::new(std::env::current_exe().expect("a test knows its path"));
        command.args([test, "--exact", "--ignored", "--nocapture"]);
        let package = self.source.ancestors().nth(2).expect("the file is in the folder `tests` of a package");
        command.env("CARGO_MANIFEST_DIR", package).env_remove("RUST_BACKTRACE");
        for name in ["WAVETANK_SEED", "WAVETANK_SEEDS", "WAVETANK_CAPSULE", "WAVETANK_SHRINK_TIME"] {
            command.env_remove(name);
        }
        let Output { stdout, stderr, .. } = command.output().expect("the process starts");
        [stderr, stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    }

    fn capsules(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.source.with_file_name("capsules")).into_iter().flatten();
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
    }
}

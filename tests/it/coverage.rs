//! The table of other libraries' tests. Every story, test and judge that it names must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use wavetank_scenarios::registry::ALL;
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::{Judges, Options};

#[test]
fn every_name_in_the_table_exists() {
    let known = known();
    for (theirs, ours) in rows() {
        for name in names_in(&ours) {
            assert!(known.contains(name), "`{name}`, which covers {theirs}, does not exist");
        }
    }
}

#[test]
fn every_row_has_a_name_or_a_reason() {
    let mut theirs: Vec<String> = Vec::new();
    for (case, ours) in rows() {
        let is_told = names_in(&ours).next().is_some() || 10 <= ours.len();
        assert!(is_told, "{case} has neither a name nor a reason: {ours:?}");
        theirs.push(case);
    }
    assert!(200 <= theirs.len(), "only {} rows are left", theirs.len());
}

/// The rows of all tables: the other library's case, and the names of ours.
fn rows() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("scenarios/COVERAGE.md")).expect("the table exists");
    let row = |line: &str| {
        let (theirs, ours) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        (theirs != "their case").then(|| (theirs.to_owned(), ours.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// The names in backticks. A name that ends with `()` is left out.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| !name.ends_with("()"))
}

/// The names of all scenarios, judges and tests.
fn known() -> BTreeSet<String> {
    let mut known: BTreeSet<String> = ALL.iter().map(|scenario| scenario.name.to_owned()).collect();
    known.extend(Judges::names(&Options::default()).into_iter().map(str::to_owned));
    let of_clients = ClientJudges::new(Promises { leases_hold: true });
    known.extend(of_clients.witnessed().into_keys());
    for package in ["raft", "sim", "scenarios", "node", "tests"] {
        tests_in(&root().join(package), &mut known);
    }
    known
}

/// Adds the names of all test functions in a folder.
fn tests_in(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a package is a folder") {
        let path = entry.expect("every entry of a folder has a name").path();
        if path.is_dir() {
            tests_in(&path, known);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            known.extend(tests_of(&text).map(str::to_owned));
        }
    }
}

fn tests_of(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("test]\n").skip(1).chain(text.split("test(").skip(1));
    behind.filter_map(|rest| rest.split_once("fn ")?.1.split(['(', '<']).next())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

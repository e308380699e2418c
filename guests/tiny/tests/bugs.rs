//! Storms find each of the bugs, and no storm finds anything without them.

use std::process::{Command, Output};

fn tiny(args: &[&str]) -> (i32, String) {
    let Output { status, stdout, .. } = run(args);
    (status.code().expect("the command ends by itself"), String::from_utf8_lossy(&stdout).into_owned())
}

/// Runs the command in a folder in which it may write capsules.
fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiny"));
    command.args(args).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.output().expect("the command can be run")
}

/// Runs storms until one fails. The first failure must be of this check.
fn found(bug: &str, seeds: &str, check: &str) {
    let (status, said) = tiny(&["--bug", bug, "sweep", "storm", "--seeds", seeds, "--until-failed"]);
    let first = said.lines().find(|line| line.starts_with("storm:")).unwrap_or("no storm failed");
    assert!(status == 2 && first.contains(&format!("  {check} (")), "{status}, {first}");
    assert!(said.contains(&format!("-- --bug {bug} replay storm:")), "{said}");
}

#[test]
fn a_hundred_storms_hold_without_a_bug() {
    let (status, said) = tiny(&["sweep", "storm", "--seeds", "100"]);
    assert!(status == 0 && said.contains(" held"), "{status}: {said}");
}

#[test]
fn a_vote_without_a_look_at_the_log_loses_committed_entries() {
    found("no-log-check", "20", "leader_completeness");
}

#[test]
fn counting_the_copies_of_old_entries_is_found() {
    found("count-old-terms", "20", "commit_own_term_only");
}

#[test]
fn a_vote_that_is_not_stored_elects_two_leaders() {
    found("vote-not-persisted", "130..150", "election_safety");
}

#[test]
fn a_late_append_that_truncates_drops_committed_entries() {
    found("truncate-on-stale", "20", "committed_never_dropped");
}

#[test]
fn an_early_acknowledgement_commits_what_a_minority_has() {
    found("ack-before-persist", "20", "committed_is_durable_on_quorum");
}

#[test]
fn an_unknown_bug_is_refused_with_the_names_of_all() {
    let out = run(&["--bug", "none", "list"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && said.contains("no-log-check, count-old-terms"), "{said}");
}

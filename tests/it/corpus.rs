//! Replays every input of the fuzz corpora, on every toolchain.

use std::fs;
use std::path::Path;
use wavetank_tests::{capsule, history, step, storm, wire};

#[test]
fn the_step_corpus_holds() {
    replay("step", step::run);
}

#[test]
fn the_storm_corpus_holds() {
    replay("storm", storm::run);
}

#[test]
fn the_wire_corpus_holds() {
    replay("wire", wire::run);
}

#[test]
fn the_capsule_corpus_holds() {
    replay("capsule", capsule::run);
}

#[test]
fn the_history_corpus_holds() {
    replay("history", history::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.expect("the folder can be read").path()).collect();
    paths.sort();
    assert!(50 < paths.len(), "the corpus of `{target}` is missing");
    for path in &paths {
        run(&fs::read(path).expect("the file can be read"));
    }
}

//! Every input that fuzzing has kept is replayed on every toolchain.

use std::fs;
use std::path::Path;
use wavetank_tests::one_node;

#[test]
fn the_step_corpus_holds() {
    assert!(50 < replay("step", one_node::run), "the corpus of `step` is missing");
}

/// How many inputs there were.
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.expect("the folder can be read").path()).collect();
    paths.sort();
    for path in &paths {
        run(&fs::read(path).expect("the file can be read"));
    }
    paths.len()
}

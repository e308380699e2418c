//! One node under arbitrary input: the fuzzing corpus, and random bytes.

use crate::step;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

#[test]
fn a_node_keeps_its_promises_under_what_fuzzing_has_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/step");
    let files = fs::read_dir(&folder).expect("the corpus is there");
    let paths: Vec<_> = files.map(|file| file.expect("the folder can be read").path()).collect();
    assert!(50 < paths.len(), "the corpus is missing");
    paths.iter().for_each(|path| step::run(&fs::read(path).expect("the file can be read")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_node_keeps_its_promises_under_any_input(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        step::run(&bytes);
    }
}

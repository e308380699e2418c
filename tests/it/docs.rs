//! The code in the documents is the code of tests.

use crate::rules;
use std::fs;
use std::path::Path;

/// The documents whose blocks of Rust are parts of the files in `FOLDERS`.
const DOCUMENTS: [&str; 3] = ["README.md", "docs/your-state-machine.md", "docs/operating.md"];

const FOLDERS: [&str; 2] = ["wavetank/tests", "wavetank/examples"];

#[test]
fn the_code_of_documents_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    FOLDERS.into_iter().for_each(|folder| rules::gather(&root.join(folder), &mut files));
    let tested: String =
        files.iter().map(|file| fs::read_to_string(file).expect("sources are text")).collect();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("the document is text");
        let blocks: Vec<_> =
            text.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty(), "{document} has no code");
        for block in blocks {
            assert!(tested.contains(block), "{document}: no test or example has this code:\n{block}");
        }
    }
}

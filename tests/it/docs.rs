//! The code in the documents is the code of tests.

use crate::rules;
use std::fs;
use std::path::Path;

/// The documents whose blocks of Rust are parts of files, and the folder of these files.
const DOCUMENTS: [(&str, &str); 1] = [("docs/your-state-machine.md", "wavetank/tests")];

#[test]
fn the_code_of_documents_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (document, folder) in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("the document is text");
        let mut files = Vec::new();
        rules::gather(&root.join(folder), &mut files);
        let tested: String =
            files.iter().map(|file| fs::read_to_string(file).expect("sources are text")).collect();
        let blocks: Vec<_> =
            text.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty(), "{document} has no code");
        for block in blocks {
            assert!(tested.contains(block), "{document}: no file in {folder} has this code:\n{block}");
        }
    }
}

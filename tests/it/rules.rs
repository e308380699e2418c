//! Rules of CONTRIBUTING.md that no lint holds.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a file.
const MOST_LINES: usize = 500;

#[test]
fn no_file_is_longer_than_it_may_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = Vec::new();
    for package in ["raft", "sim", "scenarios", "tests", "node", "fuzz"] {
        gather(&root.join(package), &mut sources);
    }
    assert!(300 < sources.len(), "{} files only", sources.len());
    for source in sources {
        let lines = fs::read_to_string(&source).expect("sources are text").lines().count();
        assert!(lines <= MOST_LINES, "{}: {lines} lines, at most {MOST_LINES}", source.display());
    }
}

/// Adds the sources in a folder, without build output.
pub(crate) fn gather(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            gather(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

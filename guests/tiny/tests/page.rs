//! Follows `docs/bring-your-own-raft.md` from an empty folder: writes each file, runs each command, and compares
//! what the page says with what the command says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../docs/bring-your-own-raft.md");

/// A block of the page: the language, and the text.
struct Block {
    language: &'static str,
    text: &'static str,
}

#[test]
fn a_reader_who_follows_the_page_meets_what_it_says() {
    let mut reader = Reader::at_an_empty_folder();
    for block in blocks() {
        match block.language {
            "sh" => block.text.lines().for_each(|line| reader.run(line)),
            "text" => reader.expect(block.text),
            _ => reader.write(block.text),
        }
    }
    assert!(reader.said.contains(" held\n"), "{}", reader.said);
}

#[test]
fn the_page_ends_with_the_files_of_this_package() {
    let mut files = BTreeMap::new();
    for block in blocks().filter(|block| block.language == "rust") {
        let (name, is_continued, text) = file_of(block.text);
        let file: &mut String = files.entry(name).or_default();
        if !is_continued {
            file.clear();
        }
        file.push_str(text);
        file.push('\n');
    }
    for name in ["src/subject.rs", "src/disk.rs"] {
        let own = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
        assert_eq!(files[name], own.expect("the file exists"), "{name}");
    }
}

fn blocks() -> impl Iterator<Item = Block> {
    PAGE.split("\n```").skip(1).step_by(2).map(|block| {
        let (language, text) = block.split_once('\n').expect("a block has lines");
        Block { language, text }
    })
}

/// The name of the file in the first line of a block, whether the block continues the file, and its text.
fn file_of(block: &'static str) -> (&'static str, bool, &'static str) {
    let (head, text) = block.split_once('\n').expect("a block has lines");
    let name = head.trim_start_matches(['/', '#', ' ']);
    let (name, is_continued) = name.strip_suffix(", continued").map_or((name, false), |name| (name, true));
    (name, is_continued, text)
}

struct Reader {
    /// Outside of the repository: `cargo new` adds a package to the workspace that it stands in.
    _root: TempDir,
    folder: PathBuf,
    /// What the last command wrote.
    said: String,
}

impl Reader {
    fn at_an_empty_folder() -> Self {
        let root = tempfile::tempdir().expect("a folder can be made");
        let folder = root.path().to_owned();
        Self { _root: root, folder, said: String::new() }
    }

    /// The repository stands in another place than in the page, and its dependencies are built already.
    fn here(text: &str) -> String {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let repository = repository.canonicalize().expect("the repository exists");
        text.replace("../wavetank", repository.to_str().expect("the path is text"))
    }

    fn write(&self, block: &'static str) {
        let (name, is_continued, text) = file_of(block);
        let path = self.folder.join(name);
        let before =
            if is_continued { fs::read_to_string(&path).expect("it was begun") } else { String::new() };
        fs::write(path, before + &Self::here(text) + "\n").expect("the file can be written");
        if name == "Cargo.toml" {
            let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
            fs::copy(lock, self.folder.join("Cargo.lock")).expect("the guests have a lock file");
        }
    }

    fn run(&mut self, line: &str) {
        if let Some(folder) = line.strip_prefix("cd ") {
            self.folder.push(folder);
            return;
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder");
        let out = Command::new("sh")
            .args(["-c", &Self::here(line)])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_NET_OFFLINE", "true")
            .output()
            .expect("there is a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.said = text(&out.stdout) + &text(&out.stderr);
        // The status 2 says that a check found a violation. The page wants one before the mend.
        let is_finding = line.starts_with("cargo run") && out.status.code() == Some(2);
        assert!(out.status.success() || is_finding, "{line}: {}\n{}", out.status, self.said);
    }

    fn expect(&self, text: &str) {
        for line in text.lines() {
            assert!(
                self.said.lines().any(|said| said.contains(line.trim())),
                "no line `{line}` in\n{}",
                self.said
            );
        }
    }
}

//! Rules of CONTRIBUTING.md that no lint checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest number of lines in a file.
const MOST_LINES: usize = 500;
/// The list of names and words that were replaced.
const REPLACED: &str = include_str!("replaced_words.txt");
/// The kinds of files that must not contain a replaced name or word.
const KINDS: [&str; 5] = ["rs", "patch", "md", "sh", "toml"];

#[test]
fn no_file_is_longer_than_it_may_be() {
    let mut sources = Vec::new();
    for package in ["raft", "machine", "sim", "scenarios", "tests", "node", "fuzz", "guests"] {
        gather(&root().join(package), &mut sources);
    }
    assert!(300 < sources.len(), "found only {} files", sources.len());
    for source in sources {
        let lines = fs::read_to_string(&source).expect("sources are text").lines().count();
        assert!(
            lines <= MOST_LINES,
            "{}: {lines} lines, but at most {MOST_LINES} are allowed",
            source.display()
        );
    }
}

#[test]
fn replaced_words_do_not_come_back() {
    let replaced = Replaced::parse(REPLACED);
    let mut files = Vec::new();
    gather_kinds(&root(), &KINDS, &mut files);
    assert!(300 < files.len(), "found only {} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("files of these kinds are text");
        let name = file.strip_prefix(root()).expect("the file is in the repository").display().to_string();
        // The changelog lists the old names for users.
        if name == "CHANGELOG.md" {
            continue;
        }
        let is_prose = name.ends_with(".md");
        let lines = (1..).zip(text.lines());
        found.extend(
            lines
                .flat_map(|(number, line)| {
                    replaced.found_in(line, is_prose).into_iter().map(move |old| (number, old))
                })
                .map(|(number, old)| format!("{name}:{number}: {old}")),
        );
    }
    assert!(found.is_empty(), "replaced names or words:\n{}", found.join("\n"));
}

#[test]
fn the_list_of_replaced_words_is_sorted() {
    for group in REPLACED.split("\n# ").skip(1) {
        let lines: Vec<_> = group.lines().skip(1).filter(|line| !line.is_empty()).collect();
        assert!(lines.is_sorted(), "not in alphabetical order: {}", group.lines().next().unwrap_or_default());
    }
}

#[test]
fn a_replaced_word_is_found_as_a_whole_word() {
    let replaced = Replaced::parse(
        "# raft\nidentifier Skiff -> Boat\nidentifier on_skiff -> on_boat\nword gale -> storm\n",
    );
    let found = |line, is_prose| replaced.found_in(line, is_prose).len();
    assert_eq!(found("let skiff = Skiffs::new(); // a nightingale, in_a_gale_", false), 0);
    assert_eq!(found("let one = Skiff::new(); // on_skiff, Gale!", false), 3);
    assert_eq!(found("one(); // Skiff is an English word here, and `Skiff` is a name.", false), 1);
    assert_eq!(found("Skiff is an English word here, and `Skiff` is a name.", true), 1);
}

/// The replaced names and words, with their replacements.
struct Replaced<'a> {
    identifiers: BTreeMap<&'a str, &'a str>,
    words: BTreeMap<&'a str, &'a str>,
}

impl<'a> Replaced<'a> {
    fn parse(list: &'a str) -> Self {
        let (mut identifiers, mut words) = (BTreeMap::new(), BTreeMap::new());
        for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (kind, rest) = line.split_once(' ').expect("a line begins with its kind");
            let (old, new) = rest.split_once(" -> ").expect("an arrow separates the old and the new name");
            let into = match kind {
                "identifier" => &mut identifiers,
                "word" => &mut words,
                _ => panic!("`{kind}` is neither `identifier` nor `word`"),
            };
            assert!(into.insert(old, new).is_none(), "`{old}` is listed twice");
        }
        Self { identifiers, words }
    }

    /// The replaced names and words in a line, each with its replacement.
    fn found_in(&self, line: &str, is_prose: bool) -> Vec<String> {
        let (code, comment) = if is_prose { ("", line) } else { line.split_once("//").unwrap_or((line, "")) };
        let quoted = comment.split('`').skip(1).step_by(2);
        let in_code = tokens(code).chain(quoted.flat_map(tokens)).filter_map(|token| {
            self.identifiers.get(token).filter(|_| is_english(token)).map(|new| (token, *new))
        });
        let anywhere = tokens(line).filter_map(|token| {
            let name = self.identifiers.get(token).filter(|_| !is_english(token));
            let new = name.or_else(|| self.words.get(token.to_lowercase().as_str()))?;
            Some((token, *new))
        });
        in_code.chain(anywhere).map(|(old, new)| format!("write `{new}` instead of `{old}`")).collect()
    }
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// True if a name looks like one English word, which may begin a sentence.
fn is_english(name: &str) -> bool {
    name.chars().skip(1).all(|c| c.is_ascii_lowercase())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Adds the sources in a folder, without build output.
pub(crate) fn gather(folder: &Path, into: &mut Vec<PathBuf>) {
    gather_kinds(folder, &["rs"], into);
}

/// Adds the files with one of these endings, without build output and without the data of git.
fn gather_kinds(folder: &Path, kinds: &[&str], into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with(".git") {
                gather_kinds(&path, kinds, into);
            }
        } else if path.extension().is_some_and(|ending| kinds.iter().any(|&kind| ending == kind)) {
            into.push(path);
        }
    }
}

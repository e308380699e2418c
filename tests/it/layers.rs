//! Modules import only modules below them. Within a crate, the order is given here. Across crates, it is
//! given by the arrows in ARCHITECTURE.md.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of a crate, from the lowest to the highest. The rank of a module is the rank of the
/// longest listed path with which its own path begins.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "raft",
        &[
            "types",
            "quorum",
            "configuration",
            "entry",
            "message",
            "store",
            "checksum",
            "store::inmem",
            "timeout",
            "config",
            "membership",
            "log",
            "node::io",
            "node::outbox",
            "node::boot",
            "role::leader::progress",
            "node::state",
            "role",
            "node",
            "display",
            "server",
            "execute",
            "recover",
        ],
    ),
    (
        "sim",
        &[
            "plan::rng",
            "plan::server_set",
            "disk::fault",
            "observe::network_change",
            "schedule",
            "plan",
            "disk",
            "subject",
            "observe",
            "nemesis",
            "engine",
            "check",
            "runner",
            "clients",
            "explore",
            "capsule",
            "shrink",
            "harness",
        ],
    ),
    ("scenarios", &["command_log", "trace", "dsl", "stories", "registry", "cli"]),
    (
        "node",
        &[
            "panic",
            "leader",
            "address",
            "cluster",
            "wire",
            "store",
            "transport",
            "error",
            "driver",
            "handle",
            "prelude",
        ],
    ),
];

/// The crates of the workspace that a crate may name.
const CRATES: &[(&str, &[&str])] = &[
    ("raft/src", &[]),
    ("sim/linear/src", &[]),
    ("machine/src", &["wavetank_raft"]),
    ("sim/src", &["wavetank_raft", "wavetank_linear", "wavetank_machine"]),
    ("scenarios/src", &["wavetank_raft", "wavetank_linear", "wavetank_sim"]),
    ("node/src", &["wavetank_raft"]),
    // A service imports only one of our crates.
    ("node/examples", &["wavetank_node"]),
    ("wavetank/src", &["wavetank_raft", "wavetank_machine", "wavetank_sim", "wavetank_node"]),
    ("guests/raft-rs/src", &["wavetank_raft", "wavetank_sim", "wavetank_scenarios", "wavetank_raft_rs"]),
];

/// The crates that are published. Cargo packages the folder of each and nothing else.
const PUBLISHED: [&str; 7] = ["raft", "machine", "sim/linear", "sim", "scenarios", "node", "wavetank"];

#[test]
fn modules_import_downwards_only() {
    for (name, order) in LAYERS {
        let source = root().join(name).join("src");
        let mut upward = Vec::new();
        for file in sources(&source) {
            let module = module_of(&file, &source);
            let Some(own) = layer(order, &module) else {
                assert!(module.is_empty(), "{name}: `{module}` is in no layer: add it to LAYERS");
                continue;
            };
            for import in imports(&code(&file)) {
                if layer(order, &import).is_some_and(|layer| own < layer) {
                    upward.push(format!("{name}: `{module}` imports `{import}`"));
                }
            }
        }
        assert!(upward.is_empty(), "imports of modules that are not below:\n{}", upward.join("\n"));
    }
}

#[test]
fn crates_name_only_crates_below_them() {
    for (folder, allowed) in CRATES {
        for file in sources(&root().join(folder)) {
            let code = code(&file);
            for (at, _) in code.match_indices("wavetank_") {
                let name: String =
                    code[at..].chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
                let is_path = code[at + name.len()..].starts_with("::");
                let own = format!(
                    "wavetank_{}",
                    folder.trim_end_matches("/src").rsplit('/').next().unwrap_or_default()
                );
                let is_fine = !is_path || name == own || allowed.contains(&name.as_str());
                assert!(is_fine, "{} imports `{name}`, which is not below it", file.display());
            }
        }
    }
}

#[test]
fn a_published_crate_reads_no_file_outside_itself() {
    for name in PUBLISHED {
        let package = fs::canonicalize(root().join(name)).expect("the package has a folder");
        let mut files = Vec::new();
        crate::rules::gather(&package, &mut files);
        assert!(!files.is_empty(), "{name}: no sources");
        for file in files {
            let text = fs::read_to_string(&file).expect("sources are text");
            let folder = file.parent().expect("a file is in a folder");
            for path in upward_paths(&text) {
                // A path after CARGO_MANIFEST_DIR begins with a slash.
                let from = if path.starts_with('/') { &package } else { folder };
                let read = fs::canonicalize(from.join(path.trim_start_matches('/')));
                let is_inside = read.is_ok_and(|read| read.starts_with(&package));
                assert!(is_inside, "{}: `{path}` is not in the package", file.display());
            }
        }
    }
}

#[test]
fn an_upward_import_is_seen() {
    let order = &["plan", "engine", "engine::world", "runner"];
    let (low, high) = (layer(order, "engine::clock"), layer(order, "engine::world::step"));
    assert!(low < high, "the longest path decides");
    assert_eq!(
        imports("use crate::engine::{world::World, clock};"),
        ["engine::world::World", "engine::clock"]
    );
    assert_eq!(imports("let run = crate::runner::run();"), ["runner::run"]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rank of the longest listed path with which the module's path begins.
fn layer(order: &[&str], module: &str) -> Option<usize> {
    let begins = |path: &&str| module == *path || module.starts_with(&format!("{path}::"));
    let longest = order.iter().copied().filter(|path| begins(path)).max_by_key(|path| path.len())?;
    order.iter().position(|path| *path == longest)
}

/// `engine::world` for `engine/world.rs`; empty for the root of the crate.
fn module_of(file: &Path, source: &Path) -> String {
    let path = file.strip_prefix(source).expect("the file is in the folder").with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let module = parts.join("::");
    if module == "lib" || module == "main" { String::new() } else { module }
}

/// The string literals that begin with `../` or `/../`.
fn upward_paths(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices('"').map(|(at, quote)| &text[at + quote.len()..]);
    let upward = starts.filter(|rest| rest.starts_with("../") || rest.starts_with("/../"));
    upward.map(|rest| rest.split('"').next().unwrap_or_default())
}

/// All paths after `crate::`. A group in braces gives one path for each name.
fn imports(code: &str) -> Vec<String> {
    let starts = code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$'));
    starts.flat_map(|(at, head)| paths(&code[at + head.len()..])).collect()
}

/// The paths with which a text begins: one path, or the paths of the group in braces.
fn paths(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let Some(group) = rest.strip_prefix('{').filter(|_| head.is_empty() || head.ends_with("::")) else {
        return vec![head.trim_end_matches(':').to_owned()];
    };
    let mut members = vec![String::new()];
    let mut depth = 1;
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 1 => members.push(String::new()),
            c => members.last_mut().expect("the list is never empty").push(c),
        }
    }
    let members = members.iter().map(|member| member.trim()).filter(|member| !member.is_empty());
    members.flat_map(paths).map(|path| format!("{head}{path}")).collect()
}

/// The code of a file without its comments and tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("sources are text");
    let end = text.find("\n#[cfg(test)]\nmod ").or_else(|| text.find("\n#[cfg(test)]\npub(crate) mod "));
    let lines = text[..end.unwrap_or(text.len())].lines();
    lines.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The source files of a folder, without the files of tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    crate::rules::gather(folder, &mut found);
    let is_test = |path: &PathBuf| {
        path.iter().any(|part| part == "tests" || part == "tests.rs")
            || path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("_tests"))
    };
    found.retain(|path| !is_test(&path.strip_prefix(folder).expect("the file is in the folder").to_owned()));
    assert!(!found.is_empty(), "{}: no sources", folder.display());
    found
}

//! Startup errors. Each prints one clear line and exits with status 1. No acknowledged write is lost.

use crate::http::{Http, HttpRequest, Reply, Response};
use crate::process::{Process, command, limited};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use wavetank_raft::checksum::Checksum;

/// A directory that is removed unless the test failed.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Starts a cluster of one server.
    fn start(&self, name: &str) -> Process {
        Process::start(&alone(&self.path(name)), &self.log(), |_| ()).unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

pub(crate) const ANY: &str = "127.0.0.1:0";

fn alone(directory: &str) -> [&str; 11] {
    ["--id", "n1", "--http", ANY, "--raft", ANY, "--dir", directory, "--bootstrap", "--log", "error"]
}

/// The one line that `kv` prints for these arguments.
#[track_caller]
fn startup_error(arguments: &[&str]) -> String {
    let output = command(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(said.lines().count() == 1 && said.starts_with("kv: "), "{arguments:?}: {said}");
    assert!(!String::from_utf8(output.stdout).unwrap().contains("serves"), "{arguments:?}");
    said.trim().to_owned()
}

#[test]
fn invalid_arguments() {
    for (words, hint) in [
        ("", "--id is missing"),
        ("--id n1 --http 127.0.0.1:0", "--raft is missing"),
        ("--id", "--id needs a value"),
        ("--frobnicate", "unknown option --frobnicate"),
        ("--id n1 --bootstrap --join 127.0.0.1:1", "either --bootstrap or --join"),
        (
            "--id n1 --http h --raft r --dir d --heartbeat-ms soon",
            "--heartbeat-ms soon: the value is not a number",
        ),
        ("--id n1 --http h --raft r --dir d --log loud", "error, warn, info, debug or trace"),
        ("--id n1 --http h --raft r --dir d --tls-key k", "needed together"),
    ] {
        let words: Vec<_> = words.split_whitespace().collect();
        let said = startup_error(&words);
        assert!(said.contains(hint), "{words:?}: {said}");
    }
}

#[test]
fn unusable_addresses() {
    let dir = TempDir::new("addresses");
    let directory = dir.path("n1");
    let taken = TcpListener::bind(ANY).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let at = |http: &str, raft: &str| {
        startup_error(&["--id", "n1", "--http", http, "--raft", raft, "--dir", &directory, "--bootstrap"])
    };
    assert_eq!(at(ANY, &taken), format!("kv: cannot listen on {taken}: the port is in use"));
    assert!(at(&taken, ANY).starts_with(&format!("kv: cannot listen on {taken}: Address already in use")));
    for bad in ["nonsense", "127.0.0.1", "127.0.0.1:99999", "203.0.113.7:1"] {
        assert!(at(bad, ANY).starts_with(&format!("kv: cannot listen on {bad}: ")));
        assert!(at(ANY, bad).starts_with(&format!("kv: cannot listen on {bad}: ")));
    }
    let said = at(ANY, "0.0.0.0:0");
    assert!(said.contains("not advertisable: peers cannot reach 0.0.0.0:"), "{said}");
}

#[test]
fn an_invalid_setting() {
    let dir = TempDir::new("settings");
    let directory = dir.path("n1");
    let said = startup_error(&[&alone(&directory)[..], &["--heartbeat-ms", "0"]].concat());
    assert!(said.starts_with("kv: configuration: heartbeat_timeout must be at least "), "{said}");
}

#[test]
fn a_directory_in_use() {
    let dir = TempDir::new("locked");
    let _first = dir.start("n1");
    let directory = dir.path("n1");
    let said = startup_error(&alone(&directory));
    let expected = "another process uses the store: stop that process, or use another directory";
    assert_eq!(said, format!("kv: {directory}/wal: {expected}"));
}

/// Otherwise the server would come back blank, and could vote against what it had acknowledged.
#[test]
fn a_directory_of_an_older_kv() {
    let dir = TempDir::new("older");
    let directory = dir.path("n1");
    fs::create_dir_all(&directory).unwrap();
    fs::write(dir.0.join("n1/raft.redb"), "").unwrap();
    let said = startup_error(&alone(&directory));
    let expected =
        "the log of an older kv: remove this server from the cluster, and add it with an empty directory";
    assert_eq!(said, format!("kv: {directory}/raft.redb: {expected}"));
}

#[test]
fn a_directory_without_write_permission() {
    // The superuser cannot write there either.
    let said = startup_error(&alone("/sys/kv"));
    assert_eq!(
        said,
        "kv: /sys/kv/wal: the store cannot be read or written: check the owner, the permissions and the mount options"
    );
    let said = startup_error(&alone("/dev/null"));
    assert!(said.starts_with("kv: /dev/null"), "{said}");
}

#[test]
fn a_foreign_or_damaged_or_newer_store() {
    let dir = TempDir::new("damaged");
    dir.start("n1").stop();
    let (directory, file) = (dir.path("n1"), dir.0.join("n1/wal/0000000001.wal"));
    let whole = fs::read(&file).unwrap();

    let damaged = "wal/0000000001.wal: the file is damaged, or is not a store";
    fs::write(&file, "Dear diary,\n".repeat(1000)).unwrap();
    let said = startup_error(&alone(&directory));
    assert!(said.contains(damaged), "{said}");

    fs::write(&file, &whole[..100]).unwrap();
    let said = startup_error(&alone(&directory));
    assert!(said.contains(damaged), "{said}");

    fs::write(&file, newer(whole)).unwrap();
    let said = startup_error(&alone(&directory));
    let expected = "wal/0000000001.wal: the store has format 9, but this release reads at most format 1";
    assert!(said.contains(expected), "{said}");
}

/// Writes the format number of a later release into the header of a segment.
fn newer(mut segment: Vec<u8>) -> Vec<u8> {
    segment[8..12].copy_from_slice(&9_u32.to_le_bytes());
    let mut checksum = Checksum::default();
    checksum.update(&segment[..12]);
    checksum.update(&segment[16..32]);
    let upper = u32::try_from(checksum.finish() >> 32).unwrap();
    segment[12..16].copy_from_slice(&upper.to_le_bytes());
    segment
}

#[test]
fn invalid_certificates() {
    let dir = TempDir::new("certificates");
    let (directory, file) = (dir.path("n1"), dir.path("file"));
    let with = |file: &str| {
        let tls = ["--tls-authority", file, "--tls-certificate", file, "--tls-key", file];
        startup_error(&[&alone(&directory)[..], &tls].concat())
    };
    assert!(with(&file).starts_with(&format!("kv: cannot read {file}: ")));
    fs::write(&file, "nothing").unwrap();
    assert_eq!(
        with(&file),
        "kv: the certificate of the authority (CA) cannot be used: the file contains no certificate in PEM format"
    );
}

#[test]
fn a_disk_that_is_full_from_the_beginning() {
    let dir = TempDir::new("full");
    let directory = dir.path("n1");
    let output = limited(4, &alone(&directory)).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(
        said,
        format!(
            "kv: {directory}/wal: the device, the quota or the limit on the size of a file leaves no space\n"
        )
    );
}

/// A server whose disk fills up stops and says why. When it is started with more space, it has every
/// value that it acknowledged.
#[test]
fn a_disk_that_fills_up() {
    let dir = TempDir::new("filling");
    let directory = dir.path("n1");
    let limited = limited(16 << 10, &alone(&directory));
    let mut process = Process::run(limited, &dir.log(), |_| ()).unwrap();
    let mut http = Http::default();
    let body = "x".repeat(100_000);
    let mut kept = 0;
    while put(&mut http, &process.http, kept, &body) {
        kept += 1;
        assert!(kept < 1000, "the disk has room for everything");
    }
    assert_eq!(process.wait().code(), Some(1));
    let said = fs::read_to_string(dir.log()).unwrap();
    let last: Vec<_> = said.lines().filter(|line| line.starts_with("kv: ")).collect();
    assert_eq!(last.len(), 1, "{said}");
    assert!(last[0].starts_with("kv: the server has stopped: ") && last[0].contains("no space"), "{said}");
    assert!(5 < kept, "it accepted only {kept} values: {said}");

    let process = dir.start("n1");
    for key in 0..kept {
        let path = format!("/kv/{key}");
        match ask(&mut http, &process.http, HttpRequest::get(&path)) {
            Reply::Response(Response { status: 200, body: found, .. }) => assert!(found == body, "{key}"),
            other => panic!("{key}: {other:?}"),
        }
    }
}

/// True if the value was written.
fn put(http: &mut Http, place: &str, key: u64, body: &str) -> bool {
    let path = format!("/kv/{key}");
    match ask(http, place, HttpRequest { method: "PUT", path: &path, body }) {
        Reply::Response(response) => response.status == 204,
        _ => false,
    }
}

/// A server's reply, after the cluster has a leader.
pub(crate) fn ask(http: &mut Http, place: &str, http_request: HttpRequest<'_>) -> Reply {
    loop {
        match http.ask(place, http_request) {
            Reply::Response(response) if response.status == 503 => std::thread::sleep(crate::cluster::PAUSE),
            reply => return reply,
        }
    }
}

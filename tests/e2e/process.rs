//! One `kv` process.

use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

/// A running `kv` process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// The address for peers.
    pub(crate) raft: String,
    /// The address for clients.
    pub(crate) http: String,
}

impl Process {
    /// Starts a process, and returns when it serves. Calls `on_listening` with its address for peers, and
    /// appends its log to `log`.
    ///
    /// # Errors
    /// The error is the exit status of a process that stopped before it served. The log has the reason.
    pub(crate) fn start(
        arguments: &[&str],
        log: &Path,
        on_listening: impl Fn(&str),
    ) -> Result<Self, ExitStatus> {
        Self::run(command(arguments), log, on_listening)
    }

    /// Starts a process with a command that the caller has made. Otherwise it does the same as
    /// [`Self::start`].
    pub(crate) fn run(
        mut command: Command,
        log: &Path,
        on_listening: impl Fn(&str),
    ) -> Result<Self, ExitStatus> {
        let mut child = command.stderr(append_to(log)).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address_after = |words: &str| {
            let line = lines.next()?.unwrap();
            line.split_once(words).map(|(_, place)| place.to_owned())
        };
        let raft = address_after(" listens for peers on ");
        raft.iter().for_each(|raft| on_listening(raft));
        match raft.zip(address_after(" serves http://")) {
            Some((raft, http)) => Ok(Self { child, raft, http }),
            None => Err(child.wait().unwrap()),
        }
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the process with SIGTERM, and expects a clean end.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "the process was asked to stop, and ended with {status}");
    }

    /// Sends another signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the process has ended by itself, and returns its status.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// The largest resident memory of the process so far, in KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        most.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// True if the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// Kills the process, so that it does not survive its test.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command, with these arguments.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The command with these arguments, under a limit of this many KiB for every file. Writes beyond the
/// limit fail, as on a full disk.
pub(crate) fn limited(kib: u64, arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    // The signal is ignored, so that the write returns an error.
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    command.args(["-c", &script, "bash"]).arg(binary()).args(arguments).stdin(Stdio::null());
    command
}

fn append_to(log: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(log).unwrap()
}

/// The `kv` of this source, built in the profile of this test.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

fn build() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().nth(2).and_then(Path::file_name).unwrap().to_str().unwrap();
    let profile = if profile == "debug" { "dev" } else { profile };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--workspace", "--example", "kv", "--profile", profile])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "kv does not build");
    let artifacts = built.stdout.lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut executables = artifacts
        .filter(|artifact| artifact["target"]["name"] == "kv")
        .filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    executables.next().expect("cargo says where it put kv")
}

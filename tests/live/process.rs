//! One process, and the connection that controls it.

use crate::member;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The time after which a line counts as not answered. It is longer than the time limits of the servers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The kind of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// HashiCorp Raft.
    Go,
    /// This library.
    Rust,
}

impl Kind {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Go => Self::Rust,
            Self::Rust => Self::Go,
        }
    }
}

/// A running server.
pub(crate) struct Process {
    child: Child,
    /// Stays open: a test that cannot print stops.
    _output: BufReader<ChildStdout>,
    /// The address for the lines of the tests.
    pub(crate) control: SocketAddr,
}

impl Process {
    /// Starts a server, and returns when it serves.
    pub(crate) fn start(kind: Kind, id: &str, ip: Ipv4Addr, directory: &Path, threshold: u32) -> Self {
        let arguments = format!("{id} {ip} {} {threshold}", directory.display());
        let mut command = match kind {
            Kind::Go => Command::new(go_server().expect("the scenario has asked for Go")),
            Kind::Rust => Command::new(std::env::current_exe().unwrap()),
        };
        match kind {
            Kind::Go => command.args(arguments.split(' ')),
            Kind::Rust => command.env(member::ARGUMENTS, arguments).args([
                "member::serve",
                "--exact",
                "--ignored",
                "--nocapture",
            ]),
        };
        let log = directory.with_extension("log");
        let stderr = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.by_ref().lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "ready"), "{id} did not start; its log is {}", log.display());
        Self { child, _output: output, control: SocketAddr::from((ip, 7001)) }
    }

    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.control)
    }
}

/// Kills the process with SIGKILL.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection to a server for lines.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a line, and returns the answer.
    pub(crate) fn ask(&mut self, line: &str) -> io::Result<String> {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes())?;
        self.line()
    }

    /// Sends a line, and returns the lines after the answer.
    pub(crate) fn ask_lines(&mut self, line: &str) -> io::Result<Vec<String>> {
        let answer = self.ask(line)?;
        let count: usize =
            answer.strip_prefix("ok ").expect("the line is always carried out").parse().unwrap();
        (0..count).map(|_| self.line()).collect()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut answer = String::new();
        if self.0.read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer.trim_end().to_owned())
    }
}

/// The server of `go/`, built once. `None`: this machine has no Go, or not the Debian packages of HashiCorp
/// Raft.
pub(crate) fn go_server() -> Option<&'static Path> {
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    BINARY.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    const PACKAGES: [&str; 2] = ["github.com/hashicorp/raft", "github.com/hashicorp/raft-boltdb"];
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let go = |arguments: &[&str]| {
        let mut command = Command::new("go");
        command
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/live/go"))
            .env("GO111MODULE", "off")
            .env("GOPATH", "/usr/share/gocode")
            .env("GOCACHE", directory.join("go-cache"))
            .args(arguments)
            .output()
    };
    let listed = go(&[&["list"][..], &PACKAGES].concat());
    if !listed.is_ok_and(|output| output.status.success()) {
        // Unlike the macros of the standard library, this line is not captured.
        let _ = io::stderr().write_all(
            b"the live tests are skipped: they need golang-go and HashiCorp Raft in /usr/share/gocode\n",
        );
        return None;
    }
    let binary = directory.join("live-go");
    let built = go(&["build", "-o", binary.to_str().unwrap(), "."]).unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(binary)
}

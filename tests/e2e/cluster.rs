//! A cluster of `kv` processes on loopback, and the faults that can be caused from outside.

use crate::http::{Http, HttpRequest, Reply, Response};
use crate::links::{Links, Proxy};
use crate::process::Process;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// The limit of every wait. It is longer than any wait here takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The pause between two requests to a server that is not ready.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// The HTTP addresses of all servers that may serve clients.
pub(crate) type Addresses = Arc<RwLock<Vec<String>>>;

/// A cluster of processes behind proxies.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) links: Links,
    pub(crate) addresses: Addresses,
    servers: BTreeMap<String, Server>,
    directory: PathBuf,
    /// The number of names that were used. No name is used twice.
    named: u32,
    http: Http,
}

/// A server. It survives its processes.
#[derive(Debug)]
struct Server {
    proxy: Proxy,
    process: Option<Process>,
}

/// How a server joins its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    /// The server bootstraps the cluster.
    Bootstrap,
    /// The server asks to be added.
    Join,
    /// The server is a member already.
    Old,
}

impl Cluster {
    /// Starts a cluster of `size` servers.
    pub(crate) fn of(size: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = format!("{}/cluster-{}-{number}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        fs::create_dir_all(&directory).unwrap();
        let mut cluster = Self {
            links: Links::default(),
            addresses: Arc::default(),
            servers: BTreeMap::new(),
            directory: directory.into(),
            named: 0,
            http: Http::default(),
        };
        cluster.add_server(Entry::Bootstrap);
        for _ in 1..size {
            cluster.add_server(Entry::Join);
        }
        cluster
    }

    /// Adds a new server, and returns its name.
    pub(crate) fn add_new(&mut self) -> String {
        self.add_server(Entry::Join)
    }

    fn add_server(&mut self, entry: Entry) -> String {
        self.named += 1;
        let name = format!("n{}", self.named);
        let proxy = self.links.proxy(&name);
        self.servers.insert(name.clone(), Server { proxy, process: None });
        self.start_process(&name, entry);
        name
    }

    /// Starts a server again, with the data on its disk.
    pub(crate) fn start(&mut self, name: &str) {
        self.start_process(name, Entry::Old);
    }

    fn start_process(&mut self, name: &str, entry: Entry) {
        let others = self.addresses.read().unwrap().join(",");
        let server = self.servers.get_mut(name).unwrap();
        let directory = self.directory.join(name);
        let proxy = server.proxy.address.to_string();
        let mut arguments = vec!["--id", name, "--dir", directory.to_str().unwrap(), "--advertise", &proxy];
        arguments.extend(["--http", "127.0.0.1:0", "--raft", "127.0.0.1:0", "--heartbeat-ms", "300"]);
        arguments.extend(["--snapshot-threshold", "400"]);
        match entry {
            Entry::Bootstrap => arguments.push("--bootstrap"),
            Entry::Join => arguments.extend(["--join", &others]),
            Entry::Old => {}
        }
        let log = log_of(&self.directory, name);
        // The leader that adds the server must reach it before it serves.
        let started = Process::start(&arguments, &log, |raft| server.proxy.forward_to(Some(raft.to_owned())));
        let process = started.unwrap_or_else(|status| {
            panic!("{name} did not start: {status}\n{}", fs::read_to_string(&log).unwrap())
        });
        server.process = Some(process);
        self.publish();
    }

    /// Publishes the addresses of all running servers.
    fn publish(&self) {
        let running = self.servers.values().filter_map(|server| server.process.as_ref());
        *self.addresses.write().unwrap() = running.map(|process| process.http.clone()).collect();
    }

    /// All servers of the cluster, running or not.
    pub(crate) fn names(&self) -> Vec<String> {
        self.servers.keys().cloned().collect()
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.servers.get_mut(name).unwrap().process.as_mut().expect("the process runs")
    }

    /// The address on which the server listens for peers, without its proxy.
    pub(crate) fn port(&mut self, name: &str) -> SocketAddr {
        self.process(name).raft.parse().unwrap()
    }

    /// The largest resident memory of the process so far, in KiB.
    pub(crate) fn memory_kib(&mut self, name: &str) -> u64 {
        self.process(name).memory_kib()
    }

    /// The text of the server's log.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(log_of(&self.directory, name)).unwrap()
    }

    /// Kills a process with SIGKILL.
    pub(crate) fn kill(&mut self, name: &str) {
        self.process(name).kill();
        self.mark_down(name);
    }

    /// Stops a process with SIGTERM, and expects a clean end.
    pub(crate) fn stop(&mut self, name: &str) {
        self.process(name).stop();
        self.mark_down(name);
    }

    fn mark_down(&mut self, name: &str) {
        let server = self.servers.get_mut(name).unwrap();
        (server.process, _) = (None, server.proxy.forward_to(None));
        self.publish();
    }

    /// Pauses a process with SIGSTOP.
    pub(crate) fn pause(&mut self, name: &str) {
        self.process(name).signal("STOP");
    }

    /// Resumes a paused process.
    pub(crate) fn resume(&mut self, name: &str) {
        self.process(name).signal("CONT");
    }

    /// Restarts processes that ended by themselves, as the process of a removed leader does.
    pub(crate) fn restart_ended(&mut self) {
        for name in self.names() {
            if !self.process(&name).is_alive() {
                self.mark_down(&name);
                self.start(&name);
            }
        }
    }

    /// Removes a server from the cluster. Its process keeps running.
    pub(crate) fn leave(&mut self, name: &str) {
        self.until_done(&format!("/leave?id={name}"));
    }

    /// Adds a removed server again.
    pub(crate) fn join(&mut self, name: &str) {
        let address = self.servers[name].proxy.address;
        self.until_done(&format!("/join?id={name}&address={address}"));
    }

    /// Kills a removed server and deletes its files.
    pub(crate) fn discard(&mut self, name: &str) {
        if self.servers[name].process.is_some() {
            self.kill(name);
        }
        self.servers.remove(name);
        fs::remove_dir_all(self.directory.join(name)).unwrap();
    }

    /// Repeats a request until it is granted.
    pub(crate) fn until_done(&mut self, path: &str) {
        let addresses = self.addresses.clone();
        let is_done = |http: &mut Http| {
            let one = addresses.read().unwrap().first().cloned().unwrap();
            addresses.write().unwrap().rotate_left(1);
            response(http, &one, HttpRequest::post(path)).is_some_and(|response| response.status == 200)
        };
        self.until(path, is_done);
    }

    /// Sends a request once and ignores the outcome.
    pub(crate) fn try_once(&mut self, name: &str, path: &str) {
        let http = self.process(name).http.clone();
        let _ = self.http.ask(&http, HttpRequest::post(path));
    }

    /// Waits until a write succeeds at every server.
    pub(crate) fn until_all_accept_writes(&mut self) {
        for name in self.names() {
            let address = self.process(&name).http.clone();
            let http_request = HttpRequest { method: "PUT", path: "/kv/nemesis", body: &name };
            let is_written = |http: &mut Http| {
                response(http, &address, http_request).is_some_and(|response| response.status == 204)
            };
            self.until(&format!("write at {name}"), is_written);
        }
    }

    /// The server whose own status says that it leads.
    pub(crate) fn leader(&mut self) -> String {
        let mut leader = None;
        let places: Vec<_> =
            self.servers.iter().map(|(name, server)| (name.clone(), server.http())).collect();
        let leads = |http: &mut Http| {
            leader = places.iter().find(|(_, place)| {
                place.as_ref().is_some_and(|place| status(http, place, "state") == "Leader")
            });
            leader.is_some()
        };
        self.until("a leader", leads);
        leader.unwrap().0.clone()
    }

    /// Waits until every server has applied all committed entries, and returns their addresses.
    pub(crate) fn until_all_have_applied(&mut self) -> Vec<(String, String)> {
        let leader = self.leader();
        let commit = status(&mut self.http, &self.servers[&leader].http().unwrap(), "commit_index");
        let commit: u64 = commit.parse().unwrap();
        for name in self.names() {
            let place = self.servers[&name].http().unwrap();
            let is_there = |http: &mut Http| {
                status(http, &place, "applied_index").parse::<u64>().is_ok_and(|at| commit <= at)
            };
            self.until(&format!("{name} to have applied {commit}"), is_there);
        }
        self.servers.iter().map(|(name, server)| (name.clone(), server.http().unwrap())).collect()
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Http) -> bool) {
        let begun = Instant::now();
        while !is_so(&mut self.http) {
            let logs = self.directory.display();
            assert!(
                begun.elapsed() < TIMEOUT,
                "waited more than {TIMEOUT:?} for {what}; the logs are in {logs}"
            );
            thread::sleep(PAUSE);
        }
    }
}

fn log_of(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}

impl Server {
    fn http(&self) -> Option<String> {
        self.process.as_ref().map(|process| process.http.clone())
    }
}

/// A server's response, or `None` if it did not respond.
fn response(http: &mut Http, address: &str, http_request: HttpRequest<'_>) -> Option<Response> {
    match http.ask(address, http_request) {
        Reply::Response(response) => Some(response),
        _ => None,
    }
}

/// A value of a server's status, or an empty text if the status does not have it.
fn status(http: &mut Http, address: &str, key: &str) -> String {
    let body = response(http, address, HttpRequest::get("/status"))
        .map_or_else(String::new, |response| response.body);
    let mut values = body.lines().filter_map(|line| line.split_once(": "));
    values.find(|(found, _)| *found == key).map_or_else(String::new, |(_, value)| value.to_owned())
}

/// Deletes the files, unless the test failed.
impl Drop for Cluster {
    fn drop(&mut self) {
        self.servers.clear();
        if !thread::panicking() {
            fs::remove_dir_all(&self.directory).unwrap();
        }
    }
}

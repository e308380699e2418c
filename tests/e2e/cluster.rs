//! A cluster of `kv` processes on loopback, and what can be done to it from outside.

use crate::http::{Answer, Heard, Http, Question};
use crate::process::Process;
use crate::sea::{Harbour, Sea};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two questions to somebody who is not ready.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// Where the clients' questions go: the addresses of all servers that should serve.
pub(crate) type Addresses = Arc<RwLock<Vec<String>>>;

/// The cluster.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) sea: Sea,
    pub(crate) addresses: Addresses,
    ships: BTreeMap<String, Ship>,
    directory: PathBuf,
    /// Names that were given; none is given twice.
    named: u32,
    http: Http,
}

/// A server that outlives its processes.
#[derive(Debug)]
struct Ship {
    harbour: Harbour,
    process: Option<Process>,
}

/// How a server comes into its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    /// It begins it.
    Founder,
    /// It asks to be taken in.
    Newcomer,
    /// It was there before.
    Old,
}

impl Fleet {
    /// So many servers that belong together.
    pub(crate) fn of(size: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = format!("{}/fleet-{}-{number}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        fs::create_dir_all(&directory).unwrap();
        let mut fleet = Self {
            sea: Sea::default(),
            addresses: Arc::default(),
            ships: BTreeMap::new(),
            directory: directory.into(),
            named: 0,
            http: Http::default(),
        };
        fleet.launch(Entry::Founder);
        for _ in 1..size {
            fleet.launch(Entry::Newcomer);
        }
        fleet
    }

    /// A server that never was there before asks to be taken in. Its name comes back.
    pub(crate) fn add_new(&mut self) -> String {
        self.launch(Entry::Newcomer)
    }

    fn launch(&mut self, entry: Entry) -> String {
        self.named += 1;
        let name = format!("n{}", self.named);
        let harbour = self.sea.harbour(&name);
        self.ships.insert(name.clone(), Ship { harbour, process: None });
        self.set_out(&name, entry);
        name
    }

    /// Starts a server again, with what it has on its disk.
    pub(crate) fn start(&mut self, name: &str) {
        self.set_out(name, Entry::Old);
    }

    fn set_out(&mut self, name: &str, entry: Entry) {
        let others = self.addresses.read().unwrap().join(",");
        let ship = self.ships.get_mut(name).unwrap();
        let directory = self.directory.join(name);
        let harbour = ship.harbour.address.to_string();
        let mut arguments = vec!["--id", name, "--dir", directory.to_str().unwrap(), "--advertise", &harbour];
        arguments.extend(["--http", "127.0.0.1:0", "--raft", "127.0.0.1:0", "--heartbeat-ms", "300"]);
        arguments.extend(["--snapshot-threshold", "400"]);
        match entry {
            Entry::Founder => arguments.push("--bootstrap"),
            Entry::Newcomer => arguments.extend(["--join", &others]),
            Entry::Old => {}
        }
        let log = log_of(&self.directory, name);
        // Who takes it in must reach it before it serves.
        let started = Process::start(&arguments, &log, |raft| ship.harbour.leads_to(Some(raft.to_owned())));
        let process = started.unwrap_or_else(|status| {
            panic!("{name} did not start: {status}\n{}", fs::read_to_string(&log).unwrap())
        });
        ship.process = Some(process);
        self.publish();
    }

    /// The addresses of all that run.
    fn publish(&self) {
        let running = self.ships.values().filter_map(|ship| ship.process.as_ref());
        *self.addresses.write().unwrap() = running.map(|process| process.http.clone()).collect();
    }

    /// All servers that belong to it, running or not.
    pub(crate) fn names(&self) -> Vec<String> {
        self.ships.keys().cloned().collect()
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.ships.get_mut(name).unwrap().process.as_mut().expect("it runs")
    }

    /// Where it hears its peers, past the sea.
    pub(crate) fn port(&mut self, name: &str) -> SocketAddr {
        self.process(name).raft.parse().unwrap()
    }

    /// The most that it ever had in memory, in KiB.
    pub(crate) fn memory_kib(&mut self, name: &str) -> u64 {
        self.process(name).memory_kib()
    }

    /// What it has logged.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(log_of(&self.directory, name)).unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, name: &str) {
        self.process(name).kill();
        self.is_gone(name);
    }

    /// SIGTERM, and a clean end.
    pub(crate) fn stop(&mut self, name: &str) {
        self.process(name).stop();
        self.is_gone(name);
    }

    fn is_gone(&mut self, name: &str) {
        let ship = self.ships.get_mut(name).unwrap();
        (ship.process, _) = (None, ship.harbour.leads_to(None));
        self.publish();
    }

    /// Stands still until it may go on, while its clock runs.
    pub(crate) fn pause(&mut self, name: &str) {
        self.process(name).signal("STOP");
    }

    /// Goes on.
    pub(crate) fn resume(&mut self, name: &str) {
        self.process(name).signal("CONT");
    }

    /// Starts those that have ended by themselves, as one that led does when it is let go.
    pub(crate) fn start_those_that_ended(&mut self) {
        for name in self.names() {
            if !self.process(&name).is_alive() {
                self.is_gone(&name);
                self.start(&name);
            }
        }
    }

    /// Takes a server out of the cluster. It runs on.
    pub(crate) fn leave(&mut self, name: &str) {
        self.until_done(&format!("/leave?id={name}"));
    }

    /// Takes it in again.
    pub(crate) fn join(&mut self, name: &str) {
        let address = self.ships[name].harbour.address;
        self.until_done(&format!("/join?id={name}&address={address}"));
    }

    /// Forgets a server that was taken out, with all it had.
    pub(crate) fn scrap(&mut self, name: &str) {
        if self.ships[name].process.is_some() {
            self.kill(name);
        }
        self.ships.remove(name);
        fs::remove_dir_all(self.directory.join(name)).unwrap();
    }

    /// Asks for something that can be refused for the time being.
    pub(crate) fn until_done(&mut self, path: &str) {
        let addresses = self.addresses.clone();
        let is_done = |http: &mut Http| {
            let one = addresses.read().unwrap().first().cloned().unwrap();
            addresses.write().unwrap().rotate_left(1);
            answer(http, &one, Question::post(path)).is_some_and(|answer| answer.status == 200)
        };
        self.until(path, is_done);
    }

    /// Asks once; how it ends does not matter.
    pub(crate) fn try_once(&mut self, name: &str, path: &str) {
        let http = self.process(name).http.clone();
        let _ = self.http.ask(&http, Question::post(path));
    }

    /// Returns when a write goes through at every server.
    pub(crate) fn until_it_writes(&mut self) {
        for name in self.names() {
            let address = self.process(&name).http.clone();
            let question = Question { method: "PUT", path: "/kv/nemesis", body: &name };
            let is_written =
                |http: &mut Http| answer(http, &address, question).is_some_and(|answer| answer.status == 204);
            self.until(&format!("write at {name}"), is_written);
        }
    }

    /// Who leads, as it says itself.
    pub(crate) fn leader(&mut self) -> String {
        let mut leader = None;
        let places: Vec<_> = self.ships.iter().map(|(name, ship)| (name.clone(), ship.http())).collect();
        let leads = |http: &mut Http| {
            leader = places.iter().find(|(_, place)| {
                place.as_ref().is_some_and(|place| status(http, place, "state") == "Leader")
            });
            leader.is_some()
        };
        self.until("a leader", leads);
        leader.unwrap().0.clone()
    }

    /// Returns when every server has applied what is committed, and says where each is.
    pub(crate) fn until_all_are_there(&mut self) -> Vec<(String, String)> {
        let leader = self.leader();
        let commit = status(&mut self.http, &self.ships[&leader].http().unwrap(), "commit_index");
        let commit: u64 = commit.parse().unwrap();
        for name in self.names() {
            let place = self.ships[&name].http().unwrap();
            let is_there = |http: &mut Http| {
                status(http, &place, "applied_index").parse::<u64>().is_ok_and(|at| commit <= at)
            };
            self.until(&format!("{name} to have applied {commit}"), is_there);
        }
        self.ships.iter().map(|(name, ship)| (name.clone(), ship.http().unwrap())).collect()
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Http) -> bool) {
        let begun = Instant::now();
        while !is_so(&mut self.http) {
            let logs = self.directory.display();
            assert!(begun.elapsed() < PATIENCE, "waited too long for {what}; the logs are in {logs}");
            thread::sleep(PAUSE);
        }
    }
}

fn log_of(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}

impl Ship {
    fn http(&self) -> Option<String> {
        self.process.as_ref().map(|process| process.http.clone())
    }
}

/// A server's answer, if it gives one.
fn answer(http: &mut Http, address: &str, question: Question<'_>) -> Option<Answer> {
    match http.ask(address, question) {
        Heard::Answer(answer) => Some(answer),
        Heard::Unsent | Heard::Silence => None,
    }
}

/// One line of a server's status; empty if there is none.
fn status(http: &mut Http, address: &str, key: &str) -> String {
    let body = answer(http, address, Question::get("/status")).map_or_else(String::new, |answer| answer.body);
    let mut values = body.lines().filter_map(|line| line.split_once(": "));
    values.find(|(found, _)| *found == key).map_or_else(String::new, |(_, value)| value.to_owned())
}

/// What failed is left to be looked at.
impl Drop for Fleet {
    fn drop(&mut self) {
        self.ships.clear();
        if !thread::panicking() {
            fs::remove_dir_all(&self.directory).unwrap();
        }
    }
}

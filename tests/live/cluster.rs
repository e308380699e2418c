//! A cluster of Go and Rust processes on loopback.

use crate::ledger::Line;
use crate::process::{Kind, Process};
use crate::writers::Acknowledged;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// The limit of every wait. It is longer than any wait here takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The pause between two looks at a condition.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// The addresses of all running servers, for clients.
pub(crate) type Addresses = Arc<RwLock<Vec<SocketAddr>>>;

/// A cluster of processes.
pub(crate) struct Cluster {
    pub(crate) addresses: Addresses,
    /// The writes that were acknowledged to clients that are done.
    pub(crate) acknowledged: Acknowledged,
    servers: BTreeMap<String, Server>,
    directory: PathBuf,
    /// The number of entries after which a server takes a snapshot by itself.
    threshold: u32,
    /// The number of names that were used. No name is used twice.
    named: u32,
    begun: Instant,
}

/// A server. It survives its processes.
struct Server {
    kind: Kind,
    ip: Ipv4Addr,
    process: Option<Process>,
}

impl Cluster {
    /// Starts a cluster of one server, which is the first leader.
    pub(crate) fn of(first: Kind, threshold: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = format!("{}/live-{}-{number}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        let mut cluster = Self {
            addresses: Arc::default(),
            acknowledged: Acknowledged::new(),
            servers: BTreeMap::new(),
            directory: directory.into(),
            threshold,
            named: 0,
            begun: Instant::now(),
        };
        fs::create_dir_all(&cluster.directory).unwrap();
        let name = cluster.start(first);
        assert_eq!(cluster.ask(&name, "bootstrap").as_deref(), Some("ok"));
        cluster
    }

    /// Starts a cluster with a voter of each of these kinds.
    pub(crate) fn of_voters(kinds: &[Kind], threshold: u32) -> Self {
        let (first, others) = kinds.split_first().unwrap();
        let mut cluster = Self::of(*first, threshold);
        others.iter().for_each(|kind| drop(cluster.add_voter(*kind)));
        cluster
    }

    /// Starts a server that belongs to no cluster yet, and returns its name.
    pub(crate) fn start(&mut self, kind: Kind) -> String {
        self.named += 1;
        let name = format!("n{}", self.named);
        self.servers.insert(name.clone(), Server { kind, ip: unused_ip(), process: None });
        self.restart(&name);
        name
    }

    /// Starts a new server, and makes it a voter.
    pub(crate) fn add_voter(&mut self, kind: Kind) -> String {
        let name = self.start(kind);
        self.lead(&format!("voter {}", self.place(&name)));
        self.until_caught_up(&name);
        name
    }

    /// Starts the process of a server again, with the data on its disk.
    pub(crate) fn restart(&mut self, name: &str) {
        let directory = self.directory.join(name);
        let server = self.servers.get_mut(name).unwrap();
        server.process = Some(Process::start(server.kind, name, server.ip, &directory, self.threshold));
        self.publish();
    }

    /// Kills the process of a server with SIGKILL.
    pub(crate) fn kill(&mut self, name: &str) {
        drop(self.servers.get_mut(name).unwrap().process.take());
        self.publish();
    }

    /// Kills the process of a removed server, and forgets the server.
    pub(crate) fn discard(&mut self, name: &str) {
        self.kill(name);
        self.servers.remove(name);
    }

    /// Publishes the addresses of all running servers.
    fn publish(&self) {
        let running = self.servers.values().filter_map(|server| server.process.as_ref());
        *self.addresses.write().unwrap() = running.map(|process| process.control).collect();
    }

    /// All servers, running or not.
    pub(crate) fn names(&self) -> Vec<String> {
        self.servers.keys().cloned().collect()
    }

    pub(crate) fn kind(&self, name: &str) -> Kind {
        self.servers[name].kind
    }

    /// The name of a server and its address for peers.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{name} {}:7000", self.servers[name].ip)
    }

    /// Sends a line to a server. `None`: the server does not run or did not answer.
    pub(crate) fn ask(&self, name: &str, line: &str) -> Option<String> {
        self.servers[name].process.as_ref()?.connect().ok()?.ask(line).ok()
    }

    /// The words of a server's `stats`: state, term, number of restores, index of the snapshot. They are empty
    /// texts if the server does not answer.
    pub(crate) fn stats(&self, name: &str) -> [String; 4] {
        let answer = self.ask(name, "stats").unwrap_or_default();
        let mut words = answer.strip_prefix("ok ").unwrap_or_default().split(' ').map(str::to_owned);
        std::array::from_fn(|_| words.next().unwrap_or_default())
    }

    /// The server that says of itself that it leads, in the newest term in which a server says so.
    fn known_leader(&self) -> Option<(u64, String)> {
        let leaders = self.servers.keys().filter_map(|name| {
            let [state, term, ..] = self.stats(name);
            (state == "Leader").then(|| (term.parse().unwrap(), name.clone()))
        });
        leaders.max()
    }

    /// Waits for a leader.
    pub(crate) fn leader(&self) -> String {
        self.until("a leader", || self.known_leader()).1
    }

    /// Sends a line to the leader until it is carried out.
    pub(crate) fn lead(&self, line: &str) -> String {
        self.until(line, || {
            let answer = self.ask(&self.known_leader()?.1, line)?;
            answer.strip_prefix("ok").map(|rest| rest.trim().to_owned())
        })
    }

    /// Transfers leadership to a server.
    pub(crate) fn transfer(&self, name: &str) {
        self.until(&format!("transfer to {name}"), || {
            let (_, leader) = self.known_leader()?;
            if leader != name {
                self.ask(&leader, &format!("transfer {}", self.place(name)));
            }
            (leader == name).then_some(())
        });
    }

    /// Takes a snapshot on a server.
    pub(crate) fn snapshot(&self, name: &str) {
        self.until(&format!("a snapshot on {name}"), || {
            let answer = self.ask(name, "snapshot")?;
            (answer == "ok" || answer.starts_with("no nothing new")).then_some(())
        });
    }

    /// Writes a number of commands, one after the other.
    pub(crate) fn write(&mut self, count: u32) {
        for _ in 0..count {
            let data = format!("c{}", self.acknowledged.len());
            let index = self.lead(&format!("apply {data}")).parse().unwrap();
            self.acknowledged.push((index, data));
        }
    }

    /// Waits until a server has applied every command that the leader has applied now.
    pub(crate) fn until_caught_up(&self, name: &str) {
        let (upto, _) = self.until("the leader's state", || self.last(&self.known_leader()?.1));
        self.until(&format!("{name} to apply {upto}"), || {
            let (index, _) = self.last(name)?;
            (upto <= index).then_some(())
        });
    }

    /// The index of the last command that a server has applied, and its chain.
    fn last(&self, name: &str) -> Option<(u64, String)> {
        let answer = self.ask(name, "chain")?;
        let (index, chain) = answer.strip_prefix("ok ")?.split_once(' ')?;
        Some((index.parse().unwrap(), chain.to_owned()))
    }

    /// Waits until all servers know these members. Brackets are around a member without a vote.
    pub(crate) fn until_members_are(&self, members: &str) {
        for name in self.names() {
            self.until(&format!("{name} to know the members {members}"), || {
                (self.ask(&name, "members")? == format!("ok {members}")).then_some(())
            });
        }
    }

    /// Waits until all servers have applied the same commands. Then every acknowledged write must be where its
    /// client was told, and all chains must be equal at each index. Prints a line about the scenario.
    pub(crate) fn finish(mut self, scenario: &str) {
        self.write(1);
        let (index, chain) = self.until("equal chains", || {
            let mut states = self.servers.keys().map(|name| self.last(name));
            let first = states.next()??;
            states.all(|state| state.as_ref() == Some(&first)).then_some(first)
        });
        let names = self.names();
        let logs: Vec<Vec<Line>> = names.iter().map(|name| self.log(name)).collect();
        for (name, log) in names.iter().zip(&logs) {
            let differs = log.iter().zip(&logs[0]).find(|(line, first)| line != first);
            assert!(
                differs.is_none() && log.len() == logs[0].len(),
                "{name} differs from {}: {differs:?}",
                names[0]
            );
        }
        let at: BTreeMap<u64, &str> = logs[0].iter().map(|line| (line.index, line.data.as_str())).collect();
        let lost: Vec<_> =
            self.acknowledged.iter().filter(|(index, data)| at.get(index) != Some(&data.as_str())).collect();
        assert!(lost.is_empty(), "acknowledged writes that are not where they should be: {lost:?}");
        let (term, _) = self.until("a leader", || self.known_leader());
        let (first, seconds) = (logs[0][0].term, self.begun.elapsed().as_millis());
        println!(
            "{scenario}: {}.{} s, terms {first} to {term}, {} writes acknowledged, chain {chain} at {index}",
            seconds / 1000,
            seconds % 1000 / 100,
            self.acknowledged.len(),
        );
    }

    fn log(&self, name: &str) -> Vec<Line> {
        let process = self.servers[name].process.as_ref().expect("all servers run at the end");
        let lines = process.connect().unwrap().ask_lines("log").unwrap();
        lines.iter().map(|line| Line::parse(line)).collect()
    }

    /// Waits until there is a result.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            let logs = self.directory.display();
            assert!(begun.elapsed() < TIMEOUT, "waited {TIMEOUT:?} for {what}; the logs are in {logs}");
            thread::sleep(PAUSE);
        }
    }
}

/// An address on loopback that no other server uses, of this test process or of another one. Clients call
/// from 127.0.0.1, so they never take the port of a server that is down.
fn unused_ip() -> Ipv4Addr {
    static NUMBER: AtomicU32 = AtomicU32::new(2);
    let number = u8::try_from(NUMBER.fetch_add(1, Ordering::Relaxed)).expect("at most 250 servers");
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high, low, number)
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

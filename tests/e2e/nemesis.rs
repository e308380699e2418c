//! The nemesis: it causes one fault after another.

use crate::cluster::Cluster;
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use wavetank_sim::plan::rng::{Domain, Stream};

/// A fault that is caused and repaired, or a call of an operator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Act {
    /// Kills processes with SIGKILL.
    Kill(Target),
    /// Stops one process with SIGTERM.
    Stop,
    /// Pauses processes for a while.
    Pause(Target),
    /// Cuts links between servers for a while.
    Cut(Cut),
    /// Removes one server for good, and adds a new one.
    Replace,
    /// Removes one server, and adds it again with its files.
    LeaveAndJoin,
    /// Transfers leadership.
    Transfer,
    /// Takes a snapshot on one server.
    Snapshot,
}

/// The servers of an act.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Target {
    /// One server, drawn at random.
    One,
    /// The current leader.
    Leader,
    /// All servers at the same time.
    All,
}

/// The links of a cut.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Cut {
    /// One link, in one direction.
    OneWay,
    /// All links from the leader.
    MuteLeader,
    /// All links to the leader.
    DeafLeader,
    /// All links of one server.
    One,
    /// All links of two servers to the others.
    Two,
}

const ACTS: [Act; 16] = [
    Act::Kill(Target::One),
    Act::Kill(Target::Leader),
    Act::Kill(Target::All),
    Act::Stop,
    Act::Pause(Target::One),
    Act::Pause(Target::Leader),
    Act::Pause(Target::All),
    Act::Cut(Cut::OneWay),
    Act::Cut(Cut::MuteLeader),
    Act::Cut(Cut::DeafLeader),
    Act::Cut(Cut::One),
    Act::Cut(Cut::Two),
    Act::Replace,
    Act::LeaveAndJoin,
    Act::Transfer,
    Act::Snapshot,
];

/// Chooses acts in an order that depends only on the seed.
#[derive(Debug)]
pub(crate) struct Nemesis {
    chance: Stream,
    /// The acts of this round that have not been done yet. A round has every act once.
    remaining_acts: Vec<Act>,
    pub(crate) done: BTreeMap<Act, u64>,
}

impl Nemesis {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            chance: Stream::new(seed, Domain::Act, 0, 0),
            remaining_acts: Vec::new(),
            done: BTreeMap::new(),
        }
    }

    /// Executes one act: causes the fault, waits, repairs it, and waits until the cluster works again.
    pub(crate) fn act(&mut self, cluster: &mut Cluster) {
        let act = self.next_act();
        *self.done.entry(act).or_default() += 1;
        match act {
            Act::Kill(target) => {
                let names = self.named(target, cluster);
                names.iter().for_each(|name| cluster.kill(name));
                self.wait();
                names.iter().for_each(|name| cluster.start(name));
            }
            Act::Stop => {
                let one = self.one_of(&cluster.names());
                cluster.stop(&one);
                self.wait();
                cluster.start(&one);
            }
            Act::Pause(target) => {
                let names = self.named(target, cluster);
                names.iter().for_each(|name| cluster.pause(name));
                self.wait();
                names.iter().for_each(|name| cluster.resume(name));
            }
            Act::Cut(cut) => self.cut(cluster, cut),
            Act::Replace => {
                let one = self.one_of(&cluster.names());
                cluster.leave(&one);
                cluster.add_new();
                cluster.discard(&one);
            }
            Act::LeaveAndJoin => {
                let one = self.one_of(&cluster.names());
                cluster.leave(&one);
                self.wait();
                cluster.restart_ended();
                cluster.join(&one);
            }
            Act::Transfer => {
                let leader = cluster.leader();
                cluster.try_once(&leader, "/transfer");
            }
            Act::Snapshot => {
                let one = self.one_of(&cluster.names());
                cluster.try_once(&one, "/snapshot");
            }
        }
        cluster.until_all_accept_writes();
    }

    fn next_act(&mut self) -> Act {
        if self.remaining_acts.is_empty() {
            self.remaining_acts = ACTS.to_vec();
        }
        let at = self.chance.below(self.remaining_acts.len() as u64);
        self.remaining_acts.swap_remove(usize::try_from(at).unwrap())
    }

    fn one_of(&mut self, names: &[String]) -> String {
        let at = self.chance.below(names.len() as u64);
        names[usize::try_from(at).unwrap()].clone()
    }

    fn named(&mut self, target: Target, cluster: &mut Cluster) -> Vec<String> {
        match target {
            Target::One => vec![self.one_of(&cluster.names())],
            Target::Leader => vec![cluster.leader()],
            Target::All => cluster.names(),
        }
    }

    fn cut(&mut self, cluster: &mut Cluster, cut: Cut) {
        let one = match cut {
            Cut::OneWay | Cut::One | Cut::Two => self.one_of(&cluster.names()),
            Cut::MuteLeader | Cut::DeafLeader => cluster.leader(),
        };
        let others: Vec<_> = cluster.names().into_iter().filter(|name| *name != one).collect();
        let another = self.one_of(&others);
        match cut {
            Cut::OneWay => cluster.links.cut(&one, &another),
            Cut::MuteLeader => others.iter().for_each(|other| cluster.links.cut(&one, other)),
            Cut::DeafLeader => others.iter().for_each(|other| cluster.links.cut(other, &one)),
            Cut::One => split(cluster, &[one]),
            Cut::Two => split(cluster, &[one, another]),
        }
        self.wait();
        self.wait();
        cluster.links.heal(self.chance.chance(1, 2));
    }

    /// Waits for a time that may be shorter or longer than an election.
    fn wait(&mut self) {
        thread::sleep(Duration::from_millis(self.chance.from_to(50, 900)));
    }
}

/// Cuts all links between these servers and the others.
fn split(cluster: &Cluster, these: &[String]) {
    for other in cluster.names().iter().filter(|name| !these.contains(name)) {
        for one in these {
            cluster.links.cut(one, other);
            cluster.links.cut(other, one);
        }
    }
}

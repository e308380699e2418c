//! What is done to a fleet, one act after the other.

use crate::fleet::Fleet;
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use wavetank_sim::rng::{Domain, Stream};

/// Something that is done to a fleet, and undone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Act {
    /// SIGKILL.
    Kill(Whom),
    /// SIGTERM to one.
    Stop,
    /// They stand still for a while.
    Pause(Whom),
    /// Links are cut.
    Cut(Cut),
    /// One is taken out and scrapped, and a new one comes.
    Replace,
    /// One is taken out, and comes again with what it had.
    LeaveAndJoin,
    /// Leadership is handed over.
    Transfer,
    /// One takes a snapshot.
    Snapshot,
}

/// To whom something is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Whom {
    /// Anyone.
    One,
    /// The leader.
    Leader,
    /// All of them at once.
    All,
}

/// Which links.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Cut {
    /// One, in one direction.
    OneWay,
    /// Nobody hears the leader.
    MuteLeader,
    /// The leader hears nobody.
    DeafLeader,
    /// One is cut off.
    One,
    /// Two are.
    Two,
}

const ACTS: [Act; 16] = [
    Act::Kill(Whom::One),
    Act::Kill(Whom::Leader),
    Act::Kill(Whom::All),
    Act::Stop,
    Act::Pause(Whom::One),
    Act::Pause(Whom::Leader),
    Act::Pause(Whom::All),
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

/// Does it, in an order that is the seed's.
#[derive(Debug)]
pub(crate) struct Nemesis {
    chance: Stream,
    /// What is left of this round; every act once.
    deck: Vec<Act>,
    pub(crate) done: BTreeMap<Act, u64>,
}

impl Nemesis {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: Stream::new(seed, Domain::Act, 0, 0), deck: Vec::new(), done: BTreeMap::new() }
    }

    /// One act: the trouble, a while of it, its end, and a fleet that works again.
    pub(crate) fn act(&mut self, fleet: &mut Fleet) {
        let act = self.next_act();
        *self.done.entry(act).or_default() += 1;
        match act {
            Act::Kill(whom) => {
                let names = self.named(whom, fleet);
                names.iter().for_each(|name| fleet.kill(name));
                self.wait();
                names.iter().for_each(|name| fleet.start(name));
            }
            Act::Stop => {
                let one = self.one_of(&fleet.names());
                fleet.stop(&one);
                self.wait();
                fleet.start(&one);
            }
            Act::Pause(whom) => {
                let names = self.named(whom, fleet);
                names.iter().for_each(|name| fleet.pause(name));
                self.wait();
                names.iter().for_each(|name| fleet.resume(name));
            }
            Act::Cut(cut) => self.cut(fleet, cut),
            Act::Replace => {
                let one = self.one_of(&fleet.names());
                fleet.leave(&one);
                fleet.add_new();
                fleet.scrap(&one);
            }
            Act::LeaveAndJoin => {
                let one = self.one_of(&fleet.names());
                fleet.leave(&one);
                self.wait();
                fleet.start_those_that_ended();
                fleet.join(&one);
            }
            Act::Transfer => {
                let leader = fleet.leader();
                fleet.try_once(&leader, "/transfer");
            }
            Act::Snapshot => {
                let one = self.one_of(&fleet.names());
                fleet.try_once(&one, "/snapshot");
            }
        }
        fleet.until_it_writes();
    }

    fn next_act(&mut self) -> Act {
        if self.deck.is_empty() {
            self.deck = ACTS.to_vec();
        }
        let at = self.chance.below(self.deck.len() as u64);
        self.deck.swap_remove(usize::try_from(at).unwrap())
    }

    fn one_of(&mut self, names: &[String]) -> String {
        let at = self.chance.below(names.len() as u64);
        names[usize::try_from(at).unwrap()].clone()
    }

    fn named(&mut self, whom: Whom, fleet: &mut Fleet) -> Vec<String> {
        match whom {
            Whom::One => vec![self.one_of(&fleet.names())],
            Whom::Leader => vec![fleet.leader()],
            Whom::All => fleet.names(),
        }
    }

    fn cut(&mut self, fleet: &mut Fleet, cut: Cut) {
        let one = match cut {
            Cut::OneWay | Cut::One | Cut::Two => self.one_of(&fleet.names()),
            Cut::MuteLeader | Cut::DeafLeader => fleet.leader(),
        };
        let others: Vec<_> = fleet.names().into_iter().filter(|name| *name != one).collect();
        let another = self.one_of(&others);
        match cut {
            Cut::OneWay => fleet.sea.cut(&one, &another),
            Cut::MuteLeader => others.iter().for_each(|other| fleet.sea.cut(&one, other)),
            Cut::DeafLeader => others.iter().for_each(|other| fleet.sea.cut(other, &one)),
            Cut::One => split(fleet, &[one]),
            Cut::Two => split(fleet, &[one, another]),
        }
        self.wait();
        self.wait();
        fleet.sea.heal(self.chance.chance(1, 2));
    }

    /// A while of trouble: less than an election takes, or more.
    fn wait(&mut self) {
        thread::sleep(Duration::from_millis(self.chance.from_to(50, 900)));
    }
}

/// Cuts these off from the others.
fn split(fleet: &Fleet, these: &[String]) {
    for other in fleet.names().iter().filter(|name| !these.contains(name)) {
        for one in these {
            fleet.sea.cut(one, other);
            fleet.sea.cut(other, one);
        }
    }
}

//! What a story does to the tank.

use super::{Asked, ElectionTimeouts, Stage};
use wavetank_raft::{Bytes, Call, Change, Index, Member, ReadPath, Span};
use wavetank_sim::disk::harm::{Blow, Place};
use wavetank_sim::plan::{Disks, Late, Plan};
use wavetank_sim::rng::{Draw, Ratio, Spans};
use wavetank_sim::{Slot, Slots};

impl Stage {
    /// Says a word to a server, to be kept by all. No word may be said twice.
    pub fn propose(&mut self, to: Slot, word: &str) -> &mut Self {
        let asked = self.ask(to, Call::Apply(Bytes::from(word.as_bytes())));
        let before = self.said.insert(word.to_owned(), asked);
        assert!(before.is_none(), "the word `{word}` was said before");
        self
    }

    /// Says several words, one after another without waiting.
    pub fn propose_many(&mut self, to: Slot, words: &[&str]) -> &mut Self {
        for word in words {
            self.propose(to, word);
        }
        self
    }

    /// Tells a leader to hand over to another.
    pub fn transfer(&mut self, from: Slot, to: Slot) -> Asked {
        self.ask(from, Call::Transfer { target: Some(to.id()) })
    }

    /// Tells a leader to take a server in at once.
    pub fn add_voter(&mut self, leader: Slot, slot: Slot) -> Asked {
        self.change(leader, Change::AddVoter(slot.id(), slot.address()))
    }

    /// Tells a leader to let a server catch up, and to take it in then.
    pub fn add_voter_staged(&mut self, leader: Slot, slot: Slot) -> Asked {
        let (id, address) = (slot.id(), slot.address());
        self.ask(leader, Call::AddVoterStaged { id, address, prev_index: Index::ZERO })
    }

    /// Tells a leader to take a server in that only listens.
    pub fn add_nonvoter(&mut self, leader: Slot, slot: Slot) -> Asked {
        self.change(leader, Change::AddNonvoter(slot.id(), slot.address()))
    }

    /// Tells a leader to leave a server out.
    pub fn remove(&mut self, leader: Slot, slot: Slot) -> Asked {
        self.change(leader, Change::RemoveServer(slot.id()))
    }

    /// Tells a leader to make these the members, all at once.
    pub fn change_members(&mut self, leader: Slot, slots: &[Slot]) -> Asked {
        let member = |slot: &Slot| Member::voter(slot.id(), slot.address());
        self.change(leader, Change::Members(slots.iter().map(member).collect()))
    }

    /// Asks a server whether its state may be read.
    pub fn read(&mut self, from: Slot, path: ReadPath) -> Asked {
        self.ask(from, Call::Read(path))
    }

    pub(super) fn change(&mut self, leader: Slot, change: Change) -> Asked {
        self.ask(leader, Call::Change { change, prev_index: Index::ZERO })
    }

    pub(super) fn ask(&mut self, to: Slot, call: Call) -> Asked {
        let request = self.tank.call(to, call);
        self.heed_judges();
        Asked(request)
    }

    /// Nothing passes between a server and the others.
    pub fn isolate(&mut self, slot: Slot) {
        self.tank.isolate(slot);
    }

    /// Nothing passes between these and those.
    pub fn part(&mut self, these: &[Slot], those: &[Slot]) {
        self.tank.partition(set(these), set(those));
    }

    /// Nothing passes between the two.
    pub fn cut(&mut self, one: Slot, other: Slot) {
        self.part(&[one], &[other]);
    }

    /// Nothing passes from the one to the other; the other way all is well.
    pub fn cut_one_way(&mut self, from: Slot, to: Slot) {
        self.tank.cut(from, to);
    }

    /// The two hear each other again.
    pub fn mend(&mut self, one: Slot, other: Slot) {
        self.tank.mend(one, other);
        self.tank.mend(other, one);
    }

    /// Nobody hears the server; it hears everybody.
    pub fn mute(&mut self, slot: Slot) {
        self.tank.cut_one_way(Slots::only(slot), self.tank.all().without(slot));
    }

    /// The server hears nobody; everybody hears it.
    pub fn deafen(&mut self, slot: Slot) {
        self.tank.cut_one_way(self.tank.all().without(slot), Slots::only(slot));
    }

    /// Each hears only those beside it.
    pub fn chain(&mut self, slots: &[Slot]) {
        for (at, &one) in slots.iter().enumerate() {
            for &other in slots.iter().skip(at + 2) {
                self.cut(one, other);
            }
        }
    }

    /// Everybody hears everybody.
    pub fn heal(&mut self) {
        self.tank.heal_all();
    }

    /// The process dies. What it had not synced may be lost.
    pub fn crash(&mut self, slot: Slot) {
        self.tank.crash(slot);
        self.heed_judges();
    }

    /// All processes die at the same moment.
    pub fn crash_all(&mut self) {
        self.tank.all().iter().for_each(|slot| self.crash(slot));
    }

    /// The process starts with what its disk still has.
    pub fn restart(&mut self, slot: Slot) {
        self.tank.restart(slot);
        self.heed_judges();
    }

    /// All processes that are down start at the same moment.
    pub fn restart_all(&mut self) {
        self.tank.all().iter().for_each(|slot| self.restart(slot));
    }

    /// The process stands still; time goes on.
    pub fn pause(&mut self, slot: Slot) {
        self.tank.pause(slot);
    }

    /// All stand still.
    pub fn pause_all(&mut self) {
        self.tank.all().iter().for_each(|slot| self.pause(slot));
    }

    /// The process goes on, and hears of everything that happened meanwhile.
    pub fn resume(&mut self, slot: Slot) {
        self.tank.resume(slot);
    }

    /// All go on at the same moment.
    pub fn resume_all(&mut self) {
        self.tank.all().iter().for_each(|slot| self.resume(slot));
    }

    /// From here on each sync takes longer than an election, and less than the patience of a
    /// server with its own disk.
    pub fn slow_disk(&mut self, slot: Slot) {
        let Plan { config, .. } = self.tank.plan();
        let (slow, slower) = (self.tank.plan().election_timeout(), config.disk_stall_timeout.part(2));
        assert!(slow < slower, "an election may take {slow}, a disk less than {slower}");
        self.change_disk(slot, |disks| disks.sync = Spans::new(slow, slower));
    }

    /// From here on no sync comes to an end.
    pub fn stall_disk(&mut self, slot: Slot) {
        let for_ever = Span::s(1_000_000);
        self.change_disk(slot, |disks| disks.sync = Spans::new(for_ever, for_ever));
    }

    /// From here on every write fails.
    pub fn break_disk(&mut self, slot: Slot) {
        self.change_disk(slot, |disks| disks.fail = Some(Ratio::new(1, 1)));
    }

    /// Bits flip in what a server has synced.
    pub fn rot(&mut self, slot: Slot, place: Place) {
        self.tank.harm(slot, Blow::RotIn(place), Draw::ZERO);
    }

    /// Bits flip in a server's newest snapshot.
    pub fn rot_snapshot(&mut self, slot: Slot) {
        let last = self.tank.server(slot).expect("it runs").node().snapshot();
        self.rot(slot, Place::Snapshot(last));
    }

    /// The next entries that a server writes land in another place.
    pub fn misdirect(&mut self, slot: Slot) {
        self.tank.harm(slot, Blow::Misdirect, Draw::ZERO);
    }

    /// The next sync of a server fails, and what it should have synced is gone.
    pub fn drop_pages(&mut self, slot: Slot) {
        self.tank.harm(slot, Blow::DropPages, Draw::ZERO);
    }

    /// The next read of a server's disk fails, and no other.
    pub fn fail_read(&mut self, slot: Slot) {
        self.tank.harm(slot, Blow::FailRead, Draw::ZERO);
    }

    /// Nothing more can be written on a server's disk.
    pub fn fill_disk(&mut self, slot: Slot) {
        self.tank.fill_disk(slot);
    }

    /// Then there is room on it again.
    pub fn make_room(&mut self, slot: Slot) {
        self.tank.make_room(slot);
    }

    /// A server and its disk are gone, for good.
    pub fn lose(&mut self, slot: Slot) {
        self.tank.lose(slot);
        self.heed_judges();
    }

    /// A server's clock stands still for that long; the server does not.
    pub fn freeze_clock(&mut self, slot: Slot, lasts: Span) {
        self.tank.freeze_clock(slot, lasts);
    }

    /// From here on a server hears that much later what it reads.
    pub fn delay_reads(&mut self, slot: Slot, late: ElectionTimeouts) {
        let by = self.span(late);
        let late = Late { chance: Ratio::new(1, 1), by: Spans::new(by, by) };
        self.change_disk(slot, |disks| disks.late_read = Some(late));
    }

    /// From here on a server's disk is as it was in the beginning.
    pub fn mend_disk(&mut self, slot: Slot) {
        self.change_disk(slot, |_| {});
    }

    /// A server's state machine begins nothing new for that long; the server goes on without it.
    pub fn stall_machine(&mut self, slot: Slot, lasts: ElectionTimeouts) {
        self.tank.stall_machine(slot, self.span(lasts));
    }

    fn change_disk(&mut self, slot: Slot, change: impl FnOnce(&mut Disks)) {
        let mut disks = self.tank.plan().disks.clone();
        change(&mut disks);
        self.tank.change_disk(slot, disks);
    }
}

fn set(slots: &[Slot]) -> Slots {
    slots.iter().copied().collect()
}

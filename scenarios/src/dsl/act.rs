//! Commands, reads, transfers, membership changes, and faults of links, processes and disks.

use super::{Cluster, ElectionTimeouts, PendingCall};
use wavetank_raft::{Call, Change, Data, Member, ReadPath, Span};
use wavetank_sim::disk::fault::{DiskFault, Location};
use wavetank_sim::plan::rng::{Draw, Ratio, Spans};
use wavetank_sim::plan::{DiskPlan, Plan, RandomDelay};
use wavetank_sim::{ServerIdx, ServerSet};

impl Cluster {
    /// Proposes a command to a server.
    ///
    /// # Panics
    /// Panics if the story has already proposed the same command.
    pub fn propose(&mut self, to: ServerIdx, command: &str) -> &mut Self {
        let asked = self.ask(to, Call::Apply(Data::from(command.as_bytes())));
        let before = self.proposed.insert(command.to_owned(), asked);
        assert!(before.is_none(), "the command `{command}` was already proposed");
        self
    }

    /// Proposes several commands in this order, without waiting.
    ///
    /// # Panics
    /// Panics if the story has already proposed one of these commands.
    pub fn propose_many(&mut self, to: ServerIdx, commands: &[&str]) -> &mut Self {
        for command in commands {
            self.propose(to, command);
        }
        self
    }

    /// Asks the leader `from` to transfer the leadership to the server `to`.
    pub fn transfer(&mut self, from: ServerIdx, to: ServerIdx) -> PendingCall {
        self.ask(from, Call::Transfer { target: Some(to.id()) })
    }

    /// Asks a leader to add a server as a voter immediately. The server does not catch up first.
    pub fn add_voter(&mut self, leader: ServerIdx, idx: ServerIdx) -> PendingCall {
        self.change(leader, Change::AddVoter(idx.id(), idx.address()))
    }

    /// Asks a leader to let a server catch up first, and then to make the server a voter.
    pub fn add_voter_staged(&mut self, leader: ServerIdx, idx: ServerIdx) -> PendingCall {
        let (id, address) = (idx.id(), idx.address());
        self.ask(leader, Call::AddVoterStaged { id, address, prev_index: None })
    }

    /// Asks a leader to add a nonvoter.
    pub fn add_nonvoter(&mut self, leader: ServerIdx, idx: ServerIdx) -> PendingCall {
        self.change(leader, Change::AddNonvoter(idx.id(), idx.address()))
    }

    /// Asks a leader to remove a server.
    pub fn remove(&mut self, leader: ServerIdx, idx: ServerIdx) -> PendingCall {
        self.change(leader, Change::RemoveServer(idx.id()))
    }

    /// Asks a leader to replace all members by these servers in one change. The servers become voters.
    pub fn change_members(&mut self, leader: ServerIdx, servers: &[ServerIdx]) -> PendingCall {
        let member = |idx: &ServerIdx| Member::voter(idx.id(), idx.address());
        self.change(leader, Change::Members(servers.iter().map(member).collect()))
    }

    /// Asks a server for a read. `path` is the way in which the server confirms that it leads. The answer says
    /// whether the state of the server may be read.
    pub fn read(&mut self, from: ServerIdx, path: ReadPath) -> PendingCall {
        self.ask(from, Call::Read(path))
    }

    pub(super) fn change(&mut self, leader: ServerIdx, change: Change) -> PendingCall {
        self.ask(leader, Call::Change { change, prev_index: None })
    }

    pub(super) fn ask(&mut self, to: ServerIdx, call: Call) -> PendingCall {
        let request = self.tank.call(to, call);
        self.check_judges();
        PendingCall(request)
    }

    /// Cuts all links between a server and the other servers, in both directions.
    pub fn isolate(&mut self, idx: ServerIdx) {
        self.tank.isolate(idx);
    }

    /// Cuts all links between two groups of servers, in both directions.
    pub fn partition(&mut self, these: &[ServerIdx], those: &[ServerIdx]) {
        self.tank.partition(set(these), set(those));
    }

    /// Cuts the links between two servers, in both directions.
    pub fn cut(&mut self, one: ServerIdx, other: ServerIdx) {
        self.partition(&[one], &[other]);
    }

    /// Cuts the link from one server to another, in this direction only.
    pub fn cut_one_way(&mut self, from: ServerIdx, to: ServerIdx) {
        self.tank.cut(from, to);
    }

    /// Restores the links between two servers, in both directions.
    pub fn reconnect(&mut self, one: ServerIdx, other: ServerIdx) {
        self.tank.mend(one, other);
        self.tank.mend(other, one);
    }

    /// Cuts all links from a server to the other servers. No other server hears the server, but the server
    /// hears every other server.
    pub fn mute(&mut self, idx: ServerIdx) {
        self.tank.cut_one_way(ServerSet::only(idx), self.tank.all().without(idx));
    }

    /// Cuts all links from the other servers to a server. The server hears no other server, but every other
    /// server hears the server.
    pub fn deafen(&mut self, idx: ServerIdx) {
        self.tank.cut_one_way(self.tank.all().without(idx), ServerSet::only(idx));
    }

    /// Cuts the links between all these servers except the links between neighbours in this list.
    pub fn chain(&mut self, servers: &[ServerIdx]) {
        for (at, &one) in servers.iter().enumerate() {
            for &other in servers.iter().skip(at + 2) {
                self.cut(one, other);
            }
        }
    }

    /// Restores all links.
    pub fn heal(&mut self) {
        self.tank.heal_all();
    }

    /// Crashes a server. Unsynced writes may be lost.
    pub fn crash(&mut self, idx: ServerIdx) {
        self.tank.crash(idx);
        self.check_judges();
    }

    /// Crashes all servers at the same moment.
    pub fn crash_all(&mut self) {
        self.tank.all().iter().for_each(|idx| self.crash(idx));
    }

    /// Starts a server with the data that the disk of the server still has. Does nothing if the server runs or
    /// is lost.
    pub fn restart(&mut self, idx: ServerIdx) {
        self.tank.restart(idx);
        self.check_judges();
    }

    /// Starts all servers that are down, at the same moment.
    pub fn restart_all(&mut self) {
        self.tank.all().iter().for_each(|idx| self.restart(idx));
    }

    /// Pauses a server. The clocks of the server continue during the pause.
    pub fn pause(&mut self, idx: ServerIdx) {
        self.tank.pause(idx);
    }

    /// Pauses all servers.
    pub fn pause_all(&mut self) {
        self.tank.all().iter().for_each(|idx| self.pause(idx));
    }

    /// Resumes a server. The server receives everything that arrived during the pause.
    pub fn resume(&mut self, idx: ServerIdx) {
        self.tank.resume(idx);
    }

    /// Resumes all servers at the same moment.
    pub fn resume_all(&mut self) {
        self.tank.all().iter().for_each(|idx| self.resume(idx));
    }

    /// From this moment, each sync of the server's disk takes at least the longest election timeout and at most
    /// half of the disk timeout.
    ///
    /// # Panics
    /// Panics if the longest election timeout is not shorter than half of the disk timeout.
    pub fn slow_disk(&mut self, idx: ServerIdx) {
        let Plan { config, .. } = self.tank.plan();
        let (slow, slower) =
            (self.tank.plan().election_timeout(), Span::from_duration(config.disk_stall_timeout).part(2));
        assert!(
            slow < slower,
            "the election timeout ({slow}) must be shorter than half of the disk timeout ({slower})"
        );
        self.change_disk(idx, |disks| disks.sync = Spans::new(slow, slower));
    }

    /// From this moment, no sync of the server's disk ends.
    pub fn stall_disk(&mut self, idx: ServerIdx) {
        let for_ever = Span::s(1_000_000);
        self.change_disk(idx, |disks| disks.sync = Spans::new(for_ever, for_ever));
    }

    /// From this moment, every write to the server's disk fails.
    pub fn break_disk(&mut self, idx: ServerIdx) {
        self.change_disk(idx, |disks| disks.fail = Some(Ratio::new(1, 1)));
    }

    /// Flips bits in the synced data of a server, at this location.
    pub fn rot(&mut self, idx: ServerIdx, location: Location) {
        self.tank.damage(idx, DiskFault::RotIn(location), Draw::ZERO);
    }

    /// Flips bits in a server's newest snapshot.
    ///
    /// # Panics
    /// Panics if the server is down.
    pub fn rot_snapshot(&mut self, idx: ServerIdx) {
        let last = self.tank.server(idx).expect("the server runs").node().snapshot();
        self.rot(idx, Location::Snapshot(last));
    }

    /// Damages the next write of entries to a server's disk: the disk stores the last entry in the wrong place.
    pub fn misdirect(&mut self, idx: ServerIdx) {
        self.tank.damage(idx, DiskFault::Misdirect, Draw::ZERO);
    }

    /// Makes the next sync of a server's disk fail. The writes that this sync covers are lost.
    pub fn drop_pages(&mut self, idx: ServerIdx) {
        self.tank.damage(idx, DiskFault::DropPages, Draw::ZERO);
    }

    /// Makes the next read of a server's disk fail. Later reads succeed.
    pub fn fail_read(&mut self, idx: ServerIdx) {
        self.tank.damage(idx, DiskFault::FailRead, Draw::ZERO);
    }

    /// Fills a server's disk. Every write fails until the disk has free space again.
    pub fn fill_disk(&mut self, idx: ServerIdx) {
        self.tank.fill_disk(idx);
    }

    /// Frees space on a server's disk.
    pub fn free_disk_space(&mut self, idx: ServerIdx) {
        self.tank.free_space(idx);
    }

    /// Destroys a server and its disk. The server never comes back.
    pub fn lose(&mut self, idx: ServerIdx) {
        self.tank.lose(idx);
        self.check_judges();
    }

    /// From this moment, each read of a server's disk is delayed by the time `late`.
    pub fn delay_reads(&mut self, idx: ServerIdx, late: ElectionTimeouts) {
        let by = self.span(late);
        let late = RandomDelay { chance: Ratio::new(1, 1), by: Spans::new(by, by) };
        self.change_disk(idx, |disks| disks.late_read = Some(late));
    }

    /// From this moment, the disk of this server behaves as the plan of the story says.
    pub fn restore_disk(&mut self, idx: ServerIdx) {
        self.change_disk(idx, |_| {});
    }

    /// Stalls a server's state machine for the time `lasts`. Meanwhile, the other parts of the server continue.
    pub fn stall_machine(&mut self, idx: ServerIdx, lasts: ElectionTimeouts) {
        self.tank.stall_machine(idx, self.span(lasts));
    }

    fn change_disk(&mut self, idx: ServerIdx, change: impl FnOnce(&mut DiskPlan)) {
        let mut disks = self.tank.plan().disks.clone();
        change(&mut disks);
        self.tank.change_disk(idx, disks);
    }
}

fn set(servers: &[ServerIdx]) -> ServerSet {
    servers.iter().copied().collect()
}

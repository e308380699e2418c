//! The other calls of operators, and forged requests. Most calls that add or remove servers are in `act.rs`.

use super::{Cluster, PendingCall};
use wavetank_raft::{
    Call, Change, Configuration, Event, Index, Member, Request, RpcId, ServerAddress, Term, TimeoutNow,
};
use wavetank_sim::ServerIdx;

impl Cluster {
    /// Asks a leader to demote a voter.
    pub fn demote(&mut self, leader: ServerIdx, idx: ServerIdx) -> PendingCall {
        self.change(leader, Change::DemoteVoter(idx.id()))
    }

    /// Asks a leader to remove a server. The leader refuses unless the index of the leader's newest
    /// configuration is `index`.
    pub fn remove_since(&mut self, leader: ServerIdx, idx: ServerIdx, index: Index) -> PendingCall {
        self.ask(leader, Call::Change { change: Change::RemoveServer(idx.id()), prev_index: Some(index) })
    }

    /// Asks a leader to change a voter's address.
    pub fn change_address(&mut self, leader: ServerIdx, idx: ServerIdx, address: &str) -> PendingCall {
        self.change(leader, Change::AddVoter(idx.id(), ServerAddress::from(address.to_owned())))
    }

    /// Asks the leader `from` to transfer the leadership to the most up-to-date follower.
    pub fn transfer_to_any(&mut self, from: ServerIdx) -> PendingCall {
        self.ask(from, Call::Transfer { target: None })
    }

    /// Asks a server to take a snapshot.
    pub fn snapshot(&mut self, idx: ServerIdx) -> PendingCall {
        self.ask(idx, Call::Snapshot)
    }

    /// Asks a leader to replace the state of all state machines with a state with exactly these commands.
    pub fn restore(&mut self, leader: ServerIdx, commands: &[&str]) -> PendingCall {
        self.ask(leader, Call::Restore(crate::command_log::image_of(commands)))
    }

    /// Asks a server to bootstrap a cluster of these members. All members are voters.
    ///
    /// # Panics
    /// Panics if `members` is empty or names a server twice.
    pub fn bootstrap(&mut self, server: ServerIdx, members: &[ServerIdx]) -> PendingCall {
        let members = members.iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
        let configuration = Configuration::new(members).expect("the configuration of a story is valid");
        self.ask(server, Call::Bootstrap(configuration))
    }

    /// Delivers a forged TimeoutNow request with this term to the server `to`. The request names the server
    /// `from` as the sender.
    pub fn deliver_timeout_now(&mut self, from: ServerIdx, to: ServerIdx, term: Term) {
        let request = Request::TimeoutNow(TimeoutNow { term: Some(term) });
        self.tank.force(to, Event::Request { from: from.node(), rpc: RpcId(u64::MAX), request });
        self.check_judges();
    }

    /// Delivers a repeated snapshot piece to a server. The piece is the first piece that was ever sent to the server.
    ///
    /// # Panics
    /// Panics if no snapshot was ever sent to the server.
    pub fn repeat_first_piece(&mut self, to: ServerIdx) {
        let piece = self.tank.observer().custom.first_piece(to).cloned();
        let (from, rpc, request) = piece.unwrap_or_else(|| panic!("no server sent a snapshot to {to}"));
        self.tank.force(to, Event::Request { from: from.node(), rpc, request });
        self.check_judges();
    }

    /// Crashes a server and erases the disk of the server. After the next start, the server is blank.
    pub fn wipe(&mut self, idx: ServerIdx) {
        self.tank.crash_wiped(idx);
        self.check_judges();
    }
}

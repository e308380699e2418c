//! What an operator does, and who plays tricks: everything but the adding and removing of servers,
//! which is in `act.rs`.

use super::{Asked, Stage};
use wavetank_raft::{
    Call, Change, Configuration, Event, Index, Member, Request, RpcId, ServerAddress, Term, TimeoutNow,
};
use wavetank_sim::Slot;

impl Stage {
    /// Tells a leader to take a server's vote.
    pub fn demote(&mut self, leader: Slot, slot: Slot) -> Asked {
        self.change(leader, Change::DemoteVoter(slot.id()))
    }

    /// Tells a leader to leave a server out, if the membership is still the one of this index.
    pub fn remove_since(&mut self, leader: Slot, slot: Slot, prev_index: Index) -> Asked {
        self.ask(leader, Call::Change { change: Change::RemoveServer(slot.id()), prev_index })
    }

    /// Tells a leader that a voter is to be found elsewhere.
    pub fn readdress(&mut self, leader: Slot, slot: Slot, address: &str) -> Asked {
        self.change(leader, Change::AddVoter(slot.id(), ServerAddress::from(address.to_owned())))
    }

    /// Tells a leader to hand over to whoever is best.
    pub fn hand_over(&mut self, from: Slot) -> Asked {
        self.ask(from, Call::Transfer { target: None })
    }

    /// Tells a server to take a snapshot.
    pub fn snapshot(&mut self, slot: Slot) -> Asked {
        self.ask(slot, Call::Snapshot)
    }

    /// Tells a leader to put these words in the place of all that were said.
    pub fn restore(&mut self, leader: Slot, words: &[&str]) -> Asked {
        self.ask(leader, Call::Restore(crate::chronicle::image_of(words)))
    }

    /// Tells a server to found a cluster of these.
    pub fn found(&mut self, founder: Slot, members: &[Slot]) -> Asked {
        let members = members.iter().map(|slot| Member::voter(slot.id(), slot.address())).collect();
        let configuration = Configuration::new(members).expect("a story founds a cluster that can be");
        self.ask(founder, Call::Bootstrap(configuration))
    }

    /// A call to campaign reaches a server, as if this one had sent it in that term.
    pub fn call_to_campaign(&mut self, from: Slot, to: Slot, term: Term) {
        let request = Request::TimeoutNow(TimeoutNow { term: Some(term) });
        self.tank.force(to, Event::Request { from: from.node(), rpc: RpcId(u64::MAX), request });
        self.heed_judges();
    }

    /// The first piece of a snapshot that a server was ever sent reaches it once more.
    ///
    /// # Panics
    /// When it was never sent one.
    pub fn repeat_first_piece(&mut self, to: Slot) {
        let piece = self.tank.watch().own.first_piece(to).cloned();
        let (from, rpc, request) = piece.unwrap_or_else(|| panic!("{to} was sent no snapshot"));
        self.tank.force(to, Event::Request { from: from.node(), rpc, request });
        self.heed_judges();
    }

    /// The process dies and its disk is lost. What is started in its place begins blank.
    pub fn wipe(&mut self, slot: Slot) {
        self.tank.crash_wiped(slot);
        self.heed_judges();
    }
}

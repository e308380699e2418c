//! What a story asserts: what a client could see, or what the story is about.

use super::until::{is_applied, node, voters_of};
use super::{Asked, ElectionTimeouts, Stage, TRUE};
use wavetank_raft::{Node, RoleName, Suffrage, Term};
use wavetank_sim::{Class, Slot, Slots};

impl Stage {
    /// That something is so.
    pub fn expect(&mut self, is_so: bool, what: &str) {
        self.tank.watch_mut().own.checked += 1;
        if !is_so {
            self.end(Class::Safety, TRUE, format!("not so: {what}"));
        }
    }

    /// That every member that runs has exactly these words, in this order.
    pub fn expect_committed(&mut self, words: &[&str]) {
        for (slot, has) in self.chronicles() {
            self.expect(has == words, &format!("{slot} has kept {words:?}, but {has:?}"));
        }
    }

    /// That a server has exactly these words, in this order.
    pub fn expect_committed_on(&mut self, slot: Slot, words: &[&str]) {
        let has = self.chronicle_of(slot);
        let is_so = has.as_ref().is_some_and(|has| has == words);
        self.expect(is_so, &format!("{slot} has kept {words:?}, but {has:?}"));
    }

    /// That every member that runs has these words first, in this order.
    pub fn expect_committed_first(&mut self, words: &[&str]) {
        for (slot, has) in self.chronicles() {
            let begins = has.iter().zip(words).filter(|(has, word)| has == word).count() == words.len();
            self.expect(begins, &format!("{slot} has kept {words:?} first, but {has:?}"));
        }
    }

    /// That nobody has applied the word.
    pub fn expect_not_committed(&mut self, word: &str) {
        let is_applied = is_applied(&self.tank, word);
        self.expect(!is_applied, &format!("`{word}` is not committed"));
    }

    /// That the word is not on a server's disk.
    pub fn expect_not_stored(&mut self, slot: Slot, word: &str) {
        let is_stored = self.tank.watch().own.has_stored(slot, word);
        self.expect(!is_stored, &format!("{slot} has not stored `{word}`"));
    }

    /// That this one leads in the newest term.
    pub fn expect_leads(&mut self, slot: Slot) {
        let leader = self.tank.leader();
        self.expect(leader == Some(slot), &format!("{slot} leads, but {leader:?}"));
    }

    /// That a server is in this term.
    pub fn expect_term(&mut self, slot: Slot, term: Term) {
        let now = self.term_of(slot);
        self.expect(now == term, &format!("{slot} is in {term}, but {now}"));
    }

    /// That a server is in a later term than this.
    pub fn expect_later_term(&mut self, slot: Slot, term: Term) {
        let now = self.term_of(slot);
        self.expect(term < now, &format!("{slot} is in a later term than {term}, but {now}"));
    }

    /// That what was asked is neither granted nor refused yet.
    pub fn expect_open(&mut self, Asked(request): Asked) {
        let outcome = self.tank.outcome(request).cloned();
        self.expect(outcome.is_none(), &format!("what was asked is open, but {outcome:?}"));
    }

    /// That whoever reads a server's state finds the word.
    pub fn expect_readable(&mut self, slot: Slot, word: &str) {
        let is_there = self.tank.fsm(slot).is_some_and(|chronicle| chronicle.has(word));
        self.expect(is_there, &format!("`{word}` can be read from {slot}"));
    }

    /// That these have a vote, and nobody else, as far as a server knows.
    pub fn expect_voters(&mut self, slot: Slot, voters: &[Slot]) {
        let (have, wanted): (Slots, Slots) = (voters_of(&self.tank, slot), voters.iter().copied().collect());
        self.expect(have == wanted, &format!("{wanted} have a vote, but {have}"));
    }

    /// That these listen without a vote, and nobody else, as far as a server knows.
    pub fn expect_listeners(&mut self, slot: Slot, listeners: &[Slot]) {
        let known = node(&self.tank, slot).and_then(Node::configuration).map(|(_, known)| known);
        let members = known.into_iter().flat_map(|known| known.members());
        let without = members.filter(|member| member.suffrage == Suffrage::Nonvoter);
        let have: Slots = without.filter_map(|member| Slot::of(member.id.node())).collect();
        let wanted: Slots = listeners.iter().copied().collect();
        self.expect(have == wanted, &format!("{wanted} listen, but {have}"));
    }

    /// That a server has its state from a leader's snapshot.
    pub fn expect_installed(&mut self, slot: Slot) {
        let has_installed = self.tank.watch().own.has_installed(slot);
        self.expect(has_installed, &format!("{slot} has installed a snapshot"));
    }

    /// That whoever reads a server's state does not find the word.
    pub fn expect_unreadable(&mut self, slot: Slot, word: &str) {
        let is_there = self.tank.fsm(slot).is_some_and(|chronicle| chronicle.has(word));
        self.expect(!is_there, &format!("`{word}` cannot be read from {slot}"));
    }

    /// That this one does not lead meanwhile.
    pub fn expect_not_led_by(&mut self, slot: Slot, timeouts: ElectionTimeouts) {
        self.while_passes(timeouts, &format!("not so: {slot} does not lead"), |tank| {
            node(tank, slot).map(Node::role) != Some(RoleName::Leader)
        });
    }

    /// That nobody leads meanwhile.
    pub fn expect_no_leader_for(&mut self, timeouts: ElectionTimeouts) {
        self.while_passes(timeouts, "not so: nobody leads", |tank| {
            let leads = |slot| node(tank, slot).map(Node::role) == Some(RoleName::Leader);
            !tank.awake().iter().any(leads)
        });
    }

    /// The words that each member has applied, of those that run.
    fn chronicles(&self) -> Vec<(Slot, Vec<String>)> {
        let leader = self.tank.leader().and_then(|leader| node(&self.tank, leader));
        let members = leader.and_then(Node::configuration);
        let is_member = |slot: &Slot| members.is_none_or(|(_, all)| all.server(slot.node()).is_some());
        let of = |slot| Some((slot, self.chronicle_of(slot)?));
        self.tank.all().iter().filter(is_member).filter_map(of).collect()
    }

    /// The words that a server has applied, if it runs.
    fn chronicle_of(&self, slot: Slot) -> Option<Vec<String>> {
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        Some(self.tank.fsm(slot)?.words().map(text).collect())
    }
}

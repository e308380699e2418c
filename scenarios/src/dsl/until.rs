//! What a story waits for.

use super::{Asked, ElectionTimeouts, Stage, Tank};
use wavetank_raft::{Answer, Error, Index, Node, Outcome, RoleName, Server, Term};
use wavetank_sim::{Slot, Slots};

impl Stage {
    /// Until somebody leads in the newest term, and has committed something in it.
    pub fn until_leader(&mut self) -> Slot {
        self.until_leader_that("somebody leads", |_| true)
    }

    /// Until somebody else leads in the newest term, and has committed something in it.
    pub fn until_leader_other_than(&mut self, old: Slot) -> Slot {
        self.until_leader_that("somebody else leads", |slot| slot != old)
    }

    /// Until this one leads, and has committed something.
    pub fn until_leads(&mut self, slot: Slot) -> &mut Self {
        self.until_leader_that(&format!("{slot} leads"), |leader| leader == slot);
        self
    }

    /// Until one of these leads in the newest term, and has committed something in it.
    pub fn until_leader_among(&mut self, these: &[Slot]) -> Slot {
        self.until_leader_that("one of them leads", |slot| these.contains(&slot))
    }

    /// Until somebody leads in the newest term, whether anybody else knows it or not.
    pub fn until_elected(&mut self) -> Slot {
        self.until(|_| "somebody is elected".to_owned(), |tank| tank.leader().is_some());
        self.tank.leader().expect("it was waited for")
    }

    /// Until one of these leads in the newest term, whether anybody else knows it or not.
    pub fn until_elected_among(&mut self, these: &[Slot]) -> Slot {
        let elected = |tank: &Tank| tank.leader().filter(|leader| these.contains(leader));
        self.until(|_| "one of them is elected".to_owned(), |tank| elected(tank).is_some());
        elected(&self.tank).expect("it was waited for")
    }

    fn until_leader_that(&mut self, what: &str, is_meant: impl Fn(Slot) -> bool) -> Slot {
        let found = |tank: &Tank| tank.leader().filter(|&slot| is_settled(tank, slot) && is_meant(slot));
        self.until(|_| what.to_owned(), |tank| found(tank).is_some());
        found(&self.tank).expect("it was waited for")
    }

    /// Until a server does not lead.
    pub fn until_steps_down(&mut self, slot: Slot) -> &mut Self {
        self.until(|_| format!("{slot} steps down"), |tank| role(tank, slot) != Some(RoleName::Leader))
    }

    /// Until a server has seen a newer term.
    pub fn until_term_above(&mut self, slot: Slot, term: Term) -> &mut Self {
        let is_above = |node: &Node| term < node.term();
        self.until(|_| format!("{slot} is above {term}"), |tank| node(tank, slot).is_some_and(is_above))
    }

    /// Until a server follows another.
    pub fn until_follows(&mut self, slot: Slot, leader: Slot) -> &mut Self {
        let follows = |node: &Node| node.leader() == Some(leader.node());
        self.until(|_| format!("{slot} follows {leader}"), |tank| node(tank, slot).is_some_and(follows))
    }

    /// Until all campaign at once, each for itself.
    pub fn until_all_are_candidates(&mut self) -> &mut Self {
        let is_candidate = |tank: &Tank, slot| role(tank, slot) == Some(RoleName::Candidate);
        self.until(
            |_| "all are candidates".to_owned(),
            |tank| tank.all().iter().all(|slot| is_candidate(tank, slot)),
        )
    }

    /// Until somebody's vote for another is on its disk: voter, candidate and term.
    pub fn until_a_vote_is_on_disk(&mut self) -> (Slot, Slot, Term) {
        let first = |tank: &Tank| tank.watch().own.votes().find(|(voter, one, _)| voter != one);
        self.until(|_| "a vote is on a disk".to_owned(), |tank| first(tank).is_some());
        first(&self.tank).expect("it was waited for")
    }

    /// Until all of these have given their vote to the same one of them: to whom.
    pub fn until_all_vote_for_one_of(&mut self, these: &[Slot]) -> Slot {
        let these: Slots = these.iter().copied().collect();
        let chosen =
            |tank: &Tank| these.iter().find(|&one| tank.watch().own.voters_of(one).and(these) == these);
        self.until(|_| format!("{these} vote for one of them"), |tank| chosen(tank).is_some());
        chosen(&self.tank).expect("it was waited for")
    }

    /// Until some server has applied the word.
    pub fn until_committed(&mut self, word: &str) -> &mut Self {
        self.until(|_| format!("`{word}` is committed"), |tank| is_applied(tank, word))
    }

    /// Until whoever reads a server's state finds the word.
    pub fn until_readable(&mut self, slot: Slot, word: &str) -> &mut Self {
        let has = |tank: &Tank| tank.fsm(slot).is_some_and(|chronicle| chronicle.has(word));
        self.until(|_| format!("`{word}` can be read from {slot}"), has)
    }

    /// Until the word is on a server's disk.
    pub fn until_stored(&mut self, slot: Slot, word: &str) -> &mut Self {
        self.until(|_| format!("{slot} has stored `{word}`"), |tank| tank.watch().own.has_stored(slot, word))
    }

    /// Until the word is on its way to a server's disk.
    pub fn until_being_written(&mut self, slot: Slot, word: &str) -> &mut Self {
        self.until(|_| format!("{slot} writes `{word}`"), |tank| tank.watch().own.is_writing(slot, word))
    }

    /// Until a server asks its disk for entries once more.
    pub fn until_reads(&mut self, slot: Slot) -> &mut Self {
        let before = self.tank.watch().own.reads(slot);
        self.until(
            |_| format!("{slot} asks its disk for entries"),
            |tank| before < tank.watch().own.reads(slot),
        )
    }

    /// Until a leader knows that another has all that it had a moment ago.
    pub fn until_knows_stored(&mut self, leader: Slot, other: Slot, word: &str) -> &mut Self {
        let knows = |tank: &Tank| {
            let at = tank.watch().own.place_of(other, word)?;
            let (_, progress) = node(tank, leader)?.followers().find(|(id, _)| *id == other.node())?;
            Some(at <= progress.matched())
        };
        self.until(
            |_| format!("{leader} knows that {other} has `{word}`"),
            |tank| knows(tank).unwrap_or(false),
        )
    }

    /// Until whoever said the word hears that it is kept.
    pub fn until_acknowledged(&mut self, word: &str) -> &mut Self {
        self.until_answered(word, "acknowledged", |outcome| matches!(outcome, Ok(Answer::Applied { .. })))
    }

    /// Until whoever said the word hears that it is not kept, or may not be.
    pub fn until_failed(&mut self, word: &str) -> &mut Self {
        self.until_answered(word, "given up", Result::is_err)
    }

    /// Until whoever said the word is sent to this leader.
    pub fn until_refused_in_favour_of(&mut self, word: &str, leader: Slot) -> &mut Self {
        self.until_answered(word, &format!("refused in favour of {leader}"), |outcome| match outcome {
            Err(Error::NotLeader(Some((id, _)))) => *id == leader.id(),
            Ok(_) | Err(_) => false,
        })
    }

    fn until_answered(&mut self, word: &str, how: &str, is_so: impl Fn(&Outcome) -> bool) -> &mut Self {
        let Asked(request) = *self.said.get(word).unwrap_or_else(|| panic!("nobody has said `{word}`"));
        self.until(|_| format!("`{word}` is {how}"), |tank| tank.outcome(request).is_some_and(&is_so))
    }

    /// Until what was asked is granted; that it is refused must not be.
    pub fn until_granted(&mut self, asked: Asked) -> &mut Self {
        self.until_decided(asked, "granted", Result::is_ok)
    }

    /// Until what was asked is refused, or given up; that it is granted must not be.
    pub fn until_refused(&mut self, asked: Asked) -> &mut Self {
        self.until_decided(asked, "refused", Result::is_err)
    }

    fn until_decided(&mut self, asked: Asked, how: &str, is_so: impl Fn(&Outcome) -> bool) -> &mut Self {
        let Asked(request) = asked;
        self.until(|_| format!("what was asked is {how}"), |tank| tank.outcome(request).is_some());
        let outcome = self.tank.outcome(request).expect("it was waited for");
        let (is_so, what) = (is_so(outcome), format!("what was asked is {how}, but {outcome:?}"));
        self.expect(is_so, &what);
        self
    }

    /// Until what was asked is refused for this reason, and for no other.
    pub fn until_refused_because(&mut self, asked: Asked, why: &Error) -> &mut Self {
        self.until_decided(asked, &format!("refused because {why}"), |outcome| outcome.as_ref() == Err(why))
    }

    /// Until these have a vote, and nobody else, as far as a server knows.
    pub fn until_voters(&mut self, slot: Slot, voters: &[Slot]) -> &mut Self {
        let voters: Slots = voters.iter().copied().collect();
        self.until(|_| format!("{slot} knows {voters} as voters"), |tank| voters_of(tank, slot) == voters)
    }

    /// Until a server counts with two sets of voters.
    pub fn until_joint(&mut self, slot: Slot) -> &mut Self {
        let is_joint =
            |node: &Node| node.configuration().is_some_and(|(_, configuration)| configuration.is_joint());
        self.until(|_| format!("{slot} is joint"), |tank| node(tank, slot).is_some_and(is_joint))
    }

    /// Until a server has begun to write so many pieces of snapshots since it started.
    pub fn until_receives(&mut self, slot: Slot, pieces: u64) -> &mut Self {
        self.until(
            |_| format!("{slot} receives {pieces} pieces of a snapshot"),
            |tank| pieces <= tank.watch().own.pieces(slot),
        )
    }

    /// Until a leader has sent so many pieces of its newest snapshot to a server.
    pub fn until_sent(&mut self, leader: Slot, to: Slot, pieces: u64) -> &mut Self {
        let sent = |tank: &Tank| node(tank, leader).map(|node| tank.watch().own.sent_of(to, node.snapshot()));
        self.until(
            |_| format!("{leader} has sent {pieces} pieces of its newest snapshot to {to}"),
            |tank| sent(tank).is_some_and(|sent| pieces <= sent),
        )
    }

    /// Until a server has its state from a leader's snapshot.
    pub fn until_installed(&mut self, slot: Slot) -> &mut Self {
        self.until(|_| format!("{slot} installs a snapshot"), |tank| tank.watch().own.has_installed(slot))
    }

    /// Until a server has stopped by its own decision.
    pub fn until_halted(&mut self, slot: Slot) -> &mut Self {
        self.until(|_| format!("{slot} halts"), |tank| tank.watch().own.has_halted(slot))
    }

    /// Until a server has refused to start, and begins to say why like this.
    pub fn until_refused_to_start(&mut self, slot: Slot, why: &str) -> &mut Self {
        self.until(
            |_| format!("{slot} refuses to start: {why}"),
            |tank| tank.watch().own.refusal(slot).is_some_and(|said| said.starts_with(why)),
        )
    }

    /// Until a server's log begins behind what another has of it.
    pub fn until_compacted_beyond(&mut self, slot: Slot, other: Slot) -> &mut Self {
        let is_beyond = |tank: &Tank| {
            let (base, last) = (node(tank, slot)?.log().base(), node(tank, other)?.log().last());
            Some(last.index < base.index)
        };
        self.until(
            |_| format!("{slot} has compacted what {other} misses"),
            |tank| is_beyond(tank).unwrap_or(false),
        )
    }

    /// Until a server has a snapshot, its own or its leader's.
    pub fn until_snapshotted(&mut self, slot: Slot) -> &mut Self {
        let is_there = |node: &Node| Index::ZERO < node.snapshot().index;
        self.until(|_| format!("{slot} has a snapshot"), |tank| node(tank, slot).is_some_and(is_there))
    }

    /// Until all that run agree on everything that any of them knows of.
    pub fn until_converged(&mut self) -> &mut Self {
        let unsettled = |tank: &Tank| tank.unsettled(tank.awake());
        let what = |tank: &Tank| {
            let why = unsettled(tank).map(|why| format!(", but {why}")).unwrap_or_default();
            format!("all agree{why}")
        };
        self.until(what, |tank| unsettled(tank).is_none())
    }

    /// Lets time pass, for what may go wrong meanwhile.
    pub fn until_passed(&mut self, timeouts: ElectionTimeouts) {
        self.while_passes(timeouts, "", |_| true);
    }
}

pub(super) fn node(tank: &Tank, slot: Slot) -> Option<&Node> {
    tank.server(slot).map(Server::node)
}

/// Those with a vote, as far as a server knows; while joint, in either set.
pub(super) fn voters_of(tank: &Tank, slot: Slot) -> Slots {
    let known = node(tank, slot).map(Node::voters);
    let has_vote = |voter: &Slot| known.is_some_and(|known| known.contains(voter.node()));
    tank.all().iter().filter(has_vote).collect()
}

fn role(tank: &Tank, slot: Slot) -> Option<RoleName> {
    node(tank, slot).map(Node::role)
}

pub(super) fn is_applied(tank: &Tank, word: &str) -> bool {
    tank.all().iter().any(|slot| tank.fsm(slot).is_some_and(|chronicle| chronicle.has(word)))
}

/// Whether it has committed an entry of its term.
fn is_settled(tank: &Tank, leader: Slot) -> bool {
    node(tank, leader).is_some_and(|node| node.log().term_at(node.commit()) == Some(node.term()))
}

//! A step of a server: what it takes, what it is before and after.

use super::step::{end_of, read_of, took};
use super::{Asked, Conf, Facts, Follower, Glimpse, Ledger, Owed, Placed, Shadow, Sight, Took, newer};
use crate::plan::server_set::Slot;
use std::sync::Arc;
use wavetank_raft::{Action, Call, Event, Index, Request, RequestId, RoleName, Term, Time};

impl Ledger {
    /// A server is about to take an event.
    pub(crate) fn stepping(&mut self, slot: Slot, event: &Event, clock: Time) {
        self.step.clear(slot);
        (self.step.took, self.step.clock) = (took(event), clock);
        let shadow = &mut self.shadows[slot.at()];
        match event {
            Event::Request { from, rpc, request: Request::AppendEntries(append) } => {
                let (term, upto) = (append.term, end_of(append));
                Shadow::owe(&mut shadow.owed, Owed { to: *from, rpc: *rpc, term, upto, size: 0 });
            }
            Event::Request { from, rpc, request: Request::InstallSnapshot(piece) } => {
                let (term, upto, size) = (piece.term, piece.meta.last, piece.meta.size);
                Shadow::owe(&mut shadow.owed_snapshots, Owed { to: *from, rpc: *rpc, term, upto, size });
            }
            Event::SnapshotWritten { ticket, ok } => {
                if let Some(at) = shadow.incoming.iter().position(|(incoming, _)| incoming == ticket) {
                    let (_, last) = shadow.incoming.swap_remove(at);
                    if *ok {
                        shadow.disk.snapshot = newer(shadow.disk.snapshot, last);
                    }
                }
            }
            Event::StoreFailed(_) => shadow.poisoned = true,
            Event::Call { request, call } => self.called(slot, *request, call),
            _ => {}
        }
    }

    fn called(&mut self, slot: Slot, request: RequestId, call: &Call) {
        let shadow = &mut self.shadows[slot.at()];
        if let Some((request, indexed, leased)) = read_of(request, call) {
            let committed = self.history.committed();
            let led = self.terms.newest_led().map_or(Term(0), |(term, _)| term);
            let term = shadow.glimpse.term;
            shadow.asked.push(Asked { request, committed, led, term, indexed, leased });
        }
        if let Call::Transfer { .. } = call {
            shadow.transfers.push(request);
        } else if let Call::Shutdown = call {
            shadow.dismissed = true;
        }
    }

    const WRITES: Facts = Facts::APPENDED.or(Facts::CUT).or(Facts::COMPACTED);

    /// A server took it.
    pub(crate) fn stepped(&mut self, slot: Slot, sight: &impl Sight, actions: &[Action]) -> Facts {
        let shadow = &mut self.shadows[slot.at()];
        self.step.was = shadow.glimpse;
        self.step.now = sight.glimpse();
        shadow.glimpse = self.step.now;
        self.step.exposed_before = shadow.exposed;
        let mut facts = compared(&self.step.was, &self.step.now);
        facts.add_if(!shadow.transfers.is_empty(), Facts::TRANSFER);

        self.act(slot, actions, &mut facts);
        self.reconfigured(slot, sight, &mut facts);
        self.taken(slot, sight, &mut facts);
        if facts.touches(Facts::TERM | Facts::ROLE) {
            self.role_changed(slot, &mut facts);
        }
        let (committed, now) = (self.step.was.commit, &self.step.now);
        if facts.touches(Facts::COMMIT) && committed < now.commit {
            let log = &self.shadows[slot.at()].log;
            self.history.commit(slot, now.term, log, now.commit);
        }
        self.look_at_followers(slot, sight, &mut facts);
        let last = self.step.now.last;
        if self.step.was.last != last || facts.touches(Self::WRITES) {
            facts.add_if(self.shadows[slot.at()].log.last() != last, Facts::UNWRITTEN);
        }
        facts
    }

    /// Which configuration is in force, and which voters are counted with.
    fn reconfigured(&mut self, slot: Slot, sight: &impl Sight, facts: &mut Facts) {
        let shadow = &mut self.shadows[slot.at()];
        self.step.was_conf = shadow.conf;
        if learn_configuration(slot, shadow, sight) {
            facts.add(Facts::CONFIGURED);
            self.step.counted = Some(sight.counted());
        }
        self.step.now_conf = shadow.conf;
    }

    /// What the event itself says: a message's term, and what it shows of the leader's log.
    fn taken(&mut self, slot: Slot, sight: &impl Sight, facts: &mut Facts) {
        let (was, now) = (self.step.was, self.step.now);
        let shadow = &mut self.shadows[slot.at()];
        if was.term != now.term {
            shadow.verified = Index::ZERO;
        }
        facts.add_if(self.step.message_term().is_some_and(|term| term < was.term), Facts::STALE);
        match self.step.took {
            Took::Append { from, term, upto, .. } => {
                facts.add_if(term == now.term, Facts::CONTACT);
                shadow.hear(from, term, self.step.clock, sight.silence());
                let news = shadow.verified < upto.index && term == now.term && now.leader == Some(from);
                if news && (upto.index <= shadow.log.base().index || shadow.log.has(upto)) {
                    shadow.verified = upto.index;
                }
            }
            Took::Snapshot { from, term, .. } => {
                facts.add_if(term == now.term, Facts::CONTACT);
                shadow.hear(from, term, self.step.clock, sight.silence());
            }
            Took::PreVoteRequest { .. } => facts.add(Facts::PRE_VOTE),
            Took::TimeoutNow { .. } => facts.add(Facts::TIMEOUT_NOW),
            Took::SnapshotKept => {
                if facts.touches(Facts::SNAPSHOT) {
                    facts.add(Facts::INSTALLED);
                    shadow.verified = shadow.verified.max(now.snapshot.index);
                    shadow.handed = shadow.handed.max(now.snapshot.index);
                }
            }
            Took::VoteRequest { .. } => facts.add(Facts::VOTE_ASKED),
            Took::StoreFailed => facts.add(Facts::FAILED),
            Took::Answer { .. } | Took::Other => {}
        }
    }

    fn role_changed(&mut self, slot: Slot, facts: &mut Facts) {
        let (was, now) = (self.step.was, self.step.now);
        let before = self.step.was_conf.map(|placed| placed.conf);
        let shadow = &mut self.shadows[slot.at()];
        match now.role {
            RoleName::Candidate | RoleName::PreCandidate => {
                facts.add(Facts::CAMPAIGNED);
                (shadow.campaign, shadow.heard) = (before, None);
            }
            RoleName::Leader => {
                facts.add(Facts::LEADS);
                if !was.campaigns() {
                    // A sole voter needs nobody's answer: campaign and victory are one step.
                    facts.add(Facts::CAMPAIGNED);
                    shadow.campaign = before;
                }
                shadow.followers.clear();
                let own = shadow.disk.hard;
                if own.term == now.term && own.vote == Some(slot.node()) {
                    self.note_vote(slot, now.term, slot);
                }
                self.terms.lead(now.term, slot);
            }
            RoleName::Follower => {}
        }
    }

    fn look_at_followers(&mut self, slot: Slot, sight: &impl Sight, facts: &mut Facts) {
        if !self.step.now.leads() {
            return;
        }
        let answered = matches!(self.step.took, Took::Answer { .. });
        if answered || facts.touches(Facts::LEADS | Facts::CONFIGURED | Facts::SENT_TIMEOUT_NOW) {
            let before: &mut Vec<Follower> = &mut self.step.followers_before;
            let current = &mut self.shadows[slot.at()].followers;
            std::mem::swap(before, current);
            current.clear();
            sight.followers(current);
            facts.add_if(before != current, Facts::PROGRESS);
        }
    }
}

/// Copies the configuration of a server if it is another one than before.
pub(super) fn learn_configuration(slot: Slot, shadow: &mut Shadow, sight: &impl Sight) -> bool {
    match sight.configuration() {
        None => {
            shadow.configuration = None;
            shadow.conf.take().is_some()
        }
        Some((index, configuration)) => {
            let same = shadow.configuration.as_ref().is_some_and(|known| Arc::ptr_eq(known, configuration));
            if same && shadow.conf.is_some_and(|placed| placed.index == index) {
                return false;
            }
            shadow.configuration = Some(Arc::clone(configuration));
            let placed = Placed { index, conf: Conf::of(configuration) };
            let has_no_vote = |placed: &Placed| !placed.conf.voters().contains(slot);
            if has_no_vote(&placed) {
                let since = shadow
                    .voteless
                    .filter(|&since| since < index && shadow.conf.is_some_and(|it| has_no_vote(&it)));
                shadow.voteless = Some(since.unwrap_or(index));
            }
            shadow.conf.replace(placed) != Some(placed)
        }
    }
}

/// The facts that two glances show.
fn compared(was: &Glimpse, now: &Glimpse) -> Facts {
    let mut facts = Facts::NONE;
    facts.add_if(was.term != now.term, Facts::TERM);
    facts.add_if(was.role != now.role, Facts::ROLE);
    let voted_anew = was.term != now.term && now.vote.is_some();
    facts.add_if(was.vote != now.vote || voted_anew, Facts::VOTED);
    facts.add_if(was.commit != now.commit, Facts::COMMIT);
    facts.add_if(was.applied != now.applied, Facts::APPLY);
    facts.add_if(was.snapshot != now.snapshot, Facts::SNAPSHOT);
    facts.add_if(now.commit < was.commit || now.last.index < now.commit, Facts::COMMIT_ODD);
    facts.add_if(now.applied < was.applied || now.commit < now.applied, Facts::APPLY_ODD);
    facts
}

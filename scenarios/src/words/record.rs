//! What is written down of a run because no server can be asked for it: what is on the disks and
//! on the way to them, who voted for whom, who led when. It is read by the story's words alone.

use std::collections::BTreeMap;
use wavetank_raft::{Action, Entry, Index, LogOp, Payload, RoleName, Server, Span, Term, Time, Write};
use wavetank_sim::{Observation, Seen, Slot, Slots};

/// The record of a run.
#[derive(Debug, Default)]
pub(super) struct Record {
    pages: [Page; Slot::MOST],
    leaders: Slots,
    leaderless_since: Option<Time>,
    pub(super) elections: u64,
    pub(super) commits: Index,
    pub(super) leaderless: Vec<Span>,
}

/// What is written down of one server.
#[derive(Debug, Default)]
struct Page {
    /// The words on its disk, by their place.
    stored: BTreeMap<Index, Vec<u8>>,
    /// Writes that are not on its disk yet.
    writing: Vec<Write>,
    /// Its last vote that is on its disk.
    vote: Option<(Slot, Term)>,
    /// The role and term that it was last seen in.
    standing: Option<(RoleName, Term)>,
    has_halted: bool,
    has_installed: bool,
    is_installing: bool,
}

impl Record {
    /// Takes down what matters.
    pub(super) fn see(&mut self, observation: &Observation<'_>) {
        match observation.seen {
            Seen::Stepped { slot, server, actions } => self.stepped(slot, server, actions, observation.at),
            Seen::Durable { slot, write, torn } => self.page(slot).keep(write, torn),
            Seen::Booted { slot, server, log, .. } => {
                self.page(slot).boot(log);
                self.stands(slot, server, observation.at);
            }
            Seen::Crashed { slot, wiped } => {
                let page = self.page(slot);
                page.writing.clear();
                if wiped {
                    *page = Page::default();
                }
                self.is_gone(slot, observation.at);
            }
            Seen::Halted(slot) => {
                self.page(slot).has_halted = true;
                self.is_gone(slot, observation.at);
            }
            Seen::Restored { slot, .. } => {
                let page = self.page(slot);
                page.has_installed |= page.is_installing;
            }
            Seen::Stepping { .. }
            | Seen::Paused(_)
            | Seen::Resumed(_)
            | Seen::Applied { .. }
            | Seen::SnapshotTaken { .. }
            | Seen::Sent { .. }
            | Seen::Invoked { .. }
            | Seen::Returned { .. }
            | Seen::Network(_)
            | Seen::Healed { .. } => {}
        }
    }

    /// The votes that are on disks: voter, candidate and term.
    pub(super) fn votes(&self) -> impl Iterator<Item = (Slot, Slot, Term)> + '_ {
        let vote = |(page, slot): (&Page, Slot)| page.vote.map(|(to, term)| (slot, to, term));
        self.pages.iter().zip(Slots::first(Slot::MOST).iter()).filter_map(vote)
    }

    /// Whose vote is on disk for this candidate, in its last term.
    pub(super) fn voters_of(&self, candidate: Slot) -> Slots {
        let term = self.votes().filter(|vote| vote.1 == candidate).map(|vote| vote.2).max();
        self.votes().filter(|vote| vote.1 == candidate && Some(vote.2) == term).map(|vote| vote.0).collect()
    }

    /// Whether the word is on the server's disk.
    pub(super) fn has_stored(&self, slot: Slot, word: &str) -> bool {
        self.place_of(slot, word).is_some()
    }

    /// Where the word stands on the server's disk.
    pub(super) fn place_of(&self, slot: Slot, word: &str) -> Option<Index> {
        let stored = &self.pages[slot.at()].stored;
        stored.iter().find(|(_, stored)| *stored == word.as_bytes()).map(|(&index, _)| index)
    }

    /// Whether the word is on its way to the server's disk.
    pub(super) fn is_writing(&self, slot: Slot, word: &str) -> bool {
        let words =
            self.pages[slot.at()].writing.iter().flat_map(|write| entries(&write.log)).filter_map(said);
        words.into_iter().any(|said| said == word.as_bytes())
    }

    /// Whether the server has ever stopped by its own decision.
    pub(super) fn has_halted(&self, slot: Slot) -> bool {
        self.pages[slot.at()].has_halted
    }

    /// Whether the server has ever loaded a leader's snapshot.
    pub(super) fn has_installed(&self, slot: Slot) -> bool {
        self.pages[slot.at()].has_installed
    }

    fn page(&mut self, slot: Slot) -> &mut Page {
        &mut self.pages[slot.at()]
    }

    fn stepped(&mut self, slot: Slot, server: &Server, actions: &[Action], at: Time) {
        let page = self.page(slot);
        for action in actions {
            match action {
                Action::Write(write) => page.writing.push(write.clone()),
                Action::Restore(_) => page.is_installing = true,
                Action::Send { .. }
                | Action::Reply { .. }
                | Action::Fetch { .. }
                | Action::ReadSnapshot { .. }
                | Action::WriteSnapshot { .. }
                | Action::Apply(_)
                | Action::TakeSnapshot(_)
                | Action::Answer { .. }
                | Action::Observe(_)
                | Action::Halt(_) => {}
            }
        }
        self.stands(slot, server, at);
        self.commits = self.commits.max(server.node().commit());
    }

    /// Takes down a change of role.
    fn stands(&mut self, slot: Slot, server: &Server, at: Time) {
        let now = (server.node().role(), server.node().term());
        let page = self.page(slot);
        if page.standing.replace(now) == Some(now) {
            return;
        }
        if now.0 != RoleName::Leader {
            return self.is_gone(slot, at);
        }
        self.elections += 1;
        self.leaders = self.leaders.with(slot);
        if let Some(since) = self.leaderless_since.take() {
            self.leaderless.push(at.since(since));
        }
    }

    /// A server does not lead, if it did.
    fn is_gone(&mut self, slot: Slot, at: Time) {
        self.leaders = self.leaders.without(slot);
        if self.leaders.is_empty() {
            self.leaderless_since.get_or_insert(at);
        }
    }
}

impl Page {
    fn keep(&mut self, write: &Write, torn: Option<usize>) {
        self.writing.retain(|other| other.token != write.token);
        if let Some(record) = &write.hard_state {
            self.vote = record.vote.and_then(Slot::of).map(|to| (to, record.term));
        }
        let first = |entries: &[Entry]| entries.first().map(|entry| entry.id.index);
        match &write.log {
            LogOp::Replace(entries) => {
                if let Some(first) = first(entries) {
                    self.stored.split_off(&first);
                }
            }
            LogOp::Discard => self.stored.clear(),
            LogOp::Keep | LogOp::Append(_) | LogOp::Compact(_) => {}
        }
        let entries = entries(&write.log);
        self.store(&entries[..torn.unwrap_or(entries.len())]);
    }

    fn boot(&mut self, log: &[Entry]) {
        self.writing.clear();
        self.stored.clear();
        self.store(log);
        self.standing = None;
        self.is_installing = false;
    }

    fn store(&mut self, entries: &[Entry]) {
        let words = entries.iter().filter_map(|entry| Some((entry.id.index, said(entry)?.to_vec())));
        self.stored.extend(words);
    }
}

fn entries(op: &LogOp) -> &[Entry] {
    match op {
        LogOp::Append(entries) | LogOp::Replace(entries) => entries,
        LogOp::Keep | LogOp::Compact(_) | LogOp::Discard => &[],
    }
}

/// The word of an entry, if it is one.
fn said(entry: &Entry) -> Option<&[u8]> {
    match &entry.payload {
        Payload::Command(word) => Some(word),
        Payload::Noop
        | Payload::Extended(_)
        | Payload::Barrier
        | Payload::Configuration(_)
        | Payload::Restore(_) => None,
    }
}

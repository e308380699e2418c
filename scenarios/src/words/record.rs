//! What is written down of a run because no server can be asked for it: what is on the disks and
//! on the way to them, and who voted for whom. It is read by the story's words alone.

use std::collections::BTreeMap;
use wavetank_raft::{Action, Entry, Index, LogId, LogOp, Payload, Request, RpcId, Term, Write};
use wavetank_sim::observe::Carried;
use wavetank_sim::{Observation, Seen, Slot, Slots, Violation, Watch};

/// The record of a run.
#[derive(Debug, Default)]
pub(super) struct Record {
    pages: [Page; Slot::MOST],
    /// How often the story waited.
    pub(super) waited: u64,
    /// How often the story asserted something.
    pub(super) checked: u64,
    /// What ended the story before its end.
    pub(super) ended: Option<Violation>,
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
    has_halted: bool,
    /// Why it last refused to start.
    refusal: Option<String>,
    has_installed: bool,
    is_installing: bool,
    /// How many pieces of snapshots it was given to write since it started.
    pieces: u64,
    /// How often it has asked its disk for entries.
    reads: u64,
    /// The first piece of a snapshot that it was ever sent, and by whom.
    first_piece: Option<(Slot, RpcId, Request)>,
    /// The last snapshot that it was sent, and how many pieces of it.
    sent: Option<(LogId, u64)>,
}

impl Watch for Record {
    /// Takes down what matters.
    fn see(&mut self, observation: &Observation<'_>) {
        match observation.seen {
            Seen::Stepped { slot, actions, .. } => self.page(slot).wants(actions),
            Seen::Durable { slot, write, torn } => self.page(slot).keep(write, torn),
            Seen::Booted { slot, log, .. } => self.page(slot).boot(log),
            Seen::Crashed { slot, wiped } => {
                let page = self.page(slot);
                page.writing.clear();
                if wiped {
                    *page = Page::default();
                }
            }
            Seen::Halted(slot) => self.page(slot).has_halted = true,
            Seen::Refused { slot, error } => self.page(slot).refusal = Some(error.to_string()),
            Seen::Restored { slot, .. } => {
                let page = self.page(slot);
                page.has_installed |= page.is_installing;
            }
            Seen::Sent { from, to, rpc, carried: Carried::Request(request), .. } => {
                self.page(to).is_sent(from, rpc, request);
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
            | Seen::Harmed { .. }
            | Seen::Healed { .. } => {}
        }
    }
}

impl Record {
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

    /// Why the server last refused to start.
    pub(super) fn refusal(&self, slot: Slot) -> Option<&str> {
        self.pages[slot.at()].refusal.as_deref()
    }

    /// Whether the server has ever stopped by its own decision.
    pub(super) fn has_halted(&self, slot: Slot) -> bool {
        self.pages[slot.at()].has_halted
    }

    /// Whether the server has ever loaded a leader's snapshot.
    pub(super) fn has_installed(&self, slot: Slot) -> bool {
        self.pages[slot.at()].has_installed
    }

    /// How many pieces of snapshots the server was given to write since it started.
    pub(super) fn pieces(&self, slot: Slot) -> u64 {
        self.pages[slot.at()].pieces
    }

    /// How often the server has asked its disk for entries.
    pub(super) fn reads(&self, slot: Slot) -> u64 {
        self.pages[slot.at()].reads
    }

    /// The first piece of a snapshot that the server was ever sent, and by whom.
    pub(super) fn first_piece(&self, slot: Slot) -> Option<&(Slot, RpcId, Request)> {
        self.pages[slot.at()].first_piece.as_ref()
    }

    /// How many pieces of this snapshot the server was sent, if it is the last that it was sent.
    pub(super) fn sent_of(&self, slot: Slot, snapshot: LogId) -> u64 {
        self.pages[slot.at()].sent.filter(|(last, _)| *last == snapshot).map_or(0, |(_, pieces)| pieces)
    }

    fn page(&mut self, slot: Slot) -> &mut Page {
        &mut self.pages[slot.at()]
    }
}

impl Page {
    fn wants(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Write(write) => self.writing.push(write.clone()),
                Action::Restore(_) => self.is_installing = true,
                Action::WriteSnapshot { .. } => self.pieces += 1,
                Action::Fetch { .. } => self.reads += 1,
                Action::Send { .. }
                | Action::Reply { .. }
                | Action::ReadSnapshot { .. }
                | Action::Apply(_)
                | Action::TakeSnapshot(_)
                | Action::Answer { .. }
                | Action::Observe(_)
                | Action::Halt(_) => {}
            }
        }
    }

    fn is_sent(&mut self, from: Slot, rpc: RpcId, request: &Request) {
        if let Request::InstallSnapshot(piece) = request {
            self.first_piece.get_or_insert_with(|| (from, rpc, request.clone()));
            let before = self.sent.filter(|_| 0 < piece.offset).map_or(0, |(_, pieces)| pieces);
            self.sent = Some((piece.meta.last, before + 1));
        }
    }

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
        self.is_installing = false;
        self.pieces = 0;
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

//! Records each write twice: in the copy of the log when a server requests the write, and in the copy of the
//! disk when the write is durable.

use super::{Chain, CommitHistory, DiscardedLog, DurableState, Facts, Ghost, RemovedEntry};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Entry, Index, LogId, LogOp, Payload, Token, Write};

impl Ghost {
    /// Records a write that a server requests. The server has already changed its log in memory.
    pub(super) fn note_write(&mut self, idx: ServerIdx, write: &Write, facts: &mut Facts) {
        match &write.log {
            LogOp::Keep => {}
            LogOp::CatchUp(upto) => self.ghost_servers[idx.at()].catch_up = *upto,
            LogOp::Append(entries) => self.append(idx, entries, facts),
            LogOp::Replace(entries) => {
                if let Some(first) = entries.first() {
                    self.cut(idx, first.id.index, facts);
                }
                self.append(idx, entries, facts);
            }
            LogOp::Compact(index) => {
                self.step.compacted = Some(*index);
                facts.add(Facts::COMPACTED);
                let ghost_server = &mut self.ghost_servers[idx.at()];
                compact(&mut ghost_server.log, *index, ghost_server.disk.snapshot, &self.history);
            }
            LogOp::Discard(_) => self.discard(idx, write.token, facts),
        }
        if self.prune_at < self.history.len() {
            self.prune();
        }
    }

    fn append(&mut self, idx: ServerIdx, entries: &[Entry], facts: &mut Facts) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        let before = self.step.appended.map_or(first.id.index, |(before, _)| before);
        self.step.appended = Some((before, last.id.index));
        facts.add(Facts::APPENDED);
        for entry in entries {
            self.append_one(idx, entry, facts);
        }
    }

    fn append_one(&mut self, idx: ServerIdx, entry: &Entry, facts: &mut Facts) {
        let leads = self.step.now.leads();
        let log = &mut self.ghost_servers[idx.at()].log;
        let conf_before = log.conf();
        match log.push(entry) {
            None => self.step.hole = Some(entry.id),
            Some(link) => self.history.hold(idx, entry.id.index, link),
        }
        if entry.payload.is_beyond_hashicorp() {
            self.ghost_servers[idx.at()].beyond_hashicorp = entry.id;
        }
        match entry.payload {
            Payload::Noop => {}
            Payload::Configuration(_) => {
                if let (true, Some(conf)) = (leads, self.ghost_servers[idx.at()].log.conf()) {
                    self.step.changed.push((conf_before, conf));
                    facts.add(Facts::CHANGED);
                }
            }
            _ => self.step.proposals = true,
        }
    }

    fn cut(&mut self, idx: ServerIdx, first: Index, facts: &mut Facts) {
        let before = self.step.removed.len();
        let gone = &mut self.step.removed;
        self.ghost_servers[idx.at()].log.cut(first, |index, link| gone.push(RemovedEntry { index, link }));
        facts.add_if(before < self.step.removed.len(), Facts::CUT);
    }

    /// Replaces the log with the installed snapshot. The disk may have a newer snapshot than the installed
    /// snapshot, because an earlier leader may have sent a newer snapshot.
    fn discard(&mut self, idx: ServerIdx, token: Token, facts: &mut Facts) {
        let snapshot = self.step.now.snapshot;
        let ghost_server = &mut self.ghost_servers[idx.at()];
        ghost_server.discards.push_back((token, snapshot));
        let last = ghost_server.log.last();
        let held = ghost_server.log.has(snapshot);
        self.step.discarded = Some(DiscardedLog { snapshot, last, held });
        self.cut(idx, snapshot.index.next(), facts);
        facts.add(Facts::COMPACTED);
        self.ghost_servers[idx.at()].log = self.history.chain_at(snapshot);
    }

    /// Records a write that reached the disk. If `torn` is a number, only this number of the write's entries
    /// reached the disk.
    pub(crate) fn durable(&mut self, idx: ServerIdx, write: &Write, torn: Option<usize>) -> Facts {
        self.step.clear(idx);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        let (disk, memory) = (&mut ghost_server.disk, &ghost_server.log);
        if let Some(hard) = write.hard_state {
            disk.hard = hard;
        }
        let some = |entries: &[Entry]| torn.map_or(entries.len(), |most| most.min(entries.len()));
        match &write.log {
            LogOp::Keep | LogOp::CatchUp(_) => {}
            LogOp::Append(entries) => extend(disk, memory, &entries[..some(entries)]),
            LogOp::Replace(entries) => {
                if let Some(first) = entries.first() {
                    disk.log.cut(first.id.index, |_, _| {});
                }
                extend(disk, memory, &entries[..some(entries)]);
            }
            LogOp::Compact(index) => compact(&mut disk.log, *index, disk.snapshot, &self.history),
            LogOp::Discard(_) => {
                let at = ghost_server.discards.iter().position(|(token, _)| *token == write.token);
                let asked = at.and_then(|at| ghost_server.discards.remove(at)).map(|(_, snapshot)| snapshot);
                disk.log = self.history.chain_at(asked.unwrap_or(disk.snapshot));
            }
        }
        let mut facts = Facts::DURABLE;
        facts.add_if(torn.is_some(), Facts::TORN);
        facts
    }
}

fn extend(disk: &mut DurableState, memory: &Chain, entries: &[Entry]) {
    for entry in entries {
        disk.log.push_as_in(entry, memory);
    }
}

/// Removes the entries of a log up to an index. If the log ends before the index, an empty chain replaces the
/// log; the base of this chain is the last entry of the snapshot.
fn compact(log: &mut Chain, index: Index, snapshot: LogId, history: &CommitHistory) {
    if log.last().index < index {
        *log = history.chain_at(snapshot);
    } else {
        log.compact(index);
    }
}

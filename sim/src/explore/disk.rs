//! The disk of an explored server: the durable data and the pending writes.

use super::bounds::Bounds;
use crate::plan::server_set::ServerIdx;
use serde::Serialize;
use std::collections::VecDeque;
use wavetank_raft::{CacheLimits, Entry, HardState, Index, LogId, LogImage, LogOp, Payload, Term, Write};

/// The disk of an explored server. A crash loses the writes in `waiting`. The other fields survive a crash.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ModelDisk {
    /// The durable vote record: the term and the vote.
    pub record: HardState,
    /// The entries of the durable log. The first element has the index 1.
    pub log: Vec<Entry>,
    /// The id of the entry that the log must reach before the server campaigns. Zero: the server may campaign
    /// with any log.
    pub catch_up: LogId,
    /// The pending writes, oldest first.
    pub waiting: VecDeque<Write>,
}

impl ModelDisk {
    /// Makes the first disk of the server `idx`. The disk of a voter in the first configuration has this
    /// configuration. The disk of any other server is blank.
    #[must_use]
    pub fn first(bounds: &Bounds, idx: ServerIdx) -> Self {
        let mut disk = Self::default();
        if idx.0 < bounds.nodes {
            let founded = Payload::Configuration(bounds.founders().into());
            disk.record = HardState { term: Term(1), vote: None };
            disk.log.push(Entry::new(Term(1), Index(1), founded));
        }
        disk
    }

    /// Makes the oldest pending write durable. Returns this write, or `None` if no write is pending.
    pub fn persist(&mut self) -> Option<Write> {
        let write = self.waiting.pop_front()?;
        self.record = write.hard_state.unwrap_or(self.record);
        match &write.log {
            LogOp::Keep | LogOp::Compact(_) => {}
            LogOp::Append(entries) => self.log.extend(entries.iter().cloned()),
            LogOp::Replace(entries) => {
                let first = entries.first().map_or(Index::ZERO, |entry| entry.id.index);
                self.log.retain(|entry| entry.id.index < first);
                self.log.extend(entries.iter().cloned());
            }
            LogOp::Discard(_) => self.log.clear(),
            LogOp::CatchUp(upto) => self.catch_up = *upto,
        }
        Some(write)
    }

    /// Returns the log that a starting server recovers.
    #[must_use]
    pub fn image(&self) -> LogImage {
        let mut image = LogImage::new(LogId::ZERO, CacheLimits::entries(u64::MAX));
        self.log.iter().for_each(|entry| image.push(entry.clone()));
        image
    }

    /// True if the entry with this id is durable.
    #[must_use]
    pub fn holds(&self, id: LogId) -> bool {
        self.log.iter().any(|entry| entry.id == id)
    }

    /// Returns the id of the last durable entry, or [`LogId::ZERO`] if the log is empty.
    #[must_use]
    pub fn last(&self) -> LogId {
        self.log.last().map_or(LogId::ZERO, |entry| entry.id)
    }
}

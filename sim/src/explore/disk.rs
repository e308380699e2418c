//! A disk: what is on it, and what is on its way there.

use super::bounds::Bounds;
use crate::plan::server_set::ServerIdx;
use serde::Serialize;
use std::collections::VecDeque;
use wavetank_raft::{Entry, HardState, Index, LogId, LogImage, LogOp, Payload, Term, Write};

/// What a crash leaves, and what it takes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ModelDisk {
    /// The vote record.
    pub record: HardState,
    /// The log, from its first entry on.
    pub log: Vec<Entry>,
    /// Writes on their way, in order.
    pub waiting: VecDeque<Write>,
}

impl ModelDisk {
    /// A founder's, or a blank one.
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

    /// The oldest write on its way is there now.
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
            LogOp::Discard => self.log.clear(),
        }
        Some(write)
    }

    /// What a server that starts finds.
    #[must_use]
    pub fn image(&self) -> LogImage {
        let mut image = LogImage::new(LogId::ZERO, u64::MAX);
        self.log.iter().for_each(|entry| image.push(entry.clone()));
        image
    }

    /// Whether this entry is on it.
    #[must_use]
    pub fn holds(&self, id: LogId) -> bool {
        self.log.iter().any(|entry| entry.id == id)
    }

    /// The last entry on it.
    #[must_use]
    pub fn last(&self) -> LogId {
        self.log.last().map_or(LogId::ZERO, |entry| entry.id)
    }
}

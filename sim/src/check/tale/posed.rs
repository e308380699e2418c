//! A server of a tale: what the ledger sees of it, and what is on its disk.

use super::SILENCE;
use crate::ledger::{Conf, Follower, Glimpse, Sight};
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::*;

/// A server by its looks.
#[derive(Clone, Debug)]
pub(crate) struct Posed {
    pub(crate) glimpse: Glimpse,
    pub(crate) configuration: Option<(Index, Arc<Configuration>)>,
    pub(crate) counted: Option<Conf>,
    pub(crate) followers: Vec<Follower>,
    /// Its entries, from the first one on; what is compacted stays here.
    pub(crate) entries: Vec<Entry>,
    pub(super) writes: VecDeque<Write>,
    pub(super) disk: (HardState, usize),
}

impl Sight for Posed {
    fn glimpse(&self) -> Glimpse {
        self.glimpse
    }

    fn configuration(&self) -> Option<(Index, &Arc<Configuration>)> {
        self.configuration.as_ref().map(|(index, configuration)| (*index, configuration))
    }

    fn counted(&self) -> Conf {
        let in_force = || self.configuration.as_ref().map(|(_, configuration)| Conf::of(configuration));
        self.counted.or_else(in_force).unwrap_or_default()
    }

    fn followers(&self, into: &mut Vec<Follower>) {
        into.extend(&self.followers);
    }

    fn silence(&self) -> Span {
        SILENCE
    }
}

impl Posed {
    pub(super) fn remember(&mut self, write: &Write) {
        self.writes.push_back(write.clone());
        if let Some(hard) = write.hard_state {
            (self.glimpse.term, self.glimpse.vote) = (hard.term, hard.vote);
        }
        match &write.log {
            LogOp::Append(entries) => self.entries.extend(entries.iter().cloned()),
            LogOp::Replace(entries) => {
                let first = entries.first().map_or(Index(u64::MAX), |entry| entry.id.index);
                self.entries.retain(|entry| entry.id.index < first);
                self.entries.extend(entries.iter().cloned());
            }
            _ => {}
        }
        self.glimpse.last = self.entries.last().map_or(LogId::ZERO, |entry| entry.id);
        self.reconfigure();
    }

    pub(super) fn reconfigure(&mut self) {
        let latest = self.entries.iter().rev().find_map(|entry| match &entry.payload {
            Payload::Configuration(configuration) => Some((entry.id.index, Arc::clone(configuration))),
            _ => None,
        });
        self.configuration = latest;
    }
}

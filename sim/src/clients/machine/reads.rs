//! The open reads of clients, and the correct answers to these reads.
//!
//! A linearizable read may be answered from the state at the beginning of the read, or from the state after
//! any command between the beginning and the end of the read. When a read begins, and after every command, the
//! reference state machine answers the query of each open read.

use super::reference::query;
use std::collections::BTreeMap;
use wavetank_machine::StateMachine;
use wavetank_raft::Data;

/// The open reads. The key is the number of the operation.
#[derive(Debug, Default)]
pub(super) struct OpenReads(BTreeMap<u64, OpenRead>);

/// An open read.
#[derive(Debug)]
pub(super) struct OpenRead {
    pub(super) query: Data,
    /// The correct answers so far. Each answer comes with the index of the command after which the answer is
    /// correct. Equal answers in a row are stored once.
    pub(super) answers: Vec<(u64, Data)>,
}

impl OpenReads {
    pub(super) fn open<T: StateMachine>(
        &mut self,
        number: u64,
        data: &Data,
        specification: &T,
        position: u64,
    ) {
        let answers = vec![(position, query(specification, data))];
        self.0.insert(number, OpenRead { query: Data::clone(data), answers });
    }

    /// Adds the correct answer to each open read after the command at the index `position`.
    pub(super) fn on_applied<T: StateMachine>(&mut self, specification: &T, position: u64) {
        for read in self.0.values_mut() {
            let answer = query(specification, &read.query);
            if read.answers.last().is_none_or(|(_, last)| *last != answer) {
                read.answers.push((position, answer));
            }
        }
    }

    pub(super) fn close(&mut self, number: u64) -> Option<OpenRead> {
        self.0.remove(&number)
    }
}

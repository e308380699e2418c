//! The work that a state machine is doing. A watchdog prints the work if the work does not end.

use super::{describe, describe_query};
use crate::plan::server_set::ServerIdx;
use std::fmt;
use wavetank_machine::StateMachine;
use wavetank_raft::Data;

/// The current work of the state machines of a run. The run writes this value, and a watchdog in another
/// thread reads the value.
#[expect(
    clippy::disallowed_types,
    reason = "the run never reads this value, and only a watchdog waits for the lock"
)]
pub(crate) struct CurrentWork {
    work: std::sync::Mutex<Option<(ServerIdx, MachineWork)>>,
    describe: fn(&MachineWork) -> String,
}

/// The work of one state machine.
#[derive(Clone, Debug)]
pub(crate) enum MachineWork {
    /// The state machine applies a command. The values are the index of the command and the encoded command.
    Apply(u64, Data),
    /// The state machine answers this encoded query.
    Query(Data),
    /// The state machine restores the snapshot that ends with the command at this index.
    Restore(u64),
}

impl CurrentWork {
    pub(crate) fn new<T: StateMachine>() -> Self {
        Self { work: None.into(), describe: text::<T> }
    }

    pub(super) fn begin(&self, idx: ServerIdx, work: MachineWork) {
        self.set(Some((idx, work)));
    }

    pub(super) fn end(&self) {
        self.set(None);
    }

    fn set(&self, work: Option<(ServerIdx, MachineWork)>) {
        *self.work.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = work;
    }

    /// Returns the text of the current work. Returns `None` if no state machine is working.
    pub(crate) fn text(&self) -> Option<String> {
        let work = self.work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        work.map(|(idx, work)| format!("{idx} {}", (self.describe)(&work)))
    }
}

fn text<T: StateMachine>(work: &MachineWork) -> String {
    match work {
        MachineWork::Apply(index, data) => {
            format!("applies {} at i{index}", describe::<T>(data).unwrap_or_default())
        }
        MachineWork::Query(data) => format!("answers the query {}", describe_query::<T>(data)),
        MachineWork::Restore(index) => format!("restores the snapshot that ends at i{index}"),
    }
}

impl fmt::Debug for CurrentWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CurrentWork").field(&self.text()).finish()
    }
}

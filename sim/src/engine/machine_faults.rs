//! The faults of a state machine: loads of snapshots that fail, and snapshots that cannot be taken.
//!
//! A failed load loses the state, because a state machine discards its state before it loads another state
//! (the contract of `FSM.Restore` in HashiCorp Raft). A failed snapshot leaves its first bytes in the store.

use crate::disk::Capture;
use crate::disk::fault::MachineFault;
use crate::engine::host::Host;
use crate::engine::workload::TankFsm;
use crate::plan::server_set::ServerIdx;
use crate::subject::Subject;
use std::sync::Arc;
use wavetank_raft::store::{FsmSnapshot, SnapshotSink, SnapshotWriter, StoreError, StoreErrorKind};
use wavetank_raft::{LogId, SnapshotMeta};

/// The faults that a state machine has now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MachineFaults {
    load: Failing,
    snapshot: Failing,
}

/// The fault of an operation: the operation never fails, fails once, or always fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Failing {
    #[default]
    Never,
    Once,
    Always,
}

impl Failing {
    /// Adds a fault. A fault that happens once does not replace a permanent fault.
    const fn inject(&mut self, failing: Self) {
        if !matches!(self, Self::Always) {
            *self = failing;
        }
    }

    /// True if the operation that begins now fails. This call removes a fault that happens once.
    const fn fails_now(&mut self) -> bool {
        let fails = !matches!(self, Self::Never);
        self.end_once();
        fails
    }

    const fn end_once(&mut self) {
        if matches!(self, Self::Once) {
            *self = Self::Never;
        }
    }
}

impl MachineFaults {
    pub(crate) const fn inject(&mut self, fault: MachineFault) {
        match fault {
            MachineFault::FailLoad => self.load.inject(Failing::Once),
            MachineFault::NeverLoad => self.load.inject(Failing::Always),
            MachineFault::FailSnapshot => self.snapshot.inject(Failing::Once),
            MachineFault::NeverSnapshot => self.snapshot.inject(Failing::Always),
        }
    }

    /// True if the state machine fails every load of a snapshot.
    pub(crate) const fn never_loads(&self) -> bool {
        matches!(self.load, Failing::Always)
    }

    /// Removes all faults except a fault that makes all loads fail. A server with this fault counts as
    /// damaged. A server whose snapshots always fail does not count as damaged, but its state machine may have
    /// no time left for entries (storm 750026947).
    pub(crate) const fn calm(&mut self) {
        self.load.end_once();
        self.snapshot = Failing::Never;
    }
}

impl<F: TankFsm, S: Subject> Host<F, S> {
    /// Loads a snapshot into the state machine. If a fault makes the load fail, a blank state machine from
    /// `make` replaces the state machine.
    pub(crate) fn load_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        make: &mut dyn FnMut(ServerIdx) -> F,
    ) -> Result<LogId, StoreError> {
        let process = self.process.as_mut().expect("only a running server loads a snapshot");
        let fsm = &mut process.machine.fsm;
        let fails = self.machine_faults.load.fails_now();
        if fails {
            *fsm = make(self.idx);
        }
        self.disk
            .load_snapshot(meta.last, &mut |reader| if fails { Err(failed()) } else { fsm.restore(reader) })
    }

    /// Captures the state machine and writes a snapshot.
    pub(crate) fn take_snapshot(&mut self, meta: &SnapshotMeta) -> Result<Arc<SnapshotMeta>, StoreError> {
        let process = self.process.as_mut().expect("only a running server takes a snapshot");
        let mut state = process.machine.fsm.snapshot()?;
        if self.machine_faults.snapshot.fails_now() {
            return self.disk.keep_snapshot(Capture { state: &mut Interrupted(&mut state), meta });
        }
        self.disk.keep_snapshot(Capture { state: &mut state, meta })
    }
}

fn failed() -> StoreError {
    StoreError::new(StoreErrorKind::Io, "the state machine")
}

/// A captured state that fails after its first bytes are written.
struct Interrupted<'a, S>(&'a mut S);

impl<S: FsmSnapshot> FsmSnapshot for Interrupted<'_, S> {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        self.0.persist(&mut SnapshotWriter::new(&mut Cut { writer, left: 8 }))?;
        Err(failed())
    }
}

/// A sink that accepts only a few bytes.
struct Cut<'a, 'b> {
    writer: &'a mut SnapshotWriter<'b>,
    left: usize,
}

impl SnapshotSink for Cut<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        self.writer.write_all(&bytes[..taken])?;
        if taken < bytes.len() { Err(failed()) } else { Ok(()) }
    }
}

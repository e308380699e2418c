//! The state machine of one server in the tank. The judge learns every command, query, snapshot and restore of
//! this state machine.

use super::current_work::{CurrentWork, MachineWork};
use super::diagnosis::{Base, Life};
use super::judge::SharedJudge;
use super::{describe, describe_query, restore};
use crate::engine::workload::TankFsm;
use crate::plan::server_set::ServerIdx;
use crate::runner::catch_panic::catch_panic;
use crate::runner::drop_guard::DropGuard;
use std::any::type_name;
use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use wavetank_machine::{StateMachine, decode, encode};
use wavetank_raft::Data;
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};

/// The state machine of one server.
pub(crate) struct JudgedReplica<T: StateMachine> {
    replica: Rc<RefCell<Replica<T>>>,
    judge: SharedJudge<T>,
    work: Arc<CurrentWork>,
}

/// A state machine, and its history since its start or its last restore.
pub(super) struct Replica<T: StateMachine> {
    pub(super) machine: DropGuard<T>,
    pub(super) life: Life,
}

/// The captured state of a state machine. The snapshot of this state begins with the index of the last
/// command, in 8 bytes.
pub(crate) struct CapturedReplica<T: StateMachine> {
    machine: DropGuard<T>,
    applied: u64,
}

impl<T: StateMachine> JudgedReplica<T> {
    pub(crate) fn new(idx: ServerIdx, machine: T, judge: &SharedJudge<T>, work: &Arc<CurrentWork>) -> Self {
        let life = Life { idx, applied: 0, base: None, queries: Vec::new() };
        let replica = Rc::new(RefCell::new(Replica { machine: DropGuard::new(machine), life }));
        judge.borrow_mut().on_start(idx, &replica);
        Self { replica, judge: Rc::clone(judge), work: Arc::clone(work) }
    }

    /// Runs a piece of work of the state machine. If the work panics, the message of the panic names the work.
    fn work<R>(&self, idx: ServerIdx, work: MachineWork, run: impl FnOnce() -> R) -> R {
        self.work.begin(idx, work.clone());
        let done = catch_panic(run);
        self.work.end();
        done.unwrap_or_else(|message| {
            let place = match work {
                MachineWork::Apply(index, data) => {
                    format!("`apply` of {} at i{index}", describe::<T>(&data).unwrap_or_default())
                }
                MachineWork::Query(data) => format!("`query` of {}", describe_query::<T>(&data)),
                MachineWork::Restore(index) => format!("`restore` of the snapshot that ends at i{index}"),
            };
            // `panic!` would name this place instead of the place in the state machine.
            resume_unwind(Box::new(format!("{place} on {idx}: {message}")))
        })
    }
}

impl<T: StateMachine> Fsm for JudgedReplica<T> {
    type Snapshot = CapturedReplica<T>;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let Replica { machine, life } = &mut *self.replica.borrow_mut();
        let decoded: T::Command = decode(command.data).unwrap_or_else(|error| {
            panic!(
                "{} cannot decode the command at {} as `{}`: {error}",
                life.idx,
                command.index,
                type_name::<T::Command>(),
            )
        });
        let work = MachineWork::Apply(command.index.0, Data::clone(command.data));
        let reply = self.work(life.idx, work, || encode(&machine.apply(decoded)));
        life.applied = command.index.0;
        self.judge.borrow_mut().on_applied(machine, life, command, &reply);
        reply
    }

    fn snapshot(&mut self) -> Result<CapturedReplica<T>, StoreError> {
        let replica = self.replica.borrow();
        self.judge.borrow_mut().on_captured(&replica.machine, &replica.life);
        let machine = DropGuard::new((*replica.machine).clone());
        Ok(CapturedReplica { machine, applied: replica.life.applied })
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let mut index = [0; 8];
        reader.read_exact(&mut index)?;
        let (index, bytes) = (u64::from_le_bytes(index), Data::from(reader.read_all()?));
        let Replica { machine, life } = &mut *self.replica.borrow_mut();
        let restored = self.work(life.idx, MachineWork::Restore(index), || restore(&mut **machine, &bytes));
        let had_state = 0 < life.applied || life.base.is_some();
        let mut judge = self.judge.borrow_mut();
        if let Err(error) = restored {
            judge.on_refused_restore(life.idx, index, &error);
            return Err(error);
        }
        life.queries.clear();
        (life.applied, life.base) = (index, Some(Base { index, bytes, had_state }));
        judge.on_restored(machine, life);
        Ok(())
    }
}

impl<T: StateMachine> TankFsm for JudgedReplica<T> {
    fn query(&self, query: &[u8]) -> Data {
        let mut replica = self.replica.borrow_mut();
        let Replica { machine, life } = &mut *replica;
        let data = Data::from(query);
        let decoded: T::Query = decode(query).unwrap_or_else(|error| {
            panic!("{} cannot decode a query as `{}`: {error}", life.idx, type_name::<T::Query>())
        });
        let before = self.judge.borrow_mut().often(&**machine);
        let work = MachineWork::Query(Data::clone(&data));
        let answer = self.work(life.idx, work, || encode(&machine.query(decoded)));
        life.queries.push((life.applied, Data::clone(&data)));
        self.judge.borrow_mut().on_answered(machine, life, before, &data, &answer);
        answer
    }

    /// Returns zero. The judge compares the states itself, because the digest of a large state needs much
    /// time.
    fn digest(&self) -> u64 {
        0
    }
}

impl<T: StateMachine> FsmSnapshot for CapturedReplica<T> {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        writer.write_all(&self.applied.to_le_bytes())?;
        self.machine.save(writer)
    }
}

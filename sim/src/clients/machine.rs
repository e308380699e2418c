//! The clients and the judge of a state machine with typed commands.
//!
//! The state machine is the specification of its own behaviour. The judge applies the log to a second state
//! machine, the reference. The replies and the reads of every server must agree with the reference. If a reply
//! or a read disagrees, the judge applies parts of the log again to find the broken promise of
//! [`StateMachine`].

mod checks;
mod current_work;
mod diagnosis;
mod history;
mod judge;
mod reads;
mod reference;
mod replica;
mod script;
mod want;

pub(crate) use checks::MachineChecks;
pub(crate) use current_work::CurrentWork;
pub use judge::CHECKS;
pub(crate) use judge::{Judge, JudgeSettings, Partition, SharedJudge};
pub(crate) use replica::JudgedReplica;
pub(crate) use script::{DrawnOperation, DrawnOperations, OperationKind, OperationTree, Strategies, clients};
pub use want::MachineWant;

use std::rc::Rc;
use wavetank_machine::{Digest, StateMachine, decode};
use wavetank_raft::Data;
use wavetank_raft::store::inmem::InmemSource;
use wavetank_raft::store::{SnapshotReader, SnapshotSink, SnapshotWriter, StoreError};

/// A function that makes a state machine in its initial state.
pub(crate) type MakeMachine<T> = Rc<dyn Fn() -> T>;

/// The number of times that a command may take effect, as promised to its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// Clients send a command again only if the command was refused.
    AtMostOnce,
    /// Clients send a command again if the outcome of the command is unknown. The state machine must recognise
    /// the repetition.
    ExactlyOnce,
}

/// An invariant that a user defines: the name, and a function that tests the state. The error of the function
/// describes the defect of the state.
pub(crate) type MachineInvariant<T> = (&'static str, Box<dyn Fn(&T) -> Result<(), String>>);

/// Returns the text of an encoded command. Returns `None` if the command cannot be decoded.
pub(crate) fn describe<T: StateMachine>(command: &[u8]) -> Option<String> {
    decode::<T::Command>(command).ok().map(|command| format!("{command:?}"))
}

/// Returns the text of an encoded query. If the query cannot be decoded, returns the text of the error.
fn describe_query<T: StateMachine>(query: &[u8]) -> String {
    decode::<T::Query>(query).map_or_else(|error| error.to_string(), |query| format!("{query:?}"))
}

/// Returns the text of an encoded reply. If the reply cannot be decoded, returns the text of the error.
fn describe_reply<T: StateMachine>(reply: &[u8]) -> String {
    decode::<T::Reply>(reply).map_or_else(|error| error.to_string(), |reply| format!("{reply:?}"))
}

/// True if two encoded replies are equal. The order of the entries of a map does not matter.
fn is_same_reply<T: StateMachine>(one: &[u8], other: &[u8]) -> bool {
    one == other || hash_of_reply::<T>(one) == hash_of_reply::<T>(other)
}

fn hash_of_reply<T: StateMachine>(reply: &[u8]) -> Option<u64> {
    decode::<T::Reply>(reply).ok().map(|reply| Digest::of(&reply).hash())
}

/// The bytes of a snapshot in memory.
struct SavedBytes(Vec<u8>);

impl SnapshotSink for SavedBytes {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Returns the bytes that a state machine saves.
fn saved<T: StateMachine>(machine: &T) -> Result<Data, StoreError> {
    let mut bytes = SavedBytes(Vec::new());
    machine.save(&mut SnapshotWriter::new(&mut bytes))?;
    Ok(bytes.0.into())
}

/// Restores a state machine from saved bytes.
fn restore<T: StateMachine>(machine: &mut T, bytes: &Data) -> Result<(), StoreError> {
    let mut source = InmemSource::new(Data::clone(bytes));
    machine.restore(&mut SnapshotReader::new(&mut source))
}

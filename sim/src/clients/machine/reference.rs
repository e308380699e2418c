//! The reference: the log that the servers applied, and a state machine that has applied the same log.

use super::{MakeMachine, is_same_reply};
use crate::plan::server_set::ServerIdx;
use crate::runner::drop_guard::DropGuard;
use std::collections::BTreeMap;
use wavetank_machine::{StateMachine, decode, encode};
use wavetank_raft::Data;

/// The log that the servers applied, and the state machines that have applied the same log.
pub(super) struct Reference<T: StateMachine> {
    make: MakeMachine<T>,
    machine: DropGuard<T>,
    /// The state machine that has applied each repeated command only the first time. `None` if no command was
    /// repeated.
    without_repeats: Option<DropGuard<T>>,
    /// The commands from index 1 on. An entry that is not a command is `None`.
    log: Vec<Option<LogCommand>>,
    /// The index of the last command.
    position: u64,
    /// The key is the number of an operation. The value is the index of the operation's first command, and the
    /// reply of a state machine that ignores repeated commands.
    operations: BTreeMap<u64, (u64, Data)>,
    /// The last command that was repeated: the index of the first entry with the command, and the index of the
    /// repetition. `None` if no command was repeated.
    repeated: Option<(u64, u64)>,
}

/// A command of the log.
pub(super) struct LogCommand {
    pub(super) data: Data,
    /// The number of the client's operation. `None` if the command does not contain such a number.
    pub(super) operation: Option<u64>,
    /// The reply of the reference.
    pub(super) reply: Data,
    /// The server that was the first to apply the command.
    pub(super) by: ServerIdx,
}

const DECODED: &str = "a server has decoded the same bytes";

impl<T: StateMachine> Reference<T> {
    pub(super) fn new(make: MakeMachine<T>) -> Self {
        Self {
            machine: DropGuard::new(make()),
            make,
            without_repeats: None,
            log: Vec::new(),
            position: 0,
            operations: BTreeMap::new(),
            repeated: None,
        }
    }

    /// Returns the index of the last command that any server has applied.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Returns the state machine that has applied the whole log.
    pub(super) fn machine(&self) -> &T {
        &self.machine
    }

    /// Returns the state machine from which clients must get their answers.
    pub(super) fn specification(&self) -> &T {
        self.without_repeats.as_ref().unwrap_or(&self.machine)
    }

    pub(super) fn initial(&self) -> T {
        (self.make)()
    }

    /// Returns the command at an index. `None` if no server has applied a command at this index.
    pub(super) fn command(&self, index: u64) -> Option<&LogCommand> {
        let at = usize::try_from(index.checked_sub(1)?).ok()?;
        self.log.get(at)?.as_ref()
    }

    /// Returns the index of an operation's first command, and the reply that the client must get. Returns
    /// `None` if no server has applied a command of this operation.
    pub(super) fn operation(&self, operation: u64) -> Option<&(u64, Data)> {
        self.operations.get(&operation)
    }

    /// Returns the last command that was repeated: the index of the first entry with the command, and the
    /// index of the repetition. Returns `None` if no command was repeated.
    pub(super) const fn repeated(&self) -> Option<(u64, u64)> {
        self.repeated
    }

    /// Applies the next command. If the command is a repetition, returns the index of the operation's first
    /// command. Otherwise returns `None`.
    pub(super) fn apply(
        &mut self,
        by: ServerIdx,
        index: u64,
        data: &Data,
        operation: Option<u64>,
    ) -> Option<u64> {
        let first = operation.and_then(|number| self.operations.get(&number)).map(|&(first, _)| first);
        if let Some(first) = first {
            self.repeated = Some((first, index));
            if self.without_repeats.is_none() {
                self.without_repeats = Some(DropGuard::new((*self.machine).clone()));
            }
        }
        let reply = apply(&mut *self.machine, data);
        while (self.log.len() as u64) + 1 < index {
            self.log.push(None);
        }
        self.log.push(Some(LogCommand {
            data: Data::clone(data),
            operation,
            reply: Data::clone(&reply),
            by,
        }));
        self.position = index;
        if first.is_none() {
            let promised = self.without_repeats.as_mut().map_or(reply, |machine| apply(&mut **machine, data));
            operation.map(|number| self.operations.insert(number, (index, promised)));
        }
        first
    }

    /// True if a server may give this reply to the command at `index`.
    pub(super) fn agrees(&self, index: u64, reply: &Data) -> bool {
        self.command(index).is_some_and(|known| is_same_reply::<T>(&known.reply, reply))
    }

    /// Applies the commands after the index `from` up to the index `upto` to a state machine. Each query comes
    /// with an index, and is asked after the command at this index. The queries are in the order of these
    /// indexes.
    pub(super) fn replay(&self, machine: &mut T, from: u64, upto: u64, queries: &[(u64, Data)]) {
        let mut queries = queries.iter().filter(|(after, _)| from <= *after).peekable();
        for index in from..=upto {
            if from < index
                && let Some(command) = self.command(index)
            {
                apply(machine, &command.data);
            }
            while let Some((_, query)) = queries.next_if(|(after, _)| *after == index) {
                machine.query(decode(query).expect(DECODED));
            }
        }
    }
}

/// Applies an encoded command and returns the encoded reply.
pub(super) fn apply<T: StateMachine>(machine: &mut T, data: &Data) -> Data {
    encode(&machine.apply(decode(data).expect(DECODED)))
}

/// Answers an encoded query.
pub(super) fn query<T: StateMachine>(machine: &T, data: &Data) -> Data {
    encode(&machine.query(decode(data).expect(DECODED)))
}

//! The judge of a typed state machine and of the answers to its clients.

use super::diagnosis::{Breach, Life, Probe, Seen, diagnose};
use super::history::{PastInput, PastOperations};
use super::reads::{OpenRead, OpenReads};
use super::reference::{Reference, query};
use super::replica::Replica;
use super::want::operation_of;
use super::{
    Delivery, MachineInvariant, MachineWant, MakeMachine, describe, describe_query, describe_reply,
    is_same_reply, restore,
};
use crate::clients::callers::{Operation, OperationAnswer};
use crate::observe::OperationEnd;
use crate::plan::server_set::ServerIdx;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::{Rc, Weak};
use wavetank_linear::CheckResult;
use wavetank_machine::{Digest, StateMachine};
use wavetank_raft::store::{Command, StoreError};
use wavetank_raft::{Data, ReadPath};

pub(crate) use super::history::Partition;

/// The judge, shared by the state machines of a run and the observer.
pub(crate) type SharedJudge<T> = Rc<RefCell<Judge<T>>>;

/// The settings of a judge.
pub(crate) struct JudgeSettings<T: StateMachine> {
    pub(crate) make: MakeMachine<T>,
    pub(crate) invariants: Rc<Vec<MachineInvariant<T>>>,
    pub(crate) partition: Option<Rc<Partition<T>>>,
    pub(crate) delivery: Delivery,
    /// True if the clocks stay within the bound on drift that leases assume.
    pub(crate) leases_hold: bool,
    /// The digests of states are compared after every command whose index is a multiple of this number.
    pub(crate) digest_every: u64,
}

/// Judges the state machines of a run, and the answers to the clients.
pub(crate) struct Judge<T: StateMachine> {
    settings: JudgeSettings<T>,
    reference: Reference<T>,
    reads: OpenReads,
    past: PastOperations<T>,
    /// The numbers of the operations whose commands certainly were not executed.
    failed: BTreeSet<u64>,
    /// For some indexes, the digest of the state after the command at this index.
    digests: BTreeMap<u64, u64>,
    /// The state machines of the running servers.
    replicas: BTreeMap<ServerIdx, Weak<RefCell<Replica<T>>>>,
    /// At most [`QUERIES_MAX`] different queries of clients, encoded.
    asked: Vec<Data>,
    /// The number of bytes that the digests after commands and queries may still read.
    often_left: u64,
    /// The number of bytes that all other digests may still read, for example the digests after snapshots and restores.
    seldom_left: u64,
    breach: Option<Breach>,
    witnessed: BTreeMap<&'static str, u64>,
}

const OFTEN_MAX: u64 = 4 << 20;
const SELDOM_MAX: u64 = 512 << 20;
const QUERIES_MAX: usize = 8;

/// The names of the checks of a typed state machine.
pub const CHECKS: [&str; 11] = [
    "acked_is_applied",
    "applied_once",
    "deterministic",
    "linearizable",
    "query_changes_nothing",
    "refused_has_no_effect",
    "restore_replaces_state",
    "same_commands",
    "snapshot_can_be_restored",
    "snapshot_is_whole",
    "state_is_ordered",
];

impl<T: StateMachine> Judge<T> {
    pub(crate) fn new(settings: JudgeSettings<T>) -> Self {
        Self {
            reference: Reference::new(Rc::clone(&settings.make)),
            reads: OpenReads::default(),
            past: PastOperations::new(settings.partition.clone()),
            settings,
            failed: BTreeSet::new(),
            digests: BTreeMap::new(),
            replicas: BTreeMap::new(),
            asked: Vec::new(),
            often_left: OFTEN_MAX,
            seldom_left: SELDOM_MAX,
            breach: None,
            witnessed: BTreeMap::new(),
        }
    }

    /// Removes and returns the first broken promise. Returns `None` if no promise was broken.
    pub(super) const fn take_breach(&mut self) -> Option<Breach> {
        self.breach.take()
    }

    /// Returns the number of cases that each check and each invariant judged. The key is the name of the check
    /// or of the invariant.
    pub(super) fn witnessed(&self) -> BTreeMap<String, u64> {
        let invariants = self.settings.invariants.iter().map(|(name, _)| *name);
        let names = CHECKS.into_iter().chain(invariants);
        names.map(|name| (name.to_owned(), self.witnessed.get(name).copied().unwrap_or(0))).collect()
    }

    fn witness(&mut self, check: &'static str) {
        *self.witnessed.entry(check).or_default() += 1;
    }

    fn fail(&mut self, breach: Breach) {
        self.breach.get_or_insert(breach);
    }

    /// Counts a case of a check, and records a breach if the case fails.
    fn expect(&mut self, check: &'static str, holds: bool, what: impl FnOnce() -> String) {
        self.witness(check);
        if !holds {
            self.fail(Breach::new(check, what()));
        }
    }

    /// Returns the digest of a state. Returns `None` if the digests after commands and queries must not read
    /// more bytes.
    pub(super) fn often(&mut self, machine: &T) -> Option<Digest> {
        spend(&mut self.often_left, machine)
    }

    pub(super) fn on_start(&mut self, idx: ServerIdx, replica: &Rc<RefCell<Replica<T>>>) {
        self.replicas.insert(idx, Rc::downgrade(replica));
    }

    /// Judges a command that a server has applied.
    pub(super) fn on_applied(&mut self, machine: &T, life: &Life, command: &Command<'_>, reply: &Data) {
        let index = command.index.0;
        if self.reference.position() < index {
            self.apply_first(life.idx, command);
        } else {
            self.witness("deterministic");
            let known = self.reference.command(index);
            let differs = known.is_none_or(|known| known.data != *command.data);
            let other =
                differs.then(|| known.map_or_else(|| "another server".to_owned(), |it| it.by.to_string()));
            self.expect("same_commands", other.is_none(), || {
                let own = describe::<T>(command.data).unwrap_or_default();
                let other = other.unwrap_or_default();
                format!(
                    "{} applied {own} at i{index}, but {other} applied another entry at this index",
                    life.idx
                )
            });
        }
        if self.breach.is_some() {
            return;
        }
        if !self.reference.agrees(index, reply) {
            self.diagnose(life, Probe::Reply(index), &Seen::reply::<T>(reply));
        } else if index.is_multiple_of(self.settings.digest_every) {
            let digest = self.often(machine);
            self.compare(life, digest);
        }
        self.check_invariants(machine, life);
    }

    /// Applies a command to the reference. No server has applied a command at this index before.
    fn apply_first(&mut self, idx: ServerIdx, command: &Command<'_>) {
        let (index, operation) = (command.index.0, operation_of(command.extensions));
        let first = self.reference.apply(idx, index, command.data, operation);
        let text = || describe::<T>(command.data).unwrap_or_default();
        if let Some(number) = operation {
            let is_refused = self.failed.contains(&number);
            self.expect("refused_has_no_effect", !is_refused, || {
                format!("operation #{number} was refused, but {idx} applied {} at i{index}", text())
            });
        }
        if self.settings.delivery == Delivery::AtMostOnce {
            self.expect("applied_once", first.is_none(), || {
                let first = first.unwrap_or_default();
                format!(
                    "the command {} is in the log at i{first} and at i{index}, but its client sends a \
                     command again only after a refusal",
                    text(),
                )
            });
        }
        self.reads.on_applied(self.reference.specification(), index);
    }

    fn diagnose(&mut self, life: &Life, probe: Probe<'_>, seen: &Seen) {
        if self.breach.is_none() {
            self.breach = Some(diagnose(&self.reference, life, probe, seen));
        }
    }

    /// Compares the digest of a state with the digest of another state after the same commands.
    fn compare(&mut self, life: &Life, digest: Option<Digest>) {
        let Some(digest) = digest else { return };
        let hash = digest.hash();
        self.witness("state_is_ordered");
        let known = self.digests.get(&life.applied).copied();
        let known = known.or_else(|| {
            let is_current = life.applied == self.reference.position();
            is_current.then(|| self.reference.machine().digest().hash())
        });
        self.digests.entry(life.applied).or_insert_with(|| known.unwrap_or(hash));
        if known.is_some_and(|known| known != hash) {
            self.diagnose(life, Probe::State, &Seen { hash, text: String::new() });
        }
    }

    fn check_invariants(&mut self, machine: &T, life: &Life) {
        for (name, holds) in self.settings.invariants.iter() {
            *self.witnessed.entry(name).or_default() += 1;
            if let Err(what) = holds(machine) {
                let command = self.reference.command(life.applied).and_then(|it| describe::<T>(&it.data));
                let after = command.map(|it| format!(", {it}")).unwrap_or_default();
                let what = format!("the state of {} after i{}{after}: {what}", life.idx, life.applied);
                self.breach.get_or_insert_with(|| Breach::new(name, what));
            }
        }
    }

    /// Judges the answer of a server to a query. `before` is the digest of the state before the query.
    pub(super) fn on_answered(
        &mut self,
        machine: &T,
        life: &Life,
        before: Option<Digest>,
        data: &Data,
        answer: &Data,
    ) {
        if self.asked.len() < QUERIES_MAX && !self.asked.contains(data) {
            self.asked.push(Data::clone(data));
        }
        if let Some(before) = before
            && let Some(after) = self.often(machine)
        {
            self.expect("query_changes_nothing", before == after, || {
                let text = describe_query::<T>(data);
                format!("the query {text} changed the state of {} after i{}", life.idx, life.applied)
            });
        }
        if self.breach.is_none() && life.applied == self.reference.position() {
            self.witness("deterministic");
            if !is_same_reply::<T>(&query(self.reference.machine(), data), answer) {
                self.diagnose(life, Probe::Answer(data), &Seen::reply::<T>(answer));
            }
        }
    }

    /// Judges a state that a server captured for a snapshot.
    pub(super) fn on_captured(&mut self, machine: &T, life: &Life) {
        let digest = spend(&mut self.seldom_left, machine);
        self.compare(life, digest);
    }

    /// Judges a state machine that has restored a snapshot.
    pub(super) fn on_restored(&mut self, machine: &T, life: &Life) {
        self.witness("snapshot_can_be_restored");
        self.witness("snapshot_is_whole");
        let digest = spend(&mut self.seldom_left, machine);
        self.compare(life, digest);
        if self.breach.is_none() {
            self.check_answers(machine, life);
        }
        self.check_invariants(machine, life);
    }

    /// Compares the answers of a restored state machine with the answers of a new state machine that has
    /// restored the same snapshot.
    fn check_answers(&mut self, machine: &T, life: &Life) {
        let Some(base) = life.base.as_ref().filter(|base| base.had_state) else { return };
        let mut fresh = self.reference.initial();
        if restore(&mut fresh, &base.bytes).is_err() {
            return;
        }
        for data in self.asked.clone() {
            let (kept, right) = (query(machine, &data), query(&fresh, &data));
            self.expect("restore_replaces_state", is_same_reply::<T>(&kept, &right), || {
                format!(
                    "after {0} restored the snapshot that ends at i{3}, it answered {1} in place of {4} to the query {2}: \
                     `restore` kept a part of the older state",
                    life.idx,
                    describe_reply::<T>(&kept),
                    describe_query::<T>(&data),
                    base.index,
                    describe_reply::<T>(&right),
                )
            });
        }
    }

    pub(super) fn on_refused_restore(&mut self, idx: ServerIdx, index: u64, error: &StoreError) {
        self.expect("snapshot_can_be_restored", false, || {
            format!("{idx} cannot restore the snapshot that ends at i{index}: {error}")
        });
    }

    /// True if the answer to a request must agree with the current state.
    fn is_current(&self, want: &MachineWant<T>) -> bool {
        match want.path() {
            None => want.is_command(),
            Some(ReadPath::Index) => true,
            Some(ReadPath::Lease) => self.settings.leases_hold,
            // The leader confirmed that it leads, but its state machine may be behind.
            Some(ReadPath::Verify) => false,
        }
    }

    /// Records that a client begins an operation.
    pub(super) fn on_invoked(&mut self, operation: &Operation<MachineWant<T>>) {
        let (number, want) = (operation.number, &operation.wanted);
        if !self.is_current(want) {
            return;
        }
        let data = Data::clone(want.bytes());
        if want.is_command() {
            self.past.begin(number, PastInput::Command(data), operation.order);
        } else {
            self.reads.open(number, &data, self.reference.specification(), self.reference.position());
            self.past.begin(number, PastInput::Query(data), operation.order);
        }
    }

    /// Judges the end of a client's operation.
    pub(super) fn on_returned(&mut self, operation: &Operation<MachineWant<T>>) {
        let number = operation.number;
        let read = self.reads.close(number);
        let Some(end) = &operation.end else { return };
        match &end.answer {
            Some(OperationAnswer::Applied(index, reply)) => {
                self.past.end(number, end.order, reply, 2 * index.0);
                self.on_acked(operation, index.0, reply);
            }
            Some(OperationAnswer::Got(answer)) => {
                self.past.end(number, end.order, answer, 2 * self.reference.position() + 1);
                if let Some(read) = read {
                    self.on_read(operation, &read, answer);
                }
            }
            None if end.ending == OperationEnd::Failed => {
                self.past.forget(number);
                self.on_failed(operation);
            }
            None if !operation.wanted.is_command() => self.past.forget(number),
            None => {}
        }
    }

    fn on_failed(&mut self, operation: &Operation<MachineWant<T>>) {
        if !operation.wanted.is_command() {
            return;
        }
        self.failed.insert(operation.number);
        let applied = self.reference.operation(operation.number).map(|(index, _)| *index);
        self.expect("refused_has_no_effect", applied.is_none(), || {
            format!("{operation}, but it was applied at i{}", applied.unwrap_or_default())
        });
    }

    fn on_acked(&mut self, operation: &Operation<MachineWant<T>>, index: u64, reply: &Data) {
        let number = operation.number;
        let applied = self.reference.command(index).and_then(|command| command.operation);
        let found = if applied == Some(number) { String::new() } else { text_at(&self.reference, index) };
        self.expect("acked_is_applied", found.is_empty(), || {
            format!("{operation}, but the log has {found} at i{index}")
        });
        self.witness("linearizable");
        let Some((first, promised)) = self.reference.operation(number) else { return };
        if self.breach.is_none() && !is_same_reply::<T>(promised, reply) {
            let promised = format!("the reply at i{first} is {}", describe_reply::<T>(promised));
            self.on_unexplained(operation, &promised);
        }
    }

    fn on_read(&mut self, operation: &Operation<MachineWant<T>>, read: &OpenRead, answer: &Data) {
        self.witness("linearizable");
        if self.breach.is_some() || read.answers.iter().any(|(_, right)| is_same_reply::<T>(right, answer)) {
            return;
        }
        let mut promised = String::from("the answer is");
        for (at, (index, right)) in read.answers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(promised, "{comma} {} after i{index}", describe_reply::<T>(right));
        }
        self.on_unexplained(operation, &promised);
    }

    /// Handles an answer that the order of the log does not explain.
    fn on_unexplained(&mut self, operation: &Operation<MachineWant<T>>, promised: &str) {
        let result = self.past.check(&self.reference);
        if result == CheckResult::Linearizable {
            return;
        }
        let breach = match self.reference.repeated() {
            Some((first, second)) => Breach::new(
                "applied_once",
                format!(
                    "{operation}, but {promised}: {} was sent twice, and took effect at i{first} and again at \
                     i{second}",
                    text_at(&self.reference, second),
                ),
            ),
            None => {
                let search = match result {
                    CheckResult::Illegal => "no other order of the operations explains the answers",
                    CheckResult::Linearizable | CheckResult::Unknown => {
                        "the search for another order of the operations was stopped"
                    }
                };
                Breach::new("linearizable", format!("{operation}, but {promised}; {search}"))
            }
        };
        self.fail(breach);
    }

    /// Compares the states of the running servers at the end of the run.
    pub(super) fn end(&mut self) {
        let replicas: Vec<_> = self.replicas.values().filter_map(Weak::upgrade).collect();
        for replica in replicas {
            let Replica { machine, life } = &*replica.borrow();
            if self.breach.is_none() && life.applied == self.reference.position() {
                let digest = spend(&mut self.seldom_left, &**machine);
                self.compare(life, digest);
            }
        }
    }
}

/// Returns the digest of a state, and subtracts the size of the state in bytes from `left`. Returns `None` if
/// `left` is zero.
fn spend<T: StateMachine>(left: &mut u64, machine: &T) -> Option<Digest> {
    if *left == 0 {
        return None;
    }
    let digest = machine.digest();
    *left = left.saturating_sub(digest.bytes());
    Some(digest)
}

/// Returns the text of the command at an index, or the words `no command`.
fn text_at<T: StateMachine>(reference: &Reference<T>, index: u64) -> String {
    let command = reference.command(index).and_then(|command| describe::<T>(&command.data));
    command.unwrap_or_else(|| "no command".to_owned())
}

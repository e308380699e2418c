//! Finds out why the state or a reply of a server differs from the reference state machine.
//!
//! The diagnosis runs the same commands again in several ways: from the initial state, from the server's
//! snapshot, and together with the queries that the server has answered. The first of these runs with a
//! different result shows which promise of [`StateMachine`] the state machine breaks.

use super::reference::{Reference, apply, query};
use super::{describe, describe_query, describe_reply, hash_of_reply, restore, saved};
use crate::plan::server_set::ServerIdx;
use wavetank_machine::StateMachine;
use wavetank_raft::Data;

/// A promise that a state machine has broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Breach {
    pub(super) check: &'static str,
    pub(super) what: String,
}

impl Breach {
    pub(super) const fn new(check: &'static str, what: String) -> Self {
        Self { check, what }
    }
}

/// The history of a server's state machine since the start or the last restore of the state machine.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) idx: ServerIdx,
    /// The index of the last command that is part of the state.
    pub(super) applied: u64,
    pub(super) base: Option<Base>,
    /// The queries that were answered. Each query comes with the index of the last command before the query.
    pub(super) queries: Vec<(u64, Data)>,
}

/// The snapshot from which a state machine was restored.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// The index of the last command in the snapshot.
    pub(super) index: u64,
    pub(super) bytes: Data,
    /// True if the state machine already had a state before the restore.
    pub(super) had_state: bool,
}

/// The part of a state machine's behaviour that disagrees with the reference.
#[derive(Clone, Copy, Debug)]
pub(super) enum Probe<'a> {
    /// The reply to the command at this index.
    Reply(u64),
    /// The answer to this query.
    Answer(&'a Data),
    /// The digest of the state.
    State,
}

/// The result of a probe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) hash: u64,
    /// The text of the reply or of the answer. Empty if the result is a state.
    pub(super) text: String,
}

impl Seen {
    pub(super) fn reply<T: StateMachine>(reply: &Data) -> Self {
        Self { hash: hash_of_reply::<T>(reply).unwrap_or_default(), text: describe_reply::<T>(reply) }
    }

    pub(super) fn state<T: StateMachine>(machine: &T) -> Self {
        Self { hash: machine.digest().hash(), text: String::new() }
    }
}

/// Returns the broken promise that explains the result `seen` of a server's probe.
pub(super) fn diagnose<T: StateMachine>(
    reference: &Reference<T>,
    life: &Life,
    probe: Probe<'_>,
    seen: &Seen,
) -> Breach {
    let diagnosis = Diagnosis { reference, life, probe };
    if matches!(probe, Probe::State) && diagnosis.is_unordered() {
        return diagnosis.unordered();
    }
    let expected = diagnosis.run_again(None, &[]);
    let mut others = (1..Diagnosis::<T>::RUNS).map(|_| diagnosis.run_again(None, &[]));
    if let Some(other) = others.find(|other| other.hash != expected.hash) {
        return diagnosis.not_deterministic(&expected, &other);
    }
    if expected.hash == seen.hash {
        return match probe {
            Probe::Reply(_) | Probe::Answer(_) => diagnosis.changed_by_query(
                "that the judge asked",
                ". If no query changes the state, then `apply` is not deterministic in a rare case",
            ),
            Probe::State => diagnosis.other_state(),
        };
    }
    if let Some(base) = &life.base {
        let restored = diagnosis.run_again(Some(base), &[]);
        if restored.hash != expected.hash {
            return diagnosis.not_whole(base, &restored, &expected);
        }
    }
    if diagnosis.run_again(life.base.as_ref(), &life.queries).hash == seen.hash {
        return diagnosis.changed_by_query("that a server answered", "");
    }
    match &life.base {
        Some(base) if base.had_state => diagnosis.not_replaced(base, seen, &expected),
        _ => diagnosis.not_deterministic(seen, &expected),
    }
}

struct Diagnosis<'a, T: StateMachine> {
    reference: &'a Reference<T>,
    life: &'a Life,
    probe: Probe<'a>,
}

impl<T: StateMachine> Diagnosis<'_, T> {
    /// The number of times that the commands are run to find out whether they always have the same result. Two
    /// keys of a hash map have the same order in about half of the runs, so a few runs often agree by chance.
    const RUNS: usize = 32;
    /// The number of times that a state is restored to find out whether the order of its parts changes.
    const RESTORES: usize = 16;

    /// The index of the last command before the probe.
    const fn upto(&self) -> u64 {
        match self.probe {
            Probe::Reply(index) => index - 1,
            Probe::Answer(_) | Probe::State => self.life.applied,
        }
    }

    /// Runs the commands and `queries` again from the snapshot `base`, or from the initial state if `base` is
    /// `None`, and probes the result. If the snapshot cannot be restored, the result has the hash zero and the
    /// text of the error.
    fn run_again(&self, base: Option<&Base>, queries: &[(u64, Data)]) -> Seen {
        let (mut machine, mut from) = (self.reference.initial(), 0);
        if let Some(base) = base {
            if let Err(error) = restore(&mut machine, &base.bytes) {
                return Seen { hash: 0, text: error.to_string() };
            }
            from = base.index;
        }
        self.reference.replay(&mut machine, from, self.upto(), queries);
        match self.probe {
            Probe::Reply(index) => match self.reference.command(index) {
                Some(command) => Seen::reply::<T>(&apply(&mut machine, &command.data)),
                None => Seen { hash: 0, text: String::new() },
            },
            Probe::Answer(data) => Seen::reply::<T>(&query(&machine, data)),
            Probe::State => Seen::state(&machine),
        }
    }

    /// True if restores of one snapshot have different digests. In that case, a restore changes the order of a
    /// sequence in the state.
    fn is_unordered(&self) -> bool {
        let mut machine = self.reference.initial();
        self.reference.replay(&mut machine, 0, self.upto(), &[]);
        let Ok(bytes) = saved(&machine) else { return false };
        let mut hashes = (0..Self::RESTORES).map(|_| {
            let mut copy = self.reference.initial();
            restore(&mut copy, &bytes).ok().map(|()| copy.digest().hash())
        });
        let first = hashes.next();
        hashes.any(|hash| Some(hash) != first)
    }

    /// Returns a sentence about the result `seen`: a reply to a command, an answer to a query, or a state.
    fn says(&self, seen: &Seen) -> String {
        let Life { idx, applied, .. } = self.life;
        match self.probe {
            Probe::Reply(index) => {
                let command = self.reference.command(index).and_then(|it| describe::<T>(&it.data));
                format!("{idx} replied {} to {} at i{index}", seen.text, command.unwrap_or_default())
            }
            Probe::Answer(data) => {
                format!(
                    "{idx} answered {} to {} after it had applied i{applied}",
                    seen.text,
                    describe_query::<T>(data)
                )
            }
            Probe::State => format!("{idx} has a wrong state after it applied i{applied}"),
        }
    }

    /// Returns a comma, the word `not`, and the text of the correct reply or answer `other`. Returns an empty
    /// text for a state.
    fn instead(&self, other: &Seen) -> String {
        match self.probe {
            Probe::Reply(_) | Probe::Answer(_) => format!(", not {}", other.text),
            Probe::State => String::new(),
        }
    }

    fn not_deterministic(&self, one: &Seen, other: &Seen) -> Breach {
        let what = match self.probe {
            Probe::Reply(index) => {
                let command = self.reference.command(index).and_then(|it| describe::<T>(&it.data));
                format!(
                    "the reply to {} at i{index} was {} in one run of the same commands, and {} in another \
                     run: `apply` depends on something other than the state and the command, such as a \
                     clock, a random number or the order of a hash map",
                    command.unwrap_or_default(),
                    one.text,
                    other.text,
                )
            }
            Probe::Answer(data) => format!(
                "the answer to {} after i{} was {} in one run of the same commands, and {} in another run: \
                 `apply` or `query` depends on something other than its input and the state, such as a \
                 clock, a random number or the order of a hash map",
                describe_query::<T>(data),
                self.life.applied,
                one.text,
                other.text,
            ),
            Probe::State => format!(
                "two runs of the same commands up to i{} gave different states, but equal replies: `apply` \
                 stores something that is not in the commands, such as a time or a random number",
                self.life.applied,
            ),
        };
        Breach::new("deterministic", what)
    }

    /// Returns the broken promise of another server. The digest of that server was recorded first, and that
    /// server had the wrong state.
    fn other_state(&self) -> Breach {
        let upto = self.life.applied;
        let what = format!(
            "another server had a wrong state after i{upto}: another run of the same commands gives a different state"
        );
        Breach::new("deterministic", what)
    }

    fn unordered(&self) -> Breach {
        let what = format!(
            "the replies agree, but the bytes of the states differ. The state of {} after i{} has a sequence whose \
             order changes when the state is restored. Use an ordered set, for example `BTreeSet`",
            self.life.idx, self.life.applied,
        );
        Breach::new("state_is_ordered", what)
    }

    fn changed_by_query(&self, asked: &str, unless: &str) -> Breach {
        let last = self.life.queries.last().map(|(_, query)| describe_query::<T>(query));
        let example = last.map(|query| format!("; the last query was {query}")).unwrap_or_default();
        let what = format!(
            "a query {asked} changed the state: without queries, the commands up to i{} give other \
             replies and answers{example}{unless}",
            self.upto(),
        );
        Breach::new("query_changes_nothing", what)
    }

    fn not_whole(&self, base: &Base, restored: &Seen, expected: &Seen) -> Breach {
        let what = format!(
            "{}{}: the snapshot that ends at i{} does not contain the whole state",
            self.says(restored),
            self.instead(expected),
            base.index,
        );
        Breach::new("snapshot_is_whole", what)
    }

    fn not_replaced(&self, base: &Base, seen: &Seen, expected: &Seen) -> Breach {
        let what = format!(
            "{}{}: `restore` kept a part of the older state when it restored the snapshot that ends at i{}",
            self.says(seen),
            self.instead(expected),
            base.index,
        );
        Breach::new("restore_replaces_state", what)
    }
}

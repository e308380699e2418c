//! What must hold: one property a file, each a small function of what it looks at.
//!
//! The judges of a run ([`check`](mod@crate::check)) keep a ledger of the whole run, which is what an
//! exploration cannot afford: whatever is remembered makes two states of one. Here is stated of
//! single states and steps what can be, and remembered of the past is only who led which term, what
//! was committed, and each server's last vote. A schedule that breaks one of these is then played to
//! the judges of runs, who say what they think of it.

use super::local::Local;
use super::stimulus::{Letter, Stimulus};
use crate::check::{Check, Column};
use wavetank_raft::Response;

pub mod change_after_own_commit;
pub mod commit_own_term_only;
pub mod committed_is_durable_on_quorum;
pub mod committed_never_dropped;
pub mod election_safety;
pub mod leader_append_only;
pub mod leader_completeness;
pub mod log_matching;
pub mod persist_before_send;
pub mod state_machine_safety;
pub mod term_monotonic;
pub mod vote_once_per_term;

#[cfg(test)]
mod cast;

/// A property that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// As its file is named, and that of the judge of runs.
    pub property: &'static str,
    /// Where it is stated.
    pub section: &'static str,
    /// What was seen.
    pub what: String,
}

/// The name of what is no property: the code under test broke a promise of its own, and said so.
pub const PANIC: &str = "panic";

/// A property's name, the least column it is part of, and where it is stated: those of the judge of
/// runs.
#[derive(Clone, Copy, Debug)]
pub struct Stated {
    property: &'static str,
    column: Column,
    section: &'static str,
}

impl Stated {
    const fn of<C: Check>() -> Self {
        Self { property: C::NAME, column: C::COLUMN, section: C::SECTION }
    }

    /// The breach, if somebody saw one and it is judged.
    pub(crate) fn breach(self, judged: Column, seen: impl FnOnce() -> Option<String>) -> Option<Breach> {
        if judged < self.column {
            return None;
        }
        let what = seen()?;
        Some(Breach { property: self.property, section: self.section, what })
    }
}

/// What somebody claims to hold of every server. Where it does not, the search says by which shortest
/// schedule: so one can also ask how something comes about.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// What it is called.
    pub name: &'static str,
    /// Whether it holds of a server.
    pub holds: fn(&Local) -> bool,
}

impl Claim {
    pub(crate) fn breach(self, server: &Local) -> Option<Breach> {
        let what = || format!("{} {} {}", server.slot, server.node.role(), server.node.term());
        (!(self.holds)(server)).then(|| Breach { property: self.name, section: "a claim", what: what() })
    }
}

/// A server's step.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The server before.
    pub before: &'a Local,
    /// What happened to it.
    pub stimulus: &'a Stimulus<'a>,
    /// The server after.
    pub after: &'a Local,
}

/// What a property says of a step.
type Rule = fn(&Turn<'_>) -> Option<String>;

/// What a step broke.
#[must_use]
pub fn of_a_step(turn: &Turn<'_>, judged: Column) -> Option<Breach> {
    let all: [(Stated, Rule); 5] = [
        (term_monotonic::STATED, term_monotonic::breach),
        (committed_never_dropped::STATED, committed_never_dropped::breach),
        (leader_append_only::STATED, leader_append_only::breach),
        (commit_own_term_only::STATED, commit_own_term_only::breach),
        (change_after_own_commit::STATED, change_after_own_commit::breach),
    ];
    all.into_iter().find_map(|(stated, breach)| stated.breach(judged, || breach(turn)))
}

/// What a call broke, as it left.
#[must_use]
pub fn of_a_letter(sender: &Local, letter: &Letter, judged: Column) -> Option<Breach> {
    match letter {
        Letter::Call { request, .. } => {
            persist_before_send::STATED.breach(judged, || persist_before_send::call(&sender.disk, request))
        }
        Letter::Answer { .. } => None,
    }
}

/// What an answer to a call broke, as it left.
#[must_use]
pub fn of_an_answer(
    sender: &Local,
    (call, response): (&Letter, &Response),
    judged: Column,
) -> Option<Breach> {
    vote_once_per_term::STATED
        .breach(judged, || vote_once_per_term::breach(sender.granted, call, response))
        .or_else(|| {
            let early = || persist_before_send::answer(&sender.disk, call, response);
            persist_before_send::STATED.breach(judged, early)
        })
}

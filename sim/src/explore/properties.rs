//! What must hold: one property a file, each a small function of what it looks at.
//!
//! The judges of a run ([`check`](mod@crate::check)) keep a ledger of the whole run, which is what an
//! exploration cannot afford: whatever is remembered makes two states of one. Here is stated of
//! single states and steps what can be, and remembered of the past is only who led which term, what
//! was committed, and each server's last vote. A schedule that breaks one of these is then played to
//! the judges of runs, who say what they think of it.

#[cfg(test)]
mod scripted_cluster;

use super::stimulus::{ModelMessage, Stimulus};
use crate::check::{self, Check};
use crate::explore::server_state::ServerState;
use crate::plan::judge_level::JudgeLevel;
use wavetank_raft::Response;

pub(super) mod change_after_own_commit;
pub(super) mod commit_own_term_only;
pub(super) mod committed_is_durable_on_quorum;
pub(super) mod committed_never_dropped;
pub(super) mod leader_append_only;
pub(super) mod leader_completeness;
pub(super) mod log_matching;
pub(super) mod persist_before_send;
pub(super) mod state_machine_safety;
pub(super) mod term_monotonic;
pub(super) mod vote_once_per_term;

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

/// The breach of a property, if somebody saw one and the property is judged. Its name, section and
/// column are those of the judge of runs.
pub(super) fn breach(
    check: &Check,
    judged: JudgeLevel,
    seen: impl FnOnce() -> Option<String>,
) -> Option<Breach> {
    if judged < check.column {
        return None;
    }
    Some(Breach { property: check.name, section: check.section, what: seen()? })
}

/// What somebody claims to hold of every server. Where it does not, the search expect_rows by which shortest
/// schedule: so one can also ask how something comes about.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// What it is called.
    pub name: &'static str,
    /// Whether it holds of a server.
    pub holds: fn(&ServerState) -> bool,
}

impl Claim {
    pub(crate) fn breach(self, server: &ServerState) -> Option<Breach> {
        let what = || format!("{} {} {}", server.idx, server.node.role(), server.node.term());
        (!(self.holds)(server)).then(|| Breach { property: self.name, section: "a claim", what: what() })
    }
}

/// A server's step.
#[derive(Clone, Copy, Debug)]
pub struct ServerStep<'a> {
    /// The server before.
    pub before: &'a ServerState,
    /// What happened to it.
    pub stimulus: &'a Stimulus<'a>,
    /// The server after.
    pub after: &'a ServerState,
}

/// What a property expect_rows of a step.
type Rule = fn(&ServerStep<'_>) -> Option<String>;

/// What a step broke.
#[must_use]
pub fn step_breach(step: &ServerStep<'_>, judged: JudgeLevel) -> Option<Breach> {
    let all: [(&Check, Rule); 5] = [
        (&check::election::term_monotonic::CHECK, term_monotonic::breach),
        (&check::commit::committed_never_dropped::CHECK, committed_never_dropped::breach),
        (&check::log::leader_append_only::CHECK, leader_append_only::breach),
        (&check::commit::commit_own_term_only::CHECK, commit_own_term_only::breach),
        (&check::membership::change_after_own_commit::CHECK, change_after_own_commit::breach),
    ];
    all.into_iter().find_map(|(check, rule)| breach(check, judged, || rule(step)))
}

/// What a call broke, as it left.
#[must_use]
pub fn request_breach(sender: &ServerState, message: &ModelMessage, judged: JudgeLevel) -> Option<Breach> {
    let ModelMessage::Request { request, .. } = message else { return None };
    breach(&check::storage::persist_before_send::CHECK, judged, || {
        persist_before_send::call(&sender.disk, request)
    })
}

/// What an answer to a call broke, as it left.
#[must_use]
pub fn response_breach(
    sender: &ServerState,
    call: &ModelMessage,
    response: &Response,
    judged: JudgeLevel,
) -> Option<Breach> {
    let again = || vote_once_per_term::breach(sender.granted, call, response);
    let early = || persist_before_send::answer(&sender.disk, call, response);
    breach(&check::election::vote_once_per_term::CHECK, judged, again)
        .or_else(|| breach(&check::storage::persist_before_send::CHECK, judged, early))
}

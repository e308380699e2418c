//! The properties that no state and no step may break. Each property is a small function of one state or one
//! step, in a file of its own.
//!
//! The judges of a run ([`check`](mod@crate::check)) keep ghost state of the whole run. A search cannot keep
//! such ghost state, because every remembered value multiplies the number of states. Therefore most
//! properties here are properties of single states and steps. The search remembers only the leader of each
//! term, the committed entries, and each server's last vote. A schedule that breaks a property is also played
//! as a run, and the judges of this run give their own verdict.

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

/// The breach of a property by a state or a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// The name of the property. The file of the property and the corresponding check of runs have the same
    /// name.
    pub property: &'static str,
    /// The section of the thesis that states the property.
    pub section: &'static str,
    /// A text that describes the violation.
    pub what: String,
}

/// The property name of a breach that is a panic of the code under test, for example at an assertion.
pub const PANIC: &str = "panic";

/// Evaluates a property if the level `judged` includes the level of the property. `check` is the
/// corresponding check of runs. `seen` returns the violation in words, or `None`. The breach gets the name
/// and the section of `check`.
pub(super) fn breach(
    check: &Check,
    judged: JudgeLevel,
    seen: impl FnOnce() -> Option<String>,
) -> Option<Breach> {
    if judged < check.level {
        return None;
    }
    Some(Breach { property: check.name, section: check.section, what: seen()? })
}

/// A claim about every server. A caller passes the claim to the search. If the claim is false for some
/// server, the search returns a shortest schedule that leads to this server. For example, if the claim is
/// that no server reaches a certain state, the search finds a shortest schedule that leads to this state.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The name of the claim.
    pub name: &'static str,
    /// Returns true if the claim is true for this server.
    pub holds: fn(&ServerState) -> bool,
}

impl Claim {
    pub(crate) fn breach(self, server: &ServerState) -> Option<Breach> {
        let what = || format!("{} {} {}", server.idx, server.node.role(), server.node.term());
        (!(self.holds)(server)).then(|| Breach { property: self.name, section: "a claim", what: what() })
    }
}

/// A step of one server.
#[derive(Clone, Copy, Debug)]
pub struct ServerStep<'a> {
    /// The state of the server before the step.
    pub before: &'a ServerState,
    /// The stimulus of the step.
    pub stimulus: &'a Stimulus<'a>,
    /// The state of the server after the step.
    pub after: &'a ServerState,
}

/// A rule for a step. Returns the violation in words, or `None` if the step does not break the rule.
type Rule = fn(&ServerStep<'_>) -> Option<String>;

/// Returns the breach of the first property that a step breaks, or `None` if the step breaks no property.
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

/// Returns the breach if `sender` breaks a property when it sends the request `message`. Returns `None` if
/// the request breaks no property, or if `message` is a response.
#[must_use]
pub fn request_breach(sender: &ServerState, message: &ModelMessage, judged: JudgeLevel) -> Option<Breach> {
    let ModelMessage::Request { request, .. } = message else { return None };
    breach(&check::storage::persist_before_send::CHECK, judged, || {
        persist_before_send::call(sender.idx, &sender.disk, request)
    })
}

/// Returns the breach if `sender` breaks a property when it sends `response`, or `None` if the response
/// breaks no property. `call` is the request that is answered.
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

//! The checks of client answers. Each file contains the check of one property.
//!
//! The checks see operations and applied commands. The checks do not see terms, votes or logs. Therefore the
//! checks can judge any replicated store. The checks compare the answers with their own reference store,
//! `Record`, and not with the store under test.

mod acked_writes;
mod exactly_once;
mod fresh_reads;
mod honest_failures;
mod linearizable;
mod no_phantom;
mod record;
mod session_order;
mod witness;

#[cfg(test)]
mod fixture;

use super::clients::KvOperation;
use super::image;
use super::wire::Command;
use crate::engine::workload::Want;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Violation};
use crate::observe::{Observation, ObservationKind, OperationEnd};
use crate::plan::Plan;
use crate::plan::server_set::ServerIdx;
use crate::runner::observers::CustomChecks;
use crate::subject::Subject;
use acked_writes::AckedWrites;
use exactly_once::ExactlyOnce;
use fresh_reads::FreshReads;
use honest_failures::HonestFailures;
use linearizable::Linearizable;
use no_phantom::NoPhantom;
use record::Record;
use session_order::SessionOrder;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use wavetank_raft::{Entry, Index, Payload, ReadPath, Time};

/// The guarantees that the clients of a run have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Promises {
    /// True if the clocks stay within the bound on drift that leases assume. A read under a lease is then up
    /// to date.
    pub leases_hold: bool,
}

/// An event that the client checks judge.
#[derive(Debug)]
enum ClientEvent<'a> {
    /// A client began an operation.
    Invoked(&'a KvOperation),
    /// A client's operation ended.
    Returned(&'a KvOperation),
    /// A state machine applied the entry at this index, and no other state machine had applied the entry
    /// before. The command is `None` if the entry is not a command of the store.
    FirstApplied(Index, Option<Command<'a>>),
    /// The state machine of this server applied an entry at this index, but another state machine had applied
    /// a different entry at this index before.
    DifferentApplied(ServerIdx, Index),
    /// A server crashed, halted or started.
    ServerReset(ServerIdx),
}

impl<'a> ClientEvent<'a> {
    /// Returns the operation of the event if the operation has ended with success.
    fn done(&self) -> Option<&'a KvOperation> {
        match self {
            Self::Returned(operation) => {
                Some(*operation).filter(|operation| operation.ended(OperationEnd::Ok))
            }
            _ => None,
        }
    }
}

/// The result of a check for an event. `None`: the check does not judge this event. `Ok`: the event fits the
/// property. `Err`: the message of the violation.
type ClientVerdict = Option<Result<(), String>>;

fn holds(is_so: bool, what: impl FnOnce() -> String) -> ClientVerdict {
    if is_so { Some(Ok(())) } else { violated(what) }
}

// Only a failing run formats a message, so the compiler keeps this code out of the hot path.
#[cold]
fn violated(what: impl FnOnce() -> String) -> ClientVerdict {
    Some(Err(what()))
}

/// A property of the answers that clients get.
trait ClientCheck: fmt::Debug {
    /// Judges an event. The record already includes the event. However, an operation that has just returned is
    /// still open in the record.
    fn judge(&mut self, record: &Record, event: &ClientEvent<'_>) -> ClientVerdict;

    /// Judges the end of the run. Returns a message if the property was violated.
    fn end(&mut self, _: &Record) -> Option<String> {
        None
    }
}

/// A check. `name` is the name of the check and of its file. `section` is the section of the thesis that
/// states the property.
#[derive(Debug)]
struct ClientJudge {
    name: &'static str,
    section: &'static str,
    check: Box<dyn ClientCheck>,
    /// The number of cases that the check judged.
    witnessed: u64,
}

impl ClientJudge {
    fn new(name: &'static str, section: &'static str, check: impl ClientCheck + 'static) -> Self {
        Self { name, section, check: Box::new(check), witnessed: 0 }
    }

    fn judge(&mut self, record: &Record, event: &ClientEvent<'_>) -> Option<String> {
        let judged = self.check.judge(record, event)?;
        self.witnessed += 1;
        judged.err()
    }
}

/// The checks of the clients of one run.
#[derive(Debug)]
pub struct ClientJudges {
    record: Record,
    /// The checks in the order in which they run.
    judges: Vec<ClientJudge>,
    step: u64,
    /// True if an operator replaced the state by a restore. Then the checks stop, because earlier answers no
    /// longer fit the state.
    is_replaced: bool,
    verdict: Option<Violation>,
}

impl ClientJudges {
    /// Creates the checks for clients with these guarantees.
    #[must_use]
    pub fn new(promises: Promises) -> Self {
        let judges = vec![
            ClientJudge::new("acked_writes", "thesis §6.3", AckedWrites::default()),
            ClientJudge::new("exactly_once", "thesis §6.3", ExactlyOnce),
            ClientJudge::new("honest_failures", "thesis §6.2", HonestFailures::default()),
            ClientJudge::new("no_phantom", "thesis §6.4", NoPhantom),
            ClientJudge::new("fresh_reads", "thesis §6.4", FreshReads(promises)),
            ClientJudge::new("session_order", "thesis §6.4", SessionOrder::default()),
            ClientJudge::new("linearizable", "thesis §6", Linearizable::new(promises)),
        ];
        Self { record: Record::default(), judges, step: 0, is_replaced: false, verdict: None }
    }

    /// Runs the checks that judge the whole run.
    pub fn end(&mut self, at: Time) {
        if !self.is_replaced {
            self.run_checks(at, |judge, record| judge.check.end(record));
        }
    }

    /// Returns the first violation. Returns `None` if no check has reported a violation.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Violation> {
        self.verdict.as_ref()
    }

    /// Returns the number of cases that each check judged. The key is the name of the check.
    #[must_use]
    pub fn witnessed(&self) -> BTreeMap<String, u64> {
        self.judges.iter().map(|judge| (judge.name.to_owned(), judge.witnessed)).collect()
    }

    fn judge(&mut self, at: Time, event: &ClientEvent<'_>) {
        self.run_checks(at, |judge, record| judge.judge(record, event));
    }

    /// Runs the checks in order until one check reports a violation.
    fn run_checks(&mut self, at: Time, run: impl Fn(&mut ClientJudge, &Record) -> Option<String>) {
        if self.verdict.is_some() {
            return;
        }
        self.verdict = self.judges.iter_mut().find_map(|judge| {
            let what = run(judge, &self.record)?;
            let (check, section) = (judge.name.to_owned(), judge.section.to_owned());
            Some(Violation { check, class: Class::Safety, section, what, at, step: self.step })
        });
    }

    fn on_applied(&mut self, at: Time, idx: ServerIdx, entry: &Entry) {
        let index = entry.id.index;
        let bytes = match &entry.payload {
            Payload::Command(bytes) => Some(bytes),
            Payload::Extended(both) => Some(&both.data),
            // The store accepts this backup only if the backup changes no key.
            Payload::Restore(state) if image::is_backup(state) => None,
            Payload::Restore(_) => {
                self.is_replaced = true;
                return;
            }
            _ => None,
        };
        if self.record.is_known(index) {
            if !self.record.agrees(index, bytes) {
                self.judge(at, &ClientEvent::DifferentApplied(idx, index));
            }
            return;
        }
        let command = bytes.and_then(|bytes| Command::decode(bytes));
        self.record.record(index, bytes, command.as_ref());
        self.judge(at, &ClientEvent::FirstApplied(index, command));
    }
}

impl<S: Subject> Observer<S> for ClientJudges {
    // Most observations do not concern clients, so the function returns early.
    #[inline]
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        if self.verdict.is_some() || self.is_replaced {
            return;
        }
        self.step = observation.step;
        if !matches!(
            observation.kind,
            ObservationKind::Stepping { .. }
                | ObservationKind::Stepped { .. }
                | ObservationKind::Sent { .. }
                | ObservationKind::Durable { .. }
        ) {
            self.on_client_observation(observation);
        }
    }
}

impl ClientJudges {
    fn on_client_observation<S: Subject>(&mut self, observation: &Observation<'_, S>) {
        let at = observation.at;
        match observation.kind {
            ObservationKind::Applied { idx, batch, .. } => {
                batch.entries.iter().for_each(|entry| self.on_applied(at, idx, entry));
            }
            ObservationKind::Invoked { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<KvOperation>() {
                    self.record.open(operation.number);
                    self.judge(at, &ClientEvent::Invoked(operation));
                }
            }
            ObservationKind::Returned { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<KvOperation>() {
                    self.judge(at, &ClientEvent::Returned(operation));
                    self.record.close(operation.number);
                }
            }
            ObservationKind::Crashed { idx, .. }
            | ObservationKind::Halted(idx)
            | ObservationKind::Booted { idx, .. } => {
                self.judge(at, &ClientEvent::ServerReset(idx));
            }
            _ => {}
        }
    }
}

impl CustomChecks for ClientJudges {
    fn end(&mut self, at: Time) {
        Self::end(self, at);
    }

    fn verdict(&self) -> Option<&Violation> {
        Self::verdict(self)
    }

    fn witnessed(&self) -> BTreeMap<String, u64> {
        Self::witnessed(self)
    }
}

impl From<&Plan> for Promises {
    /// Returns the guarantees that the clocks of a plan allow.
    fn from(plan: &Plan) -> Self {
        let jumps = plan.nemesis.scheduled.keys().any(|kind| kind.breaks_leases());
        let apart = 2 * u64::from(plan.clocks.drift_ppm);
        Self { leases_hold: !jumps && apart <= plan.config.lease_clock_drift_ppm }
    }
}

impl Promises {
    /// True if the answer to this request must reflect the current state.
    const fn is_current(self, want: &Want) -> bool {
        match want {
            Want::Apply(_) | Want::ApplyLog { .. } | Want::Read(ReadPath::Index, _) => true,
            Want::Read(ReadPath::Lease, _) => self.leases_hold,
            // The leader confirmed that it leads, but the leader's state machine may be behind.
            Want::Read(ReadPath::Verify, _) | Want::Stale(_) => false,
        }
    }
}

//! What is demanded of the answers that clients get: one property a file.
//!
//! The checks look at operations and at what state machines apply, and know nothing of terms,
//! votes and logs: they would judge any replicated store alike. What took effect is taken from
//! `Record`, a plain store of the judges' own, never from the store that is judged.

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

use super::clients::Operation;
use super::wire::Command;
use crate::engine::workload::Want;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Violation};
use crate::observe::{Observation, ObservationKind, OperationEnd};
use crate::plan::Plan;
use crate::plan::server_set::ServerIdx;
use crate::runner::observers::CustomChecks;
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

/// What a run's clients are promised.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Promises {
    /// Clocks keep the bound that leases assume, so a read under a lease is up to date.
    pub leases_hold: bool,
}

/// Something that clients can tell of.
#[derive(Debug)]
enum Moment<'a> {
    /// A client began an operation.
    Invoked(&'a Operation),
    /// A client knows how its operation ended.
    Returned(&'a Operation),
    /// A state machine applied what stands at this index, as the first one: a command to the store, if
    /// it was one.
    First(Index, Option<Command<'a>>),
    /// A state machine applied something else than the first one at this index.
    Other(ServerIdx, Index),
    /// A server died, or started.
    Broke(ServerIdx),
}

impl<'a> Moment<'a> {
    /// The operation that was done, if one was.
    fn done(&self) -> Option<&'a Operation> {
        match self {
            Self::Returned(operation) => {
                Some(*operation).filter(|operation| operation.ended(OperationEnd::Ok))
            }
            _ => None,
        }
    }
}

/// What a check says of a moment: `None` if there is nothing that it judges, or that the property
/// held, or the sentence that says how it did not.
type Judged = Option<Result<(), String>>;

fn holds(is_so: bool, what: impl FnOnce() -> String) -> Judged {
    if is_so { Some(Ok(())) } else { broken(what) }
}

// A sentence is written for the one time that something is wrong; it must not be in the way before.
#[cold]
fn broken(what: impl FnOnce() -> String) -> Judged {
    Some(Err(what()))
}

/// A property of what clients see.
trait Check: fmt::Debug {
    /// Looks at a moment; the record is as it is after it, but for a return: open operations are
    /// still open then.
    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Judged;

    /// The run is over. Returns how the property did not hold, if it did not.
    fn end(&mut self, _: &Record) -> Option<String> {
        None
    }
}

/// A check with its name, which is that of its file, and where its property is stated.
#[derive(Debug)]
struct Judge {
    name: &'static str,
    section: &'static str,
    check: Box<dyn Check>,
    /// How often the check saw what it judges.
    witnessed: u64,
}

impl Judge {
    fn new(name: &'static str, section: &'static str, check: impl Check + 'static) -> Self {
        Self { name, section, check: Box::new(check), witnessed: 0 }
    }

    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<String> {
        let judged = self.check.judge(record, moment)?;
        self.witnessed += 1;
        judged.err()
    }
}

/// The judges of one run's clients.
#[derive(Debug)]
pub struct Judges {
    record: Record,
    /// In the order in which they look.
    judges: Vec<Judge>,
    step: u64,
    /// The state was replaced from outside: what clients were told binds nobody any more.
    is_void: bool,
    verdict: Option<Violation>,
}

impl Judges {
    /// The judges of clients who were promised this.
    #[must_use]
    pub fn new(promises: Promises) -> Self {
        let judges = vec![
            Judge::new("acked_writes", "thesis §6.3", AckedWrites::default()),
            Judge::new("exactly_once", "thesis §6.3", ExactlyOnce),
            Judge::new("honest_failures", "thesis §6.2", HonestFailures::default()),
            Judge::new("no_phantom", "thesis §6.4", NoPhantom),
            Judge::new("fresh_reads", "thesis §6.4", FreshReads(promises)),
            Judge::new("session_order", "thesis §6.4", SessionOrder::default()),
            Judge::new("linearizable", "thesis §6", Linearizable::new(promises)),
        ];
        Self { record: Record::default(), judges, step: 0, is_void: false, verdict: None }
    }

    /// The run is over: what can only be told of the whole is told now.
    pub fn end(&mut self, at: Time) {
        if !self.is_void {
            self.ask(at, |judge, record| judge.check.end(record));
        }
    }

    /// The first property that did not hold.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Violation> {
        self.verdict.as_ref()
    }

    /// How often each check saw what it judges.
    #[must_use]
    pub fn witnessed(&self) -> BTreeMap<String, u64> {
        self.judges.iter().map(|judge| (judge.name.to_owned(), judge.witnessed)).collect()
    }

    fn judge(&mut self, at: Time, moment: &Moment<'_>) {
        self.ask(at, |judge, record| judge.judge(record, moment));
    }

    /// Asks one judge after the other, until one says what did not hold.
    fn ask(&mut self, at: Time, question: impl Fn(&mut Judge, &Record) -> Option<String>) {
        if self.verdict.is_some() {
            return;
        }
        self.verdict = self.judges.iter_mut().find_map(|judge| {
            let what = question(judge, &self.record)?;
            let (check, section) = (judge.name.to_owned(), judge.section.to_owned());
            Some(Violation { check, class: Class::Safety, section, what, at, step: self.step })
        });
    }

    fn take(&mut self, at: Time, idx: ServerIdx, entry: &Entry) {
        let index = entry.id.index;
        let bytes = match &entry.payload {
            Payload::Command(bytes) => Some(bytes),
            Payload::Extended(both) => Some(&both.data),
            Payload::Restore(_) => {
                self.is_void = true;
                return;
            }
            _ => None,
        };
        if self.record.is_known(index) {
            if !self.record.agrees(index, bytes) {
                self.judge(at, &Moment::Other(idx, index));
            }
            return;
        }
        let command = bytes.and_then(|bytes| Command::decode(bytes));
        self.record.take(index, bytes, command.as_ref());
        self.judge(at, &Moment::First(index, command));
    }
}

impl Observer for Judges {
    // Most of what happens is not the clients' business.
    #[inline]
    fn on_observation(&mut self, observation: &Observation<'_>) {
        if self.verdict.is_some() || self.is_void {
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
            self.look(observation);
        }
    }
}

impl Judges {
    fn look(&mut self, observation: &Observation<'_>) {
        let at = observation.at;
        match observation.kind {
            ObservationKind::Applied { idx, batch, .. } => {
                batch.entries.iter().for_each(|entry| self.take(at, idx, entry));
            }
            ObservationKind::Invoked { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<Operation>() {
                    self.record.open(operation.number);
                    self.judge(at, &Moment::Invoked(operation));
                }
            }
            ObservationKind::Returned { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<Operation>() {
                    self.judge(at, &Moment::Returned(operation));
                    self.record.close(operation.number);
                }
            }
            ObservationKind::Crashed { idx, .. }
            | ObservationKind::Halted(idx)
            | ObservationKind::Booted { idx, .. } => {
                self.judge(at, &Moment::Broke(idx));
            }
            _ => {}
        }
    }
}

impl CustomChecks for Judges {
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
    /// What a plan's clocks allow to promise.
    fn from(plan: &Plan) -> Self {
        let jumps = plan.nemesis.scheduled.keys().any(|kind| kind.breaks_leases());
        let apart = 2 * u64::from(plan.clocks.drift_ppm);
        Self { leases_hold: !jumps && apart <= plan.config.lease_clock_drift_ppm }
    }
}

impl Promises {
    /// Whether this must be answered from the state as it is.
    const fn is_current(self, want: &Want) -> bool {
        match want {
            Want::Apply(_) | Want::Read(ReadPath::Index, _) => true,
            Want::Read(ReadPath::Lease, _) => self.leases_hold,
            // The leader was asked whether it leads, not how far its state machine is.
            Want::Read(ReadPath::Verify, _) | Want::Stale(_) => false,
        }
    }
}

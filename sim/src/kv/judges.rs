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
mod tale;

use super::clients::Operation;
use super::wire::Command;
use crate::observe::{Ending, Observation, Seen};
use crate::observers::CustomChecks;
use crate::plan::Plan;
use crate::report::{Class, Violation};
use crate::slot::Slot;
use crate::watch::Watch;
use record::Record;
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
    /// A state machine took in a command; the first one to do so at this index.
    First(&'a Taken<'a>),
    /// One took in something else than the first one did.
    Other(&'a Taken<'a>),
    /// A server died, or started.
    Broke(Slot),
}

/// What a state machine took in.
#[derive(Debug)]
struct Taken<'a> {
    slot: Slot,
    index: Index,
    /// What it was to the store.
    command: Option<Command<'a>>,
}

impl<'a> Moment<'a> {
    /// The operation that was done, if one was.
    fn done(&self) -> Option<&'a Operation> {
        match self {
            Self::Returned(operation) => Some(*operation).filter(|operation| operation.ended(Ending::Ok)),
            Self::Invoked(_) | Self::First(_) | Self::Other(_) | Self::Broke(_) => None,
        }
    }
}

/// A property of what clients see.
trait Check {
    /// As its file is named.
    const NAME: &'static str;
    /// Where it is stated.
    const SECTION: &'static str;
    /// How it can fail.
    type Breach: fmt::Display;

    /// Looks at a moment; the record is as it is after it, but for a return: open operations are
    /// still open then.
    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<Self::Breach>;

    /// The run is over.
    fn end(&mut self, _: &Record) -> Option<Self::Breach> {
        None
    }

    /// How often it saw what it judges.
    fn witnessed(&self) -> u64;
}

macro_rules! checks {
    ($($field:ident: $check:ident),* $(,)?) => {
        /// One field a check, in the order in which they look.
        #[derive(Debug)]
        struct Checks {
            $($field: $field::$check,)*
        }

        impl Checks {
            fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<Spoke> {
                $(if let Some(breach) = self.$field.judge(record, moment) {
                    return Some(spoke::<$field::$check>(&breach));
                })*
                None
            }

            fn end(&mut self, record: &Record) -> Option<Spoke> {
                $(if let Some(breach) = self.$field.end(record) {
                    return Some(spoke::<$field::$check>(&breach));
                })*
                None
            }

            fn witnessed(&self) -> BTreeMap<String, u64> {
                let mut counts = BTreeMap::new();
                $(counts.insert($field::$check::NAME.to_owned(), self.$field.witnessed());)*
                counts
            }
        }
    };
}

checks! {
    acked_writes: AckedWrites,
    exactly_once: ExactlyOnce,
    honest_failures: HonestFailures,
    no_phantom: NoPhantom,
    fresh_reads: FreshReads,
    session_order: SessionOrder,
    linearizable: Linearizable,
}

/// A check that spoke.
struct Spoke {
    name: &'static str,
    section: &'static str,
    what: String,
}

// Formatting is for the one time that something is wrong; it must not be in the way before.
#[cold]
fn spoke<C: Check>(breach: &C::Breach) -> Spoke {
    Spoke { name: C::NAME, section: C::SECTION, what: breach.to_string() }
}

/// The judges of one run's clients.
#[derive(Debug)]
pub struct Judges {
    record: Record,
    checks: Checks,
    step: u64,
    /// The state was replaced from outside: what clients were told binds nobody any more.
    is_void: bool,
    verdict: Option<Violation>,
}

impl Judges {
    /// The judges of clients who were promised this.
    #[must_use]
    pub fn new(promises: Promises) -> Self {
        let checks = Checks {
            acked_writes: acked_writes::AckedWrites::default(),
            exactly_once: exactly_once::ExactlyOnce::default(),
            honest_failures: honest_failures::HonestFailures::default(),
            no_phantom: no_phantom::NoPhantom::default(),
            fresh_reads: fresh_reads::FreshReads::new(promises),
            session_order: session_order::SessionOrder::default(),
            linearizable: linearizable::Linearizable::new(promises),
        };
        Self { record: Record::default(), checks, step: 0, is_void: false, verdict: None }
    }

    /// The run is over: what can only be told of the whole is told now.
    pub fn end(&mut self, at: Time) {
        if self.verdict.is_none()
            && !self.is_void
            && let Some(spoke) = self.checks.end(&self.record)
        {
            self.speak(at, spoke);
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
        self.checks.witnessed()
    }

    fn judge(&mut self, at: Time, moment: &Moment<'_>) {
        if self.verdict.is_none()
            && let Some(spoke) = self.checks.judge(&self.record, moment)
        {
            self.speak(at, spoke);
        }
    }

    fn speak(&mut self, at: Time, spoke: Spoke) {
        self.verdict = Some(Violation {
            check: spoke.name.to_owned(),
            class: Class::Safety,
            section: spoke.section.to_owned(),
            what: spoke.what,
            at,
            step: self.step,
        });
    }

    fn take(&mut self, at: Time, slot: Slot, entry: &Entry) {
        let index = entry.id.index;
        let bytes = match &entry.payload {
            Payload::Command(bytes) => Some(bytes),
            Payload::Extended(both) => Some(&both.data),
            Payload::Noop | Payload::Barrier | Payload::Configuration(_) => None,
            Payload::Restore(_) => {
                self.is_void = true;
                return;
            }
        };
        if self.record.is_known(index) {
            if !self.record.agrees(index, bytes) {
                self.judge(at, &Moment::Other(&Taken { slot, index, command: None }));
            }
            return;
        }
        let command = bytes.and_then(|bytes| Command::decode(bytes));
        self.record.take(index, bytes, command.as_ref());
        self.judge(at, &Moment::First(&Taken { slot, index, command }));
    }
}

impl Watch for Judges {
    // Most of what happens is not the clients' business.
    #[inline]
    fn see(&mut self, observation: &Observation<'_>) {
        if self.verdict.is_some() || self.is_void {
            return;
        }
        self.step = observation.step;
        if !matches!(
            observation.seen,
            Seen::Stepping { .. } | Seen::Stepped { .. } | Seen::Sent { .. } | Seen::Durable { .. }
        ) {
            self.look(observation);
        }
    }
}

impl Judges {
    fn look(&mut self, observation: &Observation<'_>) {
        let at = observation.at;
        match observation.seen {
            Seen::Applied { slot, batch, .. } => {
                batch.entries.iter().for_each(|entry| self.take(at, slot, entry));
            }
            Seen::Invoked { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<Operation>() {
                    self.record.open(operation.number);
                    self.judge(at, &Moment::Invoked(operation));
                }
            }
            Seen::Returned { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<Operation>() {
                    self.judge(at, &Moment::Returned(operation));
                    self.record.close(operation.number);
                }
            }
            Seen::Crashed { slot, .. } | Seen::Halted(slot) | Seen::Booted { slot, .. } => {
                self.judge(at, &Moment::Broke(slot));
            }
            Seen::Stepping { .. }
            | Seen::Stepped { .. }
            | Seen::Paused(_)
            | Seen::Resumed(_)
            | Seen::Durable { .. }
            | Seen::SnapshotTaken { .. }
            | Seen::Restored { .. }
            | Seen::Sent { .. }
            | Seen::Network(_)
            | Seen::Healed { .. }
            | Seen::Refused { .. }
            | Seen::Harmed { .. } => {}
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
    /// Whether a read by this path is up to date.
    const fn is_current(self, path: Option<ReadPath>) -> bool {
        match path {
            Some(ReadPath::Index) => true,
            Some(ReadPath::Lease) => self.leases_hold,
            // The leader was asked whether it leads, not how far its state machine is.
            Some(ReadPath::Verify) | None => false,
        }
    }
}

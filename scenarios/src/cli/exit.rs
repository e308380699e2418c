//! The exit status of the command.

use serde::{Deserialize, Serialize};
use wavetank_sim::explore::properties::{self, Breach};
use wavetank_sim::{Class, Verdict};

/// An exit status. The variants are ordered from good to bad. If there are several runs, the worst status is
/// the status of the command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Status {
    /// Every property held.
    Held,
    /// At least one check had nothing to judge, or the result is undecided.
    Vacuous,
    /// A liveness property was violated.
    Liveness,
    /// The code under test panicked.
    Panic,
    /// A safety property was violated.
    Safety,
    /// The command could not run: the arguments were wrong, or a file or a stream could not be read or written.
    Unusable,
}

impl Status {
    /// Returns the status of a verdict.
    pub(crate) fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Held => Self::Held,
            Verdict::Vacuous(_) => Self::Vacuous,
            Verdict::Panicked(_) => Self::Panic,
            Verdict::Violated(violation) => match violation.class {
                Class::Safety => Self::Safety,
                Class::Liveness => Self::Liveness,
            },
        }
    }

    /// Returns the status of a violation that an exploration found.
    pub(crate) fn of_breach(breach: &Breach) -> Self {
        if breach.property == properties::PANIC { Self::Panic } else { Self::Safety }
    }

    /// True if the run failed. A failed run should be repeated and examined.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Self::Held | Self::Vacuous => false,
            Self::Liveness | Self::Panic | Self::Safety | Self::Unusable => true,
        }
    }

    /// Returns the exit code of the process.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Unusable => 1,
            Self::Safety => 2,
            Self::Liveness => 3,
            Self::Panic => 4,
            Self::Vacuous => 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safety_is_worse_than_a_panic_and_a_panic_is_worse_than_liveness() {
        let all = [Status::Held, Status::Liveness, Status::Safety, Status::Panic, Status::Vacuous];
        assert_eq!(all.into_iter().max(), Some(Status::Safety));
        assert_eq!(Status::Panic.max(Status::Liveness), Status::Panic);
        assert_eq!(Status::Vacuous.max(Status::Held), Status::Vacuous);
    }
}

//! A write of which it was said that it was not done is never done (K4).

use super::record::Record;
use super::{Check, Judged, Moment, broken};
use crate::observe::OperationEnd;
use std::collections::BTreeMap;

/// Remembers session and sequence number of each write that was refused for certain.
#[derive(Debug, Default)]
pub(super) struct HonestFailures(BTreeMap<(u32, u32), u64>);

impl Check for HonestFailures {
    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Judged {
        let words =
            |operation, index| format!("#{operation} was refused for certain, and was applied at {index}");
        match moment {
            Moment::Returned(operation) if operation.ended(OperationEnd::Failed) => {
                let (command, number) = (operation.command()?, operation.number);
                self.0.insert((command.session, command.sequence), number);
                match record.effect(&command) {
                    Some(effect) => broken(|| words(number, effect.index)),
                    None => Some(Ok(())),
                }
            }
            Moment::First(index, Some(command)) => {
                let &operation = self.0.get(&(command.session, command.sequence))?;
                broken(|| words(operation, *index))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{Fixture, N1};

    #[test]
    fn what_was_refused_stays_undone() {
        let mut fixture = Fixture::new();
        fixture.write(1, "a").fails(1).write(2, "b").applied(N1, 1, 2).is_quiet();
        assert_eq!(fixture.witnessed("honest_failures"), 1);
    }

    #[test]
    fn it_is_not_done_later() {
        let mut fixture = Fixture::new();
        fixture.write(1, "a").fails(1).applied(N1, 4, 1);
        fixture.speaks("honest_failures", "#1 was refused for certain, and was applied at i4");
    }

    #[test]
    fn nor_was_it_done_before() {
        let mut fixture = Fixture::new();
        fixture.write(1, "a").applied(N1, 4, 1).fails(1);
        fixture.speaks("honest_failures", "#1 was refused for certain, and was applied at i4");
    }

    #[test]
    fn what_came_to_an_unknown_end_may_be_done() {
        let mut fixture = Fixture::new();
        fixture.write(1, "a").unknown(1).applied(N1, 4, 1).is_quiet();
    }
}

//! A write that ended with `OperationEnd::Failed` is never applied (thesis §6.3).
//!
//! The check judges every failed write. It also judges every command that is applied later: such a command must not
//! be a failed write.

use super::record::Record;
use super::{ClientCheck, ClientEvent, ClientVerdict, violated};
use crate::observe::OperationEnd;
use std::collections::BTreeMap;

/// The failed writes. The key is the session and the sequence number of the command. The value is the number
/// of the operation.
#[derive(Debug, Default)]
pub(super) struct HonestFailures(BTreeMap<(u32, u32), u64>);

impl ClientCheck for HonestFailures {
    fn judge(&mut self, record: &Record, event: &ClientEvent<'_>) -> ClientVerdict {
        let sentence = |operation, index| {
            format!("write #{operation} failed, but a server applied the write at {index}")
        };
        match event {
            ClientEvent::Returned(operation) if operation.ended(OperationEnd::Failed) => {
                let (command, number) = (operation.command()?, operation.number);
                self.0.insert((command.session, command.sequence), number);
                match record.effect(&command) {
                    Some(effect) => violated(|| sentence(number, effect.index)),
                    None => Some(Ok(())),
                }
            }
            ClientEvent::FirstApplied(index, Some(command)) => {
                let &operation = self.0.get(&(command.session, command.sequence))?;
                violated(|| sentence(operation, *index))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{ClientFixture, N1};

    #[test]
    fn a_refused_write_stays_undone() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").fails(1).write(2, "b").applied(N1, 1, 2).expect_holds();
        assert_eq!(fixture.witnessed("honest_failures"), 1);
    }

    #[test]
    fn a_refused_write_is_not_applied_later() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").fails(1).applied(N1, 4, 1);
        fixture.expect_violation("honest_failures", "write #1 failed, but a server applied the write at i4");
    }

    #[test]
    fn a_refused_write_was_not_applied_before() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 4, 1).fails(1);
        fixture.expect_violation("honest_failures", "write #1 failed, but a server applied the write at i4");
    }

    #[test]
    fn a_write_with_an_unknown_end_may_be_applied() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").unknown(1).applied(N1, 4, 1).expect_holds();
    }
}

//! An acknowledged write was applied at the reported index with the reported outcome, and the write stays
//! applied (thesis §6.3).
//!
//! The check judges every acknowledged write.

use super::record::Record;
use super::{ClientCheck, ClientEvent, ClientVerdict, holds, violated};
use crate::clients::callers::OperationAnswer;
use crate::clients::kv::clients::KvOperation;
use crate::clients::kv::wire::{CommandOutcome, Response};
use std::collections::BTreeMap;
use wavetank_raft::Index;

/// The acknowledged writes. The key is the index that the answer reports. The value is the number of the
/// operation.
#[derive(Debug, Default)]
pub(super) struct AckedWrites(BTreeMap<Index, u64>);

impl ClientCheck for AckedWrites {
    fn judge(&mut self, record: &Record, event: &ClientEvent<'_>) -> ClientVerdict {
        if let ClientEvent::DifferentApplied(idx, index) = event {
            let operation = self.0.get(index)?;
            return violated(|| {
                format!(
                    "{idx} applied another entry at {index}, but write #{operation} was acknowledged at {index}"
                )
            });
        }
        self.acked(record, event.done()?)
    }
}

impl AckedWrites {
    fn acked(&mut self, record: &Record, operation: &KvOperation) -> ClientVerdict {
        let (bytes, command) = (operation.bytes()?, operation.command()?);
        let Some(OperationAnswer::Applied(said, response)) = operation.answer() else { return None };
        if record.command(*said) != Some(bytes) {
            return violated(|| format!("{operation}: no server applied this write at {said}"));
        }
        self.0.insert(*said, operation.number);
        let answered = Response::decode(response).map(|response| response.outcome);
        let applied_outcome = record.effect(&command).map(|effect| effect.outcome);
        let is_so = answered == applied_outcome
            && matches!(answered, Some(CommandOutcome::Done | CommandOutcome::Mismatch));
        holds(is_so, || match applied_outcome {
            Some(outcome) => format!("{operation}: the applied command had the outcome {outcome:?}"),
            None => format!("{operation}: the command never took effect"),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{ClientFixture, N1, N2};
    use crate::clients::kv::wire::CommandOutcome;

    #[test]
    fn an_applied_write_may_be_acknowledged() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 3, 1).acks(1, 3, CommandOutcome::Done, 3);
        fixture.applied(N2, 3, 1).expect_holds();
        assert_eq!(fixture.witnessed("acked_writes"), 1);
    }

    #[test]
    fn an_unapplied_write_may_not_be_acknowledged() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").acks(1, 3, CommandOutcome::Done, 3);
        fixture.expect_violation(
            "acked_writes",
            "c0 #1 put k1 = \"a\" (s1.1): took effect at i3, answered at i3: no server applied this write at i3",
        );
    }

    #[test]
    fn a_write_may_not_be_acknowledged_at_another_index() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").write(2, "b").applied(N1, 1, 1).applied(N1, 2, 2);
        fixture.acks(1, 2, CommandOutcome::Done, 2);
        fixture.expect_violation(
            "acked_writes",
            "c0 #1 put k1 = \"a\" (s1.1): took effect at i2, answered at i2: no server applied this write at i2",
        );
    }

    #[test]
    fn a_write_may_not_be_acknowledged_with_a_wrong_outcome() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).acks(1, 1, CommandOutcome::Mismatch, 1);
        let sentence =
            "c0 #1 put k1 = \"a\" (s1.1): mismatch, answered at i1: the applied command had the outcome Done";
        fixture.expect_violation("acked_writes", sentence);
    }

    #[test]
    fn an_acknowledged_write_is_never_replaced() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").write(2, "b").applied(N1, 1, 1).acks(1, 1, CommandOutcome::Done, 1);
        fixture.applied(N2, 1, 2);
        let sentence = "n2 applied another entry at i1, but write #1 was acknowledged at i1";
        fixture.expect_violation("acked_writes", sentence);
    }
}

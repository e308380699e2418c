//! A read that claims to be up to date sees all commands that any server had applied when the read began
//! (thesis §6.4).
//!
//! The check judges every successful read by index. If the clocks stay within the bound on drift that leases
//! assume, the check also judges every successful read by a lease.

use super::record::Record;
use super::{ClientCheck, ClientEvent, ClientVerdict, Promises, holds};
use crate::clients::callers::OperationAnswer;
use crate::clients::kv::wire::Got;

#[derive(Debug)]
pub(super) struct FreshReads(pub(super) Promises);

impl ClientCheck for FreshReads {
    fn judge(&mut self, record: &Record, event: &ClientEvent<'_>) -> ClientVerdict {
        let operation = event.done()?;
        let Some(OperationAnswer::Got(bytes)) = operation.answer() else { return None };
        if !self.0.is_current(&operation.wanted.want) {
            return None;
        }
        let (got, floor) = (Got::decode(bytes)?, record.applied_at_start(operation.number));
        holds(floor <= got.applied, || {
            format!(
                "{operation}: the read misses the command at {floor}, which was applied before the read began"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{ClientFixture, N1, N2};

    #[test]
    fn a_read_may_miss_what_was_applied_after_it_began() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").read(2, N2).applied(N1, 1, 1).sees(2, 0, 0, "").expect_holds();
        assert_eq!(fixture.witnessed("fresh_reads"), 1);
    }

    #[test]
    fn a_read_sees_everything_that_was_applied_before() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).read(2, N2).sees(2, 0, 0, "");
        let sentence = "c1 #2 read k1 at n2: \"\" of i0, state i0: \
                        the read misses the command at i1, which was applied before the read began";
        fixture.expect_violation("fresh_reads", sentence);
    }

    #[test]
    fn a_read_of_the_local_state_claims_nothing() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).stale_read(2, N2).sees(2, 0, 0, "").expect_holds();
        assert_eq!(fixture.witnessed("fresh_reads"), 0);
    }
}

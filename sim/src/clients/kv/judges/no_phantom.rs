//! A read returns the value that the key had at the index in the answer (thesis §6.4).
//!
//! The check judges every successful read.

use super::record::Record;
use super::{ClientCheck, ClientEvent, ClientVerdict, holds, violated};
use crate::clients::callers::OperationAnswer;
use crate::clients::kv::wire::Got;

#[derive(Debug)]
pub(super) struct NoPhantom;

impl ClientCheck for NoPhantom {
    fn judge(&mut self, record: &Record, event: &ClientEvent<'_>) -> ClientVerdict {
        let operation = event.done()?;
        let Some(OperationAnswer::Got(bytes)) = operation.answer() else { return None };
        let Some(got) = Got::decode(bytes) else {
            return violated(|| format!("the answer to read #{} cannot be decoded", operation.number));
        };
        let last = record.last_command();
        if last < got.applied {
            return violated(|| {
                format!(
                    "{operation}: the answer names the state at {}, but no command after {last} was applied",
                    got.applied
                )
            });
        }
        let held = record.version(operation.wanted.key, got.applied);
        let is_so = held.index == got.version && held.is(got.value);
        holds(is_so, || {
            format!(
                "{operation}: in this state, the key had another value or version: the value of version {}",
                held.index
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{ClientFixture, N1, N2};

    #[test]
    fn a_past_state_may_be_read() {
        let mut fixture = ClientFixture::new();
        fixture.stale_read(1, N2).sees(1, 0, 0, "");
        fixture.write(2, "a").applied(N1, 2, 2).write(3, "b").applied(N1, 3, 3);
        fixture.stale_read(4, N2).sees(4, 2, 2, "a");
        fixture.stale_read(5, N1).sees(5, 3, 3, "b").expect_holds();
        assert_eq!(fixture.witnessed("no_phantom"), 3);
    }

    #[test]
    fn a_future_state_may_not_be_read() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").stale_read(2, N2).sees(2, 1, 1, "a");
        let sentence = "c1 #2 stale-read k1 at n2: \"a\" of i1, state i1: the answer names the state at i1, but \
                        no command after i0 was applied";
        fixture.expect_violation("no_phantom", sentence);
    }

    #[test]
    fn a_value_that_the_key_never_had_may_not_be_read() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).stale_read(2, N2).sees(2, 1, 1, "aa");
        let sentence = "c1 #2 stale-read k1 at n2: \"aa\" of i1, state i1: \
                        in this state, the key had another value or version: the value of version i1";
        fixture.expect_violation("no_phantom", sentence);
    }

    #[test]
    fn an_overwritten_value_may_not_be_read() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).write(2, "b").applied(N1, 2, 2);
        fixture.stale_read(3, N2).sees(3, 2, 1, "a");
        let sentence = "c1 #3 stale-read k1 at n2: \"a\" of i1, state i2: \
                        in this state, the key had another value or version: the value of version i2";
        fixture.expect_violation("no_phantom", sentence);
    }
}

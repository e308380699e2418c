//! A command takes effect at most once, and not before its client sent the command (thesis §6.3).
//!
//! The check judges every acknowledged write. A client may send a command several times.

use super::record::Record;
use super::{ClientCheck, ClientEvent, ClientVerdict, holds, violated};
use crate::clients::callers::OperationAnswer;
use crate::clients::kv::wire::Response;

#[derive(Debug)]
pub(super) struct ExactlyOnce;

impl ClientCheck for ExactlyOnce {
    fn judge(&mut self, record: &Record, event: &ClientEvent<'_>) -> ClientVerdict {
        let operation = event.done()?;
        let command = operation.command()?;
        let Some(OperationAnswer::Applied(_, response)) = operation.answer() else { return None };
        let answered = Response::decode(response)?.effective;
        let floor = record.applied_at_start(operation.number);
        if answered <= floor {
            return violated(|| {
                format!(
                    "{operation}: the answer names the effect at {answered}, but the command at {floor} was applied before \
                     this command was sent"
                )
            });
        }
        let first = record.effect(&command).map_or(answered, |effect| effect.index);
        holds(first == answered, || format!("{operation}: the command already took effect at {first}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{ClientFixture, N1};
    use crate::clients::kv::wire::CommandOutcome;

    #[test]
    fn a_command_that_came_twice_is_answered_with_its_first_effect() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).applied(N1, 2, 1).acks(1, 2, CommandOutcome::Done, 1);
        fixture.expect_holds();
        assert_eq!(fixture.witnessed("exactly_once"), 1);
    }

    #[test]
    fn a_second_effect_is_reported() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).applied(N1, 2, 1).acks(1, 2, CommandOutcome::Done, 2);
        let sentence = "c0 #1 put k1 = \"a\" (s1.1): took effect at i2, answered at i2: the command already took effect at i1";
        fixture.expect_violation("exactly_once", sentence);
    }

    #[test]
    fn a_command_is_not_answered_with_what_was_done_before_it() {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).write(2, "b").applied(N1, 2, 2);
        fixture.acks(2, 2, CommandOutcome::Done, 1);
        let sentence = "c0 #2 put k1 = \"b\" (s1.2): took effect at i1, answered at i2: \
                        the answer names the effect at i1, but the command at i1 was applied before this command was \
                        sent";
        fixture.expect_violation("exactly_once", sentence);
    }
}

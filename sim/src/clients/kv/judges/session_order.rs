//! To one client a server never goes back, as long as it lives, however it is read (R5).

use super::record::Record;
use super::{Check, Judged, Moment, holds};
use crate::clients::callers::Told;
use crate::clients::kv::clients::Operation;
use crate::clients::kv::wire::Got;
use crate::observe::OperationEnd;
use crate::plan::server_set::ServerIdx;
use std::collections::BTreeMap;
use wavetank_raft::Index;

#[derive(Debug, Default)]
pub(super) struct SessionOrder {
    /// How often each server died or started.
    lives: [u64; ServerIdx::MAX_SERVERS],
    /// The life of the server in which each open read began.
    open: BTreeMap<u64, u64>,
    /// In which life of the server a client saw which state.
    saw: BTreeMap<u16, (u64, Index)>,
}

impl Check for SessionOrder {
    fn judge(&mut self, _: &Record, moment: &Moment<'_>) -> Judged {
        match moment {
            Moment::Invoked(operation) => {
                self.open.insert(operation.number, self.lives[operation.pinned?.at()]);
            }
            Moment::Returned(operation) => {
                let life = self.open.remove(&operation.number)?;
                // An answer out of a life that is over says nothing about the next one.
                if self.lives[operation.pinned?.at()] == life && operation.ended(OperationEnd::Ok) {
                    return self.read(operation, life);
                }
            }
            Moment::Broke(idx) => self.lives[idx.at()] += 1,
            _ => {}
        }
        None
    }
}

impl SessionOrder {
    fn read(&mut self, operation: &Operation, life: u64) -> Judged {
        let Some(Told::Got(bytes)) = operation.told() else { return None };
        let now = Got::decode(bytes)?.applied;
        let before = self.saw.insert(operation.client, (life, now));
        let (_, before) = before.filter(|(then, _)| *then == life)?;
        holds(before <= now, || format!("{operation}: it had shown this client {before} before"))
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{Fixture, N1, N2};

    fn two_writes() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).write(2, "b").applied(N1, 2, 2);
        fixture
    }

    #[test]
    fn a_server_that_lives_goes_forward() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).sees(3, 1, 1, "a").stale_read(4, N2).sees(4, 2, 2, "b").is_quiet();
        assert_eq!(fixture.witnessed("session_order"), 1);
    }

    #[test]
    fn it_does_not_go_back() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).sees(3, 2, 2, "b").stale_read(4, N2).sees(4, 1, 1, "a");
        let words = "c1 #4 stale-read k1 at n2: \"a\" of i1, state i1: it had shown this client i2 before";
        fixture.speaks("session_order", words);
    }

    #[test]
    fn after_a_crash_it_may() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).sees(3, 2, 2, "b").crashed(N2);
        fixture.stale_read(4, N2).sees(4, 1, 1, "a").is_quiet();
    }

    #[test]
    fn an_answer_that_was_under_way_during_the_crash_binds_nobody() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).crashed(N2).sees(3, 2, 2, "b");
        fixture.stale_read(4, N2).sees(4, 1, 1, "a").is_quiet();
    }
}

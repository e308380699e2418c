//! If a client reads from only one server, a later read never shows an older state than an earlier read, as long
//! as this server does not restart (thesis §6.4).
//!
//! The check judges every successful read, on every read path, of a client that reads from only one server.

use super::record::Record;
use super::{ClientCheck, ClientEvent, ClientVerdict, holds};
use crate::clients::callers::OperationAnswer;
use crate::clients::kv::clients::KvOperation;
use crate::clients::kv::wire::Got;
use crate::observe::OperationEnd;
use crate::plan::server_set::ServerIdx;
use std::collections::BTreeMap;
use wavetank_raft::Index;

#[derive(Debug, Default)]
pub(super) struct SessionOrder {
    /// For each server, the number of its crashes, halts and starts together. This number changes with each
    /// incarnation of the server.
    incarnations: [u64; ServerIdx::MAX_SERVERS],
    /// The key is the number of an open read. The value is the incarnation of the server when the read began.
    open: BTreeMap<u64, u64>,
    /// The key is the number of a client. The value is the incarnation of the server and the index of the
    /// state that the client's last read saw.
    last_seen: BTreeMap<u16, (u64, Index)>,
}

impl ClientCheck for SessionOrder {
    fn judge(&mut self, _: &Record, event: &ClientEvent<'_>) -> ClientVerdict {
        match event {
            ClientEvent::Invoked(operation) => {
                self.open.insert(operation.number, self.incarnations[operation.pinned?.at()]);
            }
            ClientEvent::Returned(operation) => {
                let incarnation = self.open.remove(&operation.number)?;
                // An answer of an earlier incarnation says nothing about the current incarnation.
                if self.incarnations[operation.pinned?.at()] == incarnation
                    && operation.ended(OperationEnd::Ok)
                {
                    return self.read(operation, incarnation);
                }
            }
            ClientEvent::ServerReset(idx) => self.incarnations[idx.at()] += 1,
            _ => {}
        }
        None
    }
}

impl SessionOrder {
    fn read(&mut self, operation: &KvOperation, incarnation: u64) -> ClientVerdict {
        let Some(OperationAnswer::Got(bytes)) = operation.answer() else { return None };
        let now = Got::decode(bytes)?.applied;
        let before = self.last_seen.insert(operation.client, (incarnation, now));
        let (_, before) = before.filter(|(then, _)| *then == incarnation)?;
        holds(before <= now, || format!("{operation}: this client had already seen the state at {before}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{ClientFixture, N1, N2};

    fn two_writes() -> ClientFixture {
        let mut fixture = ClientFixture::new();
        fixture.write(1, "a").applied(N1, 1, 1).write(2, "b").applied(N1, 2, 2);
        fixture
    }

    #[test]
    fn reads_of_a_running_server_go_forward() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).sees(3, 1, 1, "a").stale_read(4, N2).sees(4, 2, 2, "b").expect_holds();
        assert_eq!(fixture.witnessed("session_order"), 1);
    }

    #[test]
    fn reads_of_a_running_server_do_not_go_back() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).sees(3, 2, 2, "b").stale_read(4, N2).sees(4, 1, 1, "a");
        let sentence =
            "c1 #4 stale-read k1 at n2: \"a\" of i1, state i1: this client had already seen the state at i2";
        fixture.expect_violation("session_order", sentence);
    }

    #[test]
    fn after_a_crash_reads_may_go_back() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).sees(3, 2, 2, "b").crashed(N2);
        fixture.stale_read(4, N2).sees(4, 1, 1, "a").expect_holds();
    }

    #[test]
    fn an_answer_sent_before_a_crash_is_ignored() {
        let mut fixture = two_writes();
        fixture.stale_read(3, N2).crashed(N2).sees(3, 2, 2, "b");
        fixture.stale_read(4, N2).sees(4, 1, 1, "a").expect_holds();
    }
}

//! Tests the clients with servers whose answers the test chooses.

use crate::clients::kv::clients::{Clients, KvPlan, KvWant, Reads};
use crate::clients::kv::wire::{CommandOutcome, Got, Response};
use crate::engine::workload::{Ask, Reply, Told, Want, Wants, Workload};
use crate::observe::OperationEnd;
use crate::plan::rng::{Ratio, Spans};
use crate::plan::server_set::{ServerIdx, ServerSet};
use wavetank_raft::{Answer, Index, Leader, RequestError, RequestId, Span, Time};

const N2: ServerIdx = ServerIdx(1);

/// One client that only writes, always retries after a refusal, and keeps its session.
fn one_writer() -> KvPlan {
    KvPlan {
        followers: 1,
        pinned: 0,
        writes: Ratio::new(1, 1),
        tries: 3,
        think: Spans::ms(10, 10),
        backoff: Spans::ms(5, 5),
        patience: Span::ms(100),
        resign: Ratio::NEVER,
        rename: Ratio::NEVER,
        ..KvPlan::calm()
    }
}

struct ClientHarness {
    clients: Clients,
    wants: Wants,
}

impl ClientHarness {
    fn new(plan: KvPlan) -> Self {
        Self { clients: Clients::new(plan, ServerSet::first(3), 1), wants: Wants::default() }
    }

    /// Advances time to the deadline, and returns the request that is sent then.
    fn next_ask(&mut self) -> Ask {
        let now = self.clients.deadline();
        self.clients.wake(now, &mut self.wants);
        self.wants.asks.pop().expect("a client asks")
    }

    fn reply(&mut self, request: RequestId, reply: Reply) {
        let now = self.clients.deadline() - Span::ms(1);
        self.clients.reply(now, request, reply, &mut self.wants);
    }

    fn refuse(&mut self, request: RequestId, error: RequestError) {
        self.reply(request, Reply::Answered(Err(error)));
    }

    fn acknowledge(&mut self, request: RequestId) {
        let response = Response { outcome: CommandOutcome::Done, effective: Index(9) }.encode();
        self.reply(request, Reply::Answered(Ok(Answer::Applied { index: Index(9), response })));
    }

    fn endings(&self) -> Vec<OperationEnd> {
        let ending = |told: &Told| match told {
            Told::Returned { ending, .. } => Some(*ending),
            Told::Invoked { .. } => None,
        };
        self.wants.told.iter().filter_map(ending).collect()
    }

    /// Session and sequence number of the last operation.
    fn last_command(&self) -> (u32, u32) {
        let command = self.clients.operations().last().unwrap().command().unwrap();
        (command.session, command.sequence)
    }
}

fn not_leader(leader: Option<ServerIdx>) -> RequestError {
    RequestError::NotLeader(leader.map(|idx| Leader { id: idx.id(), address: idx.address() }))
}

#[test]
fn a_write_that_is_acknowledged_is_done() {
    let mut harness = ClientHarness::new(one_writer());
    let ask = harness.next_ask();
    harness.acknowledge(ask.request);
    assert_eq!(harness.endings(), [OperationEnd::Ok]);
    assert!(harness.clients.is_idle());
    harness.next_ask();
    assert_eq!(harness.last_command(), (1, 2));
}

#[test]
fn a_refused_write_is_resent_unchanged_to_the_leader_in_the_answer() {
    let mut harness = ClientHarness::new(one_writer());
    let first = harness.next_ask();
    harness.refuse(first.request, not_leader(Some(N2)));
    let second = harness.next_ask();
    assert_eq!((second.to, &second.want), (N2, &first.want));
    assert_ne!(second.request, first.request);
    harness.acknowledge(second.request);
    assert_eq!(harness.endings(), [OperationEnd::Ok]);
}

#[test]
fn a_write_that_every_server_refused_has_failed() {
    let mut harness = ClientHarness::new(one_writer());
    for _ in 0..3 {
        let ask = harness.next_ask();
        harness.refuse(ask.request, not_leader(None));
    }
    assert_eq!(harness.endings(), [OperationEnd::Failed]);
}

#[test]
fn a_write_that_one_server_may_have_done_is_not_known_to_have_failed() {
    for doubt in [RequestError::LeadershipLost, RequestError::AbortedByRestore, RequestError::Shutdown] {
        let mut harness = ClientHarness::new(one_writer());
        let ask = harness.next_ask();
        harness.refuse(ask.request, doubt);
        for _ in 0..2 {
            let ask = harness.next_ask();
            harness.refuse(ask.request, not_leader(None));
        }
        assert_eq!(harness.endings(), [OperationEnd::Unknown]);
    }
}

#[test]
fn a_timeout_leads_to_another_server_and_late_answers_are_ignored() {
    let mut harness = ClientHarness::new(one_writer());
    let first = harness.next_ask();
    let second = harness.next_ask();
    assert_ne!(second.to, first.to);
    assert_eq!(second.want, first.want);
    harness.acknowledge(first.request);
    assert_eq!(harness.endings(), []);
    harness.reply(second.request, Reply::Broken);
    let third = harness.next_ask();
    harness.refuse(third.request, not_leader(None));
    assert_eq!(harness.endings(), [OperationEnd::Unknown]);
}

#[test]
fn after_an_unknown_end_a_client_may_start_a_new_session() {
    for (rename, next) in [(Ratio::NEVER, (1, 2)), (Ratio::new(1, 1), (2, 1))] {
        let mut harness = ClientHarness::new(KvPlan { tries: 1, rename, ..one_writer() });
        let ask = harness.next_ask();
        harness.reply(ask.request, Reply::Broken);
        assert_eq!(harness.endings(), [OperationEnd::Unknown]);
        harness.next_ask();
        assert_eq!(harness.last_command(), next);
    }
}

#[test]
fn a_pinned_reader_asks_only_its_server_and_does_not_retry() {
    let reads = Reads { index: 1, lease: 0, verify: 0, stale: 0 };
    let mut harness =
        ClientHarness::new(KvPlan { followers: 0, pinned: 2, pinned_reads: reads, ..one_writer() });
    let mut servers = Vec::new();
    for _ in 0..20 {
        let ask = harness.next_ask();
        let Want::Read(..) = ask.want else { panic!("it only reads") };
        servers.push((ask.client, ask.to));
        harness.reply(ask.request, Reply::Value(Err(not_leader(Some(ServerIdx(2))))));
    }
    assert_eq!(harness.endings(), [OperationEnd::Failed; 20]);
    servers.sort_unstable();
    servers.dedup();
    assert_eq!(servers, [(0, ServerIdx(0)), (1, ServerIdx(1))]);
}

#[test]
fn stopped_clients_only_finish_open_operations() {
    let mut harness = ClientHarness::new(one_writer());
    let ask = harness.next_ask();
    harness.clients.stop();
    assert!(!harness.clients.is_idle());
    harness.acknowledge(ask.request);
    assert!(harness.clients.is_idle());
    assert_eq!(harness.clients.deadline(), Time::NEVER);
}

#[test]
fn the_drawn_operations_do_not_depend_on_the_answers() {
    let wanted = |refused: bool| {
        let mut harness = ClientHarness::new(KvPlan {
            verbs: crate::clients::kv::clients::Verbs { cas: 0, ..one_writer().verbs },
            ..one_writer()
        });
        while harness.endings().len() < 50 {
            let ask = harness.next_ask();
            if refused && ask.request.0.is_multiple_of(3) {
                harness.refuse(ask.request, not_leader(None));
            } else {
                harness.acknowledge(ask.request);
            }
        }
        let operations = harness.clients.operations().iter().map(|it| it.wanted.clone());
        operations.collect::<Vec<KvWant>>()
    };
    assert_eq!(wanted(false), wanted(true));
}

#[test]
fn every_value_is_written_once() {
    let mut harness = ClientHarness::new(one_writer());
    for _ in 0..100 {
        let ask = harness.next_ask();
        harness.acknowledge(ask.request);
    }
    let mut commands = harness.clients.operations().iter().filter_map(|it| it.bytes()).collect::<Vec<_>>();
    commands.sort_unstable();
    commands.dedup();
    assert_eq!(commands.len(), 100);
}

#[test]
fn operations_are_displayed() {
    let reads = Reads { index: 0, lease: 1, verify: 0, stale: 0 };
    let plan = KvPlan { followers: 0, pinned: 1, keys: 1, pinned_reads: reads, ..one_writer() };
    let mut harness = ClientHarness::new(plan);
    let ask = harness.next_ask();
    assert_eq!(harness.clients.operations()[0].to_string(), "c0 #1 lease-read k0 at n1");
    let got = Got { applied: Index(4), version: Index(3), value: b"1." };
    harness.reply(ask.request, Reply::Value(Ok(got.encode())));
    assert_eq!(
        harness.clients.operations()[0].to_string(),
        "c0 #1 lease-read k0 at n1: \"1.\" of i3, state i4"
    );
}

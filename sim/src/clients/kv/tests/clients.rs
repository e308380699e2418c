//! The clients against servers that answer as the test says.

use crate::clients::kv::clients::{Clients, KvPlan, KvWant, Reads};
use crate::clients::kv::wire::{Got, Outcome, Response};
use crate::engine::workload::{Ask, Reply, Told, Want, Wants, Workload};
use crate::observe::OperationEnd;
use crate::plan::rng::{Ratio, Spans};
use crate::plan::server_set::{ServerIdx, ServerSet};
use wavetank_raft::{Answer, Error, Index, RequestId, Span, Time};

const N2: ServerIdx = ServerIdx(1);

/// One client that only writes, never gives a refused operation up at once, and keeps its session.
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

struct Stage {
    clients: Clients,
    wants: Wants,
}

impl Stage {
    fn new(plan: KvPlan) -> Self {
        Self { clients: Clients::new(plan, ServerSet::first(3), 1), wants: Wants::default() }
    }

    /// Lets time go on to the deadline; the exchange that begins then.
    fn next_ask(&mut self) -> Ask {
        let now = self.clients.deadline();
        self.clients.wake(now, &mut self.wants);
        self.wants.asks.pop().expect("somebody asks")
    }

    fn reply(&mut self, request: RequestId, reply: Reply) {
        let now = self.clients.deadline() - Span::ms(1);
        self.clients.reply(now, request, reply, &mut self.wants);
    }

    fn refuse(&mut self, request: RequestId, error: Error) {
        self.reply(request, Reply::Answered(Err(error)));
    }

    fn acknowledge(&mut self, request: RequestId) {
        let response = Response { outcome: Outcome::Done, effective: Index(9) }.encode();
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
    fn name(&self) -> (u32, u32) {
        let command = self.clients.operations().last().unwrap().command().unwrap();
        (command.session, command.sequence)
    }
}

fn not_leader(leader: Option<ServerIdx>) -> Error {
    Error::NotLeader(leader.map(|idx| (idx.id(), idx.address())))
}

#[test]
fn a_write_that_is_acknowledged_is_done() {
    let mut stage = Stage::new(one_writer());
    let ask = stage.next_ask();
    stage.acknowledge(ask.request);
    assert_eq!(stage.endings(), [OperationEnd::Ok]);
    assert!(stage.clients.is_idle());
    stage.next_ask();
    assert_eq!(stage.name(), (1, 2));
}

#[test]
fn a_refused_write_is_sent_to_whoever_is_said_to_lead_as_the_same_command() {
    let mut stage = Stage::new(one_writer());
    let first = stage.next_ask();
    stage.refuse(first.request, not_leader(Some(N2)));
    let second = stage.next_ask();
    assert_eq!((second.to, &second.want), (N2, &first.want));
    assert_ne!(second.request, first.request);
    stage.acknowledge(second.request);
    assert_eq!(stage.endings(), [OperationEnd::Ok]);
}

#[test]
fn a_write_that_everybody_refused_has_failed() {
    let mut stage = Stage::new(one_writer());
    for _ in 0..3 {
        let ask = stage.next_ask();
        stage.refuse(ask.request, not_leader(None));
    }
    assert_eq!(stage.endings(), [OperationEnd::Failed]);
}

#[test]
fn a_write_that_one_server_may_have_done_is_not_known_to_have_failed() {
    for doubt in [Error::LeadershipLost, Error::AbortedByRestore, Error::Shutdown] {
        let mut stage = Stage::new(one_writer());
        let ask = stage.next_ask();
        stage.refuse(ask.request, doubt);
        for _ in 0..2 {
            let ask = stage.next_ask();
            stage.refuse(ask.request, not_leader(None));
        }
        assert_eq!(stage.endings(), [OperationEnd::Unknown]);
    }
}

#[test]
fn silence_leads_to_another_server_and_late_answers_are_not_heard() {
    let mut stage = Stage::new(one_writer());
    let first = stage.next_ask();
    let second = stage.next_ask();
    assert_ne!(second.to, first.to);
    assert_eq!(second.want, first.want);
    stage.acknowledge(first.request);
    assert_eq!(stage.endings(), []);
    stage.reply(second.request, Reply::Broken);
    let third = stage.next_ask();
    stage.refuse(third.request, not_leader(None));
    assert_eq!(stage.endings(), [OperationEnd::Unknown]);
}

#[test]
fn after_an_unknown_end_a_client_may_go_on_as_someone_new() {
    for (rename, next) in [(Ratio::NEVER, (1, 2)), (Ratio::new(1, 1), (2, 1))] {
        let mut stage = Stage::new(KvPlan { tries: 1, rename, ..one_writer() });
        let ask = stage.next_ask();
        stage.reply(ask.request, Reply::Broken);
        assert_eq!(stage.endings(), [OperationEnd::Unknown]);
        stage.next_ask();
        assert_eq!(stage.name(), next);
    }
}

#[test]
fn a_pinned_reader_asks_its_server_and_takes_no_for_an_answer() {
    let reads = Reads { index: 1, lease: 0, verify: 0, stale: 0 };
    let mut stage = Stage::new(KvPlan { followers: 0, pinned: 2, pinned_reads: reads, ..one_writer() });
    let mut servers = Vec::new();
    for _ in 0..20 {
        let ask = stage.next_ask();
        let Want::Read(..) = ask.want else { panic!("it only reads") };
        servers.push((ask.client, ask.to));
        stage.reply(ask.request, Reply::Value(Err(not_leader(Some(ServerIdx(2))))));
    }
    assert_eq!(stage.endings(), [OperationEnd::Failed; 20]);
    servers.sort_unstable();
    servers.dedup();
    assert_eq!(servers, [(0, ServerIdx(0)), (1, ServerIdx(1))]);
}

#[test]
fn once_they_are_stopped_clients_only_finish() {
    let mut stage = Stage::new(one_writer());
    let ask = stage.next_ask();
    stage.clients.stop();
    assert!(!stage.clients.is_idle());
    stage.acknowledge(ask.request);
    assert!(stage.clients.is_idle());
    assert_eq!(stage.clients.deadline(), Time::NEVER);
}

#[test]
fn what_clients_want_does_not_depend_on_how_it_goes() {
    let wishes = |refused: bool| {
        let mut stage = Stage::new(KvPlan {
            verbs: crate::clients::kv::clients::Verbs { cas: 0, ..one_writer().verbs },
            ..one_writer()
        });
        while stage.endings().len() < 50 {
            let ask = stage.next_ask();
            if refused && ask.request.0.is_multiple_of(3) {
                stage.refuse(ask.request, not_leader(None));
            } else {
                stage.acknowledge(ask.request);
            }
        }
        let wanted = stage.clients.operations().iter().map(|it| it.wanted.clone());
        wanted.collect::<Vec<KvWant>>()
    };
    assert_eq!(wishes(false), wishes(true));
}

#[test]
fn every_value_is_written_once() {
    let mut stage = Stage::new(one_writer());
    for _ in 0..100 {
        let ask = stage.next_ask();
        stage.acknowledge(ask.request);
    }
    let mut commands = stage.clients.operations().iter().filter_map(|it| it.bytes()).collect::<Vec<_>>();
    commands.sort_unstable();
    commands.dedup();
    assert_eq!(commands.len(), 100);
}

#[test]
fn operations_have_words() {
    let reads = Reads { index: 0, lease: 1, verify: 0, stale: 0 };
    let plan = KvPlan { followers: 0, pinned: 1, keys: 1, pinned_reads: reads, ..one_writer() };
    let mut stage = Stage::new(plan);
    let ask = stage.next_ask();
    assert_eq!(stage.clients.operations()[0].to_string(), "c0 #1 lease-read k0 at n1");
    let got = Got { applied: Index(4), version: Index(3), value: b"1." };
    stage.reply(ask.request, Reply::Value(Ok(got.encode())));
    assert_eq!(
        stage.clients.operations()[0].to_string(),
        "c0 #1 lease-read k0 at n1: \"1.\" of i3, state i4"
    );
}

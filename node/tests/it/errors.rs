//! Every call in a state in which it fails, and futures whose server ends.

use crate::cluster::*;
use std::time::Duration;
use wavetank_node::prelude::*;
use wavetank_node::transport::InmemTransport;
use wavetank_node::{Entry, Halt, LogStore, Missing, Payload, Place, RaftBuilder, Refusal, Storage};

const SHORT: Duration = Duration::from_millis(30);

fn of(names: &[&str]) -> Configuration {
    Configuration::new(names.iter().map(|name| Member::voter(*name, *name)).collect()).unwrap()
}

#[tokio::test]
async fn a_server_that_cannot_be_started_says_why() {
    let network = InmemNetwork::new();
    let start = |config: Config| {
        let (fsm, _) = Ledger::new();
        Raft::builder(config, fsm, network.transport("n1"))
            .log_store(InmemStore::new())
            .stable_store(InmemStore::new())
            .snapshot_store(InmemSnapshotStore::default())
            .start()
    };
    let error = start(Config::default()).await.unwrap_err();
    assert!(matches!(&error, StartError::Config(error) if error.field == "local_id"));
    assert_eq!(error.to_string(), "configuration: local_id must not be empty");
    let error = start(Config { commit_timeout: Duration::from_micros(1), ..config("n1") }).await.unwrap_err();
    assert_eq!(error.to_string(), "configuration: commit_timeout must be at least 1ms");
}

#[tokio::test]
async fn bootstrapping_is_for_new_clusters_and_their_voters() {
    let network = InmemNetwork::new();
    let node = inmem(&network, config("n1")).await;
    let error = node.raft.bootstrap_cluster(of(&["n2"]), ANY).await.unwrap_err();
    assert_eq!(error, CallError::NotVoter);
    node.raft.bootstrap_cluster(of(&["n1"]), ANY).await.unwrap();
    let error = node.raft.bootstrap_cluster(of(&["n1"]), ANY).await.unwrap_err();
    assert_eq!(error, CallError::CantBootstrap);
    assert_eq!(error.to_string(), "bootstrap only works on new clusters");
}

#[tokio::test]
async fn a_server_that_does_not_lead_refuses_all_calls() {
    let network = InmemNetwork::new();
    let node = inmem(&network, config("n1")).await;
    let raft = &node.raft;
    assert_eq!((raft.leader(), raft.state(), raft.last_contact()), (None, RaftState::Follower, None));
    let no_leader = CallError::NotLeader(None);
    assert_eq!(raft.apply(bytes("a"), ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.apply_log(bytes("a"), bytes("b"), ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.barrier(ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.verify_leader(ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.read_index(ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.read_lease(ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.restore(bytes("a"), ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.add_voter("n2", "n2", None, ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.add_nonvoter("n2", "n2", None, ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.add_voter_staged("n2", "n2", None, ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.demote_voter("n2", None, ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.remove_server("n2", None, ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.leadership_transfer(ANY).await.unwrap_err(), no_leader);
    assert_eq!(raft.snapshot(ANY).await.unwrap_err(), CallError::NothingNewToSnapshot);
    assert!(no_leader.is_not_leader() && !no_leader.is_unknown());
}

#[test]
fn a_refusal_after_which_something_may_have_happened_is_unknown() {
    for refusal in [Refusal::TransferTimeout, Refusal::TooSlow, Refusal::StagingAborted] {
        assert!(CallError::Refused(refusal.clone()).is_unknown(), "{refusal}");
    }
    for refusal in [Refusal::NoTarget, Refusal::ChangeInProgress, Refusal::NoLease] {
        assert!(!CallError::Refused(refusal.clone()).is_unknown(), "{refusal}");
    }
}

#[tokio::test]
async fn a_leader_refuses_invalid_changes() {
    let network = InmemNetwork::new();
    let [one] = inmem_cluster(&network).await;
    one.apply("a").await;
    let raft = &one.raft;
    assert_eq!(raft.leadership_transfer(ANY).await.unwrap_err(), Refusal::NoTarget.into());
    assert_eq!(
        raft.leadership_transfer_to_server("n1", ANY).await.unwrap_err(),
        Refusal::TransferToSelf.into()
    );
    let unknown = raft.leadership_transfer_to_server("n7", ANY).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "cannot find replication state for n7: it is not a member, or not a voter"
    );
    let error = raft.remove_server("n1", None, ANY).await.unwrap_err();
    assert_eq!(error.to_string(), "need at least one voter in configuration");
    let error = raft.add_voter("", "n2", None, ANY).await.unwrap_err();
    assert!(error.to_string().starts_with("empty ID in configuration"), "{error}");
    let error = raft.add_voter("n2", "n1", None, ANY).await.unwrap_err();
    assert_eq!(error.to_string(), "found duplicate address in configuration: n1");
    let error = raft.remove_server("n1", Some(Index(99)), ANY).await.unwrap_err();
    assert_eq!(error.to_string(), "configuration changed since 99 (latest is 1)");
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_and_may_still_take_effect() {
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    network.cut(leader.raft.local_addr().clone(), two.raft.local_addr().clone());
    network.cut(leader.raft.local_addr().clone(), three.raft.local_addr().clone());
    let error = leader.raft.apply(bytes("slow"), SHORT).await.unwrap_err();
    assert_eq!(error, CallError::Timeout);
    assert!(error.is_unknown());
    let error = leader.raft.add_voter("n9", "n9", None, SHORT).await.unwrap_err();
    assert_eq!(error, CallError::Timeout);
}

#[tokio::test]
async fn a_dropped_future_loses_nothing_but_the_answer() {
    let network = InmemNetwork::new();
    let [one] = inmem_cluster(&network).await;
    {
        let mut call = std::pin::pin!(one.raft.apply(bytes("a"), ANY));
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())).await);
    }
    one.holds(|held| held.lines == ["a"]).await;
    drop(one.raft.apply(bytes("never polled"), ANY));
    assert_eq!(one.apply("b").await, "2");
}

type Builder = RaftBuilder<Ledger, InmemTransport, Storage<Missing, Missing>, InmemSnapshotStore>;

/// A single server with this log, and with the options that `set` sets.
async fn alone<L: LogStore + Send + 'static>(
    network: &InmemNetwork,
    log: L,
    set: impl FnOnce(Builder) -> Builder,
) -> Node {
    let (fsm, lines) = Ledger::new();
    let builder = Raft::builder(config("n1"), fsm, network.transport("n1"));
    let builder = set(builder.snapshot_store(InmemSnapshotStore::default()));
    let raft = builder.log_store(log).stable_store(InmemStore::new()).start().await.unwrap();
    raft.bootstrap_cluster(of(&["n1"]), ANY).await.unwrap();
    let node = Node { raft, lines };
    node.leads().await;
    node
}

#[tokio::test]
async fn a_full_server_makes_callers_wait_or_refuses_them() {
    let network = InmemNetwork::new();
    // The log blocks until it is released.
    let (gate, waits) = std::sync::mpsc::channel();
    let log = Gated { log: InmemStore::new(), waits, free: 2 };
    let node = alone(&network, log, |builder| builder.queue_length(2).open_calls_max(2)).await;
    let apply = |line: &'static str, timeout| {
        let raft = node.raft.clone();
        async move { raft.apply(bytes(line), timeout).await }
    };
    let mut waiting = Vec::new();
    for line in ["a", "b", "c", "d"] {
        waiting.push(tokio::spawn(apply(line, ANY)));
    }
    // Once two calls are open and two are in the queue, no more are taken.
    within(async {
        while !matches!(node.raft.try_apply(bytes("x"), SHORT).await, Err(CallError::Overloaded)) {}
    })
    .await;
    assert_eq!(apply("e", SHORT).await.unwrap_err(), CallError::EnqueueTimeout);
    drop(gate);
    for call in waiting {
        within(call).await.unwrap().unwrap();
    }
    assert!(!node.lines.borrow().lines.contains(&"e".to_owned()));
}

/// A log that takes a few writes and then blocks until it is released.
struct Gated {
    log: InmemStore,
    waits: std::sync::mpsc::Receiver<()>,
    free: u32,
}

impl LogStore for Gated {
    fn first_index(&self) -> Result<Index, StoreError> {
        self.log.first_index()
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        self.log.last_index()
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        self.log.get_log(index)
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        match self.free.checked_sub(1) {
            Some(left) => self.free = left,
            None => drop(self.waits.recv()),
        }
        self.log.store_logs(entries)
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        self.log.delete_range(min, max)
    }
}

/// A log whose disk fails when it is to keep the command "b".
struct Failing(InmemStore);

impl LogStore for Failing {
    fn first_index(&self) -> Result<Index, StoreError> {
        self.0.first_index()
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        self.0.last_index()
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        self.0.get_log(index)
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.iter().any(|entry| entry.payload == Payload::Command(bytes("b"))) {
            return Err(failure());
        }
        self.0.store_logs(entries)
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        self.0.delete_range(min, max)
    }
}

fn failure() -> StoreError {
    StoreError::new(StoreErrorKind::Io, "fsync of the log")
}

#[tokio::test]
async fn a_failing_disk_stops_the_server_and_all_calls_get_the_reason() {
    for log in [Place::Thread, Place::Inline] {
        let network = InmemNetwork::new();
        let node = alone(&network, Failing(InmemStore::new()), |builder| builder.log_place(log)).await;
        node.apply("a").await;
        let error = node.raft.apply(bytes("b"), PATIENCE).await.unwrap_err();
        assert_eq!(error, CallError::Store(failure()));
        assert!(error.is_unknown());
        assert_eq!(within(node.raft.stopped()).await, Some(Halt::Store(failure())));
        let error = node.raft.apply(bytes("c"), PATIENCE).await.unwrap_err();
        assert_eq!(error, CallError::Shutdown);
    }
}

#[tokio::test]
async fn a_state_machine_that_panics_stops_its_server_alone() {
    let network = InmemNetwork::new();
    let node = alone(&network, InmemStore::new(), |builder| builder).await;
    let error = within(node.raft.apply(bytes("panic"), ANY)).await.unwrap_err();
    assert_eq!(error.to_string(), "raft-fsm panicked: told to: i/o error");
    assert!(matches!(within(node.raft.stopped()).await, Some(Halt::Store(_))));

    let node = alone(&network, InmemStore::new(), |builder| builder.fsm_place(Place::Inline)).await;
    let error = within(node.raft.apply(bytes("panic"), ANY)).await.unwrap_err();
    assert_eq!(error, CallError::Shutdown);
    let Some(Halt::Store(why)) = within(node.raft.stopped()).await else { panic!() };
    assert_eq!(why.what, "the driver panicked: told to");
    assert_eq!(node.raft.state(), RaftState::Shutdown);
    assert_eq!(within(node.raft.stats()).await.unwrap_err(), CallError::Shutdown);
}

#[tokio::test]
async fn calls_end_when_the_server_stops() {
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    network.isolate(leader.raft.local_addr().clone());
    let raft = leader.raft.clone();
    let waiting = tokio::spawn(async move { raft.apply(bytes("a"), ANY).await });
    let last = leader.raft.last_index();
    let is_in = || async {
        while leader.raft.last_index() == last {
            tokio::task::yield_now().await;
        }
    };
    within(is_in()).await;
    leader.raft.shutdown().await;
    assert_eq!(within(waiting).await.unwrap().unwrap_err(), CallError::Shutdown);
    let shutdown = CallError::Shutdown;
    assert_eq!(leader.raft.barrier(ANY).await.unwrap_err(), shutdown);
    assert_eq!(leader.raft.read_index(ANY).await.unwrap_err(), shutdown);
    assert_eq!(leader.raft.register_observer(1, |_| true).await.unwrap_err(), shutdown);
    let (mut seen, raft) = (two.raft.leader_changes(), three.raft.clone());
    drop((two, three));
    raft.shutdown().await;
    // The last handle is gone, and the server with it.
    within(async { while seen.changed().await.is_ok() {} }).await;
}

#[test]
fn calls_end_when_the_runtime_goes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let network = InmemNetwork::new();
    let [leader, _two, _three] = runtime.block_on(inmem_cluster(&network));
    network.isolate(leader.raft.local_addr().clone());
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let error = other.block_on(within(leader.raft.apply(bytes("a"), ANY))).unwrap_err();
    assert_eq!(error, CallError::Shutdown);
    assert_eq!(other.block_on(within(leader.raft.stopped())), None);
    assert_eq!(leader.raft.state(), RaftState::Shutdown);
}

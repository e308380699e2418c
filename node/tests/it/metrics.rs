//! The metrics of a server have HashiCorp's names.

#![expect(clippy::float_arithmetic, reason = "the facade counts in floats")]

use crate::cluster::*;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wavetank_node::transport::InmemNetwork;

#[tokio::test]
async fn a_cluster_measures_what_it_does() {
    let book = Book::default();
    let _guard = metrics::set_default_local_recorder(&book);
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    let barriers = book.of("raft.barrier").sum;
    for _ in 0..20 {
        leader.apply("a").await;
    }
    leader.raft.barrier(PATIENCE).await.unwrap();
    leader.raft.verify_leader(PATIENCE).await.unwrap();
    leader.raft.snapshot(PATIENCE).await.unwrap();
    for node in [&two, &three] {
        node.holds(|held| held.lines.len() == 20).await;
    }

    assert_eq!(book.of("raft.apply").sum, 20.0);
    assert_eq!(book.of("raft.barrier").sum, barriers + 1.0);
    assert_eq!(book.of("raft.verify_leader").sum, 1.0);
    assert_eq!(book.of("raft.peers").last, 3.0);
    assert!(1.0 <= book.of("raft.state.leader").sum);
    assert_eq!(book.of("raft.fsm.snapshot").times, 1);
    assert_eq!(book.of("raft.snapshot.takeSnapshot").times, 1);
    assert!(20 <= book.of("raft.commitTime").times);
    assert_eq!(book.of("raft.fsm.apply").times, 60, "each command on each server");
    let of_peer = |name: &str, node: &Node| format!("{name} peer_id={}", node.raft.local_id());
    for often in [
        &of_peer("raft.replication.appendEntries.rpc", &two),
        &of_peer("raft.replication.appendEntries.logs", &three),
        "raft.leader.dispatchLog",
        "raft.rpc.appendEntries",
        "raft.rpc.appendEntries.storeLogs",
        "raft.fsm.applyBatch",
        "raft.leader.lastContact",
    ] {
        assert!(0 < book.of(often).times, "{often}: {:?}", book.0.lock().unwrap().keys());
    }
}

/// Keeps everything under its name and labels.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<BTreeMap<String, Line>>>);

#[derive(Clone, Copy, Default)]
struct Line {
    times: usize,
    sum: f64,
    last: f64,
}

struct MetricWriter(Book, String);

impl Book {
    fn of(&self, name: &str) -> Line {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }

    fn writer(&self, key: &Key) -> Arc<MetricWriter> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        let name = key.name().to_owned() + &labels.collect::<String>();
        Arc::new(MetricWriter(self.clone(), name))
    }
}

impl MetricWriter {
    fn note(&self, value: f64) {
        let mut lines = self.0.0.lock().unwrap();
        let line = lines.entry(self.1.clone()).or_default();
        *line = Line { times: line.times + 1, sum: line.sum + value, last: value };
    }
}

impl Recorder for Book {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.writer(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.writer(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.writer(key))
    }
}

impl CounterFn for MetricWriter {
    fn increment(&self, by: u64) {
        self.note(by as f64);
    }

    fn absolute(&self, value: u64) {
        self.note(value as f64);
    }
}

impl GaugeFn for MetricWriter {
    fn increment(&self, by: f64) {
        self.note(by);
    }

    fn decrement(&self, by: f64) {
        self.note(-by);
    }

    fn set(&self, value: f64) {
        self.note(value);
    }
}

impl HistogramFn for MetricWriter {
    fn record(&self, value: f64) {
        self.note(value);
    }
}

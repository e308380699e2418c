//! Stores and clients with one planted bug each, and the judge that must detect it.

use crate::clients::kv::clients::{Clients, HistoryRecorder, KvPlan};
use crate::clients::kv::judges::{ClientJudges, Promises};
use crate::clients::kv::state::KvState;
use crate::clients::kv::wire::Command;
use crate::clients::kv::{Kv, KvSnapshot};
use crate::engine::workload::{Reply, TankFsm, Want, Wants, Workload};
use crate::engine::world::World;
use crate::observe::OperationValue;
use crate::plan::Plan;
use crate::plan::server_set::ServerSet;
use crate::runner::storm_run;
use std::sync::Arc;
use wavetank_linear::{Finding, KeyModel, judge};
use wavetank_raft::store::{self, Fsm, SnapshotReader, StoreError};
use wavetank_raft::{Data, RequestId, Time};

#[test]
fn a_store_without_sessions_does_things_twice() {
    let store = || StoreBug::Forgets.store();
    assert!(storms(store, |clients| Box::new(clients)).any(|detection| detection.by("exactly_once")));
}

#[test]
fn a_store_whose_snapshots_lack_sessions_does_things_twice() {
    let store = || StoreBug::Saves.store();
    let checks = ["no_phantom", "exactly_once", "acked_writes"];
    let mut storms = storms(store, |clients| Box::new(clients));
    assert!(storms.any(|detection| checks.iter().any(|check| detection.by(check))));
}

#[test]
fn a_store_that_loses_writes_is_detected() {
    let store = || StoreBug::Loses.store();
    let mut storms = storms(store, |clients| Box::new(clients));
    assert!(storms.any(|detection| detection.by("no_phantom") && detection.in_history));
}

#[test]
fn stale_reads_are_detected() {
    let mut storms = storms(Kv::default, |clients| Box::new(StaleReader(clients)));
    assert!(storms.any(|detection| detection.by("fresh_reads") && detection.in_history));
}

/// The detection of the bug by one storm.
struct Detection {
    check: Option<String>,
    /// True if the linearizability checker detected the bug from the history alone.
    in_history: bool,
}

impl Detection {
    fn by(&self, check: &str) -> bool {
        self.check.as_deref() == Some(check)
    }
}

fn storms<F: TankFsm + 'static>(
    make: fn() -> F,
    wrap: fn(Clients) -> Box<dyn Workload>,
) -> impl Iterator<Item = Detection> {
    (0..400).map(move |seed| {
        let plan = Plan::storm(seed);
        let judges = ClientJudges::new(Promises::from(&plan));
        let wants = KvPlan { keys: 2, ..KvPlan::from(&plan.clients) };
        let clients = wrap(Clients::new(wants, ServerSet::first(usize::from(plan.servers)), plan.seed));
        let mut world = World::new(plan, move |_| make(), clients, (judges, HistoryRecorder::default()));
        storm_run::run(&mut world, |_| true);
        let (judges, lines) = world.into_observer();
        let mut slices = 4_000;
        let mut patience = || {
            slices -= 1;
            0 < slices
        };
        let judged = judge(&lines.text(), KeyModel::Kv, &mut patience).unwrap();
        let in_history = matches!(judged.finding, Finding::Violation(_));
        Detection { check: judges.verdict().map(|violation| violation.check.clone()), in_history }
    })
}

/// A planted bug of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StoreBug {
    /// The store forgets sessions, so a command that comes twice takes effect twice.
    Forgets,
    /// A snapshot lacks the sessions.
    Saves,
    /// One write in thirteen is acknowledged but not executed.
    Loses,
}

impl StoreBug {
    fn store(self) -> BuggyKv {
        BuggyKv { kv: Kv::default(), bug: self }
    }
}

#[derive(Clone, Debug)]
struct BuggyKv {
    kv: Kv,
    bug: StoreBug,
}

impl Fsm for BuggyKv {
    type Snapshot = KvSnapshot;

    fn apply(&mut self, it: &store::Command<'_>) -> Data {
        let command = Command::decode(it.data).unwrap();
        let index = u32::try_from(it.index.0).unwrap();
        let altered = match self.bug {
            StoreBug::Forgets => Command { session: index, ..command }.encode(),
            StoreBug::Loses if index.is_multiple_of(13) => Command { key: 1_000, ..command }.encode(),
            StoreBug::Loses | StoreBug::Saves => Data::clone(it.data),
        };
        self.kv.apply(&store::Command { data: &altered, ..*it })
    }

    fn snapshot(&mut self) -> Result<KvSnapshot, StoreError> {
        self.kv.snapshot()
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        self.kv.restore(reader)?;
        if self.bug == StoreBug::Saves {
            let mut without_sessions = KvState::at(self.kv.state.applied());
            for (key, cell) in self.kv.state.cells() {
                without_sessions.put_cell(key, cell.version, cell.value.clone());
            }
            self.kv.state = Arc::new(without_sessions);
        }
        Ok(())
    }
}

impl TankFsm for BuggyKv {
    fn query(&self, query: &[u8]) -> Data {
        self.kv.query(query)
    }

    fn digest(&self) -> u64 {
        self.kv.digest()
    }
}

/// Clients whose servers answer every read from the local state.
#[derive(Debug)]
struct StaleReader(Clients);

impl StaleReader {
    fn make_reads_stale(wants: &mut Wants) {
        for ask in &mut wants.asks {
            if let Want::Read(_, query) = &ask.want {
                ask.want = Want::Stale(Data::clone(query));
            }
        }
    }
}

impl Workload for StaleReader {
    fn deadline(&self) -> Time {
        self.0.deadline()
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        self.0.wake(now, wants);
        Self::make_reads_stale(wants);
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        self.0.reply(now, request, reply, wants);
        Self::make_reads_stale(wants);
    }

    fn stop(&mut self) {
        self.0.stop();
    }

    fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    fn operation(&self, operation: u64) -> &dyn OperationValue {
        self.0.operation(operation)
    }
}

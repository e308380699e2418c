//! Stores and servers that are wrong, each in one way, and the judge that must notice.

use crate::clients::kv::clients::{Clients, KvPlan, Lines};
use crate::clients::kv::judges::{Judges, Promises};
use crate::clients::kv::state::State;
use crate::clients::kv::wire::Command;
use crate::clients::kv::{Kv, KvSnapshot};
use crate::engine::workload::{Reply, TankFsm, Want, Wants, Workload};
use crate::engine::world::World;
use crate::observe::OperationValue;
use crate::plan::Plan;
use crate::plan::server_set::ServerSet;
use crate::runner::storm_run;
use std::sync::Arc;
use wavetank_linear::{Finding, Model, judge};
use wavetank_raft::store::{self, Fsm, SnapshotSource, StoreError};
use wavetank_raft::{Data, RequestId, Time};

#[test]
fn a_store_without_sessions_does_things_twice() {
    let store = || How::Forgets.store();
    assert!(storms(store, |clients| Box::new(clients)).any(|trigger| trigger.by("exactly_once")));
}

#[test]
fn so_does_one_whose_snapshots_have_none() {
    let store = || How::Saves.store();
    let told = ["no_phantom", "exactly_once", "acked_writes"];
    let mut storms = storms(store, |clients| Box::new(clients));
    assert!(storms.any(|trigger| told.iter().any(|check| trigger.by(check))));
}

#[test]
fn a_store_that_loses_what_it_wrote_is_seen_through() {
    let store = || How::Loses.store();
    let mut storms = storms(store, |clients| Box::new(clients));
    assert!(storms.any(|trigger| trigger.by("no_phantom") && trigger.in_history));
}

#[test]
fn reads_of_the_local_state_are_not_up_to_date() {
    let mut storms = storms(Kv::default, |clients| Box::new(Hasty(clients)));
    assert!(storms.any(|trigger| trigger.by("fresh_reads") && trigger.in_history));
}

/// Who noticed in one storm that something is wrong.
struct Trigger {
    check: Option<String>,
    /// The history alone shows it.
    in_history: bool,
}

impl Trigger {
    fn by(&self, check: &str) -> bool {
        self.check.as_deref() == Some(check)
    }
}

fn storms<F: TankFsm + 'static>(
    make: fn() -> F,
    wrap: fn(Clients) -> Box<dyn Workload>,
) -> impl Iterator<Item = Trigger> {
    (0..400).map(move |seed| {
        let plan = Plan::storm(seed);
        let judges = Judges::new(Promises::from(&plan));
        let wants = KvPlan { keys: 2, ..KvPlan::from(&plan.clients) };
        let clients = wrap(Clients::new(wants, ServerSet::first(usize::from(plan.servers)), plan.seed));
        let mut world = World::new(plan, move |_| make(), clients, (judges, Lines::default()));
        storm_run::run(&mut world, |_| true);
        let (judges, lines) = world.into_observer();
        let mut slices = 4_000;
        let mut patience = || {
            slices -= 1;
            0 < slices
        };
        let judged = judge(&lines.text(), Model::Kv, &mut patience).unwrap();
        let in_history = matches!(judged.finding, Finding::Violation(_));
        Trigger { check: judges.verdict().map(|violation| violation.check.clone()), in_history }
    })
}

/// How a store is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// Every command is the first of its session.
    Forgets,
    /// A snapshot has no sessions.
    Saves,
    /// One write in thirteen is acknowledged and not done.
    Loses,
}

impl How {
    fn store(self) -> Bent {
        Bent { kv: Kv::default(), how: self }
    }
}

#[derive(Clone, Debug)]
struct Bent {
    kv: Kv,
    how: How,
}

impl Fsm for Bent {
    type Snapshot = KvSnapshot;

    fn apply(&mut self, commands: &[store::Command<'_>]) -> Vec<Data> {
        let bend = |it: &store::Command<'_>| {
            let command = Command::decode(it.data).unwrap();
            let index = u32::try_from(it.index.0).unwrap();
            match self.how {
                How::Forgets => Command { session: index, ..command }.encode(),
                How::Loses if index.is_multiple_of(13) => Command { key: 1_000, ..command }.encode(),
                How::Loses | How::Saves => Data::clone(it.data),
            }
        };
        let bent = commands.iter().map(bend).collect::<Vec<_>>();
        let commands = commands.iter().zip(&bent).map(|(it, data)| store::Command { data, ..*it });
        self.kv.apply(&commands.collect::<Vec<_>>())
    }

    fn snapshot(&mut self) -> Result<KvSnapshot, StoreError> {
        self.kv.snapshot()
    }

    fn restore(&mut self, source: &mut dyn SnapshotSource) -> Result<(), StoreError> {
        self.kv.restore(source)?;
        if self.how == How::Saves {
            let mut bare = State::at(self.kv.state.applied());
            for (key, cell) in self.kv.state.cells() {
                bare.put_cell(key, cell.version, cell.value.clone());
            }
            self.kv.state = Arc::new(bare);
        }
        Ok(())
    }
}

impl TankFsm for Bent {
    fn query(&self, query: &[u8]) -> Data {
        self.kv.query(query)
    }

    fn digest(&self) -> u64 {
        self.kv.digest()
    }
}

/// Clients whose servers answer every read from the local state.
#[derive(Debug)]
struct Hasty(Clients);

impl Hasty {
    fn hurry(wants: &mut Wants) {
        for ask in &mut wants.asks {
            if let Want::Read(_, query) = &ask.want {
                ask.want = Want::Stale(Data::clone(query));
            }
        }
    }
}

impl Workload for Hasty {
    fn deadline(&self) -> Time {
        self.0.deadline()
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        self.0.wake(now, wants);
        Self::hurry(wants);
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        self.0.reply(now, request, reply, wants);
        Self::hurry(wants);
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

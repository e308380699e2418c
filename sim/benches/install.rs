//! Measures the installation of a snapshot of 1 GiB in the tank, and the memory that it adds, which
//! must be a few pieces. Also measures storms with many membership changes.
//!
//! The content of the state is a function of the offset. No store keeps the content. Each receiver of a
//! piece compares it with the function.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::float_arithmetic,
    reason = "a benchmark measures wall time and prints it"
)]

mod memory;

use memory::most_memory;
use std::sync::Arc;
use std::time::Instant;
use wavetank_raft::checksum::{Checksum, verify};
use wavetank_raft::execute::{Recovered, Snapshots, Storage, keep_snapshot, load_snapshot, recover};
use wavetank_raft::store::inmem::InmemStore;
use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotSink, SnapshotSource, SnapshotStore, SnapshotWriter,
    StoreError, StoreErrorKind,
};
use wavetank_raft::{
    CacheLimits, Call, Configuration, Data, Entries, Entry, Index, LogId, Settings, SnapshotMeta,
    SnapshotPiece, Span, StoreJob, Write,
};
use wavetank_sim::check::coverage::Point;
use wavetank_sim::check::{self, Options};
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::disk::fault::{Damage, DiskFault};
use wavetank_sim::disk::{Capture, Load, PartialWrite, Remains, Stores};
use wavetank_sim::engine::workload::{NoClients, TankFsm};
use wavetank_sim::plan::Recurrence;
use wavetank_sim::plan::fault_kind::Scheduled;
use wavetank_sim::plan::rng::{Draw, Spans};
use wavetank_sim::runner::storm_run;
use wavetank_sim::{Plan, ServerIdx, ServerSet, World};

/// The size of the state in bytes.
const SIZE: u64 = 1 << 30;

/// The size of a piece in bytes.
const PIECE: u64 = 256 << 10;

/// The most memory that the installation may add, in pieces: a piece that is read, a piece in flight, a
/// piece that is written, and memory that the allocator keeps.
const PIECES_MOST: u64 = 16;

const STORMS: u64 = 200;

fn main() {
    let before = most_memory();
    let (wall, virtual_time, messages) = install();
    println!("{:<44} {:>12}", "install of 1 GiB, MiB/s", (SIZE >> 20) * 1_000 / wall.max(1));
    println!("{:<44} {virtual_time:>12}", "  virtual ms");
    println!("{:<44} {messages:>12}", "  messages");
    if let (Some(before), Some(after)) = (before, most_memory()) {
        let more = after.saturating_sub(before);
        println!("{:<44} {after:>12}", "  most memory, KiB");
        println!("{:<44} {more:>12}", "  added by the install, KiB");
        println!("{:<44} {:>12}", "  in pieces", (more << 10).div_ceil(PIECE));
        assert!(more << 10 <= PIECES_MOST * PIECE, "the install added {more} KiB of memory");
    }
    membership_storms();
}

/// Lets a new server install the snapshot. Returns the wall time in ms, the virtual time in ms, and the
/// number of messages.
fn install() -> (u64, u64, u64) {
    let mut plan = Plan { spares: 1, ..Plan::calm(1, 3) };
    plan.config.trailing_logs = 0;
    plan.config.snapshot_chunk_bytes = PIECE;
    let mut world = World::with_stores(plan, |_| Vast::default(), Box::new(NoClients), (), &mut |_| {
        Box::new(ChunkStores::default())
    });
    world.run_for(Span::s(2));
    let leader = world.leader().expect("a run without faults has a leader");
    world.call(leader, Call::Apply(vec![1].into()));
    world.run_for(Span::ms(100));
    let taken = world.call(leader, Call::Snapshot);
    world.run_for(Span::s(1));
    assert!(world.outcome(taken).is_some_and(Result::is_ok), "{:?}", world.outcome(taken));

    let newcomer = ServerIdx(3);
    let (begun, from, sent) = (Instant::now(), world.now(), world.messages());
    let (id, address) = (newcomer.id(), newcomer.address());
    world.call(leader, Call::AddVoterStaged { id, address, prev_index: None });
    let limit = from + Span::s(3_600);
    world.run_while(limit, |world| world.fsm(newcomer).is_none_or(|vast| vast.size < SIZE));
    assert!(world.fsm(newcomer).is_some_and(|vast| vast.size == SIZE), "the snapshot did not arrive");
    let wall = u64::try_from(begun.elapsed().as_millis()).expect("a short time");
    (wall, world.now().since(from).0 / 1_000, world.messages() - sent)
}

/// Runs storms in which operators request membership changes of all kinds all the time.
fn membership_storms() {
    let begun = Instant::now();
    let (mut commits, mut events) = (0, 0);
    for seed in 0..STORMS {
        let mut plan = Plan { spares: 2, ..Plan::storm(seed) };
        let timeout = Span::from_duration(plan.config.heartbeat_timeout);
        let rhythm = Recurrence { every: Spans::new(timeout, timeout.times(8)), lasts: Spans::ZERO };
        let kinds = [Scheduled::Joint, Scheduled::Exchange, Scheduled::Add, Scheduled::Promote];
        let all = kinds.into_iter().chain([Scheduled::Demote, Scheduled::Remove, Scheduled::Change]);
        plan.nemesis.scheduled.extend(all.map(|kind| (kind, rhythm)));
        let observer = (check::Judges::new(Options::of(&plan)), ClientJudges::new(Promises::from(&plan)));
        let servers = ServerSet::first(usize::from(plan.servers));
        let clients = Clients::new(KvPlan::from(&plan.clients), servers, plan.seed);
        let mut world = World::new(plan, |_| Kv::default(), Box::new(clients), observer);
        storm_run::run(&mut world, |_| true);
        events += world.events();
        commits += world.observer().0.sometimes().count(Point::ConfigurationChanged);
    }
    let wall = begun.elapsed().as_secs_f64();
    println!("{:<44} {:>12.0}", "membership storms/s", STORMS as f64 / wall);
    println!("{:<44} {:>12}", "  events each", events / STORMS);
    println!("{:<44} {:>12}", "  changes each", commits / STORMS);
}

/// Computes the content of a piece of the state. `offset` and `length` are in bytes.
fn by_rule(offset: u64, length: u64) -> Vec<u8> {
    let word = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at >> 7).to_le_bytes();
    (offset / 8..(offset + length).div_ceil(8)).flat_map(word).collect()
}

/// A state machine that is empty before its first command and has 1 GiB of state after it.
#[derive(Debug, Default)]
struct Vast {
    size: u64,
}

/// The size of the state at one moment.
#[derive(Debug)]
struct Captured(u64);

impl Fsm for Vast {
    type Snapshot = Captured;

    fn apply(&mut self, _: &Command<'_>) -> Data {
        self.size = SIZE;
        Data::default()
    }

    fn snapshot(&mut self) -> Result<Captured, StoreError> {
        Ok(Captured(self.size))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        self.size = reader.remaining();
        let mut piece = vec![0; piece_size()];
        for offset in (0..self.size).step_by(piece_size()) {
            reader.read_exact(&mut piece)?;
            is_by_rule(offset, &piece)?;
        }
        Ok(())
    }
}

impl FsmSnapshot for Captured {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        (0..self.0).step_by(piece_size()).try_for_each(|offset| writer.write_all(&by_rule(offset, PIECE)))
    }
}

impl TankFsm for Vast {
    fn query(&self, _: &[u8]) -> Data {
        Data::from(self.size.to_be_bytes().to_vec())
    }

    fn digest(&self) -> u64 {
        self.size
    }
}

fn piece_size() -> usize {
    usize::try_from(PIECE).expect("the size of a piece fits into usize")
}

fn is_by_rule(offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
    let wanted = by_rule(offset, bytes.len() as u64);
    if wanted != bytes {
        return Err(StoreError::new(StoreErrorKind::Corrupt, "not the computed content"));
    }
    Ok(())
}

/// A store of one snapshot. The content of the snapshot is computed.
#[derive(Debug, Default)]
struct Ruled(Option<Arc<SnapshotMeta>>);

#[derive(Debug)]
struct RuledSink {
    meta: SnapshotMeta,
    size: u64,
    checksum: Checksum,
}

#[derive(Debug)]
struct RuledSource(u64);

impl SnapshotSink for RuledSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        is_by_rule(self.size, bytes)?;
        self.checksum.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}

impl SnapshotSource for RuledSource {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_at(&mut self, offset: u64, limit: u64) -> Result<Data, StoreError> {
        Ok(by_rule(offset, limit.min(self.0.saturating_sub(offset))).into())
    }
}

impl SnapshotStore for Ruled {
    type Sink = RuledSink;
    type Source = RuledSource;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<RuledSink, StoreError> {
        Ok(RuledSink { meta: meta.clone(), size: 0, checksum: Checksum::default() })
    }

    fn close(&mut self, sink: RuledSink) -> Result<Arc<SnapshotMeta>, StoreError> {
        let meta = Arc::new(verify(sink.meta, sink.size, sink.checksum.finish())?);
        self.0 = Some(meta.clone());
        Ok(meta)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        Ok(self.0.iter().cloned().collect())
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, RuledSource), StoreError> {
        let found = self.0.as_ref().filter(|meta| meta.last == last);
        let meta = found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, "no such snapshot"))?;
        Ok((meta.clone(), RuledSource(meta.size)))
    }
}

/// Stores of a server: a log in memory and a computed snapshot. They have no faults.
#[derive(Debug)]
struct ChunkStores {
    storage: Storage<InmemStore, InmemStore>,
    snapshots: Snapshots<Ruled>,
}

impl Default for ChunkStores {
    fn default() -> Self {
        Self { storage: Storage::default(), snapshots: Snapshots::new(Ruled::default()) }
    }
}

impl Stores for ChunkStores {
    fn recover(&mut self, cache: CacheLimits) -> Result<Recovered, StoreError> {
        recover(&mut self.storage, &self.snapshots, cache)
    }

    fn log(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(self.storage.log.entries().cloned().collect())
    }

    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        writes.iter().try_for_each(|write| self.storage.persist(write))
    }

    fn fail(&mut self, _: &Write, _: Draw) -> Option<(Option<PartialWrite>, StoreError)> {
        unreachable!("no write fails on a run without faults")
    }

    fn crash(&mut self, _: Vec<StoreJob>, _: Option<Capture<'_>>, _: [Draw; 2]) -> Remains {
        unreachable!("no server crashes on a run without faults")
    }

    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        self.storage.fetch(first, last, settings)
    }

    fn read_snapshot(
        &mut self,
        last: Option<LogId>,
        offset: u64,
        limit: u64,
    ) -> Result<Option<SnapshotPiece>, StoreError> {
        self.snapshots.read(last, offset, limit)
    }

    fn write_snapshot(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &Data, done: bool) -> bool {
        self.snapshots.write(meta, offset, data, done)
    }

    fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError> {
        keep_snapshot(capture.state, capture.meta, &mut self.snapshots.store)
    }

    fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError> {
        load_snapshot(&self.snapshots.store, last, load)
    }

    fn inject_fault(&mut self, _: DiskFault, _: Draw) -> Option<Damage> {
        None
    }

    fn is_damaged(&self) -> bool {
        false
    }

    fn memberships(&self) -> Vec<(Index, Arc<Configuration>)> {
        Vec::new()
    }

    fn free_space(&mut self) {}

    fn wipe(&mut self) {
        *self = Self::default();
    }

    fn calm(&mut self) {}

    fn faults(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

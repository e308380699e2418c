//! The stores of a real server, a log and snapshots in files, on a simulated device.
//!
//! A log in memory has the writes that the stores reported as durable. After every crash, the stores must
//! hold exactly these writes, or these and the whole group of writes that was under way.

use super::seams::{Backend, Bug, Tree};
use std::path::Path;
use std::sync::Arc;
use wavetank_node::LogDisk;
use wavetank_node::store::{FileSnapshotStore, RedbStore, WalOptions, WalStore};
use wavetank_raft::execute::{HARD_STATE, Recovered, Snapshots, Storage, keep_snapshot, load_snapshot};
use wavetank_raft::store::inmem::InmemStore;
use wavetank_raft::store::{SnapshotStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{
    CacheLimits, Configuration, Data, Entries, Entry, Index, LogId, LogOp, Payload, Settings, SnapshotMeta,
    SnapshotPiece, StoreJob, Token, Write,
};
use wavetank_sim::ServerIdx;
use wavetank_sim::disk::fault::{Damage, DiskFault};
use wavetank_sim::disk::{Capture, Device, DeviceFault, Load, Mount, PartialWrite, Remains, Stores};
use wavetank_sim::plan::rng::{Domain, Draw, Ratio, Stream};

const DATABASE: &str = "raft.redb";
const SEGMENTS: &str = "wal";
/// Small segments, so that most storms begin and delete segments.
const SIZES: WalOptions = WalOptions { segment_bytes: 1024, ahead_bytes: 1024 };
const RETAIN: usize = 2;

/// The chance that a fault of the device happens while a snapshot is written.
const SNAPSHOT_TROUBLE: Ratio = Ratio::new(1, 30);
/// The chance that the power fails again while a server starts.
const FAILS_AGAIN: Ratio = Ratio::new(1, 4);

/// The kind of the log, and the bug that is planted in its use of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub(super) log: LogKind,
    pub(super) bug: Option<Bug>,
}

/// The stores of a log and a vote record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LogKind {
    Redb,
    Wal,
}

/// The stores of one server.
#[derive(Debug)]
pub(super) struct Durable {
    device: Device,
    kind: Kind,
    open: Option<Open>,
    reported: Storage<InmemStore, InmemStore>,
    /// Writes whose durability is unknown, because the power failed before their report.
    doubtful: Vec<Write>,
    chance: Stream,
    /// The number of device operations of the last group of writes.
    operations: u64,
    is_calm: bool,
}

/// The stores of a running process.
#[derive(Debug)]
struct Open {
    log: Log,
    snapshots: Snapshots<FileSnapshotStore<Tree>>,
}

#[derive(Debug)]
enum Log {
    Redb(RedbStore),
    Wal(WalStore<Tree>),
}

impl Log {
    fn on(mount: &Mount, kind: Kind, is_new: bool) -> Result<Self, StoreError> {
        let bug = kind.bug;
        match kind.log {
            LogKind::Redb => {
                let file = mount.open(Path::new(DATABASE), is_new).map_err(failed)?;
                Ok(Self::Redb(RedbStore::on(Backend { file, bug }, DATABASE)?))
            }
            LogKind::Wal => {
                let files = Tree { mount: mount.clone(), bug };
                Ok(Self::Wal(WalStore::on(files, SEGMENTS, SIZES)?))
            }
        }
    }

    fn range(&self) -> Result<Vec<Entry>, StoreError> {
        match self {
            Self::Redb(log) => log.range(Index(0), Index(u64::MAX), |_| true),
            Self::Wal(log) => log.range(Index(0), Index(u64::MAX), |_| true),
        }
    }

    fn stable(&self) -> &dyn StableStore {
        match self {
            Self::Redb(log) => log,
            Self::Wal(log) => log,
        }
    }

    fn persist_group(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        match self {
            Self::Redb(log) => LogDisk::persist_group(log, writes),
            Self::Wal(log) => LogDisk::persist_group(log, writes),
        }
    }

    fn recover(
        &mut self,
        snapshot: Option<Arc<SnapshotMeta>>,
        cache: CacheLimits,
    ) -> Result<Recovered, StoreError> {
        match self {
            Self::Redb(log) => LogDisk::recover(log, snapshot, cache),
            Self::Wal(log) => LogDisk::recover(log, snapshot, cache),
        }
    }

    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        match self {
            Self::Redb(log) => LogDisk::fetch(log, first, last, settings),
            Self::Wal(log) => LogDisk::fetch(log, first, last, settings),
        }
    }
}

fn failed(error: std::io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Io, error.to_string())
}

impl Open {
    fn on(device: &Device, kind: Kind, is_new: bool) -> Result<Self, StoreError> {
        let mount = device.mount();
        let log = Log::on(&mount, kind, is_new)?;
        let files = Tree { mount: mount.clone(), bug: None };
        let snapshots = FileSnapshotStore::on(files, "", RETAIN)?;
        if is_new {
            mount.sync_dir(Path::new("")).map_err(failed)?;
        }
        Ok(Self { log, snapshots: Snapshots::new(snapshots) })
    }

    fn entries(&self) -> Vec<Entry> {
        self.log.range().expect(SOUND)
    }

    fn is(&self, storage: &Storage<InmemStore, InmemStore>) -> bool {
        let record = |store: &dyn StableStore| store.get(HARD_STATE).expect(SOUND);
        record(self.log.stable()) == record(&storage.stable)
            && self.entries().iter().eq(storage.log.entries())
    }

    fn newest(&self) -> Option<LogId> {
        self.snapshots.store.list().expect(SOUND).first().map(|meta| meta.last)
    }
}

const OPEN: &str = "the stores are closed only during a crash";
const IN_MEMORY: &str = "stores in memory do not fail";
const SOUND: &str = "no fault is armed, and synced data can be read";

impl Durable {
    /// Creates blank stores on a blank device.
    pub(super) fn new(seed: u64, idx: ServerIdx, kind: Kind) -> Self {
        let device = Device::new(seed, idx);
        Self {
            open: Some(Open::on(&device, kind, true).expect(SOUND)),
            device,
            kind,
            reported: Storage::default(),
            doubtful: Vec::new(),
            chance: Stream::new(seed, Domain::Trouble, u64::from(idx.0), 0),
            operations: 0,
            is_calm: false,
        }
    }

    fn open(&mut self) -> &mut Open {
        self.open.as_mut().expect(OPEN)
    }

    /// Arms one fault. It happens after a random number of device operations, which is at most one above
    /// the number that the last group of writes took.
    fn arm(&mut self, kinds: &[DeviceFault]) {
        let trouble = self.chance.one_of(kinds);
        let after = self.chance.below(self.operations + 2);
        self.device.arm(trouble, after);
    }

    fn persist_group(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let before = self.device.operations();
        let written = self.open().log.persist_group(writes);
        match &written {
            Ok(()) => {
                writes.iter().try_for_each(|write| self.reported.persist(write)).expect(IN_MEMORY);
                self.operations = self.device.operations() - before;
            }
            Err(_) => self.doubtful = writes.to_vec(),
        }
        written
    }

    /// Continues the jobs that were under way until the device stops.
    fn go_on(
        &mut self,
        jobs: Vec<StoreJob>,
        capture: Option<Capture<'_>>,
        durable: &mut Vec<Write>,
    ) -> Result<(), StoreError> {
        let is_first = self.chance.chance(1, 2);
        let (first, last) = if is_first { (capture, None) } else { (None, capture) };
        self.keep(first)?;
        let mut group: Vec<Write> = Vec::new();
        for job in jobs {
            match job {
                StoreJob::Persist(write) => group.push(write),
                StoreJob::WriteSnapshot { meta, offset, data, done, .. } => {
                    self.persist_group(&group)?;
                    durable.append(&mut group);
                    self.open().snapshots.write(&meta, offset, &data, done);
                }
                StoreJob::Fetch { .. } | StoreJob::ReadSnapshot { .. } => {}
            }
        }
        self.persist_group(&group)?;
        durable.append(&mut group);
        self.keep(last)
    }

    fn keep(&mut self, capture: Option<Capture<'_>>) -> Result<(), StoreError> {
        let Some(Capture { state, meta }) = capture else { return Ok(()) };
        keep_snapshot(state, meta, &mut self.open().snapshots.store).map(|_| ())
    }

    /// Ends the process, and opens the stores again in a new one. The power may fail meanwhile.
    fn restart(&mut self) {
        loop {
            let is_cut = self.chance.chance(1, 2);
            if is_cut {
                self.device.cut_power();
            } else {
                self.device.kill();
            }
            self.open = None;
            let fails_again = self.chance.hits(FAILS_AGAIN);
            if fails_again {
                self.arm(&[DeviceFault::Stop]);
            }
            let opened = Open::on(&self.device, self.kind, false);
            self.device.disarm();
            match opened {
                Ok(open) if !self.device.is_stopped() => return self.open = Some(open),
                Err(error) if !self.device.is_stopped() => panic!("the store cannot be opened: {error}"),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Returns the doubtful writes if they are on the device, which must have all of them or none.
    fn settle_doubts(&mut self) -> Vec<Write> {
        let doubtful = std::mem::take(&mut self.doubtful);
        let open = self.open.as_ref().expect(OPEN);
        if open.is(&self.reported) {
            return Vec::new();
        }
        let reported = self.reported.log.entries().last().map(|entry| entry.id);
        doubtful.iter().try_for_each(|write| self.reported.persist(write)).expect(IN_MEMORY);
        let is_whole = open.is(&self.reported);
        assert!(
            is_whole,
            "the store ends at {:?}, but it must end at {reported:?}, as it reported, or {} writes later",
            open.entries().last().map(|entry| entry.id),
            doubtful.len()
        );
        doubtful
    }
}

impl Stores for Durable {
    fn recover(&mut self, cache: CacheLimits) -> Result<Recovered, StoreError> {
        let open = self.open();
        let snapshot = open.snapshots.newest()?;
        let recovered = open.log.recover(snapshot, cache)?;
        // A log that contradicts its snapshot is dropped during recovery.
        if open.entries().is_empty() {
            let upto = recovered.log.last().index;
            let write = Write { token: Token(0), hard_state: None, log: LogOp::Discard(upto) };
            self.reported.persist(&write).expect(IN_MEMORY);
        }
        Ok(recovered)
    }

    fn log(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(self.open.as_ref().map(Open::entries).unwrap_or_default())
    }

    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.persist_group(writes)
    }

    fn fail(&mut self, write: &Write, _: Draw) -> Option<(Option<PartialWrite>, StoreError)> {
        self.arm(&[DeviceFault::Full, DeviceFault::WriteFails, DeviceFault::SyncFails]);
        let written = self.persist_group(std::slice::from_ref(write));
        self.device.disarm();
        written.err().map(|error| (None, error))
    }

    fn crash(&mut self, jobs: Vec<StoreJob>, capture: Option<Capture<'_>>, _: [Draw; 2]) -> Remains {
        let mut durable = Vec::new();
        let known = self.open().newest();
        // A snapshot of a leader may become complete, too, but it does not have the state of this server.
        let captured = capture.as_ref().map(|capture| capture.meta.last);
        if self.doubtful.is_empty() {
            self.arm(&[DeviceFault::Stop]);
            // The contents of the store show afterwards whether this write ended.
            let _ = self.go_on(jobs, capture, &mut durable);
        }
        self.restart();
        durable.extend(self.settle_doubts());
        let is_new = |newest: &LogId| Some(*newest) == captured && known.is_none_or(|known| known < *newest);
        let newest = self.open().newest().filter(is_new);
        let snapshot = newest.and_then(|last| self.open().snapshots.store.open(last).ok());
        Remains { durable, torn: None, snapshot: snapshot.map(|(meta, _)| meta) }
    }

    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        self.open.as_ref().expect(OPEN).log.fetch(first, last, settings)
    }

    fn read_snapshot(
        &mut self,
        last: Option<LogId>,
        offset: u64,
        limit: u64,
    ) -> Result<Option<SnapshotPiece>, StoreError> {
        self.open().snapshots.read(last, offset, limit)
    }

    fn write_snapshot(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &Data, done: bool) -> bool {
        self.with_trouble(|open| open.snapshots.write(meta, offset, data, done))
    }

    fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError> {
        self.with_trouble(|open| keep_snapshot(capture.state, capture.meta, &mut open.snapshots.store))
    }

    fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError> {
        let open = self.open.as_ref().expect(OPEN);
        load_snapshot(&open.snapshots.store, last, load)
    }

    /// No fault comes from outside: this device draws its own faults.
    fn inject_fault(&mut self, _: DiskFault, _: Draw) -> Option<Damage> {
        None
    }

    fn is_damaged(&self) -> bool {
        false
    }

    fn memberships(&self) -> Vec<(Index, Arc<Configuration>)> {
        let entries: Vec<&Entry> = self.reported.log.entries().collect();
        let mut known: Vec<_> = entries.into_iter().rev().filter_map(membership).collect();
        let snapshots = self.open.as_ref().and_then(|open| open.snapshots.store.list().ok());
        let newest = snapshots.and_then(|list| list.first().cloned());
        known.extend(newest.map(|meta| (meta.configuration_index, Arc::new(meta.configuration.clone()))));
        known
    }

    fn free_space(&mut self) {}

    fn wipe(&mut self) {
        self.open = None;
        self.device.wipe();
        self.open = Some(Open::on(&self.device, self.kind, true).expect(SOUND));
        self.reported = Storage::default();
        self.doubtful.clear();
    }

    fn calm(&mut self) {
        self.is_calm = true;
    }

    fn faults(&self) -> Vec<(&'static str, u64)> {
        let counts = self.device.counts();
        vec![
            ("power_cut", counts.cuts),
            ("power_cut_in_writing", counts.cuts_in_writing),
            ("killed_in_writing", counts.killed_in_writing),
            ("torn_page", counts.torn_pages),
            ("device_full", counts.full),
            ("failed_write", counts.failed_writes),
            ("failed_sync", counts.failed_syncs),
        ]
    }
}

fn membership(entry: &Entry) -> Option<(Index, Arc<Configuration>)> {
    match &entry.payload {
        Payload::Configuration(configuration) => Some((entry.id.index, Arc::clone(configuration))),
        Payload::Noop
        | Payload::Barrier
        | Payload::Command(_)
        | Payload::Restore(_)
        | Payload::Extended(_) => None,
    }
}

impl Durable {
    fn with_trouble<T>(&mut self, work: impl FnOnce(&mut Open) -> T) -> T {
        if !self.is_calm && self.chance.hits(SNAPSHOT_TROUBLE) {
            self.arm(&[DeviceFault::Full, DeviceFault::WriteFails, DeviceFault::SyncFails]);
        }
        let done = work(self.open());
        self.device.disarm();
        done
    }
}

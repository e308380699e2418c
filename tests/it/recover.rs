//! A cluster that lost its quorum gets another membership by hand. And a server starts with stores that
//! are damaged or incomplete.

use std::sync::Arc;
use wavetank_raft::execute::{Machine, Recovered, Snapshots, Storage};
use wavetank_raft::recover::{has_existing_state, recover_cluster};
use wavetank_raft::store::inmem::{InmemSink, InmemSnapshotStore, InmemSource, InmemStore};
use wavetank_raft::store::{SnapshotStore, StoreError, StoreErrorKind};
use wavetank_raft::{
    CacheLimits, Configuration, Entry, HardState, Index, LogId, LogOp, Member, Payload, SnapshotMeta, Term,
    Token, Write,
};
use wavetank_scenarios::command_log::CommandLog;

/// The stores of one server.
struct Server {
    storage: Storage<InmemStore, InmemStore>,
    snapshots: Snapshots<InmemSnapshotStore>,
}

impl Server {
    fn blank() -> Self {
        let storage = Storage { log: InmemStore::new(), stable: InmemStore::new() };
        Self { storage, snapshots: Snapshots::new(InmemSnapshotStore::new(2)) }
    }

    /// A server whose first configuration has three members, followed by `count` commands.
    fn with_commands(count: u64) -> Self {
        let mut server = Self::blank();
        let first = Payload::Configuration(Arc::new(members(&["n1", "n2", "n3"])));
        let commands = (2..=count + 1).map(|index| Entry::new(Term(2), Index(index), command(index)));
        let entries = std::iter::once(Entry::new(Term(1), Index(1), first)).chain(commands);
        server.write(LogOp::Append(entries.collect::<Vec<_>>().into()));
        server
    }

    fn write(&mut self, log: LogOp) {
        let hard_state = Some(HardState { term: Term(2), vote: None });
        self.storage
            .persist(&Write { token: Token(1), hard_state, log })
            .expect("a store in memory does not fail");
    }

    /// Takes a snapshot of the commands up to an index.
    fn capture(&mut self, upto: u64) {
        let mut machine = Machine::new(CommandLog::default());
        let entries = (2..=upto).map(|index| Entry::new(Term(2), Index(index), command(index))).collect();
        machine.apply(&wavetank_raft::Batch { entries });
        let last = LogId { term: Term(2), index: Index(upto) };
        let configuration = members(&["n1", "n2", "n3"]);
        let meta = SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 };
        machine.take_snapshot(&meta, &mut self.snapshots.store).expect("a store in memory does not fail");
    }

    fn recover_with(&mut self, members: Configuration) -> Result<Arc<SnapshotMeta>, StoreError> {
        let mut machine = Machine::new(CommandLog::default());
        recover_cluster(&mut self.storage, &mut self.snapshots, &mut machine, members)
    }

    fn start(&mut self) -> Result<(Recovered, Vec<String>), StoreError> {
        let found = self.storage.recover(self.snapshots.newest()?, CacheLimits::entries(100))?;
        let mut machine = Machine::new(CommandLog::default());
        if let Some(meta) = &found.snapshot {
            machine.restore(meta.last, &self.snapshots.store)?;
        }
        let words = machine.fsm.commands().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        Ok((found, words))
    }
}

fn members(names: &[&str]) -> Configuration {
    let member = |name: &&str| Member::voter(*name, format!("at {name}"));
    Configuration::new(names.iter().map(member).collect()).expect("ids and addresses differ")
}

fn said(index: u64) -> String {
    format!("command {index}")
}

fn command(index: u64) -> Payload {
    Payload::Command(said(index).into_bytes().into())
}

#[test]
fn a_blank_server_is_not_recovered() {
    let mut blank = Server::blank();
    let error = blank.recover_with(members(&["n1"])).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NotFound);
    assert!(error.what.contains("bootstrap the cluster instead"), "{}", error.what);
}

#[test]
fn a_server_has_state_from_its_first_write_on() {
    let mut server = Server::blank();
    let has = |server: &mut Server| has_existing_state(&mut server.storage, &server.snapshots).unwrap();
    assert!(!has(&mut server));
    server.write(LogOp::Keep);
    assert!(has(&mut server), "a term is a promise");
    assert!(has(&mut Server::with_commands(0)));
    let mut compacted = Server::with_commands(4);
    compacted.capture(5);
    compacted.write(LogOp::Discard(Index(5)));
    assert!(has(&mut compacted));
}

#[test]
fn the_remaining_log_becomes_one_snapshot_of_the_new_members() {
    for (count, captured) in [(0, None), (3, None), (9, Some(4)), (9, Some(10))] {
        let mut server = Server::with_commands(count);
        if let Some(upto) = captured {
            server.capture(upto);
        }
        let survivors = members(&["n1", "n9"]);

        let meta = server.recover_with(survivors.clone()).unwrap();

        let (found, commands) = server.start().unwrap();
        assert_eq!(meta.last.index, Index(count + 1), "everything it had counts");
        assert_eq!((found.snapshot.unwrap().configuration.clone(), found.log.last()), (survivors, meta.last));
        assert_eq!(commands, (2..=count + 1).map(said).collect::<Vec<_>>());
        assert_eq!(found.hard_state.term, Term(2), "its vote record stays");
    }
}

#[test]
fn a_recovery_can_be_repeated() {
    let mut server = Server::with_commands(3);
    let first = server.recover_with(members(&["n1", "n2"])).unwrap();
    let second = server.recover_with(members(&["n1"])).unwrap();
    assert_eq!(first.last, second.last);
    let (found, commands) = server.start().unwrap();
    assert_eq!(found.snapshot.unwrap().configuration, members(&["n1"]));
    assert_eq!(commands.len(), 3);
}

#[test]
fn a_damaged_snapshot_gives_way_to_an_older_one() {
    let mut server = Server::with_commands(9);
    server.capture(5);
    server.capture(8);
    let snapshots = Snapshots::new(Damaged(server.snapshots.store.clone()));
    let older = snapshots.newest().unwrap().expect("the older one can be read");
    assert_eq!(older.last.index, Index(5));

    // The log is compacted up to the newer snapshot, except for entries that reach back to the older one.
    server.write(LogOp::Compact(Index(4)));
    let found = server.storage.recover(Some(older.clone()), CacheLimits::entries(100)).unwrap();
    assert_eq!((found.log.base().index, found.log.last().index), (Index(5), Index(10)));

    // Without those entries the state cannot be recovered, and the server does not invent one.
    server.write(LogOp::Compact(Index(8)));
    let error = server.storage.recover(Some(older), CacheLimits::entries(100)).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert_eq!(
        server
            .storage
            .recover(server.snapshots.newest().unwrap(), CacheLimits::entries(100))
            .unwrap()
            .log
            .last()
            .index
            .0,
        10
    );
}

/// A snapshot store whose newest snapshot cannot be read.
struct Damaged(InmemSnapshotStore);

impl SnapshotStore for Damaged {
    type Sink = InmemSink;
    type Source = InmemSource;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<InmemSink, StoreError> {
        self.0.create(meta)
    }

    fn close(&mut self, sink: InmemSink) -> Result<Arc<SnapshotMeta>, StoreError> {
        self.0.close(sink)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        self.0.list()
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, InmemSource), StoreError> {
        if self.0.list()?.first().is_some_and(|newest| newest.last == last) {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "a bit has changed"));
        }
        self.0.open(last)
    }
}

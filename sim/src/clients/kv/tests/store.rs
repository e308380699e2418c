//! Tests of the state machine: its commands and its snapshots.

use crate::clients::kv::wire::{self, Command, CommandOutcome, Got, Response, Verb};
use crate::clients::kv::{Kv, KvSnapshot};
use crate::engine::workload::TankFsm;
use crate::plan::rng::{Domain, Stream};
use wavetank_raft::store::inmem::InmemSource;
use wavetank_raft::store::{
    self, Fsm, FsmSnapshot, SnapshotReader, SnapshotSink, SnapshotWriter, StoreError, StoreErrorKind,
};
use wavetank_raft::{Data, Index, Term};

/// Applies one command at an index.
fn apply(kv: &mut Kv, index: u64, data: &Data) -> Response {
    let command = store::Command { index: Index(index), term: Term(1), data, extensions: &[] };
    Response::decode(&kv.apply(&command)).unwrap()
}

fn send(kv: &mut Kv, index: u64, session: u32, sequence: u32, verb: Verb<'_>) -> Response {
    apply(kv, index, &Command { session, sequence, key: 7, verb }.encode())
}

fn done(effective: u64) -> Response {
    Response { outcome: CommandOutcome::Done, effective: Index(effective) }
}

fn get(kv: &Kv) -> (u64, u64, String) {
    let bytes = kv.query(&wire::query(7));
    let got = Got::decode(&bytes).unwrap();
    (got.applied.0, got.version.0, String::from_utf8(got.value.to_vec()).unwrap())
}

#[test]
fn every_verb_does_what_it_says() {
    let mut kv = Kv::default();
    assert_eq!(get(&kv), (0, 0, String::new()));
    assert_eq!(send(&mut kv, 2, 1, 1, Verb::Put(b"a")), done(2));
    assert_eq!(send(&mut kv, 3, 1, 2, Verb::Append(b"b")), done(3));
    assert_eq!(get(&kv), (3, 3, "ab".into()));
    let cas = Verb::Cas { expected: b"ab", new: b"c" };
    assert_eq!(send(&mut kv, 4, 1, 3, cas), done(4));
    assert_eq!(
        send(&mut kv, 5, 1, 4, cas),
        Response { outcome: CommandOutcome::Mismatch, effective: Index(5) }
    );
    assert_eq!(get(&kv), (5, 4, "c".into()));
    assert_eq!(send(&mut kv, 6, 1, 5, Verb::Delete), done(6));
    assert_eq!(get(&kv), (6, 6, String::new()));
}

#[test]
fn a_key_that_was_never_written_is_what_a_cas_for_the_empty_value_expects() {
    let mut kv = Kv::default();
    assert_eq!(send(&mut kv, 1, 1, 1, Verb::Cas { expected: b"", new: b"a" }), done(1));
}

#[test]
fn a_command_that_comes_twice_takes_effect_once_and_is_answered_twice() {
    let mut kv = Kv::default();
    assert_eq!(send(&mut kv, 1, 1, 1, Verb::Append(b"a")), done(1));
    assert_eq!(send(&mut kv, 2, 2, 1, Verb::Append(b"b")), done(2));
    assert_eq!(send(&mut kv, 3, 1, 1, Verb::Append(b"a")), done(1));
    assert_eq!(get(&kv), (3, 2, "ab".into()));
}

#[test]
fn an_outdated_command_of_a_session_does_nothing() {
    let mut kv = Kv::default();
    assert_eq!(send(&mut kv, 1, 1, 2, Verb::Put(b"new")), done(1));
    let outdated = Response { outcome: CommandOutcome::Outdated, effective: Index(2) };
    assert_eq!(send(&mut kv, 2, 1, 1, Verb::Put(b"old")), outdated);
    assert_eq!(get(&kv), (2, 1, "new".into()));
}

#[test]
fn malformed_bytes_change_no_value() {
    let mut kv = Kv::default();
    let nonsense = Data::from(&b"\x09hello"[..]);
    let malformed = Response { outcome: CommandOutcome::Malformed, effective: Index(1) };
    assert_eq!(apply(&mut kv, 1, &nonsense), malformed);
    assert_eq!(get(&kv), (1, 0, String::new()));
}

#[test]
fn commands_round_trip_through_their_encoding() {
    let verbs = [
        Verb::Put(b""),
        Verb::Append(b"value"),
        Verb::Cas { expected: b"", new: b"x" },
        Verb::Cas { expected: b"long enough", new: b"" },
        Verb::Delete,
    ];
    for (verb, number) in verbs.into_iter().zip([0, 127, 128, 1 << 21, u32::MAX]) {
        let command = Command { session: number, sequence: number, key: number, verb };
        assert_eq!(Command::decode(&command.encode()), Some(command));
    }
    for bytes in [&b""[..], b"\x00", b"\x00\x01\x01", b"\x03\x01\x01\x01x", b"\x02\x01\x01\x01\x05abc"] {
        assert_eq!(Command::decode(bytes), None, "{bytes:?}");
    }
    assert_eq!(wire::queried(&[0xff; 11]), None);
}

/// A few random commands, with retries.
fn commands(seed: u64) -> Vec<Data> {
    let mut rng = Stream::new(seed, Domain::Workload, 0, 0);
    let value = vec![b'x'; 5_000];
    let mut draw = || {
        let piece = &value[..rng.below(5_000) as usize];
        let verb = match rng.below(5) {
            0 | 1 => Verb::Put(piece),
            2 => Verb::Append(piece),
            3 => Verb::Cas { expected: b"", new: piece },
            _ => Verb::Delete,
        };
        let [session, sequence, key] = [4, 20, 6].map(|most| rng.below(most) as u32);
        Command { session, sequence, key, verb }.encode()
    };
    (0..100).map(|_| draw()).collect()
}

fn digests(kv: &mut Kv, from: u64, commands: &[Data]) -> Vec<u64> {
    let apply = |(index, command)| {
        apply(kv, index, command);
        kv.digest()
    };
    (from..).zip(commands).map(apply).collect()
}

#[test]
fn equal_commands_give_equal_digests_and_different_ones_differ() {
    let commands = commands(1);
    let expected = digests(&mut Kv::default(), 1, &commands);
    assert_eq!(digests(&mut Kv::default(), 1, &commands), expected);
    let mut swapped = commands;
    let other = Command { session: 9, sequence: 1, key: 1, verb: Verb::Delete };
    swapped[50] = other.encode();
    let others = digests(&mut Kv::default(), 1, &swapped);
    assert_eq!(others[..50], expected[..50]);
    assert!((50..100).all(|at| others[at] != expected[at]), "a session is part of the state");
}

#[test]
fn a_snapshot_replaces_the_commands_before_it() {
    let commands = commands(2);
    let mut straight = Kv::default();
    let expected = digests(&mut straight, 1, &commands);
    for at in [0, 1, 30, 99] {
        let mut kv = Kv::default();
        digests(&mut kv, 1, &commands[..at]);
        let mut snapshot = kv.snapshot().unwrap();
        // Commands that are applied while the snapshot is written are not in it.
        digests(&mut kv, at as u64 + 1, &commands[at..]);
        let mut restored = Kv::default();
        restore(&mut restored, &image(&mut snapshot)).unwrap();
        assert_eq!(digests(&mut restored, at as u64 + 1, &commands[at..]), expected[at..]);
        assert_eq!(restored.state, straight.state);
    }
}

#[test]
fn a_damaged_snapshot_is_refused_and_changes_nothing() {
    let mut kv = Kv::default();
    digests(&mut kv, 1, &commands(3)[..20]);
    let whole = image(&mut kv.snapshot().unwrap());
    let digest = kv.digest();
    let mut refuse = |bytes: Vec<u8>| {
        let error = restore(&mut kv, &bytes).unwrap_err();
        assert_eq!((error.kind, kv.digest()), (StoreErrorKind::Corrupt, digest), "{error}");
    };
    for length in [0, 1, 7, whole.len() / 2, whole.len() - 1] {
        refuse(whole[..length].to_vec());
    }
    refuse([&*whole, b"x"].concat());
    for at in [0, 1, whole.len() / 2, whole.len() - 1] {
        let mut bent = whole.clone();
        bent[at] ^= 1;
        refuse(bent);
    }
}

/// A snapshot in memory.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl SnapshotSink for Bytes {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

fn image(snapshot: &mut KvSnapshot) -> Vec<u8> {
    let mut bytes = Bytes::default();
    snapshot.persist(&mut SnapshotWriter::new(&mut bytes)).unwrap();
    bytes.0
}

fn restore(kv: &mut Kv, bytes: &[u8]) -> Result<(), StoreError> {
    kv.restore(&mut SnapshotReader::new(&mut InmemSource::new(bytes.into())))
}

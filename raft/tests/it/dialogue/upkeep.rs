//! The background work of a server: applying entries, taking and loading snapshots, statistics.

use super::harness::{Start, append, entries, id, voters};
use super::server_harness::{ServerHarness, command, failure};
use std::sync::Arc;
use wavetank_raft::{
    Call, Change, Config, Configuration, DeadlineReason, Event, Index, InstallSnapshot, LatestConfiguration,
    LogId, Member, NodeId, Request, RequestId, RoleName, RpcId, Server, SnapshotMeta, Span, Stats, Term,
    Time,
};

fn defaults() -> Config {
    Start::of(&[]).config
}

fn leader(config: Config) -> ServerHarness {
    Start { config, ..Start::of(&[1, 1, 2]) }.serve_as_leader()
}

fn apply_many(harness: &mut ServerHarness, count: u64) -> String {
    let batch = (1..=count).map(|number| (RequestId(number), command(number))).collect();
    harness.step(Event::ApplyBatch(batch));
    harness.agree()
}

#[test]
fn the_state_machine_gets_no_more_than_four_batches_at_a_time() {
    let mut harness = leader(Config { max_append_entries: 2, ..defaults() });
    assert_eq!(apply_many(&mut harness, 11), "apply t3.i5+2; apply t3.i7+2; apply t3.i9+2; apply t3.i11+2");
    assert_eq!(harness.applied(), "r1 applied i5 11; r2 applied i6 22; apply t3.i13+2");
    assert_eq!(harness.applied(), "r3 applied i7 33; r4 applied i8 44; apply t3.i15+1");
    assert_eq!(harness.server.applied(), Index(8));
    assert_eq!(harness.server.stats(harness.now).fsm_pending, 7);
}

/// A follower with a log up to t2.i3. Only the last entry is in memory.
fn forgetful() -> ServerHarness {
    let config = Config { log_cache_capacity: 1, max_append_entries: 2, ..defaults() };
    let mut harness = Start { config, ..Start::of(&[1, 1, 2]) }.serve();
    harness.now = Time(1_000_000);
    harness
}

fn fetched(harness: &mut ServerHarness, after: u64, terms: &[u64]) -> String {
    let ticket = harness.ticket;
    harness.step(Event::Fetched { ticket, entries: entries(Index(after), terms) })
}

#[test]
fn uncached_entries_are_fetched_for_the_state_machine() {
    let mut harness = forgetful();
    assert_eq!(harness.receive("n2", append(2, (1, 1), &[], 1)), "fetch i1..i1");
    assert_eq!(harness.receive("n2", append(2, (2, 3), &[], 3)), "", "one at a time");
    assert_eq!(fetched(&mut harness, 0, &[1]), "apply t1.i1+1; fetch i2..i3");
    // The store may have more entries than are committed.
    assert_eq!(fetched(&mut harness, 1, &[1, 2, 2]), "apply t1.i2+2");
    assert_eq!(fetched(&mut harness, 1, &[1, 2]), "", "nobody waits for that any more");
    harness.ticket = RpcId(7);
    assert_eq!(fetched(&mut harness, 1, &[1]), "");
    assert!(harness.observed().ends_with("ignored UnknownTicket"), "nor does the protocol");
}

/// A snapshot was installed between the two fetches.
#[test]
fn entries_of_an_abandoned_fetch_are_ignored() {
    let mut harness = forgetful();
    assert_eq!(harness.receive("n2", append(2, (1, 1), &[], 1)), "fetch i1..i1");
    let before = harness.ticket;
    install(&mut harness, 2, (2, 9));
    harness.step(Event::Restored(Ok(id((2, 9)))));
    harness.receive("n2", append(2, (2, 9), &[2, 2, 2], 12));
    assert_eq!(harness.persisted(), "fetch i10..i11");
    let late = Event::Fetched { ticket: before, entries: entries(Index(0), &[1]) };
    assert_eq!(harness.step(late), "");
    assert_eq!(fetched(&mut harness, 9, &[2, 2]), "apply t2.i10+2; apply t2.i12+1");
}

#[test]
#[should_panic(expected = "the store lost entry i1")]
fn a_store_without_a_committed_entry_panics() {
    let mut harness = forgetful();
    harness.receive("n2", append(2, (1, 1), &[], 1));
    fetched(&mut harness, 1, &[1]);
}

fn meta(last: (u64, u64)) -> Arc<SnapshotMeta> {
    let configuration = Configuration::new(voters(&["n1", "n2", "n3"])).expect("names differ");
    SnapshotMeta { last: id(last), configuration, configuration_index: Index(1), size: 1, checksum: 0 }.into()
}

/// A snapshot of one piece.
fn whole(term: u64, last: (u64, u64)) -> Request {
    let (term, meta, data) = (Term(term), meta(last), vec![0].into());
    Request::InstallSnapshot(InstallSnapshot { term, meta, offset: 0, data, done: true })
}

/// A snapshot from the leader `n2` is received and stored.
fn install(harness: &mut ServerHarness, term: u64, last: (u64, u64)) -> String {
    assert_eq!(harness.receive("n2", whole(term, last)), format!("keep {} 0+1", id(last)));
    harness.step(Event::SnapshotWritten { ticket: harness.ticket, ok: true })
}

#[test]
fn a_snapshot_is_loaded_before_what_follows_it_is_applied() {
    let mut harness = forgetful();
    assert_eq!(install(&mut harness, 2, (2, 9)), "load t2.i9");
    assert_eq!(harness.call(1, Call::Snapshot), "r1 NothingNewToSnapshot");
    harness.receive("n2", append(2, (2, 9), &[2], 10));
    assert_eq!(harness.persisted(), "");
    assert_eq!(harness.server.applied(), Index(0));
    assert_eq!(harness.step(Event::Restored(Ok(id((2, 9))))), "apply t2.i10+1");
    assert_eq!(harness.server.applied(), Index(9));
}

#[test]
fn a_snapshot_that_cannot_be_loaded_stops_a_server() {
    let mut harness = forgetful();
    install(&mut harness, 2, (2, 9));
    assert_eq!(
        harness.step(Event::Restored(Err(failure()))),
        "halt Store(StoreError { kind: Io, what: \"disk\" })"
    );
}

/// The store may delete a snapshot as soon as a newer one is whole.
#[test]
fn the_next_snapshot_is_whole_only_after_the_load_of_the_one_before() {
    let mut harness = forgetful();
    install(&mut harness, 2, (2, 9));
    assert_eq!(harness.receive("n2", whole(2, (2, 12))), "", "the piece waits");
    assert_eq!(harness.receive("n2", whole(2, (2, 13))), "", "a newer snapshot takes its place");
    assert_eq!(harness.step(Event::Restored(Ok(id((2, 9))))), "keep t2.i13 0+1");
    let (ticket, ok) = (harness.ticket, true);
    assert_eq!(harness.step(Event::SnapshotWritten { ticket, ok }), "load t2.i13");
    assert_eq!(harness.step(Event::Restored(Ok(id((2, 13))))), "");
    assert_eq!(harness.server.applied(), Index(13));
}

/// The server cannot know whether the snapshot includes the entries of these calls.
#[test]
fn calls_replaced_by_a_snapshot_are_answered() {
    let mut harness = leader(defaults());
    apply_many(&mut harness, 2);
    harness.depose();
    assert_eq!(install(&mut harness, 4, (4, 9)), "r1 AbortedByRestore; r2 AbortedByRestore; load t4.i9");
    assert_eq!(harness.applied(), "", "it was under way");
}

fn taken(harness: &mut ServerHarness, last: (u64, u64)) -> String {
    harness.step(Event::SnapshotTaken(Ok(meta(last))))
}

/// The store may drop the snapshot that is loaded when it keeps another one.
#[test]
fn a_load_waits_for_a_snapshot_of_the_servers_own() {
    for kept in [Ok(meta((3, 5))), Err(failure())] {
        let mut harness = leader(defaults());
        apply_many(&mut harness, 1);
        assert_eq!(harness.call(9, Call::Snapshot), "capture t3.i5 with i1 n1 n2 n3");
        harness.depose();
        assert_eq!(install(&mut harness, 4, (4, 9)), "r1 AbortedByRestore");
        let text = harness.step(Event::SnapshotTaken(kept));
        assert!(text.starts_with("r9 ") && text.ends_with("; load t4.i9"), "{text}");
        assert_eq!(harness.step(Event::Restored(Ok(id((4, 9))))), "");
        assert_eq!(harness.server.applied(), Index(9));
    }
}

#[test]
fn a_snapshot_covers_what_was_dispatched() {
    let mut harness = leader(defaults());
    apply_many(&mut harness, 1);
    assert_eq!(harness.call(1, Call::Snapshot), "capture t3.i5 with i1 n1 n2 n3");
    assert_eq!(harness.call(2, Call::Snapshot), "", "the call joins the snapshot");
    assert_eq!(taken(&mut harness, (3, 5)), "r1 snapshot t3.i5; r2 snapshot t3.i5");
    assert_eq!(harness.server.node().snapshot(), id((3, 5)));
    assert_eq!(harness.call(3, Call::Snapshot), "r3 NothingNewToSnapshot");
    // It has the configuration in force at that index, not one that is only appended.
    let add =
        |name: &str| Call::Change { change: Change::AddNonvoter(name.into(), name.into()), prev_index: None };
    harness.call(4, add("n4"));
    harness.agree();
    harness.call(5, add("n5"));
    assert_eq!(harness.call(6, Call::Snapshot), "capture t3.i6 with i6 n1 n2 n3 (n4)");
    assert_eq!(
        harness.step(Event::SnapshotTaken(Err(failure()))),
        "r6 Store(StoreError { kind: Io, what: \"disk\" })"
    );
    assert_eq!(harness.server.node().snapshot(), id((3, 5)));
    assert!(harness.call(7, Call::Snapshot).starts_with("capture t3.i6"));
    assert_eq!(Start::of(&[]).serve().call(1, Call::Snapshot), "r1 NothingNewToSnapshot");
}

/// A snapshot that is under way does not include the entries that came after its capture.
#[test]
fn a_call_for_a_snapshot_gets_a_snapshot_with_all_earlier_entries() {
    let mut harness = leader(defaults());
    apply_many(&mut harness, 1);
    assert_eq!(harness.call(7, Call::Snapshot), "capture t3.i5 with i1 n1 n2 n3");
    apply_many(&mut harness, 1);
    assert_eq!(harness.call(8, Call::Snapshot), "");
    assert_eq!(
        taken(&mut harness, (3, 5)),
        "r7 snapshot t3.i5; capture t3.i6 with i1 n1 n2 n3",
        "the second call needs the next snapshot"
    );
    assert_eq!(taken(&mut harness, (3, 6)), "r8 snapshot t3.i6");
}

#[test]
fn a_snapshot_is_taken_after_enough_entries() {
    let interval = Span::ms(650);
    for (threshold, expected) in [(6, "capture t3.i6 with i1 n1"), (7, "")] {
        let config =
            Config { snapshot_interval: interval.into(), snapshot_threshold: threshold, ..defaults() };
        let mut harness =
            Start { config, members: voters(&["n1"]), ..Start::of(&[1, 1, 2]) }.serve_as_leader();
        apply_many(&mut harness, 2);
        let due = harness.until(DeadlineReason::Snapshot);
        harness.now = due - Span(1);
        assert_eq!(harness.step(Event::Timer), "");
        assert_eq!(harness.server.deadline().at, due);
        harness.now = due;
        assert_eq!(harness.step(Event::Timer), expected, "{threshold}");
        let next = harness.until(DeadlineReason::Snapshot);
        assert!(interval <= next.since(due) && next.since(due) < interval.times(2));
        assert_eq!(harness.wait(), "", "one at a time");
        taken(&mut harness, (3, 6));
        let third = harness.until(DeadlineReason::Snapshot);
        assert_ne!(third.since(next), next.since(due), "each time is drawn anew");
        assert_eq!(harness.wait(), "", "nothing has happened since");
    }
}

#[test]
fn a_server_starts_from_its_snapshot() {
    let mut harness = Start { snapshot: Some((2, 5)), ..Start::of(&[2, 3]) }.serve();
    assert_eq!(harness.server.applied(), Index(5));
    harness.now = Time(1_000_000);
    assert_eq!(harness.receive("n2", append(3, (3, 7), &[], 7)), "apply t2.i6+2");
    assert_eq!(harness.call(1, Call::Snapshot), "capture t3.i7 with i1 n1 n2 n3");
    // Each start draws other timeouts.
    let deadline = |incarnation| {
        let (settings, mut boot) = Start::of(&[1, 1, 2]).recovered();
        boot.incarnation = incarnation;
        Server::boot(settings, boot, Time(0)).deadline().at
    };
    assert_ne!(deadline(0), deadline(1));
}

#[test]
fn stats_describe_the_server() {
    let mut members = voters(&["n1", "n2", "n4"]);
    members.push(Member::nonvoter("n3", "n3"));
    let mut harness = Start { members, snapshot: Some((2, 5)), ..Start::of(&[2, 3]) }.serve_as_leader();
    apply_many(&mut harness, 2);
    harness.apply(9);
    let stats = harness.server.stats(harness.now);
    let (latest, configuration) = harness.server.node().configuration().expect("it has one");
    let expected = Stats {
        state: RoleName::Leader,
        term: Term(4),
        last_log: id((4, 11)),
        commit_index: Index(10),
        applied_index: Index(8),
        fsm_pending: 2,
        last_snapshot: id((2, 5)),
        protocol_version: 3,
        latest_configuration: Some(LatestConfiguration {
            index: latest,
            configuration: configuration.clone(),
        }),
        num_peers: 2,
        last_contact: Some(Span::ZERO.into()),
    };
    assert_eq!(stats, expected);
    let pairs: Vec<_> = stats.pairs().iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        pairs.join(" "),
        "state=Leader term=4 last_log_index=11 last_log_term=4 commit_index=10 applied_index=8 \
         fsm_pending=2 last_snapshot_index=5 last_snapshot_term=2 protocol_version=3 \
         protocol_version_min=2 protocol_version_max=3 snapshot_version_min=1 snapshot_version_max=1 \
         latest_configuration_index=1 latest_configuration=n1 n2 n4 (n3) num_peers=2 last_contact=0.000ms"
    );

    let nothing = Start::of(&[]).serve().server.stats(Time(0));
    assert_eq!((nothing.num_peers, nothing.last_contact, nothing.last_log), (0, None, LogId::ZERO));
    let members = vec![Member::nonvoter("n1", "n1"), Member::voter("n2", "n2"), Member::voter("n3", "n3")];
    let mut harness = Start { members, ..Start::of(&[1, 1, 2]) }.serve();
    harness.receive("n2", append(2, (2, 3), &[], 0));
    let without_vote = harness.server.stats(Time(70));
    assert_eq!((without_vote.num_peers, without_vote.last_contact), (0, Some(Span(70).into())));
    assert_eq!(harness.server.node().leader(), Some(NodeId::of("n2")));
}

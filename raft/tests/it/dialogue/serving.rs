//! The answers of a server to clients and operators: exactly one for each call.

use super::harness::{Start, append, id, voters};
use super::server_harness::{ServerHarness, command, failure};
use std::time::Duration;
use wavetank_raft::{
    AppendEntries, Call, Change, Config, Configuration, DeadlineReason, Dialect, Entry, Event, Index, Member,
    NodeId, Payload, ReadPath, Reloadable, Request, RequestId, RoleName, Span, Term, Time, Token,
};

/// A leader of three that has applied its log up to t3.i4.
fn leader() -> ServerHarness {
    Start::of(&[1, 1, 2]).serve_as_leader()
}

fn defaults() -> Config {
    Start::of(&[]).config
}

fn change(change: Change) -> Call {
    Call::Change { change, prev_index: None }
}

fn add(name: &str) -> Call {
    change(Change::AddNonvoter(name.into(), name.into()))
}

#[test]
fn a_call_is_answered_when_it_is_applied() {
    let mut harness = leader();
    assert_eq!(harness.apply(1), "");
    assert_eq!(harness.call(2, Call::Barrier), "");
    assert_eq!(harness.call(3, Call::ApplyLog { data: command(3), extensions: command(4) }), "");
    assert_eq!(harness.call(4, add("n4")), "");
    let batch = [5, 6].map(|number| (RequestId(number), command(number)));
    assert_eq!(harness.step(Event::ApplyBatch(batch.to_vec())), "");
    assert_eq!(harness.step(Event::ApplyBatch(Vec::new())), "");
    assert_eq!(harness.agree(), "apply t3.i5+6");
    assert_eq!(
        harness.applied(),
        "r1 applied i5 11; r2 committed i6; r3 applied i7 34; r4 committed i8; r5 applied i9 55; \
         r6 applied i10 66"
    );
}

#[test]
fn only_a_leader_accepts_requests() {
    let follower = || {
        let mut harness = Start::of(&[1, 1, 2]).serve();
        harness.now = Time(1_000_000);
        harness.receive("n2", append(2, (2, 3), &[], 0));
        harness
    };
    let to = "NotLeader(Some(Leader { id: \"n2\", address: \"n2\" }))";
    for call in [
        Call::Apply(command(1)),
        Call::Barrier,
        Call::Restore(command(1)),
        Call::VerifyLeader,
        Call::Read(ReadPath::Lease),
        add("n4"),
        Call::AddVoterStaged { id: "n4".into(), address: "n4".into(), prev_index: None },
        Call::Transfer { target: None },
    ] {
        assert_eq!(follower().call(1, call.clone()), format!("r1 {to}"), "{call:?}");
    }
    let batch = [5, 6].map(|number| (RequestId(number), command(number)));
    assert_eq!(follower().step(Event::ApplyBatch(batch.to_vec())), format!("r5 {to}; r6 {to}"));
    let mut harness = follower();
    harness.wait();
    assert_eq!(harness.apply(1), "r1 NotLeader(None)");
}

/// Uncommitted entries may be overwritten or committed. Committed entries are applied and answered.
#[test]
fn lost_leadership_answers_waiting_calls() {
    let mut harness = leader();
    harness.apply(1);
    assert_eq!(harness.agree(), "apply t3.i5+1");
    harness.apply(2);
    harness.apply(3);
    harness.call(4, Call::VerifyLeader);
    assert_eq!(harness.depose(), "r4 LeadershipLost; r3 LeadershipLost; r2 LeadershipLost");
    assert_eq!(harness.applied(), "r1 applied i5 11");
    assert_eq!(harness.call(5, Call::Shutdown), "r5 done; halt Shutdown", "nobody waits any more");
}

#[test]
fn a_read_that_fails_fails_alone() {
    let mut harness = leader();
    harness.call(1, Call::Transfer { target: Some("n3".into()) });
    assert_eq!(harness.call(2, Call::Read(ReadPath::Index)), "");
    assert_eq!(harness.call(3, Call::Read(ReadPath::Lease)), "r3 Refused(NoLease)");
    assert_eq!(harness.agree(), "r2 reads i4");
}

#[test]
fn a_read_goes_ahead_once_the_state_machine_is_there() {
    let mut harness = leader();
    assert_eq!(harness.call(1, Call::Read(ReadPath::Lease)), "r1 reads i4", "it is there");
    harness.apply(2);
    assert_eq!(harness.agree(), "apply t3.i5+1");
    for (request, call) in
        [(3, Call::Read(ReadPath::Lease)), (4, Call::Read(ReadPath::Index)), (5, Call::VerifyLeader)]
    {
        harness.call(request, call);
    }
    assert_eq!(harness.agree(), "r5 done", "that is about leadership alone");
    assert_eq!(harness.applied(), "r2 applied i5 22; r3 reads i5; r4 reads i5");
    assert_eq!(harness.agree(), "");
}

#[test]
fn a_bootstrap_is_done_when_it_is_persisted() {
    let three = || Call::Bootstrap(Configuration::new(voters(&["n1", "n2", "n3"])).expect("names differ"));
    let mut harness = Start::of(&[]).serve();
    assert_eq!(harness.call(1, three()), "");
    assert_eq!(harness.call(2, three()), "r2 CantBootstrap");
    assert_eq!(harness.step(Event::Persisted(Token(0))), "");
    assert_eq!(harness.persisted(), "r1 done");
    assert_eq!(harness.persisted(), "");
    let others = Configuration::new(voters(&["n2", "n3"])).expect("names differ");
    assert_eq!(Start::of(&[]).serve().call(1, Call::Bootstrap(others)), "r1 NotVoter");
}

#[test]
fn a_change_is_refused_where_a_member_cannot_decode_it() {
    let members = || change(Change::Members(voters(&["n1", "n2"])));
    let others =
        [change(Change::AddVoter("n4".into(), "n4".into())), change(Change::RemoveServer("n3".into()))];
    let version = "r1 UnsupportedProtocol(Version(3))";
    let hashicorp = r#"r1 UnsupportedProtocol(HashiCorp("n3"))"#;
    let not_heard = r#"r1 UnsupportedProtocol(NotHeard("n9"))"#;
    let speaks = |peer, dialect| Event::PeerSpeaks { peer: NodeId::of(peer), dialect };
    let demote = || change(Change::DemoteVoter("n3".into()));
    let stage = Call::AddVoterStaged { id: "n4".into(), address: "n4".into(), prev_index: None };
    for call in [members(), add("n4"), demote(), stage] {
        let config = Config { protocol_version: 2, ..defaults() };
        let mut old = Start { config, ..Start::of(&[1, 1, 2]) }.serve_as_leader();
        assert_eq!(old.call(1, call), version);
    }
    for call in others {
        let config = Config { protocol_version: 2, ..defaults() };
        let mut old = Start { config, ..Start::of(&[1, 1, 2]) }.serve_as_leader();
        assert_eq!(old.call(1, call), "");
    }
    for (call, expected) in
        [(members(), hashicorp), (Call::Restore(command(1)), hashicorp), (add("n4"), ""), (demote(), "")]
    {
        let mut harness = leader();
        harness.step(speaks("n9", Dialect::HashiCorp));
        assert_eq!(harness.call(1, call.clone()), "", "that is no member");
        let mut harness = leader();
        harness.step(speaks("n3", Dialect::HashiCorp));
        assert_eq!(harness.call(1, call.clone()), expected, "{call:?}");
        harness.agree();
        harness.step(speaks("n3", Dialect::Wavetank));
        assert_eq!(harness.call(1, Call::Restore(command(2))), "", "now it does");
    }
    for call in [members(), Call::Restore(command(1))] {
        let unknown = Start { members: voters(&["n1", "n2", "n9"]), ..Start::of(&[1, 1, 2]) };
        assert_eq!(unknown.serve_as_leader().call(1, call), not_heard);
    }
    let unknown = change(Change::Members(voters(&["n1", "n2", "n9"])));
    assert_eq!(leader().call(1, unknown), not_heard);
    assert_eq!(leader().call(1, change(Change::LeaveJoint)), "r1 Refused(ChangeInProgress)");
    let text = leader()
        .call(1, Call::Change { change: Change::DemoteVoter("n3".into()), prev_index: Some(Index(3)) });
    assert_eq!(text, "r1 Refused(ConfigurationChanged { since: i3, latest: i1 })");
}

#[test]
fn a_staged_voter_is_answered_once_promoted() {
    let mut harness = leader();
    let (id, address) = ("n4".into(), "n4".into());
    harness.call(1, Call::AddVoterStaged { id, address, prev_index: None });
    assert_eq!(harness.agree(), "apply t3.i5+1");
    assert_eq!(harness.applied(), "", "it is a member, without a vote");
    harness.until(DeadlineReason::Heartbeat);
    harness.wait();
    assert_eq!(harness.agree(), "apply t3.i6+1");
    assert_eq!(harness.applied(), "r1 committed i6");
    assert!(harness.server.node().voters().contains(NodeId::of("n4")));
    // In the other case it is not promoted, because the leader steps down first.
    let mut harness = leader();
    let (id, address) = ("n4".into(), "n4".into());
    harness.call(1, Call::AddVoterStaged { id, address, prev_index: None });
    harness.agree();
    harness.applied();
    assert_eq!(harness.depose(), "r1 Refused(StagingAborted)");
    assert_eq!(harness.call(2, Call::Shutdown), "r2 done; halt Shutdown", "nobody waits any more");
}

#[test]
fn a_transfer_is_done_when_leadership_is_gone() {
    let mut harness = leader();
    assert_eq!(harness.call(1, Call::Transfer { target: Some("n3".into()) }), "");
    assert_eq!(harness.apply(2), "r2 LeadershipTransferInProgress");
    assert_eq!(harness.depose(), "r1 done");
    let mut harness = leader();
    assert_eq!(harness.call(1, Call::Transfer { target: Some("n1".into()) }), "r1 Refused(TransferToSelf)");
    assert_eq!(harness.call(2, Call::Shutdown), "r2 done; halt Shutdown", "nobody waits any more");
}

#[test]
fn a_restore_is_an_entry_that_the_state_machine_may_refuse() {
    let mut harness = leader();
    harness.call(1, Call::Restore(command(1)));
    harness.call(2, Call::Restore(command(2)));
    assert_eq!(harness.agree(), "apply t3.i5+2");
    assert_eq!(harness.applied(), "r1 committed i5; r2 committed i6");
    harness.call(3, Call::Restore(command(3)));
    harness.agree();
    assert_eq!(harness.applied_with("no"), "r3 Store(StoreError { kind: Refused, what: \"no\" })");
}

#[test]
fn settings_are_reloaded_or_refused() {
    let reloadable = |heartbeat, election| Reloadable {
        trailing_logs: 7,
        snapshot_interval: Duration::from_secs(8),
        snapshot_threshold: 9,
        heartbeat_timeout: Duration::from_millis(heartbeat),
        election_timeout: Duration::from_millis(election),
    };
    let mut harness = leader();
    assert!(matches!(
        harness.call(1, Call::Reload(reloadable(2_000, 1_000))).as_str(),
        "r1 Config(\"election_timeout must not be below heartbeat_timeout\")"
    ));
    assert_eq!(harness.server.node().settings().trailing_logs, defaults().trailing_logs);
    assert_eq!(harness.call(2, Call::Reload(reloadable(2_000, 3_000))), "r2 done");
    let settings = harness.server.node().settings();
    let Config { trailing_logs, snapshot_interval, snapshot_threshold, .. } = Config::clone(settings);
    assert_eq!((trailing_logs, snapshot_interval, snapshot_threshold), (7, Duration::from_secs(8), 9));
    assert_eq!(
        (settings.heartbeat_timeout(), settings.election_timeout()),
        (Span::ms(2_000), Span::ms(3_000))
    );
}

/// In HashiCorp Raft such calls may wait forever (its issues #145 and #498).
#[test]
fn a_stopping_server_answers_all_waiting_calls() {
    let stop: [(Event, &str, &str); 2] = [
        (Event::Call { request: RequestId(9), call: Call::Shutdown }, "Shutdown", "halt Shutdown"),
        (
            Event::StoreFailed(failure()),
            "Store(StoreError { kind: Io, what: \"disk\" })",
            "halt Store(StoreError { kind: Io, what: \"disk\" })",
        ),
    ];
    for (event, describe_answer, halt) in stop {
        let mut harness = leader();
        harness.call(1, Call::VerifyLeader);
        harness.call(2, Call::Snapshot);
        harness.apply(3);
        harness.call(4, Call::Transfer { target: Some("n3".into()) });
        assert!(!harness.server.is_halted());
        let text = harness.step(event);
        let expected = [3, 1, 4, 2].map(|request| format!("r{request} {describe_answer}")).join("; ");
        assert_eq!(text.trim_start_matches("r9 done; "), format!("{expected}; {halt}"));
        assert!(harness.server.is_halted());
        assert_eq!(
            (harness.server.deadline().at, harness.server.deadline().reason),
            (Time::NEVER, DeadlineReason::Idle)
        );
        assert_eq!(harness.apply(5), "r5 Shutdown");
        let batch = [6, 7].map(|number| (RequestId(number), command(number)));
        assert_eq!(harness.step(Event::ApplyBatch(batch.to_vec())), "r6 Shutdown; r7 Shutdown");
        harness.calls.clear();
        assert_eq!((harness.persisted(), harness.step(Event::Timer)), (String::new(), String::new()));
        assert!(harness.calls.is_empty());
    }
    let mut harness = Start::of(&[]).serve();
    harness.call(1, Call::Bootstrap(Configuration::new(voters(&["n1"])).expect("one name")));
    assert_eq!(harness.call(2, Call::Shutdown), "r2 done; r1 Shutdown; halt Shutdown");
}

/// A removed leader stops after it has applied its removal. A removed follower keeps running,
/// because it may be added again.
#[test]
fn a_leader_that_is_removed_stops() {
    for shutdown_on_remove in [true, false] {
        let config = Config { shutdown_on_remove, ..defaults() };
        let mut harness = Start { config, ..Start::of(&[1, 1, 2]) }.serve_as_leader();
        harness.call(1, change(Change::RemoveServer("n1".into())));
        assert_eq!(harness.agree(), "apply t3.i5+1");
        assert_eq!(harness.server.node().role(), RoleName::Follower);
        let expected = if shutdown_on_remove { "r1 committed i5; halt Removed" } else { "r1 committed i5" };
        assert_eq!(harness.applied(), expected);
    }
    let mut harness = leader();
    harness.call(1, change(Change::RemoveServer("n3".into())));
    harness.agree();
    harness.depose();
    assert_eq!(harness.applied(), "r1 committed i5", "another one was removed");
}

/// The state machine is slow: the next leader adds the server again before its removal or demotion
/// is applied.
#[test]
fn a_leader_that_is_added_again_before_its_removal_is_applied_runs_on() {
    let demote = || Change::DemoteVoter("n1".into());
    let remove = || Change::RemoveServer("n1".into());
    let nonvoter = || Member::nonvoter("n1", "n1");
    for (leave, member, expected) in [
        (remove(), Some(Member::voter("n1", "n1")), "r1 committed i5"),
        (remove(), Some(nonvoter()), "r1 committed i5"),
        (remove(), None, "r1 committed i5; halt Removed"),
        (demote(), Some(Member::voter("n1", "n1")), "r1 committed i5"),
        (demote(), Some(nonvoter()), "r1 committed i5; halt Removed"),
        (demote(), None, "r1 committed i5; halt Removed"),
    ] {
        let what = format!("{leave:?}, then {member:?}");
        let mut harness = leader();
        harness.call(1, change(leave));
        harness.agree();
        let members = voters(&["n2", "n3"]).into_iter().chain(member).collect();
        let configuration = Configuration::new(members).expect("names differ").into();
        let entry = Entry::new(Term(4), Index(6), Payload::Configuration(configuration));
        let (term, prev, entries, leader_commit) = (Term(4), id((3, 5)), vec![entry].into(), Index(5));
        let next = AppendEntries { term, prev, entries, leader_commit };
        harness.receive("n2", Request::AppendEntries(next));
        assert_eq!(harness.applied(), expected, "{what}");
    }
}

#[test]
fn observers_see_members_leaders_and_failed_heartbeats() {
    let mut harness = Start::of(&[1, 1, 2]).serve();
    harness.now = Time(1_000_000);
    harness.receive("n2", append(2, (2, 3), &[2], 0));
    assert_eq!(harness.observed(), "leader n2 at n2");
    harness.receive("n2", append(3, (1, 2), &[3], 0));
    assert_eq!(harness.observed(), "Follower t3; no leader; leader n2 at n2; cut after i3");
    harness.receive("n3", append(3, (1, 2), &[3], 0));
    assert_eq!(harness.observed(), "ignored SecondLeader");

    let mut harness = leader();
    harness.call(1, change(Change::AddVoter("n3".into(), "a3".into())));
    let moved = harness.observed();
    assert!(moved.ends_with("+n3 Voter at a3") && !moved.contains('-'), "{moved}");
    harness.agree();
    harness.call(2, change(Change::RemoveServer("n3".into())));
    assert_eq!(harness.observed(), "-n3 Voter at a3");
    harness.agree();
    harness.call(3, add("n4"));
    assert_eq!(harness.observed(), "+n4 Nonvoter at n4");

    let mut harness = leader();
    for _ in 0..13 {
        harness.until(DeadlineReason::Heartbeat);
        harness.wait();
        harness.calls.retain(|(to, ..)| *to == NodeId::of("n2"));
        harness.agree();
    }
    assert_eq!(harness.observed(), "n3 silent for 1050.000ms");
    harness.until(DeadlineReason::Heartbeat);
    harness.wait();
    harness.agree();
    assert_eq!(harness.observed(), "n3 is back");
}

//! Changes of membership by a leader (thesis §4.1 to §4.3), and the bootstrap.

use super::harness::{Harness, Start, append, id, voters};
use wavetank_raft::{
    AppendEntries, Change, ClientRequest, Configuration, Entry, Index, NodeId, Payload, Request, RequestId,
    RoleName, Term,
};

/// A leader of three with a log up to t3.i4, without any answer yet.
fn elected() -> Harness {
    Start::of(&[1, 1, 2]).elected()
}

/// The same, and all followers have all entries. The configuration is at i1.
fn leader() -> Harness {
    Start::of(&[1, 1, 2]).leader()
}

fn change(harness: &mut Harness, change: Change) -> String {
    harness.request(ClientRequest::Change { change, prev_index: None })
}

fn add_nonvoter(name: &str) -> Change {
    Change::AddNonvoter(name.into(), name.into())
}

fn remove(name: &str) -> Change {
    Change::RemoveServer(name.into())
}

#[test]
fn a_membership_is_in_force_at_once() {
    let mut harness = leader();
    assert_eq!(
        change(&mut harness, Change::AddVoter("n0".into(), "n0".into())),
        "members i5 n1 n2 n3 n0; n0: append t3 t3.i5+0 commit i4; n2: append t3 t3.i4+1 commit i4; \
         n3: append t3 t3.i4+1 commit i4; appended t3.i5 +1; write w3 append t3.i5+1"
    );
    harness.persisted();
    assert_eq!(harness.yes("n2"), "", "four need three");
    assert_eq!(harness.yes("n3"), "commit i5");
}

#[test]
fn changes_come_one_at_a_time() {
    let mut harness = elected();
    assert_eq!(change(&mut harness, add_nonvoter("n4")), "refused NoCommitInTerm");
    let mut harness = leader();
    for (prev_index, refused) in [(1, false), (0, true), (2, true), (9, true)] {
        let mut harness = leader();
        let text = harness.request(ClientRequest::Change {
            change: add_nonvoter("n4"),
            prev_index: Some(Index(prev_index)),
        });
        let refusal = format!("refused ConfigurationChanged {{ since: i{prev_index}, latest: i1 }}");
        assert_eq!(text == refusal, refused, "{text}");
    }
    assert_eq!(change(&mut harness, Change::LeaveJoint), "refused Configuration(NotJoint)");
    change(&mut harness, add_nonvoter("n4"));
    assert_eq!(change(&mut harness, add_nonvoter("n5")), "refused ChangeInProgress");
    harness.agree();
    assert!(change(&mut harness, add_nonvoter("n5")).starts_with("members i6 n1 n2 n3 (n4) (n5); "));

    let mut harness = leader();
    harness.request(ClientRequest::Transfer { request: RequestId(1), target: None });
    assert_eq!(change(&mut harness, add_nonvoter("n4")), "refused TransferInProgress");
}

/// Both sets must agree; then the leader leaves the joint configuration (thesis §4.3).
#[test]
fn several_members_change_through_a_joint_configuration() {
    let mut harness = leader();
    let members = Change::Members(voters(&["n1", "n4", "n5"]));
    assert!(change(&mut harness, members).starts_with("members i5 n1 n4 n5 & n1 n2 n3; n2: "));
    assert_eq!(change(&mut harness, add_nonvoter("n6")), "refused ChangeInProgress");
    assert_eq!(harness.persisted(), "");
    assert_eq!([harness.yes("n2"), harness.yes("n3")], ["", ""], "the old set alone");
    assert_eq!(
        harness.yes("n4"),
        "members i6 n1 n4 n5; n2: append t3 t3.i5+1 commit i5; n3: append t3 t3.i5+1 commit i5; \
         n4: append t3 t3.i5+1 commit i5; write w4 append t3.i6+1; commit i5"
    );
    assert_eq!(harness.persisted(), "");
    assert_eq!([harness.yes("n2"), harness.yes("n3")], ["", ""], "these no longer count");
    assert_eq!(harness.yes("n5"), "n5: append t3 t3.i5+1 commit i5");
    assert_eq!(harness.yes("n4"), "commit i6");
    harness.wait();
    assert!(change(&mut harness, add_nonvoter("n6")).contains("appended"));
}

#[test]
fn a_removed_server_still_gets_heartbeats_for_a_while() {
    let mut harness = leader();
    harness.wait();
    change(&mut harness, remove("n3"));
    harness.lose("n2");
    harness.lose("n3");
    for _ in 0..3 {
        assert!(harness.wait().contains("n3: append"), "before that is committed");
    }
    harness.agree();
    assert_eq!(harness.node.commit(), Index(5));
    let beats = (0..15).filter(|_| {
        let text = harness.next_heartbeat();
        harness.agree();
        text.contains("n3: append")
    });
    assert_eq!(beats.count(), 10);
    assert_eq!(harness.node.followers().map(|(id, _)| id.to_string()).collect::<Vec<_>>(), ["n2"]);
}

/// The removed server may have got a new disk meanwhile. Entries from before its removal would make it a
/// voter again.
#[test]
fn a_removed_server_with_an_empty_log_gets_no_entries() {
    let mut harness = leader();
    change(&mut harness, remove("n3"));
    harness.lose("n3");
    harness.yes_to_all_of(&["n2"]);
    harness.persisted();
    harness.yes_to_all_of(&["n2"]);
    assert_eq!(harness.node.commit(), Index(5));
    assert!(harness.next_heartbeat().contains("n3: append t3 t3.i4+0"));
    harness.yes("n2");
    assert_eq!(harness.no("n3"), "", "its log is empty; no loss is reported");
    for _ in 0..3 {
        let text = harness.next_heartbeat();
        assert!(text.contains("n3: append t3 t0.i0+0 commit i0"), "{text}");
        harness.yes("n2");
        assert_eq!(harness.yes("n3"), "");
    }
    assert!(change(&mut harness, add_nonvoter("n3")).contains("n3: append t3 t3.i6+0"));
}

#[test]
fn nothing_is_known_of_a_server_that_is_added_again() {
    let mut harness = leader();
    change(&mut harness, remove("n3"));
    harness.agree();
    let matched = |harness: &Harness| {
        let mut followers = harness.node.followers();
        followers.find(|(id, _)| *id == NodeId::of("n3")).map(|(_, progress)| progress.matched().0)
    };
    assert_eq!(matched(&harness), Some(5));
    assert!(change(&mut harness, add_nonvoter("n3")).contains("n3: append t3 t3.i6+0"));
    assert_eq!(matched(&harness), Some(0));
    harness.agree();
    assert_eq!(matched(&harness), Some(6));
    change(&mut harness, add_nonvoter("n4"));
    assert_eq!(matched(&harness), Some(6), "a remaining member keeps its match");
}

/// The leader does not count itself, leads until its removal is committed, and sends the commit
/// index (thesis §4.2.2).
#[test]
fn a_removed_leader_steps_down_once_that_is_committed() {
    for change in [remove("n1"), Change::DemoteVoter("n1".into())] {
        let mut harness = leader();
        self::change(&mut harness, change);
        assert_eq!([harness.persisted(), harness.yes("n2")], ["", ""], "one of two");
        assert_eq!(harness.node.role(), RoleName::Leader);
        assert_eq!(
            harness.yes("n3"),
            "n2: append t3 t3.i5+0 commit i5; n3: append t3 t3.i5+0 commit i5; Follower t3; no leader; \
             commit i5"
        );
        assert_eq!(harness.wait(), "", "and never campaigns");
    }
}

/// A server that an uncommitted change removes may be the only one that can commit it.
#[test]
fn a_server_campaigns_until_its_removal_is_committed() {
    for (commit, role) in [(3, RoleName::PreCandidate), (4, RoleName::Follower)] {
        let mut harness = Start { term: 3, ..Start::of(&[1, 1, 2]) }.boot();
        let two = Configuration::new(voters(&["n2", "n3"])).expect("names differ");
        let entry = Entry::new(Term(3), Index(4), Payload::Configuration(two.into()));
        harness.receive(
            "n2",
            Request::AppendEntries(AppendEntries {
                term: Term(3),
                prev: id((2, 3)),
                entries: vec![entry].into(),
                leader_commit: Index(commit),
            }),
        );
        harness.persisted();
        harness.wait();
        assert_eq!(harness.node.role(), role, "committed up to {commit}");
        if role == RoleName::PreCandidate {
            assert_eq!(harness.yes("n2"), "", "its own vote does not count");
            assert_eq!(harness.yes("n3"), "Candidate t4; write w2 t4 n1");
        }
    }
}

#[test]
fn only_a_leader_changes_anything() {
    let mut harness = Start::of(&[1, 1, 2]).boot();
    harness.at(1_000).receive("n2", append(2, (2, 3), &[], 0));
    let refused = "NotLeader(Some(n2))";
    assert_eq!(change(&mut harness, remove("n3")), format!("refused {refused}"));
    assert_eq!(harness.request(ClientRequest::Propose(vec![Payload::Noop])), format!("refused {refused}"));
    let request = RequestId(1);
    assert_eq!(
        harness.request(ClientRequest::Stage { request, node: NodeId::of("n3") }),
        format!("r1 {refused}")
    );
    assert_eq!(harness.request(ClientRequest::Transfer { request, target: None }), format!("r1 {refused}"));
}

#[test]
fn only_a_new_server_can_be_bootstrapped_and_only_as_a_voter() {
    let bootstrap =
        |names: &[&str]| ClientRequest::Bootstrap(Configuration::new(voters(names)).expect("names differ"));
    let blank = || Start::of(&[]);
    let mut harness = blank().boot();
    assert_eq!(harness.wait(), "", "nobody is asked, for nobody is known");
    assert_eq!(harness.request(bootstrap(&["n2", "n3"])), "refused NotVoter");
    assert_eq!(
        harness.request(bootstrap(&["n1", "n2"])),
        "Follower t1; members i1 n1 n2; appended t1.i1 +1; write w1 t1 - append t1.i1+1"
    );
    assert_eq!(harness.request(bootstrap(&["n1", "n2"])), "refused CantBootstrap");
    let mut begun = Start { term: 1, ..blank() }.boot();
    assert_eq!(
        begun.request(bootstrap(&["n1"])),
        "members i1 n1; appended t1.i1 +1; write w1 append t1.i1+1"
    );
    for start in [
        Start { term: 2, ..blank() },
        Start { term: 1, vote: Some("n2"), ..blank() },
        Start { snapshot: Some((1, 1)), ..blank() },
        Start::of(&[1]),
    ] {
        assert_eq!(start.boot().request(bootstrap(&["n1"])), "refused CantBootstrap");
    }
}

//! A table of refusals: the situation, the calls in it, and the error of each call.

use super::api::{Cluster, command};
use std::time::Duration;
use wavetank_raft::{
    Call, Change, Configuration, ConfigurationError, Index, Leader, Member, ReadPath, Refusal, Reloadable,
    RequestError, Span,
};
use wavetank_sim::{Plan, ServerIdx, ServerSet};

/// A situation, calls in it, and the error with which each of them is refused at once.
struct Row {
    situation: &'static str,
    begin: fn() -> Cluster,
    calls: fn(&Cluster) -> Vec<Call>,
    refusal: fn(&Cluster) -> RequestError,
}

const ROWS: &[Row] = &[
    Row { situation: "a follower is asked", begin: at_a_follower, calls: of_leaders, refusal: not_leader },
    Row { situation: "a blank server is asked", begin: at_a_spare, calls: of_leaders, refusal: nobody_leads },
    Row {
        situation: "the server has stopped",
        begin: stopped,
        calls: all,
        refusal: |_| RequestError::Shutdown,
    },
    Row {
        situation: "leadership is being transferred",
        begin: handing_over,
        calls: |cluster| [entries(), changes(cluster), vec![Call::Transfer { target: None }]].concat(),
        refusal: |_| RequestError::LeadershipTransferInProgress,
    },
    Row {
        situation: "a change is under way",
        begin: changing,
        calls: changes,
        refusal: |_| RequestError::Refused(Refusal::ChangeInProgress),
    },
    Row {
        situation: "a server is catching up",
        begin: staging,
        calls: |_| vec![Call::Transfer { target: Some("n5".into()) }],
        refusal: |_| RequestError::Refused(Refusal::UnknownTarget(ServerIdx(4).node())),
    },
    Row {
        situation: "the leader has committed no entry of its term yet",
        begin: just_elected,
        calls: changes,
        refusal: |_| RequestError::Refused(Refusal::NoCommitInTerm),
    },
    Row {
        situation: "no majority has confirmed the leader in its term yet",
        begin: just_elected,
        calls: |_| vec![Call::Read(ReadPath::Lease)],
        refusal: |_| RequestError::Refused(Refusal::NoLease),
    },
    Row {
        situation: "the configuration is not the expected one",
        begin: calm,
        calls: |cluster| changes(cluster).into_iter().map(since_long_ago).collect(),
        refusal: |cluster| {
            let latest = cluster.membership();
            RequestError::Refused(Refusal::ConfigurationChanged { since: Index(999), latest })
        },
    },
    Row {
        situation: "the address belongs to another server",
        begin: calm,
        calls: |cluster| adds("n9", &cluster.follower.address().to_string()),
        refusal: |cluster| refused(ConfigurationError::DuplicateAddress(cluster.follower.address())),
    },
    Row {
        situation: "the address is empty",
        begin: calm,
        calls: |_| adds("n9", ""),
        refusal: |_| refused(ConfigurationError::EmptyAddress("n9".into())),
    },
    Row {
        situation: "the id is empty",
        begin: calm,
        calls: |_| adds("", "a9"),
        refusal: |_| refused(ConfigurationError::EmptyId),
    },
    Row {
        situation: "an id is in a list twice",
        begin: calm,
        calls: |_| vec![change(Change::Members(vec![Member::voter("n1", "a1"), Member::voter("n1", "a2")]))],
        refusal: |_| refused(ConfigurationError::DuplicateId("n1".into())),
    },
    Row {
        situation: "no server would have a vote",
        begin: alone,
        calls: |cluster| {
            let me = cluster.leader.id();
            let nonvoter = vec![Member::nonvoter("n1", "a1")];
            [Change::RemoveServer(me.clone()), Change::DemoteVoter(me), Change::Members(nonvoter)]
                .map(change)
                .into()
        },
        refusal: |_| refused(ConfigurationError::NoVoter),
    },
    Row {
        situation: "the transfer target is not a member",
        begin: calm,
        calls: |_| vec![Call::Transfer { target: Some("n9".into()) }],
        refusal: |_| RequestError::Refused(Refusal::UnknownTarget(wavetank_raft::NodeId::of("n9"))),
    },
    Row {
        situation: "the transfer target leads already",
        begin: calm,
        calls: |cluster| vec![Call::Transfer { target: Some(cluster.leader.id()) }],
        refusal: |_| RequestError::Refused(Refusal::TransferToSelf),
    },
    Row {
        situation: "there is no transfer target",
        begin: alone,
        calls: |_| vec![Call::Transfer { target: None }],
        refusal: |_| RequestError::Refused(Refusal::NoTarget),
    },
    Row {
        situation: "the server belongs to a cluster already",
        begin: calm,
        calls: |cluster| vec![Call::Bootstrap(cluster.world.founders())],
        refusal: |_| RequestError::CantBootstrap,
    },
    Row {
        situation: "the bootstrapping server is not among the members",
        begin: at_a_spare,
        calls: |cluster| vec![Call::Bootstrap(cluster.world.founders())],
        refusal: |_| RequestError::NotVoter,
    },
    Row {
        situation: "no entry was applied yet",
        begin: at_a_spare,
        calls: |_| vec![Call::Snapshot],
        refusal: |_| RequestError::NothingNewToSnapshot,
    },
];

#[test]
fn every_call_has_each_of_its_refusals() {
    for row in ROWS {
        let mut cluster = (row.begin)();
        let calls = (row.calls)(&cluster);
        assert!(!calls.is_empty(), "{}: the row has no call", row.situation);
        for call in calls {
            let wanted = (row.refusal)(&cluster);
            let request = cluster.ask(cluster.leader, call.clone());
            let outcome = cluster.world.outcome(request);
            assert_eq!(outcome, Some(&Err(wanted)), "{}: {call:?}", row.situation);
        }
    }
}

fn calm() -> Cluster {
    Cluster::by(Plan { spares: 2, ..Plan::calm(7, 3) })
}

/// In this situation, the server that the table calls is a follower.
fn at_a_follower() -> Cluster {
    let mut cluster = calm();
    std::mem::swap(&mut cluster.leader, &mut cluster.follower);
    cluster
}

fn at_a_spare() -> Cluster {
    Cluster { leader: ServerIdx(3), ..calm() }
}

fn alone() -> Cluster {
    Cluster::of(1)
}

fn stopped() -> Cluster {
    let mut cluster = calm();
    cluster.lead(Call::Shutdown).expect("a shutdown is granted");
    cluster
}

fn handing_over() -> Cluster {
    let mut cluster = calm();
    cluster.world.isolate(cluster.follower);
    cluster.ask(cluster.leader, command());
    cluster.ask(cluster.leader, Call::Transfer { target: Some(cluster.follower.id()) });
    cluster
}

fn changing() -> Cluster {
    let mut cluster = calm();
    cluster.ask(cluster.leader, change(Change::AddVoter("n4".into(), ServerIdx(3).address())));
    cluster
}

fn staging() -> Cluster {
    let mut cluster = calm();
    cluster.world.isolate(ServerIdx(4));
    let (id, address) = (ServerIdx(4).id(), ServerIdx(4).address());
    cluster.ask(cluster.leader, Call::AddVoterStaged { id, address, prev_index: None });
    cluster.world.run_for(Span::ms(50));
    cluster
}

fn just_elected() -> Cluster {
    let mut cluster = calm();
    let old = cluster.leader;
    cluster.world.crash(old);
    let until = cluster.world.now() + Span::s(5);
    cluster.world.run_while(until, |world| world.leader().is_none());
    cluster.leader = cluster.world.leader().expect("two servers of three elect a leader");
    cluster
}

/// One call of every kind.
fn all(cluster: &Cluster) -> Vec<Call> {
    let config = &cluster.world.plan().config;
    let settings = Reloadable {
        trailing_logs: 5,
        snapshot_interval: Duration::from_secs(1),
        snapshot_threshold: 9,
        heartbeat_timeout: config.heartbeat_timeout,
        election_timeout: config.election_timeout,
    };
    let founders = ServerSet::first(1).iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
    let bootstrap =
        Call::Bootstrap(Configuration::new(founders).expect("the only member is the server itself"));
    let others = vec![bootstrap, Call::Snapshot, Call::Reload(settings), Call::Shutdown];
    [of_leaders(cluster), others].concat()
}

/// The calls that only a leader can grant.
fn of_leaders(cluster: &Cluster) -> Vec<Call> {
    let reads = [ReadPath::Index, ReadPath::Lease, ReadPath::Verify].map(Call::Read);
    let rest = vec![Call::VerifyLeader, Call::Transfer { target: None }];
    [entries(), changes(cluster), reads.into(), rest].concat()
}

/// The calls that append an entry to the log.
fn entries() -> Vec<Call> {
    let both = Call::ApplyLog { data: vec![0; 4].into(), extensions: vec![1].into() };
    vec![command(), both, Call::Barrier, Call::Restore(vec![].into())]
}

/// Every way to change the membership.
fn changes(cluster: &Cluster) -> Vec<Call> {
    let follower = cluster.follower.id();
    let less = [Change::DemoteVoter(follower.clone()), Change::RemoveServer(follower)].map(change);
    [adds("n9", "a9"), less.into()].concat()
}

/// Every way to add a server.
fn adds(id: &str, address: &str) -> Vec<Call> {
    let members =
        vec![Member::voter("n1", "tank:1"), Member::voter("n2", "tank:2"), Member::voter("n3", "tank:3")];
    let with = members.into_iter().chain([Member::voter(id, address)]).collect();
    let steps = [
        Change::AddVoter(id.into(), address.into()),
        Change::AddNonvoter(id.into(), address.into()),
        Change::Members(with),
    ];
    let staged = Call::AddVoterStaged { id: id.into(), address: address.into(), prev_index: None };
    steps.map(change).into_iter().chain([staged]).collect()
}

fn change(change: Change) -> Call {
    Call::Change { change, prev_index: None }
}

/// The same call, with the index of a configuration that never existed.
fn since_long_ago(call: Call) -> Call {
    let prev_index = Some(Index(999));
    if let Call::AddVoterStaged { id, address, .. } = call {
        return Call::AddVoterStaged { id, address, prev_index };
    }
    let Call::Change { change, .. } = call else { panic!("{call:?} does not change the membership") };
    Call::Change { change, prev_index }
}

fn refused(error: ConfigurationError) -> RequestError {
    RequestError::Refused(Refusal::Configuration(error))
}

fn not_leader(cluster: &Cluster) -> RequestError {
    // The two servers have changed places.
    RequestError::NotLeader(Some(Leader { id: cluster.follower.id(), address: cluster.follower.address() }))
}

fn nobody_leads(_: &Cluster) -> RequestError {
    RequestError::NotLeader(None)
}

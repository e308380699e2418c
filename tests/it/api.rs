//! Tests the error of every call of the server's interface.

use std::time::Duration;
use wavetank_raft::{
    Answer, Call, Change, Configuration, ConfigurationError, Dialect, Event, Index, Leader, Member, Outcome,
    ReadPath, Refusal, Reloadable, RequestError, RequestId, Span, Unsupported,
};
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::{Plan, ServerIdx, ServerSet, World};

/// A calm cluster with a leader and without clients: only the test calls it.
pub(super) struct Cluster {
    pub(super) world: World<Kv, ()>,
    pub(super) leader: ServerIdx,
    pub(super) follower: ServerIdx,
}

impl Cluster {
    pub(super) fn of(servers: u8) -> Self {
        Self::by(Plan::calm(7, servers))
    }

    pub(super) fn by(mut plan: Plan) -> Self {
        plan.clients.count = 0;
        let nobody = Clients::new(KvPlan::from(&plan.clients), ServerSet::first(1), plan.seed);
        let mut world = World::new(plan, |_| Kv::default(), Box::new(nobody), ());
        world.run_for(Span::s(2));
        let leader = world.leader().expect("nothing fails in a calm plan");
        let follower = world.all().iter().find(|&idx| idx != leader).unwrap_or(leader);
        Self { world, leader, follower }
    }

    pub(super) fn ask(&mut self, idx: ServerIdx, call: Call) -> RequestId {
        self.world.call(idx, call)
    }

    /// Makes a call and returns its outcome one second later.
    fn call(&mut self, idx: ServerIdx, call: Call) -> Outcome {
        let request = self.ask(idx, call);
        self.world.run_for(Span::s(1));
        self.outcome(request)
    }

    fn outcome(&self, request: RequestId) -> Outcome {
        self.world.outcome(request).expect("every call is answered").clone()
    }

    pub(super) fn lead(&mut self, call: Call) -> Outcome {
        self.call(self.leader, call)
    }

    /// The index of the leader's newest configuration.
    pub(super) fn membership(&self) -> Index {
        let leader = self.world.server(self.leader).expect("the server runs");
        leader.node().configuration().expect("the leader has a configuration").0
    }

    fn change(&mut self, change: Change) -> Outcome {
        self.lead(Call::Change { change, prev_index: None })
    }
}

pub(super) fn command() -> Call {
    Call::Apply(vec![0; 4].into())
}

fn refused(error: ConfigurationError) -> Outcome {
    Err(RequestError::Refused(Refusal::Configuration(error)))
}

#[test]
fn only_the_leader_accepts_calls_and_followers_name_it() {
    let mut cluster = Cluster::of(3);
    let follower = cluster.follower;
    let here = Err(RequestError::NotLeader(Some(Leader {
        id: cluster.leader.id(),
        address: cluster.leader.address(),
    })));
    let change = |change| Call::Change { change, prev_index: None };
    let calls = [
        command(),
        Call::ApplyLog { data: vec![0; 4].into(), extensions: vec![1].into() },
        Call::Barrier,
        Call::VerifyLeader,
        Call::Read(ReadPath::Index),
        Call::Read(ReadPath::Lease),
        change(Change::AddVoter("n9".into(), "a9".into())),
        change(Change::AddNonvoter("n9".into(), "a9".into())),
        change(Change::DemoteVoter("n1".into())),
        change(Change::RemoveServer("n1".into())),
        change(Change::Members(vec![Member::voter("n1", "a1")])),
        Call::AddVoterStaged { id: "n9".into(), address: "a9".into(), prev_index: None },
        Call::Transfer { target: None },
        Call::Restore(vec![].into()),
    ];
    for call in calls {
        assert_eq!(cluster.call(follower, call.clone()), here, "{call:?}");
    }
}

#[test]
fn an_invalid_configuration_is_refused_with_its_reason() {
    let mut cluster = Cluster::of(3);
    let taken = cluster.follower.address();

    let twice = cluster.change(Change::AddVoter("n9".into(), taken.clone()));
    assert_eq!(twice, refused(ConfigurationError::DuplicateAddress(taken)));
    let nameless = cluster.change(Change::AddVoter("".into(), "a9".into()));
    assert_eq!(nameless, refused(ConfigurationError::EmptyId));
    let homeless = cluster.change(Change::AddVoter("n9".into(), "".into()));
    assert_eq!(homeless, refused(ConfigurationError::EmptyAddress("n9".into())));
    let members = vec![Member::voter("n1", "a1"), Member::voter("n1", "a2")];
    assert_eq!(
        cluster.change(Change::Members(members)),
        refused(ConfigurationError::DuplicateId("n1".into()))
    );
    assert_eq!(cluster.change(Change::Members(vec![])), refused(ConfigurationError::NoVoter));
}

#[test]
fn the_last_voter_cannot_be_removed() {
    let mut cluster = Cluster::of(1);
    let me = cluster.leader.id();
    assert_eq!(cluster.change(Change::RemoveServer(me.clone())), refused(ConfigurationError::NoVoter));
    assert_eq!(cluster.change(Change::DemoteVoter(me)), refused(ConfigurationError::NoVoter));
}

#[test]
fn an_unknown_server_may_be_removed_and_a_known_one_added_again() {
    let mut cluster = Cluster::of(3);
    let before = cluster.world.server(cluster.leader).unwrap().node().configuration().unwrap().1.clone();
    let (id, address) = (cluster.follower.id(), cluster.follower.address());

    assert!(cluster.change(Change::RemoveServer("n9".into())).is_ok());
    assert!(cluster.change(Change::DemoteVoter("n9".into())).is_ok());
    assert!(cluster.change(Change::AddVoter(id.clone(), address.clone())).is_ok());
    assert!(cluster.change(Change::AddNonvoter(id, address)).is_ok());

    let after = cluster.world.server(cluster.leader).unwrap().node().configuration().unwrap().1.clone();
    assert_eq!(before, after);
}

#[test]
fn a_change_with_an_old_prev_index_is_refused() {
    let mut cluster = Cluster::of(3);
    let change = Change::RemoveServer("n9".into());
    let first = cluster.lead(Call::Change { change: change.clone(), prev_index: Some(Index(1)) });
    let Ok(Answer::Committed { index }) = first else { panic!("{first:?}") };

    let stale = cluster.lead(Call::Change { change: change.clone(), prev_index: Some(Index(1)) });
    let expected = Refusal::ConfigurationChanged { since: Index(1), latest: index };
    assert_eq!(stale, Err(RequestError::Refused(expected)));
    assert!(cluster.lead(Call::Change { change, prev_index: Some(index) }).is_ok());
}

#[test]
fn a_change_during_another_is_refused() {
    let mut cluster = Cluster::of(3);
    let change = || Call::Change { change: Change::RemoveServer("n9".into()), prev_index: None };
    let leader = cluster.leader;
    let (first, second) = (cluster.ask(leader, change()), cluster.ask(leader, change()));
    cluster.world.run_for(Span::s(1));

    assert!(cluster.outcome(first).is_ok());
    assert_eq!(cluster.outcome(second), Err(RequestError::Refused(Refusal::ChangeInProgress)));
}

#[test]
fn leadership_is_transferred_only_to_another_voter() {
    let mut cluster = Cluster::of(3);
    let to = |target: &str| Call::Transfer { target: Some(target.into()) };
    let me = cluster.leader.to_string();
    assert_eq!(cluster.lead(to(&me)), Err(RequestError::Refused(Refusal::TransferToSelf)));
    let unknown = Refusal::UnknownTarget(wavetank_raft::NodeId::of("n9"));
    assert_eq!(cluster.lead(to("n9")), Err(RequestError::Refused(unknown)));

    let mut alone = Cluster::of(1);
    assert_eq!(alone.lead(Call::Transfer { target: None }), Err(RequestError::Refused(Refusal::NoTarget)));
}

#[test]
fn calls_are_refused_during_a_leadership_transfer_and_accepted_after_it() {
    let mut cluster = Cluster::of(3);
    let (leader, follower) = (cluster.leader, cluster.follower);
    cluster.world.isolate(follower);
    let transfer = cluster.ask(leader, Call::Transfer { target: Some(follower.id()) });
    let change = Call::Change { change: Change::RemoveServer("n9".into()), prev_index: None };
    let calls = [command(), Call::Barrier, change, Call::Transfer { target: None }];
    let asked = calls.map(|call| cluster.ask(leader, call));
    cluster.world.run_for(Span::s(2));

    for request in asked {
        assert_eq!(cluster.outcome(request), Err(RequestError::LeadershipTransferInProgress));
    }
    assert_eq!(cluster.outcome(transfer), Err(RequestError::Refused(Refusal::TransferTimeout)));
    assert!(cluster.lead(command()).is_ok());
}

#[test]
fn a_cluster_is_bootstrapped_once_and_by_its_voters() {
    let mut cluster = Cluster::by(Plan { spares: 1, ..Plan::calm(7, 3) });
    let configuration = cluster.world.founders();
    let again = cluster.lead(Call::Bootstrap(configuration.clone()));
    assert_eq!(again, Err(RequestError::CantBootstrap));

    let spare = ServerIdx(3);
    assert_eq!(cluster.call(spare, Call::Bootstrap(configuration)), Err(RequestError::NotVoter));
    let alone = Configuration::new(vec![Member::voter(spare.id(), spare.address())]).unwrap();
    assert_eq!(cluster.call(spare, Call::Bootstrap(alone.clone())), Ok(Answer::Done));
    assert_eq!(cluster.call(spare, Call::Bootstrap(alone)), Err(RequestError::CantBootstrap));
}

#[test]
fn a_snapshot_needs_something_new() {
    let mut cluster = Cluster::of(3);
    let taken = cluster.lead(Call::Snapshot);
    assert!(matches!(taken, Ok(Answer::Snapshotted(_))), "{taken:?}");
    assert_eq!(cluster.lead(Call::Snapshot), Err(RequestError::NothingNewToSnapshot));

    cluster.lead(command()).unwrap();
    let leader = cluster.leader;
    let (first, second) = (cluster.ask(leader, Call::Snapshot), cluster.ask(leader, Call::Snapshot));
    cluster.world.run_for(Span::s(1));
    assert!(cluster.outcome(first).is_ok());
    assert_eq!(cluster.outcome(first), cluster.outcome(second));
}

#[test]
fn settings_are_reloaded_all_or_none() {
    let mut cluster = Cluster::of(3);
    let config = cluster.world.plan().config.clone();
    let settings = Reloadable {
        trailing_logs: 5,
        snapshot_interval: Duration::from_secs(1),
        snapshot_threshold: 9,
        heartbeat_timeout: config.heartbeat_timeout * 2,
        election_timeout: config.election_timeout * 2,
    };
    assert_eq!(cluster.lead(Call::Reload(settings.clone())), Ok(Answer::Done));
    let bad = Reloadable { trailing_logs: 6, election_timeout: Duration::from_millis(1), ..settings };
    let error = cluster.lead(Call::Reload(bad)).unwrap_err();
    assert_eq!(error.to_string(), "election_timeout must be at least 5ms");

    let effective = cluster.world.server(cluster.leader).unwrap().node().settings().clone();
    assert_eq!((effective.trailing_logs, effective.heartbeat_timeout), (5, config.heartbeat_timeout * 2));
}

#[test]
fn calls_that_a_hashicorp_peer_does_not_understand_are_refused() {
    let mut cluster = Cluster::of(3);
    let (leader, peer) = (cluster.leader, cluster.follower.node());
    cluster.world.force(leader, Event::PeerSpeaks { peer, dialect: Dialect::HashiCorp });
    let members = vec![Member::voter(leader.id(), leader.address())];
    let id = cluster.follower.id();
    let refused = RequestError::UnsupportedProtocol(Unsupported::HashiCorp(id.clone()));
    let text =
        format!("operation not supported with current protocol version: {id} is a server of HashiCorp Raft");
    assert_eq!(refused.to_string(), text);
    assert_eq!(cluster.change(Change::Members(members)), Err(refused.clone()));
    assert_eq!(cluster.lead(Call::Restore(vec![].into())), Err(refused));
    assert!(cluster.change(Change::RemoveServer("n9".into())).is_ok());
}

#[test]
fn a_malformed_restore_is_refused_and_the_cluster_goes_on() {
    let mut cluster = Cluster::of(3);
    let refused = cluster.lead(Call::Restore(vec![1, 2, 3].into()));
    assert!(matches!(refused, Err(RequestError::Store(_))), "{refused:?}");
    assert!(cluster.lead(Call::Barrier).is_ok());
    assert_eq!(cluster.world.converged(cluster.world.all()), Ok(()));
}

#[test]
fn a_server_that_has_stopped_answers_every_call() {
    let mut cluster = Cluster::of(3);
    let leader = cluster.leader;
    let (open, stop, late) =
        (cluster.ask(leader, command()), cluster.ask(leader, Call::Shutdown), cluster.ask(leader, command()));
    cluster.world.run_for(Span::s(1));

    assert_eq!(cluster.outcome(stop), Ok(Answer::Done));
    assert_eq!(cluster.outcome(open), Err(RequestError::Shutdown));
    assert_eq!(cluster.outcome(late), Err(RequestError::Shutdown));
}

#[test]
fn a_call_in_an_older_file_has_zero_for_no_prev_index() {
    let call = |prev_index| Call::Change { change: Change::LeaveJoint, prev_index };
    let written = serde_json::to_string(&call(None)).unwrap();
    assert_eq!(serde_json::from_str::<Call>(&written).unwrap(), call(None));
    for (number, prev_index) in [("0", None), ("7", Some(Index(7)))] {
        let older = written.replace("null", number);
        assert_eq!(serde_json::from_str::<Call>(&older).unwrap(), call(prev_index), "{older}");
    }
}

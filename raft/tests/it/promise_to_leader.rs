//! After contact with a leader, a server grants no vote for a heartbeat timeout: the leader's lease
//! counts on this promise (thesis §4.2.3, §6.4.1).

use wavetank_raft::{
    AppendEntries, AppendEntriesResponse, Boot, CacheLimits, Config, Configuration, Effect, Effects, Entries,
    Entropy, Entry, HardState, Index, Input, LogId, LogImage, Member, Node, NodeId, Payload, Request,
    RequestVote, Response, RpcId, ServerId, Settings, Term, Time,
};

#[test]
fn a_vote_is_granted_once_the_leader_is_silent() {
    let (mut voter, heard) = voter_with_leader("n1");
    let silence = voter.settings().heartbeat_timeout();
    assert!(!votes(&mut voter, heard, "n3", Term(3)));
    assert!(votes(&mut voter, heard + silence, "n3", Term(3)));
}

#[test]
fn a_newer_term_in_an_answer_does_not_end_the_promise() {
    let (mut voter, heard) = voter_with_leader("n1");
    let refusal = AppendEntriesResponse {
        term: Term(7),
        success: false,
        last_log: Index::ZERO,
        no_retry_backoff: false,
        hint: None,
    };
    let response = Response::AppendEntries(refusal);
    voter.step(heard, Input::Response { from: named("n3"), rpc: RpcId(9), response }, &mut Effects::new());
    assert_eq!(voter.term(), Term(7));
    assert!(!votes(&mut voter, heard, "n3", Term(8)));
    let silence = voter.settings().heartbeat_timeout();
    assert!(votes(&mut voter, heard + silence, "n3", Term(8)));
}

fn named(name: &str) -> NodeId {
    ServerId::from(name).node()
}

/// The second of three voters just after contact with a leader of term 2, and the time of the
/// contact.
fn voter_with_leader(leader: &str) -> (Node, Time) {
    let members = ["n1", "n2", "n3"].map(|name| Member::voter(name, name)).to_vec();
    let configuration = Configuration::new(members).expect("three names");
    let mut log = LogImage::new(LogId::ZERO, CacheLimits::entries(1));
    log.push(Entry::new(Term(1), Index(1), Payload::Configuration(configuration.into())));
    let settings = Settings::new(Config { local_id: "n2".into(), ..Config::default() }).expect("sound");
    let hard_state = HardState { term: Term(1), vote: None };
    let boot =
        Boot { entropy: Entropy(1), incarnation: 1, hard_state, log, snapshot: None, catch_up: LogId::ZERO };
    let mut node = Node::boot(settings, boot, Time(0));
    let now = Time(1_000);
    let beat = AppendEntries {
        term: Term(2),
        prev: LogId::new(Term(1), Index(1)),
        entries: Entries::default(),
        leader_commit: Index::ZERO,
    };
    let request = Request::AppendEntries(beat);
    node.step(now, Input::Request { from: named(leader), rpc: RpcId(1), request }, &mut Effects::new());
    (node, now)
}

/// Whether a candidate with the same log gets the vote.
fn votes(node: &mut Node, now: Time, candidate: &str, term: Term) -> bool {
    let last_log = LogId::new(Term(1), Index(1));
    let request = Request::RequestVote(RequestVote { term, last_log, leadership_transfer: false });
    let mut fx = Effects::new();
    node.step(now, Input::Request { from: named(candidate), rpc: RpcId(term.0), request }, &mut fx);
    node.step(now, Input::Persisted(node.issued()), &mut fx);
    fx.drain(..).any(|effect| {
        matches!(effect, Effect::Reply { response: Response::RequestVote(vote), .. } if vote.granted)
    })
}

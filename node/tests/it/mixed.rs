//! A server whose peers speak HashiCorp Raft's messages on the wire. The peers follow a script, so they show
//! what a real server of HashiCorp Raft shows only now and then.

use crate::cluster::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wavetank_node::transport::TcpTransport;
use wavetank_node::wire::{Header, Scan, decode_request, encode_response};
use wavetank_node::{CallLimit, Raft, RaftState};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::{
    AppendEntriesResponse, Configuration, Index, Member, Request, RequestPreVoteResponse,
    RequestVoteResponse, Response, Term,
};

/// What a peer answers to a request; `None`: nothing, and nothing to later requests on this connection.
type Script = fn(&Request) -> Option<Response>;

/// A server whose two peers follow a script, and the requests that the peers get.
struct Scripted {
    node: Node,
    requests: UnboundedReceiver<Request>,
}

impl Scripted {
    async fn start(script: Script) -> Self {
        let (sender, requests) = unbounded_channel();
        let transport = TcpTransport::bind("127.0.0.1:0", None, 3, PATIENCE).await.unwrap();
        let (fsm, lines) = Ledger::new();
        let builder = Raft::builder(config("n1"), fsm, transport)
            .log_store(InmemStore::new())
            .stable_store(InmemStore::new())
            .snapshot_store(InmemSnapshotStore::default());
        let raft = builder.start().await.unwrap();
        let mut members = vec![Member::voter("n1", raft.local_addr().as_str())];
        for id in ["go2", "go3"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            members.push(Member::voter(id, listener.local_addr().unwrap().to_string()));
            tokio::spawn(accept(listener, script, sender.clone()));
        }
        raft.bootstrap_cluster(Configuration::new(members).unwrap(), CallLimit::NONE).await.unwrap();
        Self { node: Node { raft, lines }, requests }
    }

    async fn request(&mut self) -> Request {
        within(self.requests.recv()).await.unwrap()
    }
}

async fn accept(listener: TcpListener, script: Script, sender: UnboundedSender<Request>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, script, sender.clone()));
    }
}

/// Reads requests and answers them, until the caller closes the connection.
async fn answer(mut stream: TcpStream, script: Script, sender: UnboundedSender<Request>) {
    let header = Header { protocol_version: 3, ..Header::EMPTY };
    let (mut bytes, mut is_silent) = (Vec::new(), false);
    while stream.read_buf(&mut bytes).await.is_ok_and(|count| 0 < count) {
        while let Some(length) = Scan::request(1 << 20).advance(&bytes).unwrap() {
            let (_, request) = decode_request(&bytes[..length]).unwrap();
            bytes.drain(..length);
            let response = script(&request).filter(|_| !is_silent);
            is_silent |= response.is_none();
            let mut out = Vec::new();
            if let Some(response) = response {
                encode_response(&header, &response, &mut out);
            }
            if sender.send(request).is_err() || stream.write_all(&out).await.is_err() {
                return;
            }
        }
    }
}

/// Refuses a pre-vote as HashiCorp Raft does if the log of the candidate is too short: with the term that the
/// candidate asked for, although the term of the peer is older.
fn refuse_with_the_asked_term(request: &Request) -> Option<Response> {
    let Request::RequestPreVote(vote) = request else { panic!("not a pre-vote: {request:?}") };
    Some(Response::RequestPreVote(RequestPreVoteResponse { term: vote.term, granted: false }))
}

#[tokio::test]
async fn a_candidate_does_not_enter_the_term_of_a_refused_pre_vote() {
    let mut scripted = Scripted::start(refuse_with_the_asked_term).await;
    for _ in 0..10 {
        let request = scripted.request().await;
        assert_eq!(request.term(), Some(Term(2)), "{request:?}");
    }
    assert_eq!(scripted.node.raft.current_term(), Term(1));
}

/// Votes, and then answers only the heartbeats that HashiCorp Raft answers while its state machine works.
fn answer_bare_heartbeats(request: &Request) -> Option<Response> {
    match request {
        Request::RequestPreVote(vote) => {
            Some(Response::RequestPreVote(RequestPreVoteResponse { term: vote.term, granted: true }))
        }
        Request::RequestVote(vote) => Some(Response::RequestVote(RequestVoteResponse {
            term: vote.term,
            granted: true,
            refused_for_term: false,
        })),
        Request::AppendEntries(append) if append.is_bare_heartbeat() => {
            Some(Response::AppendEntries(AppendEntriesResponse {
                term: append.term,
                success: true,
                last_log: Index(0),
                no_retry_backoff: false,
                hint: None,
            }))
        }
        Request::AppendEntries(_) | Request::InstallSnapshot(_) | Request::TimeoutNow(_) => None,
    }
}

#[tokio::test]
async fn a_leader_keeps_followers_whose_state_machines_are_busy() {
    let mut scripted = Scripted::start(answer_bare_heartbeats).await;
    scripted.node.leads().await;
    let term = scripted.node.raft.current_term();
    let since = tokio::time::Instant::now();
    // A leader without contact leads for one lease more.
    while since.elapsed() < 4 * config("n1").leader_lease_timeout {
        scripted.request().await;
        assert_eq!(scripted.node.raft.state(), RaftState::Leader);
    }
    assert_eq!(scripted.node.raft.current_term(), term);
}

//! Peers that do not support pre-votes.

use super::*;

/// A peer without pre-votes.
struct Old(TcpListener);

impl Old {
    async fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn pre_vote(&self) -> Outgoing {
        let address: ServerAddress = self.0.local_addr().unwrap().to_string().into();
        let request = Request::RequestPreVote(RequestPreVote { term: Term(8), last_log: LogId::ZERO });
        Outgoing { to: "go".into(), address, rpc: RpcId(1), request }
    }

    /// Accepts a connection, and expects this kind of call.
    async fn expect(&self, kind: Kind) -> TcpStream {
        let accepting = tokio::time::timeout(TIMEOUT * 6, self.0.accept());
        let (mut stream, _) = accepting.await.expect("in time").unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), kind as u8);
        stream
    }
}

fn granted() -> Response {
    Response::RequestPreVote(RequestPreVoteResponse { term: Term(8), granted: true })
}

fn refused_vote(dialect: Dialect) -> Vec<u8> {
    let vote = RequestVoteResponse { term: Term(7), granted: false, refused_for_term: false };
    let mut bytes = Vec::new();
    wire::encode_response(&Header { dialect, ..Header::EMPTY }, &Response::RequestVote(vote), &mut bytes);
    bytes
}

#[tokio::test]
async fn a_peer_that_refuses_an_unexpected_command_counts_as_granting_a_pre_vote() {
    let (mut one, old) = (Server::start("n1").await, Old::listen().await);
    one.transport.send(old.pre_vote());
    let mut stream = old.expect(Kind::RequestPreVote).await;
    let mut bytes = Vec::new();
    wire::encode_refusal("unexpected command", &mut bytes);
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(one.response().await, (1, granted()));
}

/// HashiCorp Raft before 1.7.0 closes the connection at each pre-vote.
#[tokio::test]
async fn a_hashicorp_server_that_closes_the_connection_at_a_pre_vote_counts_as_granting_it() {
    let (mut one, old) = (Server::start("n1").await, Old::listen().await);
    one.transport.send(old.pre_vote());
    drop(old.expect(Kind::RequestPreVote).await);
    let mut stream = old.expect(Kind::RequestVote).await;
    assert!(one.is_quiet().await, "the closed connection alone grants nothing");
    stream.write_all(&refused_vote(Dialect::HashiCorp)).await.unwrap();
    assert!(matches!(one.next().await, Arrival::Speaks { dialect: Dialect::HashiCorp, .. }));
    assert_eq!(one.response().await, (1, granted()));
}

#[tokio::test]
async fn a_wavetank_server_that_closes_the_connection_at_a_pre_vote_does_not_grant_it() {
    let (mut one, old) = (Server::start("n1").await, Old::listen().await);
    one.transport.send(old.pre_vote());
    drop(old.expect(Kind::RequestPreVote).await);
    let mut stream = old.expect(Kind::RequestVote).await;
    stream.write_all(&refused_vote(Dialect::Wavetank)).await.unwrap();
    assert!(matches!(one.next().await, Arrival::Speaks { dialect: Dialect::Wavetank, .. }));
    assert!(one.is_quiet().await);
}

/// An old connection may end for any reason, so the peer is asked again on a new one.
#[tokio::test]
async fn a_pre_vote_on_a_connection_that_ends_is_repeated() {
    let (mut one, old) = (Server::start("n1").await, Old::listen().await);
    let Outgoing { address, .. } = old.pre_vote();
    one.transport.send(Outgoing { to: "go".into(), address, rpc: RpcId(7), request: vote(7) });
    let mut stream = old.expect(Kind::RequestVote).await;
    stream.write_all(&refused_vote(Dialect::HashiCorp)).await.unwrap();
    assert!(matches!(one.next().await, Arrival::Speaks { dialect: Dialect::HashiCorp, .. }));
    assert!(matches!(one.next().await, Arrival::Response { rpc: RpcId(7), .. }));
    assert!(0 < stream.read(&mut [0; 1024]).await.unwrap(), "the rest of the vote request");
    one.transport.send(old.pre_vote());
    assert_eq!(stream.read_u8().await.unwrap(), Kind::RequestPreVote as u8);
    drop(stream);
    drop(old.expect(Kind::RequestPreVote).await);
    drop(old.expect(Kind::RequestVote).await);
}

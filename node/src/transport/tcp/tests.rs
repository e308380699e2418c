//! Two transports on loopback, and peers that send raw or hostile bytes.

use super::super::{LocalCluster, Replier};
use super::*;
use crate::wire::{self, Header, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use wavetank_raft::*;

mod limits;
mod network;
mod pre_votes;
mod simulated;
mod storm;
#[cfg(feature = "tls")]
mod tls;

const TIMEOUT: Duration = Duration::from_millis(500);

struct Server {
    transport: TcpTransport,
    arrivals: mpsc::Receiver<Arrival>,
    name: &'static str,
}

fn local(name: &str, address: ServerAddress) -> Local {
    let (id, cluster) = (name.into(), LocalCluster::default());
    Local { id, address, protocol_version: 3, heartbeat_timeout: Duration::from_secs(1), cluster }
}

impl Server {
    async fn start(name: &'static str) -> Self {
        Self::with(name, "127.0.0.1:0", Limits::default()).await
    }

    async fn with(name: &'static str, bind: &str, limits: Limits) -> Self {
        let transport = TcpTransport::bind_with(bind, None, 3, TIMEOUT, limits).await.unwrap();
        Self::on(transport, name)
    }

    fn on(transport: TcpTransport, name: &'static str) -> Self {
        let (inbox, arrivals) = mpsc::channel(64);
        let address = transport.local_addr();
        transport.start(local(name, address), inbox);
        Self { transport, arrivals, name }
    }

    fn call(&self, to: &Self, rpc: u64, request: Request) {
        let address = to.transport.local_addr();
        self.transport.send(Outgoing { to: to.name.into(), address, rpc: RpcId(rpc), request });
    }

    async fn next(&mut self) -> Arrival {
        tokio::time::timeout(TIMEOUT * 6, self.arrivals.recv()).await.expect("in time").expect("open")
    }

    async fn request(&mut self) -> (Header, Request, Replier) {
        match self.next().await {
            Arrival::Request { header, request, replier } => (header, request, replier),
            other => panic!("{other:?}"),
        }
    }

    async fn response(&mut self) -> (u64, Response) {
        loop {
            match self.next().await {
                Arrival::Response { rpc, response, .. } => return (rpc.0, response),
                Arrival::Speaks { dialect, .. } => assert_eq!(dialect, Dialect::Wavetank),
                other => panic!("{other:?}"),
            }
        }
    }

    async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(TIMEOUT / 5, self.arrivals.recv()).await.is_err()
    }
}

fn append(entries: std::ops::Range<u64>) -> Request {
    let entry = |index| Entry::new(Term(2), Index(index), Payload::Command(vec![7; 100].into()));
    Request::AppendEntries(AppendEntries {
        term: Term(2),
        prev: LogId::new(Term(2), Index(entries.start - 1)),
        entries: entries.map(entry).collect(),
        leader_commit: Index(1),
    })
}

fn appended(last: u64) -> Response {
    Response::AppendEntries(AppendEntriesResponse {
        term: Term(2),
        success: false,
        last_log: Index(last),
        no_retry_backoff: true,
        hint: Some(LogId::new(Term(1), Index(1))),
    })
}

fn vote(term: u64) -> Request {
    let last_log = LogId::new(Term(1), Index(4));
    Request::RequestVote(RequestVote { term: Term(term), last_log, leadership_transfer: false })
}

fn snapshot(size: u64, offset: u64, length: u64) -> Request {
    let meta = SnapshotMeta {
        last: LogId::new(Term(2), Index(9)),
        configuration: Configuration::new(vec![Member::voter("n1", "a1")]).unwrap(),
        configuration_index: Index(1),
        size,
        checksum: 77,
    };
    let data = (offset..offset + length).map(|at| at as u8).collect();
    let done = offset + length == size;
    Request::InstallSnapshot(InstallSnapshot { term: Term(2), meta: Arc::new(meta), offset, data, done })
}

fn installed(success: bool, next_offset: u64) -> Response {
    Response::InstallSnapshot(InstallSnapshotResponse { term: Term(2), success, next_offset })
}

#[tokio::test]
async fn calls_are_pipelined_and_answered_in_order() {
    let (mut one, mut two) = (Server::start("n1").await, Server::start("n2").await);
    for rpc in 1..=10 {
        one.call(&two, rpc, append(rpc + 1..rpc + 3));
    }
    let mut repliers = Vec::new();
    for rpc in 1..=10 {
        let (header, request, replier) = two.request().await;
        assert_eq!(header.id, Some("n1".into()));
        assert_eq!(request, append(rpc + 1..rpc + 3));
        repliers.push((rpc, replier));
    }
    // The answers are given in reverse order, and arrive in the order of the calls.
    for (rpc, replier) in repliers.into_iter().rev() {
        replier.reply(appended(rpc));
    }
    for rpc in 1..=10 {
        let (answered, response) = one.response().await;
        assert_eq!(answered, rpc);
        let Response::AppendEntries(response) = response else { panic!() };
        assert_eq!(response.last_log, Index(rpc));
    }
    // Each has received the other's dialect by now.
    one.call(&two, 11, append(20..21));
    let (header, _, replier) = two.request().await;
    assert!(header.is_ours());
    replier.reply(appended(11));
    assert_eq!(one.response().await, (11, appended(11)));
}

#[tokio::test]
async fn calls_that_only_our_servers_understand_wait_until_the_peer_is_known() {
    let (mut one, mut two) = (Server::start("n1").await, Server::start("n2").await);
    let entry = Entry::new(Term(2), Index(2), Payload::Restore(vec![7; 100].into()));
    let restore = Request::AppendEntries(AppendEntries {
        term: Term(2),
        prev: LogId::new(Term(2), Index(1)),
        entries: Arc::from([entry]),
        leader_commit: Index(1),
    });
    one.call(&two, 1, restore.clone());
    assert!(two.is_quiet().await);
    one.call(&two, 2, append(2..2));
    two.request().await.2.reply(appended(1));
    assert!(matches!(one.next().await, Arrival::Speaks { dialect: Dialect::Wavetank, .. }));
    assert_eq!(one.response().await.0, 2);
    one.call(&two, 3, restore.clone());
    assert_eq!(two.request().await.1, restore);
}

#[tokio::test]
async fn heartbeats_do_not_wait_behind_entries() {
    let (mut one, mut two) = (Server::start("n1").await, Server::start("n2").await);
    one.call(&two, 1, append(2..3));
    let (_, _, held) = two.request().await;
    one.call(&two, 2, append(2..2));
    let (_, _, replier) = two.request().await;
    replier.reply(appended(2));
    assert_eq!(one.response().await.0, 2);
    held.reply(appended(1));
    assert_eq!(one.response().await.0, 1);
}

#[tokio::test]
async fn an_ignored_call_does_not_delay_later_calls() {
    let (mut one, mut two) = (Server::start("n1").await, Server::start("n2").await);
    one.call(&two, 1, vote(5));
    drop(two.request().await);
    one.call(&two, 2, vote(6));
    let (_, request, replier) = two.request().await;
    assert_eq!(request, vote(6));
    let granted =
        Response::RequestVote(RequestVoteResponse { term: Term(6), granted: true, refused_for_term: false });
    replier.reply(granted.clone());
    assert_eq!(one.response().await, (2, granted));
}

#[tokio::test]
async fn a_restarted_peer_is_connected_again() {
    let (mut one, two) = (Server::start("n1").await, Server::start("n2").await);
    one.call(&two, 1, vote(5));
    let address = two.transport.local_addr();
    two.transport.close();
    drop(two);
    // Calls are lost while the peer is down.
    tokio::time::sleep(TIMEOUT / 5).await;
    let mut two = Server::with("n2", address.as_str(), Limits::default()).await;
    let mut rpc = 2;
    let replier = loop {
        one.call(&two, rpc, vote(rpc));
        match tokio::time::timeout(TIMEOUT / 10, two.arrivals.recv()).await {
            Ok(Some(Arrival::Request { replier, .. })) => break replier,
            Ok(other) => panic!("{other:?}"),
            Err(_) => rpc += 1,
        }
    };
    replier.reply(Response::RequestVote(RequestVoteResponse {
        term: Term(9),
        granted: false,
        refused_for_term: false,
    }));
    one.response().await;
}

/// Takes a snapshot piece by piece until it is whole.
async fn take(mut server: Server, size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let (_, request, replier) = server.request().await;
        let Request::InstallSnapshot(piece) = request else { panic!() };
        assert_eq!(piece.offset, bytes.len() as u64);
        assert_eq!((piece.meta.size, piece.meta.checksum), (size, 77));
        bytes.extend_from_slice(&piece.data);
        replier.reply(installed(true, bytes.len() as u64));
        if piece.done {
            return bytes;
        }
    }
}

#[tokio::test]
async fn a_snapshot_travels_as_one_call_and_arrives_in_pieces() {
    const SIZE: u64 = 700_000;
    let (mut one, two) = (Server::start("n1").await, Server::start("n2").await);
    let address = two.transport.local_addr();
    let taking = tokio::spawn(take(two, SIZE));
    let (mut offset, mut rpc) = (0, 1);
    while offset < SIZE {
        let request = snapshot(SIZE, offset, (SIZE - offset).min(100_000));
        let call = Outgoing { to: "n2".into(), address: address.clone(), rpc: RpcId(rpc), request };
        one.transport.send(call);
        let (answered, response) = one.response().await;
        assert_eq!(answered, rpc);
        let Response::InstallSnapshot(response) = response else { panic!() };
        assert!(response.success && offset < response.next_offset);
        (offset, rpc) = (response.next_offset, rpc + 1);
    }
    let bytes = taking.await.unwrap();
    assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == at as u8));
}

#[tokio::test]
async fn an_unwanted_snapshot_is_refused_and_an_interrupted_one_starts_again() {
    let (mut one, mut two) = (Server::start("n1").await, Server::start("n2").await);
    one.call(&two, 1, snapshot(600_000, 300_000, 300_000));
    assert_eq!(one.response().await, (1, installed(false, 0)));
    one.call(&two, 2, snapshot(600_000, 0, 600_000));
    let (_, _, replier) = two.request().await;
    replier.reply(installed(false, 0));
    assert_eq!(one.response().await, (2, installed(false, 0)));
    assert!(two.is_quiet().await, "the server gets no piece after a refusal");
    one.call(&two, 3, snapshot(0, 0, 0));
    two.request().await.2.reply(installed(true, 0));
    assert_eq!(one.response().await, (3, installed(true, 0)));
}

/// A raw connection to a server.
async fn raw(server: &Server) -> TcpStream {
    TcpStream::connect(server.transport.local_addr().as_str()).await.unwrap()
}

/// True if the server closes the connection without an answer.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(TIMEOUT * 3, stream.read_to_end(&mut bytes)).await;
    reading.is_ok() && bytes.is_empty()
}

fn header(protocol_version: i64) -> Header {
    let (id, address) = (Some("go".into()), Some("127.0.0.1:1".into()));
    Header { protocol_version, id, address, to: None, cluster: None, dialect: Dialect::HashiCorp }
}

#[tokio::test]
async fn a_go_server_sees_hashicorps_bytes_and_no_others() {
    let mut one = Server::start("n1").await;
    let mut stream = raw(&one).await;
    let mut bytes = Vec::new();
    wire::encode_request(&header(3), &append(2..3), &mut bytes);
    // Slowly, in two parts.
    stream.write_all(&bytes[..40]).await.unwrap();
    assert!(one.is_quiet().await);
    stream.write_all(&bytes[40..]).await.unwrap();
    let (found, request, replier) = one.request().await;
    assert_eq!((found, request), (header(3), append(2..3)));
    replier.reply(appended(4));
    let mut expected = Vec::new();
    let sender = local("n1", one.transport.local_addr());
    wire::encode_response(&sender.header(Dialect::HashiCorp), &appended(4), &mut expected);
    let mut found = vec![0; expected.len()];
    stream.read_exact(&mut found).await.unwrap();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_unsupported_version_is_refused_with_the_text_of_hashicorp() {
    let one = Server::start("n1").await;
    let mut stream = raw(&one).await;
    for version in [1, 4] {
        let mut bytes = Vec::new();
        wire::encode_request(&header(version), &vote(5), &mut bytes);
        stream.write_all(&bytes).await.unwrap();
        let mut expected = Vec::new();
        wire::encode_refusal("operation not supported with current protocol version", &mut expected);
        let mut found = vec![0; expected.len()];
        stream.read_exact(&mut found).await.unwrap();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn the_first_call_introduces_the_caller_for_the_whole_connection() {
    let mut one = Server::start("n1").await;
    let mut stream = raw(&one).await;
    let first = Header {
        to: Some("n1".into()),
        cluster: Some(ClusterId(7)),
        dialect: Dialect::Wavetank,
        ..header(3)
    };
    let mut bytes = Vec::new();
    wire::encode_request(&first, &vote(5), &mut bytes);
    wire::encode_request(&header(3), &append(2..3), &mut bytes);
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(one.request().await.0, first);
    let (second, _, replier) = one.request().await;
    assert_eq!(second, Header { dialect: Dialect::HashiCorp, ..first });
    replier.refuse("no".into());
}

#[tokio::test]
async fn calls_meant_for_another_server_are_refused() {
    let mut one = Server::start("n1").await;
    let named = |id: &str, to: &str| {
        let header = Header { id: Some(id.into()), to: Some(to.into()), ..header(3) };
        Header { dialect: Dialect::Wavetank, ..header }
    };
    for (header, words) in [
        (named("n2", "n7"), "this server is n1, not n7"),
        (named("n1", "n1"), "the caller has the name of this server, n1"),
        (named("n1", "n7"), "the caller has the name of this server, n1"),
    ] {
        for request in [vote(5), append(2..3), snapshot(9, 0, 9)] {
            let mut stream = raw(&one).await;
            let mut bytes = Vec::new();
            wire::encode_request(&header, &request, &mut bytes);
            if matches!(request, Request::InstallSnapshot(_)) {
                bytes.extend_from_slice(&[7; 9]);
            }
            stream.write_all(&bytes).await.unwrap();
            let mut expected = Vec::new();
            wire::encode_refusal(words, &mut expected);
            let mut found = vec![0; expected.len()];
            stream.read_exact(&mut found).await.unwrap();
            assert_eq!(found, expected);
        }
    }
    assert!(one.is_quiet().await, "no such call reaches the server");

    // A call to an old address gets no answer either.
    let two = Server::start("n2").await;
    let address = one.transport.local_addr();
    two.transport.send(Outgoing { to: "n7".into(), address, rpc: RpcId(1), request: vote(5) });
    assert!(one.is_quiet().await);
    two.call(&one, 2, vote(6));
    assert_eq!(one.request().await.1, vote(6));
}

#[tokio::test]
async fn hostile_bytes_close_only_their_own_connection() {
    let limits = Limits { message_bytes: 1 << 16, ..Limits::default() };
    let mut one = Server::with("n1", "127.0.0.1:0", limits).await;
    let two = Server::start("n2").await;
    let endless = [&[0, 0x81, 0xdb, 0xff, 0xff, 0xff, 0xff][..], &vec![b'a'; 1 << 17]].concat();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[9; 100], &[0, 0xdf, 0xff, 0xff, 0xff, 0xff], &endless] {
        let mut stream = raw(&one).await;
        // The server may close the connection before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut rest = Vec::new();
        let reading = stream.read_to_end(&mut rest);
        assert!(tokio::time::timeout(TIMEOUT / 2, reading).await.is_ok() && rest.is_empty());
    }
    let silent = raw(&one).await;
    let mut slow = raw(&one).await;
    slow.write_all(&[0, 0x89]).await.unwrap();
    two.call(&one, 1, vote(5));
    assert_eq!(one.request().await.1, vote(5));
    assert!(is_closed(silent).await, "a silent peer does not keep a connection");
    assert!(is_closed(slow).await, "a peer that never ends a message does not keep a connection");
}

#[tokio::test]
async fn the_number_of_connections_is_limited() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let one = Server::with("n1", "127.0.0.1:0", limits).await;
    let [mut oldest, _second] = [raw(&one).await, raw(&one).await];
    let _third = raw(&one).await;
    let mut bytes = Vec::new();
    let reading = oldest.read_to_end(&mut bytes);
    assert!(tokio::time::timeout(TIMEOUT / 2, reading).await.is_ok());
}

#[tokio::test]
async fn a_transport_survives_a_thousand_random_frames() {
    let mut one = Server::start("n1").await;
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for _ in 0..1000 {
        let mut stream = raw(&one).await;
        let bytes: Vec<u8> =
            [random() % 6, 0x80 | (random() % 16)].into_iter().chain((0..60).map(|_| random())).collect();
        let _ = stream.write_all(&bytes).await;
        while one.arrivals.try_recv().is_ok() {}
    }
    let two = Server::start("n2").await;
    two.call(&one, 1, vote(5));
    loop {
        if let (Header { id: Some(id), .. }, request, _) = one.request().await
            && id.as_str() == "n2"
        {
            assert_eq!(request, vote(5));
            break;
        }
    }
}

#[tokio::test]
async fn each_bad_address_has_one_clear_error() {
    let bind =
        async |bind: &str, advertise| TcpTransport::bind(bind, advertise, 3, TIMEOUT).await.map(|_| ());
    let one = Server::start("n1").await;
    let taken = one.transport.local_addr();
    assert_eq!(bind(taken.as_str(), None).await, Err(TransportError::InUse(taken.to_string())));
    for bad in ["nonsense", "127.0.0.1", "127.0.0.1:99999", "203.0.113.7:8300"] {
        let error = bind(bad, None).await.unwrap_err();
        assert!(matches!(error, TransportError::BadAddress { .. }), "{bad}: {error}");
    }
    assert!(matches!(bind("0.0.0.0:0", None).await, Err(TransportError::NotAdvertisable(_))));
    assert!(matches!(bind("127.0.0.1:0", Some("")).await, Err(TransportError::NotAdvertisable(_))));
    for bad in ["host", "host:0", "0.0.0.0:8300", "host:port"] {
        assert!(matches!(bind("127.0.0.1:0", Some(bad)).await, Err(TransportError::NotCallable(_))));
    }
    assert_eq!(bind("0.0.0.0:0", Some("raft.example:8300")).await, Ok(()));
}

//! What an operator may mix up: the stores of two servers, and addresses at which no server can be called.

use crate::cluster::*;
use std::time::Duration;
use wavetank_node::store::{FileSnapshotStore, InmemSnapshotStore, InmemStore, RedbStore};
use wavetank_node::transport::{InmemNetwork, TcpTransport, TransportError};
use wavetank_node::{AddressError, CallError, Raft, StartError, recover_cluster};
use wavetank_raft::store::LogStore;
use wavetank_raft::{Configuration, Entry, Index, Member, Payload, Term};

const TIMEOUT: Duration = Duration::from_secs(2);
const UNCALLABLE: [(&str, &str); 6] = [
    ("::1", "[::1]:7000"),
    ("2001:db8::1:7000", "[2001:db8::1]:7000"),
    (":7000", "10.0.0.1:7000"),
    ("host with spaces:7000", "hostwithspaces:7000"),
    ("http://10.0.0.1:7000", "10.0.0.1:7000"),
    ("nowhere", "nowhere:7000"),
];

#[tokio::test]
async fn the_stores_of_another_server_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let start = async |name: &str| {
        let transport = InmemNetwork::new().transport(name);
        let builder = Raft::builder(config(name), Ledger::new().0, transport)
            .store(RedbStore::open(directory.path().join("raft.redb")).unwrap())
            .snapshot_store(FileSnapshotStore::new(directory.path(), 2).unwrap());
        let raft = within(builder.start()).await?;
        within(raft.shutdown()).await;
        Ok::<_, StartError>(())
    };
    assert_eq!(start("n1").await, Ok(()));
    let error = start("n2").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the stores belong to n1, so n2 cannot use them: \
         start n1 with these stores, or start n2 with empty stores"
    );
    assert_eq!(start("n1").await, Ok(()));
}

#[tokio::test]
async fn a_server_without_its_vote_record_is_refused() {
    let mut log = InmemStore::new();
    let first = Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
    let first = Entry::new(Term(1), Index(1), Payload::Configuration(first.into()));
    log.store_logs(&[first]).unwrap();
    let builder = Raft::builder(config("n1"), Ledger::new().0, InmemNetwork::new().transport("n1"))
        .log_store(log)
        .stable_store(InmemStore::new())
        .snapshot_store(InmemSnapshotStore::default());
    let error = within(builder.start()).await.unwrap_err();
    let expected = "the vote record is missing, but the stores have entries up to i1: damaged";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_address_that_nobody_can_call_is_refused_where_it_enters() {
    let transport = within(TcpTransport::bind("127.0.0.1:0", None, 3, TIMEOUT)).await.unwrap();
    let builder = Raft::builder(config("n1"), Ledger::new().0, transport)
        .log_store(InmemStore::new())
        .stable_store(InmemStore::new())
        .snapshot_store(InmemSnapshotStore::default());
    let raft = within(builder.start()).await.unwrap();
    for (bad, right) in UNCALLABLE {
        let error = AddressError { address: bad.into(), example: right.into() };
        let refused = Err(CallError::Address(error.clone()));
        let member = Member::voter("n2", bad);
        assert_eq!(raft.add_voter("n2", bad, None, TIMEOUT).await, refused);
        assert_eq!(raft.add_voter_staged("n2", bad, None, TIMEOUT).await, refused);
        assert_eq!(raft.add_nonvoter("n2", bad, None, TIMEOUT).await, refused);
        assert_eq!(raft.change_membership(vec![member.clone()], None, TIMEOUT).await, refused);
        let founders = Configuration::new(vec![member]).unwrap();
        assert_eq!(raft.bootstrap_cluster(founders).await, Err(CallError::Address(error.clone())));
        let advertised = TcpTransport::bind("127.0.0.1:0", Some(bad), 3, TIMEOUT).await.map(|_| ());
        assert_eq!(advertised, Err(TransportError::NotCallable(error)));
    }
}

#[test]
fn a_recovery_refuses_an_address_that_nobody_can_call() {
    let [mut log, mut stable] = [InmemStore::new(), InmemStore::new()];
    let bad = Configuration::new(vec![Member::voter("n1", "http://10.0.0.1:7000")]).unwrap();
    let mut snapshots = InmemSnapshotStore::default();
    let error = recover_cluster(Ledger::new().0, &mut log, &mut stable, &mut snapshots, bad).unwrap_err();
    let expected = "no server can be called at `http://10.0.0.1:7000`: \
                    write a host and a port, as in `10.0.0.1:7000`";
    assert_eq!(error.to_string(), expected);
}

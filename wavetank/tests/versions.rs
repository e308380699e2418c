//! A command of another version on a node: the server stops with a message, and no command is lost.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use wavetank::prelude::*;
use wavetank::raft::Halt;
use wavetank::store::InmemSnapshotStore;
use wavetank::transport::InmemNetwork;

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum OldCommand {
    Add(u64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum NewCommand {
    Add(u64),
    Double,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Old(u64);

#[derive(Clone, Default, Serialize, Deserialize)]
struct New(u64);

impl StateMachine for Old {
    type Command = OldCommand;
    type Query = ();
    type Reply = u64;

    fn apply(&mut self, OldCommand::Add(amount): OldCommand) -> u64 {
        self.0 += amount;
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }
}

impl StateMachine for New {
    type Command = NewCommand;
    type Query = ();
    type Reply = u64;

    fn apply(&mut self, command: NewCommand) -> u64 {
        match command {
            NewCommand::Add(amount) => self.0 += amount,
            NewCommand::Double => self.0 *= 2,
        }
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }
}

async fn start<T: StateMachine + Send + Sync>(folder: &Path, machine: &Replicated<T>) -> Raft {
    let config = Config { local_id: "n1".into(), ..Config::default() };
    let store = RedbStore::open(folder.join("raft.redb")).expect("the folder is empty or has a log");
    let transport = InmemNetwork::new().transport("n1");
    let builder = Raft::builder(config, machine.clone(), transport);
    builder.store(store).snapshot_store(InmemSnapshotStore::new(1)).start().await.expect("nothing is damaged")
}

#[tokio::test]
async fn a_command_that_cannot_be_decoded_stops_the_server_and_stays_in_the_log() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let old = Replicated::new(Old::default());
    let raft = start(folder.path(), &old).await;
    let members = Configuration::new(vec![Member::voter("n1", "n1")]).expect("there is one name");
    raft.bootstrap_cluster(members, TIMEOUT).await.expect("the server is blank");
    raft.leader_changes().wait_for(|seen| seen.is_self).await.expect("the server runs");
    let applied = raft
        .apply(Replicated::<Old>::encode_command(&OldCommand::Add(20)), TIMEOUT)
        .await
        .expect("the server leads");
    assert_eq!(Replicated::<Old>::decode_reply(&applied.response), Ok(20));

    raft.apply(Replicated::<New>::encode_command(&NewCommand::Double), TIMEOUT)
        .await
        .expect_err("the old program does not know it");
    let Some(Halt::Store(error)) = raft.stopped().await else { panic!("the state machine stops the server") };
    let text = error.to_string();
    assert!(text.contains("cannot be decoded as `versions::OldCommand`"), "{text}");
    assert_eq!(old.query(()), 20);
    drop(raft);

    let new = Replicated::new(New::default());
    let raft = start(folder.path(), &new).await;
    raft.leader_changes().wait_for(|seen| seen.is_self).await.expect("the server runs");
    raft.barrier(TIMEOUT).await.expect("the server leads");
    assert_eq!(new.query(()), 40);
    raft.shutdown().await;
}

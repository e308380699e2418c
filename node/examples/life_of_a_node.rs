//! The life of a node in four parts: create a node, start a cluster with this node, add and remove other
//! nodes, and print the state of the nodes. After these parts, the function `in_memory` runs a cluster in memory.
//!
//! ```text
//! cargo run -p wavetank-node --example life_of_a_node
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its progress")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;
use wavetank_node::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The state machine: a sum. A command is a number as text, and the response is the new sum as text.
#[derive(Default)]
struct Sum(i64);

impl Fsm for Sum {
    type Snapshot = Captured;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let number = str::from_utf8(command.data).ok().and_then(|text| text.parse::<i64>().ok());
        self.0 += number.unwrap_or(0);
        self.0.to_string().into_bytes().into()
    }

    fn snapshot(&mut self) -> std::result::Result<Captured, StoreError> {
        Ok(Captured(self.0))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> std::result::Result<(), StoreError> {
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes)?;
        self.0 = i64::from_be_bytes(bytes);
        Ok(())
    }
}

/// A snapshot: the sum at the moment of the snapshot.
struct Captured(i64);

impl FsmSnapshot for Captured {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> std::result::Result<(), StoreError> {
        writer.write_all(&self.0.to_be_bytes())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;

    println!("-- 1. create a node: configuration, state machine, stores, transport");
    let one = create("n1", directory.path()).await?;
    println!("{one}");

    println!("-- 2. start a cluster: the first node is bootstrapped and elects itself");
    let alone = Configuration::new(vec![Member::voter("n1", one.local_addr().as_str())])?;
    one.bootstrap_cluster(alone, TIMEOUT).await?;
    let mut changes = one.leader_changes();
    changes.wait_for(|seen| seen.is_self).await?;
    println!("{one}");
    println!("sum: {}", add(&one, 40).await?);

    println!("-- 3. add two nodes and remove one");
    let two = create("n2", directory.path()).await?;
    let three = create("n3", directory.path()).await?;
    let any = None;
    one.add_voter("n2", two.local_addr().clone(), any, TIMEOUT).await?;
    one.add_voter_staged("n3", three.local_addr().clone(), any, TIMEOUT).await?;
    println!("members: {}", members(&one));
    println!("sum: {}", add(&one, 2).await?);
    one.remove_server("n2", any, TIMEOUT).await?;
    two.shutdown().await;
    println!("members: {}", members(&one));

    println!("-- 4. print the leader, the states and the statistics");
    println!("n3 says: {}", *three.leader_changes().borrow());
    println!("n1 is {}, n2 is {}, n3 is {}", one.state(), two.state(), three.state());
    println!("{}", one.stats().await?);
    one.snapshot(TIMEOUT).await?;
    for node in [&one, &three] {
        node.shutdown().await;
    }

    println!("-- a cluster of three in memory");
    in_memory().await
}

/// Creates a node that stores its data in the directory `directory/id` and listens on a free port.
async fn create(id: &str, directory: &Path) -> Result<Raft> {
    let config = Config { local_id: id.into(), ..Config::default() };
    let store = WalStore::open(directory.join(id).join("wal"))?;
    let snapshots = FileSnapshotStore::new(directory.join(id), 2)?;
    let transport = TcpTransport::bind("127.0.0.1:0", None, 3, TIMEOUT).await?;
    let builder = Raft::builder(config, Sum::default(), transport);
    Ok(builder.store(store).snapshot_store(snapshots).start().await?)
}

async fn add(raft: &Raft, number: i64) -> Result<String> {
    let applied = raft.apply(number.to_string().into_bytes(), TIMEOUT).await?;
    Ok(String::from_utf8(applied.response.to_vec())?)
}

fn members(raft: &Raft) -> String {
    raft.get_configuration().map_or_else(String::new, |latest| latest.to_string())
}

/// Runs three nodes in this process, without a disk or a port.
async fn in_memory() -> Result<()> {
    let network = InmemNetwork::new();
    let mut nodes = Vec::new();
    for id in ["n1", "n2", "n3"] {
        let config = Config { local_id: id.into(), ..Config::default() };
        let builder = Raft::builder(config, Sum::default(), network.transport(id))
            .log_store(InmemStore::new())
            .stable_store(InmemStore::new())
            .snapshot_store(InmemSnapshotStore::default());
        nodes.push(builder.start().await?);
    }
    let members = ["n1", "n2", "n3"].map(|id| Member::voter(id, id));
    nodes[0].bootstrap_cluster(Configuration::new(members.to_vec())?, TIMEOUT).await?;

    let mut changes = nodes[0].leader_changes();
    let leader = changes.wait_for(|seen| seen.leader.is_some()).await?.leader.clone();
    let leader =
        nodes.iter().find(|node| leader.as_ref().is_some_and(|leader| leader.id == *node.local_id()));
    let leader = leader.ok_or("the reported leader is not one of the three nodes")?;
    println!("{leader}");
    println!("sum: {}", add(leader, 42).await?);
    for node in &nodes {
        node.shutdown().await;
    }
    Ok(())
}

//! The bank of `tests/bank.rs` on nodes, in four scenes.
//!
//! ```text
//! cargo run -p wavetank --example bank_node
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its progress")]

#[path = "../tests/bank.rs"]
pub mod bank;

use bank::Bank;
use std::{error::Error, time::Duration};
use wavetank::prelude::*;

const TIMEOUT: Duration = Duration::from_secs(5);

// Scene 1: create a node, from a configuration, a state machine, stores and a transport.
async fn create(id: &str) -> Result<Raft, Box<dyn Error>> {
    let config = Config { local_id: id.into(), ..Config::default() };
    let store = WalStore::open(format!("data/{id}/wal"))?;
    let snapshots = FileSnapshotStore::new(format!("data/{id}"), 2)?;
    let transport = TcpTransport::bind("127.0.0.1:0", None, 3, TIMEOUT).await?;
    let builder = Raft::builder(config, Replicated::new(Bank([100; 4])), transport);
    Ok(builder.store(store).snapshot_store(snapshots).start().await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let one = create("n1").await?;
    println!("{one}");

    // Scene 2: start a cluster. It is one server, which elects itself.
    let first = Member::voter("n1", one.local_addr().as_str());
    one.bootstrap_cluster(Configuration::new(vec![first])?, TIMEOUT).await?;
    one.leader_changes().wait_for(|seen| seen.is_self).await?;
    let applied = one.apply(Replicated::<Bank>::encode_command(&(0, 1, 30)), TIMEOUT).await?;
    println!("{one}, balance {}", Replicated::<Bank>::decode_reply(&applied.response)?);

    // Scene 3: add two servers, and remove one.
    let (two, three) = (create("n2").await?, create("n3").await?);
    one.add_voter("n2", two.local_addr().clone(), None, TIMEOUT).await?;
    one.add_voter("n3", three.local_addr().clone(), None, TIMEOUT).await?;
    one.apply(Replicated::<Bank>::encode_command(&(1, 2, 50)), TIMEOUT).await?;
    one.remove_server("n2", None, TIMEOUT).await?;
    two.shutdown().await;
    println!("{one}");

    // Scene 4: print their states, the leader and its statistics.
    one.barrier(TIMEOUT).await?;
    println!("{} is {}, {} is {}", two.local_id(), two.state(), three.local_id(), three.state());
    println!("{}", *three.leader_changes().borrow());
    println!("{}", one.stats().await?);
    one.shutdown().await;
    three.shutdown().await;
    Ok(())
}

//! Servers for tests: a state machine whose state can be watched, and waits without sleeps.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use wavetank_node::transport::InmemNetwork;
use wavetank_node::{Leadership, Raft, RaftState};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};
use wavetank_raft::{Config, Configuration, Data, Index, Member};

/// A timeout that is longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The timeout of calls whose duration does not matter.
pub(crate) const ANY: Duration = Duration::ZERO;

/// A state machine that keeps its commands in order and publishes them. It responds with the number
/// of commands.
#[derive(Debug)]
pub(crate) struct Ledger {
    lines: watch::Sender<Lines>,
}

/// The state of a ledger.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Lines {
    /// The commands, in order.
    pub(crate) lines: Vec<String>,
    /// The number of restores from a snapshot.
    pub(crate) restored: u32,
    /// Members, when a configuration was last committed.
    pub(crate) members: usize,
}

pub(crate) struct Captured(Vec<u8>);

impl Ledger {
    pub(crate) fn new() -> (Self, watch::Receiver<Lines>) {
        let (lines, seen) = watch::channel(Lines::default());
        (Self { lines }, seen)
    }
}

impl Fsm for Ledger {
    type Snapshot = Captured;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let line = String::from_utf8(command.data.to_vec()).unwrap();
        assert!(line != "panic", "told to");
        self.lines.send_modify(|state| state.lines.push(line));
        let count = self.lines.borrow().lines.len();
        count.to_string().into_bytes().into()
    }

    fn configured(&mut self, _index: Index, configuration: &Configuration) {
        self.lines.send_modify(|state| state.members = configuration.members().count());
    }

    fn snapshot(&mut self) -> Result<Captured, StoreError> {
        Ok(Captured(self.lines.borrow().lines.join("\n").into_bytes()))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let bytes = reader.read_all()?;
        let text = String::from_utf8(bytes).unwrap();
        self.lines.send_modify(|state| {
            state.lines = text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect();
            state.restored += 1;
        });
        Ok(())
    }
}

impl FsmSnapshot for Captured {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        writer.write_all(&self.0)
    }
}

/// A server and the state of its state machine.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) raft: Raft,
    pub(crate) lines: watch::Receiver<Lines>,
}

pub(crate) fn config(id: &str) -> Config {
    Config {
        local_id: id.into(),
        heartbeat_timeout: Duration::from_millis(400),
        election_timeout: Duration::from_millis(400),
        leader_lease_timeout: Duration::from_millis(400),
        commit_timeout: Duration::from_millis(5),
        ..Config::default()
    }
}

/// A server in this process, without anything on disk.
pub(crate) async fn inmem(network: &InmemNetwork, config: Config) -> Node {
    let id = config.local_id.clone();
    let (fsm, lines) = Ledger::new();
    let builder = Raft::builder(config, fsm, network.transport(id.as_str()))
        .log_store(InmemStore::new())
        .stable_store(InmemStore::new())
        .snapshot_store(InmemSnapshotStore::default());
    Node { raft: builder.start().await.unwrap(), lines }
}

/// Servers in this process that have elected a leader, which comes first.
pub(crate) async fn inmem_cluster<const N: usize>(network: &InmemNetwork) -> [Node; N] {
    let names: Vec<String> = (1..=N).map(|n| format!("n{n}")).collect();
    let mut nodes = Vec::new();
    for name in &names {
        nodes.push(inmem(network, config(name)).await);
    }
    let members = names.iter().map(|name| Member::voter(name.as_str(), name.as_str())).collect();
    nodes[0].raft.bootstrap_cluster(Configuration::new(members).unwrap(), PATIENCE).await.unwrap();
    leader_first(nodes).await.try_into().ok().unwrap()
}

/// The same servers, the leader first, once all of them know it and it has committed something.
pub(crate) async fn leader_first(mut nodes: Vec<Node>) -> Vec<Node> {
    let leader = agreed_leader(&nodes).await;
    let at = nodes.iter().position(|node| node.raft.local_id().as_str() == leader).unwrap();
    nodes.swap(0, at);
    within(nodes[0].raft.barrier(ANY)).await.unwrap();
    nodes
}

/// The leader that all of them know and that knows it itself.
pub(crate) async fn agreed_leader(nodes: &[Node]) -> String {
    let mut first = nodes[0].raft.leader_changes();
    within(async {
        loop {
            let leader = known(&mut first).await;
            let mut agree = true;
            for node in nodes {
                let mut seen = node.raft.leader_changes();
                agree &= known(&mut seen).await == leader;
            }
            let leads = |node: &&Node| node.raft.local_id().as_str() == leader;
            if agree && nodes.iter().find(leads).is_some_and(|node| node.raft.state() == RaftState::Leader) {
                return leader;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn known(changes: &mut watch::Receiver<Leadership>) -> String {
    let seen = changes.wait_for(|seen| seen.leader.is_some()).await.unwrap();
    seen.leader.as_ref().unwrap().id.as_str().to_owned()
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it takes too long")
}

impl Node {
    /// Waits until it leads.
    pub(crate) async fn leads(&self) {
        let mut changes = self.raft.leader_changes();
        within(changes.wait_for(|seen| seen.is_self)).await.unwrap();
    }

    /// Waits until it knows of a leader, or of none.
    pub(crate) async fn sees(&self, what: impl FnMut(&Leadership) -> bool) -> Leadership {
        let mut changes = self.raft.leader_changes();
        within(changes.wait_for(what)).await.unwrap().clone()
    }

    /// Waits until the state satisfies the condition.
    pub(crate) async fn holds(&self, what: impl FnMut(&Lines) -> bool) -> Lines {
        let mut lines = self.lines.clone();
        within(lines.wait_for(what)).await.unwrap().clone()
    }

    /// Applies a command and returns the response.
    pub(crate) async fn apply(&self, line: &str) -> String {
        let applied = within(self.raft.apply(line.as_bytes(), PATIENCE)).await.unwrap();
        String::from_utf8(applied.response.to_vec()).unwrap()
    }

    /// The names of the members, those without a vote in brackets.
    pub(crate) fn members(&self) -> String {
        self.raft.get_configuration().map_or_else(String::new, |latest| latest.to_string())
    }
}

/// The bytes of a text.
pub(crate) fn bytes(text: &str) -> Data {
    Arc::from(text.as_bytes())
}

//! Whole servers over the simulated network: real frames, pools, reconnects, limits and TLS.

use super::network::{Draw, HostLayer, Network};
use super::*;
use crate::driver::shared_snapshots::SharedSnapshots;
use crate::{Place, Raft, RaftState};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Mutex;
use tokio::runtime::Builder;
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, LogStore, SnapshotReader, SnapshotWriter, StableStore, StoreError,
};

pub(super) const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// Runs a future on one thread under a paused clock, so that it takes no time to wait.
pub(super) fn simulate<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

/// A state machine that keeps its commands. Its snapshot has all their bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(pub(super) Arc<Mutex<Vec<Data>>>);

pub(super) struct Captured(Vec<Data>);

impl Fsm for Ledger {
    type Snapshot = Captured;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        self.0.lock().unwrap().push(command.data.clone());
        Data::from([])
    }

    fn snapshot(&mut self) -> Result<Captured, StoreError> {
        Ok(Captured(self.0.lock().unwrap().clone()))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let bytes = reader.read_all()?;
        let (mut rest, mut commands) = (&bytes[..], Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (command, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            commands.push(command.into());
            rest = after;
        }
        *self.0.lock().unwrap() = commands;
        Ok(())
    }
}

impl FsmSnapshot for Captured {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        for command in &self.0 {
            writer.write_all(&u32::try_from(command.len()).unwrap().to_be_bytes())?;
            writer.write_all(command)?;
        }
        Ok(())
    }
}

/// A log and a vote record that outlive the server.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<InmemStore>>);

impl LogStore for Disk {
    fn first_index(&self) -> Result<Index, StoreError> {
        self.0.lock().unwrap().first_index()
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        self.0.lock().unwrap().last_index()
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        self.0.lock().unwrap().get_log(index)
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.0.lock().unwrap().store_logs(entries)
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        self.0.lock().unwrap().delete_range(min, max)
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

impl StableStore for Disk {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.0.lock().unwrap().set(key, value)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.lock().unwrap().get(key)
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

/// The settings of a cluster.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) config: Config,
    pub(super) limits: Limits,
    pub(super) timeout: Duration,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Rc<tls::Authority>>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            config: Config::default(),
            limits: Limits::default(),
            timeout: Duration::from_secs(5),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// A server, and its disks that outlive it.
pub(super) struct Host {
    pub(super) raft: Option<Raft>,
    pub(super) ledger: Ledger,
    disk: Disk,
    snapshots: SharedSnapshots<InmemSnapshotStore>,
}

/// Three servers on a simulated network.
pub(super) struct Cluster {
    pub(super) network: Network,
    pub(super) hosts: BTreeMap<&'static str, Host>,
    pub(super) shape: Shape,
    starts: Draw,
}

/// A transport over the simulated network. It listens at the name of its host.
pub(super) fn transport(layer: HostLayer, host: &str, timeout: Duration, limits: Limits) -> TcpTransport {
    let bound = SocketAddr::from(([127, 0, 0, 1], 1));
    TcpTransport::over(Box::new(layer), bound, format!("{host}:1").into(), 3, timeout, limits)
}

impl Cluster {
    /// Starts three servers. The first is bootstrapped with the first `founders` of them.
    pub(super) async fn start(seed: u64, shape: Shape, founders: usize) -> Self {
        let mut cluster =
            Self { network: Network::new(seed), hosts: BTreeMap::new(), shape, starts: Draw(!seed) };
        for name in NAMES {
            let snapshots = SharedSnapshots::new(InmemSnapshotStore::default(), LocalCluster::default());
            let host = Host { raft: None, ledger: Ledger::default(), disk: Disk::default(), snapshots };
            cluster.hosts.insert(name, host);
            cluster.restart(name).await;
        }
        let members =
            NAMES[..founders].iter().map(|name| Member::voter(*name, format!("{name}:1"))).collect();
        cluster
            .raft("n1")
            .bootstrap_cluster(Configuration::new(members).unwrap(), Duration::ZERO)
            .await
            .unwrap();
        cluster
    }

    /// Starts a server with what its disks have.
    pub(super) async fn restart(&mut self, name: &'static str) {
        let entropy = self.starts.next();
        let Shape { config, limits, timeout, .. } = self.shape.clone();
        let transport = transport(self.network.host(name), name, timeout, limits);
        #[cfg(feature = "tls")]
        let transport = match &self.shape.tls {
            Some(authority) => transport.with_tls(authority.tls(name)),
            None => transport,
        };
        let host = self.hosts.get_mut(name).unwrap();
        host.ledger = Ledger::default();
        let builder =
            Raft::builder(Config { local_id: name.into(), ..config }, host.ledger.clone(), transport)
                .log_store(host.disk.clone())
                .stable_store(host.disk.clone())
                .snapshot_store(host.snapshots.clone())
                .log_place(Place::Inline)
                .fsm_place(Place::Inline)
                .entropy(entropy);
        host.raft = Some(builder.start().await.unwrap());
    }

    pub(super) fn raft(&self, name: &str) -> &Raft {
        self.hosts[name].raft.as_ref().unwrap()
    }

    /// The servers that run.
    pub(super) fn running(&self) -> impl Iterator<Item = &Raft> {
        self.hosts.values().filter_map(|host| host.raft.as_ref())
    }

    /// A server that leads; `None` if no server leads.
    pub(super) fn leader(&self) -> Option<Raft> {
        self.running().find(|raft| raft.state() == RaftState::Leader).cloned()
    }

    /// Waits until a server leads, and returns it.
    pub(super) async fn until_led(&self) -> Raft {
        loop {
            if let Some(leader) = self.leader()
                && leader.verify_leader(Duration::ZERO).await.is_ok()
            {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The number of commands that each server has applied.
    pub(super) fn applied(&self) -> Vec<usize> {
        self.hosts.values().map(|host| host.ledger.0.lock().unwrap().len()).collect()
    }
}

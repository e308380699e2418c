//! Starts a server: reads the stores, restores the state machine, and starts the workers and the driver.

use super::RaftBuilder;
use crate::driver::disk::{DiskWorker, LogDisk};
use crate::driver::machine::MachineWorker;
use crate::driver::metrics::LogMetrics;
use crate::driver::options::Options;
use crate::driver::shared_snapshots::{SharedSnapshots, SnapshotWorker};
use crate::driver::status::{StatusPublisher, StatusView};
use crate::driver::worker_queue::{Place, WorkerQueue, WorkerSenders};
use crate::driver::{Control, Driver, Inboxes, Proposal, WorkerQueues};
use crate::error::StartError;
use crate::transport::{Local, LocalCluster, Transport};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::Instrument;
use wavetank_raft::execute::Machine;
use wavetank_raft::store::{Fsm, SnapshotStore, StoreError, StoreErrorKind};
use wavetank_raft::{Boot, ClusterId, Entropy, Server, Settings, SnapshotMeta};

/// The maximum number of items from the transport that wait for the driver. When the queue of these items is
/// full, the transport waits.
const ARRIVALS: usize = 1024;
/// The maximum number of waiting requests of handles, without the proposals.
const CONTROLS: usize = 1024;

/// The channels between the handles and their server: the senders of requests, and the published status.
#[derive(Debug)]
pub(super) struct Senders {
    pub(super) proposals: mpsc::Sender<Proposal>,
    pub(super) controls: mpsc::Sender<Control>,
    pub(super) view: StatusView,
}

/// The stores and the state machine, and the state that was read from the stores.
struct LoadedStores<F: Fsm, D, N: SnapshotStore> {
    boot: Boot,
    disk: D,
    machine: Machine<F>,
    snapshots: SharedSnapshots<N>,
    local: LocalCluster,
}

pub(super) async fn start<F, T, D, N>(builder: RaftBuilder<F, T, D, N>) -> Result<Senders, StartError>
where
    F: Fsm<Snapshot: Send + 'static> + Send + 'static,
    D: LogDisk,
    N: SnapshotStore<Sink: Send, Source: Send> + Send + 'static,
    T: Transport,
{
    let RaftBuilder { config, options, fsm, transport, log, snapshots } = builder;
    let settings = Settings::new(config)?;
    options.check(&settings, transport.max_message_bytes())?;
    let reloadable = settings.clone();
    let entropy = options.entropy;
    let reading = move || read(fsm, log, snapshots, &reloadable, entropy);
    let found = match options.log {
        Place::Inline => reading()?,
        Place::Thread => spawn_blocking(reading).await.map_err(|error| {
            StoreError::new(StoreErrorKind::Io, format!("the thread that reads the stores failed: {error}"))
        })??,
    };
    // The span names the server in every log line, since several servers may run in one process.
    let span = tracing::info_span!("raft", id = %settings.local_id);
    span.in_scope(|| launch(settings, options, found, Arc::new(transport)))
        .map_err(|error| StartError::Thread(error.to_string()))
}

fn read<F: Fsm, D: LogDisk, N: SnapshotStore>(
    fsm: F,
    mut disk: D,
    snapshots: N,
    settings: &Settings,
    entropy: Entropy,
) -> Result<LoadedStores<F, D, N>, StartError> {
    let owner = disk.owner(&settings.local_id)?;
    if owner != settings.local_id {
        return Err(StartError::OtherServer { owner, started_as: settings.local_id.clone() });
    }
    let local = LocalCluster::default();
    local.set(cluster_of(&mut disk, &snapshots)?);
    let snapshots = SharedSnapshots::new(snapshots, local.clone());
    let mut machine = Machine::new(fsm);
    let snapshot = load_newest(&mut machine, &snapshots, settings)?;
    let recovered = disk.recover(snapshot, settings.cache_limits())?;
    recovered.check_covers(snapshots.newest_end()?)?;
    let boot = Boot {
        entropy,
        incarnation: disk.next_incarnation()?,
        hard_state: recovered.hard_state,
        log: recovered.log,
        snapshot: recovered.snapshot,
        catch_up: recovered.catch_up,
    };
    Ok(LoadedStores { boot, disk, machine, snapshots, local })
}

/// Returns the cluster to which the stores belong. Returns `None` if neither store knows the cluster. Returns an
/// error if the log and the snapshots belong to different clusters.
fn cluster_of(
    disk: &mut impl LogDisk,
    snapshots: &impl SnapshotStore,
) -> Result<Option<ClusterId>, StartError> {
    match (disk.cluster()?, snapshots.cluster()?) {
        (Some(log), Some(snapshots)) if log != snapshots => Err(StartError::OtherCluster { log, snapshots }),
        (log, snapshots) => Ok(log.or(snapshots)),
    }
}

/// Loads the newest snapshot that can be read and that the state machine accepts. Returns the description of
/// this snapshot, or `None` if the store has no snapshot. Returns an error if the store has snapshots, but no
/// snapshot can be loaded. An older snapshot is enough if the log begins at the first entry after that snapshot
/// or earlier, and reaches the end of the newest snapshot. The recovery checks these conditions.
fn load_newest<F: Fsm, N: SnapshotStore>(
    machine: &mut Machine<F>,
    snapshots: &SharedSnapshots<N>,
    settings: &Settings,
) -> Result<Option<Arc<SnapshotMeta>>, StoreError> {
    let mut damage = None;
    for meta in snapshots.list()? {
        let loaded = if settings.no_snapshot_restore_on_start {
            snapshots.open(meta.last).map(|_| ())
        } else {
            machine.restore(meta.last, snapshots).map(|_| ())
        };
        match loaded {
            Ok(()) => return Ok(Some(meta)),
            Err(error) => {
                tracing::warn!(snapshot = %meta.last, %error, "a snapshot cannot be loaded");
                damage = Some(error);
            }
        }
    }
    damage.map_or(Ok(None), Err)
}

fn launch<F, D, N>(
    settings: Settings,
    options: Options,
    found: LoadedStores<F, D, N>,
    transport: Arc<dyn Transport>,
) -> std::io::Result<Senders>
where
    F: Fsm<Snapshot: Send + 'static> + Send + 'static,
    D: LogDisk,
    N: SnapshotStore<Sink: Send, Source: Send> + Send + 'static,
{
    let LoadedStores { boot, disk, machine, snapshots, local: cluster } = found;
    let (reporting, reports) = mpsc::unbounded_channel();
    let (running, ended) = mpsc::channel(1);
    let senders = WorkerSenders { reports: reporting, running };
    let (status, view) = StatusPublisher::new(Instant::now());
    let log = if disk.is_in_memory() { Place::Inline } else { options.log };
    let disk = DiskWorker::new(disk, settings.clone(), LogMetrics::new(status.numbers.clone()));
    let loader = MachineWorker::new(machine, snapshots.clone(), senders.clone(), options.log);
    let queues = WorkerQueues {
        disk: WorkerQueue::open(log, "raft-log", disk, &senders)?,
        machine: WorkerQueue::open(options.fsm, "raft-fsm", loader, &senders)?,
        snapshots: WorkerQueue::open(
            options.log,
            "raft-snapshots",
            SnapshotWorker::new(snapshots),
            &senders,
        )?,
    };
    drop(senders);
    let local = Local {
        id: settings.local_id.clone(),
        address: transport.local_addr(),
        protocol_version: settings.protocol_version,
        heartbeat_timeout: settings.heartbeat_timeout,
        cluster: cluster.clone(),
    };
    let server = Server::boot(settings, boot, status.numbers.now());
    let (inbox, arrivals) = mpsc::channel(ARRIVALS);
    let (controls, controls_out) = mpsc::channel(CONTROLS);
    let (proposals, proposals_out) = mpsc::channel(options.queue.max(1));
    transport.start(local, inbox);
    let driver = Driver::new(server, options, queues, transport, status, cluster);
    let inboxes = Inboxes { reports, arrivals, controls: controls_out, proposals: proposals_out };
    tokio::spawn(driver.run(inboxes, ended).in_current_span());
    Ok(Senders { proposals, controls, view })
}

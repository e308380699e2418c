//! A replicated key-value server.
//!
//! ```text
//! cargo run --release -p wavetank-node --example kv -- \
//!     --id n1 --http 127.0.0.1:8001 --raft 127.0.0.1:9001 --dir n1 --bootstrap
//! cargo run --release -p wavetank-node --example kv -- \
//!     --id n2 --http 127.0.0.1:8002 --raft 127.0.0.1:9002 --dir n2 --join 127.0.0.1:8001
//! curl -L -X PUT -d red 127.0.0.1:8002/kv/colour
//! curl -L '127.0.0.1:8001/kv/colour?read=lease'
//! ```
//!
//! This file starts and stops the server. The module `machine` contains the state machine, and the module
//! `web` contains the HTTP interface.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints to its terminal")]

mod client;
mod machine;
mod options;
mod recorder;
mod web;

use client::Client;
use machine::{Kv, KvCommand, Shared};
use options::{Options, TlsFiles};
use recorder::Recorder;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wavetank_node::store::{FileSnapshotStore, WalStore};
use wavetank_node::transport::{TcpTransport, Tls};
use wavetank_node::{CallError, CallLimit, Config, Configuration, Halt, Member, Place, Raft};
use web::App;

const TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for a new server to join a cluster. The new server repeats its request to the other servers
/// until this time has passed.
const JOINING: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", options::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("kv: {error}; kv --help lists the options");
            return ExitCode::FAILURE;
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(options.log).init();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kv: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let failed = |error| format!("cannot listen on {}: {error}", options.http);
    let listener = TcpListener::bind(&options.http).await.map_err(failed)?;
    let http = listener.local_addr().map_err(failed)?.to_string();
    let kv = Kv::default();
    let shared = kv.shared();
    // The server takes its metrics from the recorder when it starts.
    let recorder = Recorder::default();
    metrics::set_global_recorder(recorder.clone()).map_err(|error| error.to_string())?;
    let (raft, peers) = open(options, kv).await?;
    println!("server {} listens for peers on {peers}", options.id);
    if let Err(error) = enter(options, &raft).await {
        raft.shutdown().await;
        return Err(error);
    }
    // A process that reads the line below may send a signal at once, so the handlers come first.
    let asked = StopSignals::listen()?;
    println!("server {} serves http://{http}", options.id);
    let introducing = tokio::spawn(introduce(raft.clone(), http, shared.clone()));
    let app = App::new(raft.clone(), shared, recorder, TIMEOUT);
    let stopping = asked.or_stopped(raft.clone());
    let served = axum::serve(listener, web::routes(app)).with_graceful_shutdown(stopping).await;
    introducing.abort();
    transfer_and_shut_down(&raft).await;
    served.map_err(|error| format!("the HTTP server failed: {error}"))?;
    match raft.stopped().await {
        Some(Halt::Shutdown | Halt::Removed) => Ok(()),
        Some(Halt::Store(error)) => Err(format!("the server has stopped: {error}")),
        None => Err("the server has stopped because of a panic".to_owned()),
    }
}

/// Opens the stores and the transport, and starts the Raft server. Returns the server and the address on which
/// the server listens for peers. Returns an error as one line of text.
async fn open(options: &Options, kv: Kv) -> Result<(Raft, SocketAddr), String> {
    let directory = Path::new(&options.directory);
    // Without this check, a server of an older kv would come back blank, although it may have voted.
    let older = directory.join("raft.redb");
    if older.exists() {
        let what =
            "the log of an older kv: remove this server from the cluster, and add it with an empty directory";
        return Err(format!("{}: {what}", older.display()));
    }
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let transport = TcpTransport::bind(&options.raft, options.advertise.as_deref(), 3, TIMEOUT);
    let mut transport = transport.await.map_err(|error| words(&error))?;
    if let Some(files) = &options.tls {
        transport = transport.with_tls(tls(&options.id, files)?);
    }
    let peers = transport.bound_addr();
    let store = WalStore::open(directory.join("wal")).map_err(|error| words(&error))?;
    let snapshots = FileSnapshotStore::new(directory, 2).map_err(|error| words(&error))?;
    let config = Config {
        local_id: options.id.as_str().into(),
        heartbeat_timeout: Duration::from_millis(options.heartbeat_ms),
        election_timeout: Duration::from_millis(options.heartbeat_ms),
        leader_lease_timeout: Duration::from_millis(options.heartbeat_ms) / 2,
        disk_stall_timeout: Duration::from_millis(options.heartbeat_ms) * 5,
        snapshot_threshold: options.snapshot_threshold,
        snapshot_interval: Duration::from_millis(options.heartbeat_ms) * 2,
        trailing_logs: options.snapshot_threshold,
        ..Config::default()
    };
    // The state machine only changes a map, which takes less time than to wake a thread.
    let builder =
        Raft::builder(config, kv, transport).store(store).snapshot_store(snapshots).fsm_place(Place::Inline);
    Ok((builder.start().await.map_err(|error| words(&error))?, peers))
}

fn tls(id: &str, files: &TlsFiles) -> Result<Tls, String> {
    let read = |file: &str| std::fs::read(file).map_err(|error| format!("cannot read {file}: {error}"));
    let (authority, key) = (read(&files.authority)?, read(&files.key)?);
    Tls::from_pem(&id.into(), &authority, &read(&files.certificate)?, &key).map_err(|error| error.to_string())
}

/// Bootstraps a cluster or joins a cluster, as the options say. Does nothing if this server already has a
/// configuration.
async fn enter(options: &Options, raft: &Raft) -> Result<(), String> {
    if raft.get_configuration().is_some() {
        return Ok(());
    }
    if options.bootstrap {
        let me = Member::voter(options.id.as_str(), raft.local_addr().clone());
        let alone = Configuration::new(vec![me]).map_err(|error| error.to_string())?;
        return match raft.bootstrap_cluster(alone, TIMEOUT).await {
            Ok(()) | Err(CallError::CantBootstrap) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
    }
    let Some(others) = &options.join else { return Ok(()) };
    let path = format!("/join?id={}&address={}", options.id, raft.local_addr());
    let asking = async {
        loop {
            for other in others {
                match Client::new(TIMEOUT * 4).post(other, &path).await {
                    Ok(answer) if answer.status == 200 => return,
                    Ok(answer) => {
                        tracing::info!(
                            other,
                            status = answer.status,
                            body = answer.body,
                            "this server is not added yet"
                        );
                    }
                    Err(error) => tracing::info!(other, %error, "this server is not added yet"),
                }
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let joined = tokio::time::timeout(JOINING, asking).await;
    joined.map_err(|_| format!("the servers at {} did not add this server to a cluster", others.join(", ")))
}

/// Whenever this server leads, proposes a command with the HTTP address of this server. Other servers then
/// redirect clients to this address.
async fn introduce(raft: Raft, http: String, shared: Shared) {
    let mut changes = raft.leader_changes();
    while changes.wait_for(|seen| seen.is_self).await.is_ok() {
        let id = raft.local_id().as_str().to_owned();
        if shared.read().server(&id) == Some(&http) {
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let kv_command = KvCommand::Serve { id, http: http.clone() };
        if let Err(error) = raft.apply(kv_command.encode(), TIMEOUT).await {
            tracing::info!(%error, "cannot publish the HTTP address yet");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The signals that ask the process to stop.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Registers the signal handlers. After this call, the signals no longer end the process by themselves.
    fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("cannot handle signals: {error}"));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns when a signal has arrived, or when the server has stopped.
    async fn or_stopped(mut self, raft: Raft) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            halt = raft.stopped() => match halt {
                Some(Halt::Shutdown) => {}
                Some(Halt::Removed) => tracing::info!("the cluster has removed this server"),
                Some(Halt::Store(error)) => tracing::warn!(%error, "the server has stopped"),
                None => tracing::warn!("the server has stopped because of a panic"),
            },
        }
    }
}

/// Shuts down a server. A leader transfers its leadership before it stops. The other servers then need not wait
/// for an election timeout.
async fn transfer_and_shut_down(raft: &Raft) {
    if raft.state() == wavetank_node::RaftState::Leader
        && let Err(error) = raft.leadership_transfer(CallLimit::after(TIMEOUT).or_no_quorum()).await
    {
        tracing::info!(%error, "leadership was not transferred");
    }
    raft.shutdown().await;
}

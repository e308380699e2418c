//! A server of this library for the live tests, in a process of its own: TCP transport, segmented log, file
//! snapshots. `go/main.go` is the same server with HashiCorp Raft, and lists the lines that both obey.
//!
//! The process is this test binary itself. It runs the ignored test [`serve`] with the arguments in the
//! environment variable [`ARGUMENTS`].

use crate::ledger::{Ledger, Shared};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;
use std::{env, process, thread};
use tokio::runtime::Runtime;
use wavetank_node::prelude::*;

/// The name, the IP address, the directory and the snapshot threshold of the server, parted by spaces.
pub(crate) const ARGUMENTS: &str = "WAVETANK_LIVE_MEMBER";

// The time limits are those of main.go.
const ELECTION_TIMEOUT: Duration = Duration::from_millis(300);
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The server that a connection talks to.
#[derive(Clone)]
struct Server {
    raft: Raft,
    ledger: Shared,
}

#[test]
#[ignore = "is a server of the other tests"]
fn serve() {
    let Ok(arguments) = env::var(ARGUMENTS) else { return };
    let arguments: Vec<_> = arguments.split(' ').collect();
    let [id, ip, directory, threshold] = arguments[..] else { panic!("four arguments: {arguments:?}") };
    let runtime = Runtime::new().unwrap();
    let (address, ledger) = (format!("{ip}:7000"), Shared::default());
    let starting = start(id, &address, Path::new(directory), threshold, Ledger(ledger.clone()));
    let server = Server { raft: runtime.block_on(starting), ledger };
    let listener = TcpListener::bind(format!("{ip}:7001")).unwrap();
    println!("\nready");
    let runtime = runtime.handle().clone();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, server, runtime) = (connection.unwrap(), server.clone(), runtime.clone());
            thread::spawn(move || {
                let lines = BufReader::new(connection.try_clone().unwrap()).lines();
                // The conversation ends with its client.
                let _ = lines.map_while(Result::ok).try_for_each(|line| {
                    let answer = runtime.block_on(server.obey(&line));
                    answer_line(&connection, answer)
                });
            });
        }
    });
    // The server does not survive its test.
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
    process::exit(0);
}

fn answer_line(mut connection: &TcpStream, answer: Result<String, CallError>) -> io::Result<()> {
    let answer = match answer {
        Ok(answer) => format!("ok {answer}\n"),
        Err(error) if error.is_unknown() => format!("unknown {error}\n"),
        Err(error) => format!("no {error}\n"),
    };
    connection.write_all(answer.as_bytes())
}

async fn start(id: &str, address: &str, directory: &Path, threshold: &str, ledger: Ledger) -> Raft {
    let config = Config {
        local_id: id.into(),
        heartbeat_timeout: ELECTION_TIMEOUT,
        election_timeout: ELECTION_TIMEOUT,
        leader_lease_timeout: ELECTION_TIMEOUT,
        snapshot_interval: Duration::from_secs(1),
        snapshot_threshold: threshold.parse().unwrap(),
        trailing_logs: 20,
        ..Config::default()
    };
    let transport = TcpTransport::bind(address, None, 3, Duration::from_secs(2)).await.unwrap();
    Raft::builder(config, ledger, transport)
        .store(WalStore::open(directory.join("log")).unwrap())
        .snapshot_store(FileSnapshotStore::new(directory, 2).unwrap())
        .start()
        .await
        .unwrap()
}

impl Server {
    async fn obey(&self, line: &str) -> Result<String, CallError> {
        let words: Vec<_> = line.split(' ').collect();
        let raft = &self.raft;
        match words[..] {
            ["bootstrap"] => {
                let own = Member::voter(raft.local_id().clone(), raft.local_addr().clone());
                raft.bootstrap_cluster(Configuration::new(vec![own]).unwrap(), CALL_TIMEOUT).await?;
            }
            ["apply", data] => {
                let applied = raft.apply(data.as_bytes(), CALL_TIMEOUT).await?;
                return Ok(applied.index.0.to_string());
            }
            ["snapshot"] => drop(raft.snapshot(CHANGE_TIMEOUT).await?),
            ["transfer", id, _] => raft.leadership_transfer_to_server(id, CALL_TIMEOUT).await?,
            ["voter", id, address] => drop(raft.add_voter(id, address, None, CHANGE_TIMEOUT).await?),
            ["nonvoter", id, address] => drop(raft.add_nonvoter(id, address, None, CHANGE_TIMEOUT).await?),
            ["demote", id] => drop(raft.demote_voter(id, None, CHANGE_TIMEOUT).await?),
            ["remove", id] => drop(raft.remove_server(id, None, CHANGE_TIMEOUT).await?),
            ["members"] => return Ok(raft.get_configuration().map_or_else(String::new, |it| it.to_string())),
            ["stats"] => {
                let stats = raft.stats().await?.server;
                let (state, restored) = (raft.state(), self.ledger.read(|state| state.restored));
                return Ok(format!("{state} {} {restored} {}", stats.term.0, stats.last_snapshot.index.0));
            }
            ["chain"] => return Ok(self.ledger.read(|state| state.last().to_string())),
            ["log"] => return Ok(self.ledger.read(|state| state.all())),
            _ => panic!("no such command: {line}"),
        }
        Ok(String::new())
    }
}

//! Storms on whole servers: one seed draws the settings, the faults of the network, and the commands.

use super::network::Draw;
use super::simulated::*;
use super::*;
use std::collections::BTreeSet;
#[cfg(feature = "tls")]
use std::rc::Rc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The seeds of a test run. `NODE_STORMS=FIRST..END` chooses other seeds.
const STORMS: std::ops::Range<u64> = 0..500;
/// The time in which a healed cluster must agree. It is long, because the links stay slow.
const HEALED: Duration = Duration::from_secs(600);

/// What a storm has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    digest: (u64, u64),
    acknowledged: usize,
    refused: usize,
}

/// Draws the settings of a cluster.
fn shape(draw: &mut Draw) -> Shape {
    let timeout = Duration::from_millis(draw.one_of(&[300, 1_000, 2_000]));
    let heartbeat = Duration::from_millis(draw.one_of(&[200, 500, 1_000]));
    let command = draw.one_of(&[1 << 10, 64 << 10, 1 << 20]);
    let config = Config {
        heartbeat_timeout: heartbeat,
        election_timeout: heartbeat,
        leader_lease_timeout: heartbeat,
        max_append_bytes: draw.one_of(&[1 << 10, 64 << 10]),
        max_command_bytes: command,
        max_inflight: draw.one_of(&[1, 4, 16]),
        trailing_logs: draw.one_of(&[0, 5, 100]),
        snapshot_interval: Duration::from_millis(500),
        snapshot_threshold: draw.one_of(&[5, 20, 1_000]),
        snapshot_chunk_bytes: draw.one_of(&[4 << 10, 256 << 10]),
        log_cache_bytes: draw.one_of(&[64 << 10, 64 << 20]),
        ..Config::default()
    };
    let limits = Limits {
        message_bytes: command.max(64 << 10) + Limits::OVERHEAD_BYTES,
        connections: usize::try_from(draw.one_of(&[8, 12, 32])).unwrap(),
        ..Limits::default()
    };
    Shape { config, limits, timeout, ..Shape::default() }
}

/// Does something to the network or to a server.
async fn fault(cluster: &mut Cluster, draw: &mut Draw) {
    let (one, other) = (draw.one_of(&NAMES), draw.one_of(&NAMES));
    let network = cluster.network.clone();
    match draw.below(9) {
        0 => network.reset(one, other),
        1 => network.silence(one, other),
        2 | 3 => {
            let is_blocked = draw.one_in(2);
            network.set_link(one, other, |link| link.is_blocked = is_blocked);
        }
        4 | 5 => {
            // Twice the slowest rate that the timeout allows, and more.
            let slowest = (512 << 20) / u64::try_from(cluster.shape.timeout.as_millis()).unwrap();
            let rate = draw.one_of(&[slowest, 8 * slowest, 50_000_000]);
            let delay = Duration::from_millis(draw.one_of(&[0, 1, 20]));
            let buffer = usize::try_from(draw.one_of(&[64 << 10, 1 << 20, 4 << 20])).unwrap();
            network.set_link(one, other, |link| (link.rate, link.delay, link.buffer) = (rate, delay, buffer));
        }
        6 => strangers(cluster, one, draw).await,
        7 => stop(cluster, one, draw.one_in(2)).await,
        _ => revive(cluster).await,
    }
}

/// Connections from a host that says nothing, or one call, and never closes them.
async fn strangers(cluster: &Cluster, host: &str, draw: &mut Draw) {
    let says_something = draw.one_in(2);
    for _ in 0..draw.below(40) {
        let dialing = cluster.network.layer("stranger");
        let address = host.into();
        let Ok(mut stream) = dialing.dial(&address).await else { return };
        if says_something {
            let mut bytes = Vec::new();
            wire::encode_request(&header(3), &Request::TimeoutNow(TimeoutNow { term: None }), &mut bytes);
            let _ = stream.write_all(&bytes).await;
        }
        cluster.network.forget(stream);
    }
}

/// Stops a server. If its power fails, its peers are not told.
async fn stop(cluster: &mut Cluster, name: &'static str, fails: bool) {
    if NAMES.iter().any(|name| cluster.hosts[name].raft.is_none()) {
        return;
    }
    if fails {
        NAMES.iter().for_each(|other| cluster.network.silence(name, other));
    }
    let raft = cluster.hosts.get_mut(name).and_then(|host| host.raft.take());
    if let Some(raft) = raft {
        raft.shutdown().await;
    }
}

async fn revive(cluster: &mut Cluster) {
    for name in NAMES {
        if cluster.hosts[name].raft.is_none() {
            cluster.restart(name).await;
        }
    }
}

/// A command with a number. Many commands are near the limit of a command, and some near the limit of a message.
fn command(number: u64, shape: &Shape, draw: &mut Draw) -> Vec<u8> {
    let (command, message) = (shape.config.max_command_bytes, shape.limits.message_bytes);
    let size = match draw.below(20) {
        0 => command + 1 + draw.below(command),
        1 => message - Limits::OVERHEAD_BYTES + draw.below(2 * Limits::OVERHEAD_BYTES),
        2 => command - draw.below(64),
        3..=5 => draw.below(command),
        _ => draw.below(200),
    };
    let mut bytes = vec![0; usize::try_from(size.max(8)).unwrap()];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn number_of(command: &[u8]) -> u64 {
    u64::from_be_bytes(*command.first_chunk().unwrap())
}

/// Runs a storm. The error says what went wrong.
async fn storm(seed: u64) -> Result<Seen, String> {
    let mut draw = Draw(seed);
    let mut shape = shape(&mut draw);
    #[cfg(feature = "tls")]
    if draw.one_in(4) {
        shape.tls = Some(Rc::new(tls::Authority::new()));
    }
    let mut cluster = Cluster::start(seed, shape, 3).await;
    let (mut calls, mut number) = (JoinSet::new(), 0);
    for _ in 0..60 {
        sleep(Duration::from_millis(draw.below(200))).await;
        for _ in 0..draw.below(4) {
            let names: Vec<_> = NAMES.into_iter().filter(|name| cluster.hosts[name].raft.is_some()).collect();
            let raft = cluster.leader().unwrap_or_else(|| cluster.raft(draw.one_of(&names)).clone());
            let bytes = command(number, &cluster.shape, &mut draw);
            number += 1;
            calls.spawn(async move {
                let number = number_of(&bytes);
                (number, raft.apply(bytes, Duration::from_secs(20)).await)
            });
        }
        if draw.one_in(3) {
            fault(&mut cluster, &mut draw).await;
        }
    }
    heal(&mut cluster, &mut draw).await;
    let (mut acknowledged, mut refused) = (BTreeSet::new(), BTreeSet::new());
    while let Some(Ok((number, outcome))) = calls.join_next().await {
        match outcome {
            Ok(_) => drop(acknowledged.insert(number)),
            Err(error) if !error.is_unknown() => drop(refused.insert(number)),
            Err(_) => {}
        }
    }
    judge(&cluster, &acknowledged, &refused).await?;
    let digest = cluster.network.digest();
    Ok(Seen { digest, acknowledged: acknowledged.len(), refused: refused.len() })
}

/// Ends the faults. Links stay slow, and forgotten connections stay open.
async fn heal(cluster: &mut Cluster, draw: &mut Draw) {
    for (one, other) in NAMES.iter().flat_map(|one| NAMES.map(|other| (*one, other))) {
        cluster.network.set_link(one, other, |link| link.is_blocked = false);
    }
    revive(cluster).await;
    strangers(cluster, draw.one_of(&NAMES), draw).await;
}

/// The healed cluster must take a command, and all servers must have the same commands: each command that was
/// acknowledged, and no command that was refused.
async fn judge(
    cluster: &Cluster,
    acknowledged: &BTreeSet<u64>,
    refused: &BTreeSet<u64>,
) -> Result<(), String> {
    let agreeing = async {
        loop {
            let last = u64::MAX.to_be_bytes();
            let leader = cluster.until_led().await;
            if timeout(HEALED / 10, leader.apply(last, Duration::ZERO)).await.is_ok_and(|done| done.is_ok()) {
                break;
            }
        }
        let ledgers = || cluster.hosts.values().map(|host| host.ledger.0.lock().unwrap().clone());
        while ledgers().any(|ledger| ledger.last().map(|last| number_of(last)) != Some(u64::MAX)) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(HEALED, agreeing).await.map_err(|_| format!("no agreement: {:?}", cluster.applied()))?;
    let ledgers: Vec<_> = cluster.hosts.values().map(|host| host.ledger.0.lock().unwrap().clone()).collect();
    if ledgers.iter().any(|ledger| *ledger != ledgers[0]) {
        return Err("two servers have different commands".to_owned());
    }
    let numbers: BTreeSet<u64> = ledgers[0].iter().map(|command| number_of(command)).collect();
    if let Some(lost) = acknowledged.iter().find(|number| !numbers.contains(number)) {
        return Err(format!("command {lost} was acknowledged and is lost"));
    }
    match refused.iter().find(|number| numbers.contains(number)) {
        Some(refused) => Err(format!("command {refused} was refused and is there")),
        None => Ok(()),
    }
}

fn run(seed: u64) -> Seen {
    simulate(storm(seed)).unwrap_or_else(|why| panic!("storm {seed}: {why}"))
}

#[test]
fn clusters_survive_storms_on_their_connections() {
    let range = std::env::var("NODE_STORMS").ok().and_then(|range| {
        let (first, end) = range.split_once("..")?;
        Some(first.parse().ok()?..end.parse().ok()?)
    });
    let (mut acknowledged, mut refused) = (0, 0);
    for seed in range.unwrap_or(STORMS) {
        let seen = run(seed);
        (acknowledged, refused) = (acknowledged + seen.acknowledged, refused + seen.refused);
    }
    assert!(0 < acknowledged && 0 < refused);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed), "{seed}");
    }
}

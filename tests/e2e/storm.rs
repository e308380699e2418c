//! Five servers under faults from outside. The history of their clients is linearizable, and no
//! acknowledged write is lost.

use crate::clients::{Client, Run};
use crate::cluster::Cluster;
use crate::history::History;
use crate::http::{Http, HttpRequest, Reply};
use crate::nemesis::Nemesis;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wavetank_sim::linear::{Finding, KeyModel, judge};

const SERVERS: u32 = 5;
const CLIENTS: u64 = 6;
/// How long the judge may search.
const BUDGET: Duration = Duration::from_secs(120);

#[test]
fn the_history_of_five_processes_is_linearizable() {
    storm(seed(1), 24, Duration::ZERO);
}

#[test]
#[ignore = "takes two minutes"]
fn the_history_of_two_minutes_is_linearizable() {
    storm(seed(2), 48, Duration::from_secs(120));
}

fn seed(usual: u64) -> u64 {
    std::env::var("WAVETANK_SEED").map_or(usual, |seed| seed.parse().expect("WAVETANK_SEED is a number"))
}

/// Runs at least this many acts of the nemesis, for at least this time.
fn storm(seed: u64, acts: usize, length: Duration) {
    let mut cluster = Cluster::of(SERVERS);
    let begun = Instant::now();
    let (addresses, history) = (cluster.addresses.clone(), History::new());
    let run = Arc::new(Run { addresses, history, is_over: AtomicBool::new(false) });
    let clients = (0..CLIENTS).map(|process| Client::new(run.clone(), seed, process));
    let working: Vec<_> = clients.map(|client| thread::spawn(|| client.run())).collect();

    let mut nemesis = Nemesis::new(seed);
    for done in 0.. {
        if acts <= done && length <= begun.elapsed() {
            break;
        }
        nemesis.act(&mut cluster);
    }

    run.is_over.store(true, Ordering::Relaxed);
    let mut clients: Vec<_> = working.into_iter().map(|client| client.join().unwrap()).collect();
    let lost = lost(&mut clients);
    let elsewhere = differing(&mut cluster, &clients);
    println!("seed {seed}, {} s: {:?}", begun.elapsed().as_secs(), nemesis.done);
    report(seed, &run.history, &clients);
    assert!(
        lost.is_empty() && elsewhere.is_empty(),
        "acknowledged writes that are lost: {lost:?}; that a server lacks: {elsewhere:?}"
    );
}

/// The acknowledged writes that a linearizable read does not find.
fn lost(clients: &mut [Client]) -> Vec<String> {
    let mut lost = Vec::new();
    for client in clients {
        for (key, value) in client.kept.clone() {
            if client.read_back(&key).as_ref() != Some(&value) {
                lost.push(format!("{key}={value}"));
            }
        }
    }
    lost
}

/// The acknowledged writes that a local read does not find on a server that has applied all entries.
fn differing(cluster: &mut Cluster, clients: &[Client]) -> Vec<String> {
    const SAMPLE: usize = 7;
    let (mut http, mut differing) = (Http::default(), Vec::new());
    for (name, place) in cluster.until_all_have_applied() {
        let kept = clients.iter().flat_map(|client| &client.kept).step_by(SAMPLE);
        for (key, value) in kept {
            let path = format!("/kv/{key}?read=local");
            match http.ask(&place, HttpRequest::get(&path)) {
                Reply::Response(response) if response.status == 200 && response.body == *value => {}
                other => {
                    differing.push(format!("{key}={value} at {name}: {other:?}"));
                }
            }
        }
    }
    differing
}

/// Prints the verdict, and asserts that the history has operations of every kind.
fn report(seed: u64, history: &History, clients: &[Client]) {
    let text = history.text();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("e2e-{seed}.jsonl"));
    std::fs::write(&file, &text).unwrap();
    let begun = Instant::now();
    let judged = judge(&text, KeyModel::Kv, &mut || begun.elapsed() < BUDGET).unwrap();
    println!("{} operations on {} keys in {}", judged.operations, judged.keys.len(), file.display());
    match judged.finding {
        Finding::Linearizable => println!("linearizable, judged in {} ms", begun.elapsed().as_millis()),
        Finding::Violation(window) => panic!("not linearizable:\n{window}"),
        Finding::Unknown { undecided } => panic!("{undecided} keys undecided in {BUDGET:?}"),
    }
    let mut done = BTreeMap::new();
    for (kind, count) in clients.iter().flat_map(|client| &client.done) {
        *done.entry(*kind).or_insert(0) += count;
    }
    println!("done: {done:?}");
    for kind in ["write", "cas", "read by index", "read by lease", "read by verify"] {
        assert!(10 <= done.get(kind).copied().unwrap_or(0), "too few operations of kind {kind}");
    }
}

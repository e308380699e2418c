//! Five servers, clients, and everything that can be done to servers from outside: what clients
//! were told is linearizable, and nothing that was acknowledged is lost.

use crate::clients::{Client, Shore};
use crate::fleet::Fleet;
use crate::history::History;
use crate::http::{Heard, Http, Question};
use crate::nemesis::Nemesis;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wavetank_sim::linear::{Finding, Model, judge};

const SERVERS: u32 = 5;
const CLIENTS: u64 = 6;
/// How long the judge may think.
const BUDGET: Duration = Duration::from_secs(120);

#[test]
fn what_clients_of_five_processes_were_told_is_linearizable() {
    storm(seed(1), 24, Duration::ZERO);
}

#[test]
#[ignore = "takes two minutes"]
fn what_they_were_told_in_two_minutes_is_too() {
    storm(seed(2), 48, Duration::from_secs(120));
}

fn seed(usual: u64) -> u64 {
    std::env::var("WAVETANK_SEED").map_or(usual, |seed| seed.parse().expect("WAVETANK_SEED is a number"))
}

/// At least so many acts, for at least so long.
fn storm(seed: u64, acts: usize, length: Duration) {
    let mut fleet = Fleet::of(SERVERS);
    let begun = Instant::now();
    let (addresses, history) = (fleet.addresses.clone(), History::new());
    let shore = Arc::new(Shore { addresses, history, is_over: AtomicBool::new(false) });
    let clients = (0..CLIENTS).map(|process| Client::new(shore.clone(), seed, process));
    let working: Vec<_> = clients.map(|client| thread::spawn(|| client.run())).collect();

    let mut nemesis = Nemesis::new(seed);
    for done in 0.. {
        if acts <= done && length <= begun.elapsed() {
            break;
        }
        nemesis.act(&mut fleet);
    }

    shore.is_over.store(true, Ordering::Relaxed);
    let mut clients: Vec<_> = working.into_iter().map(|client| client.join().unwrap()).collect();
    let lost = lost(&mut clients);
    let elsewhere = differing(&mut fleet, &clients);
    println!("seed {seed}, {} s: {:?}", begun.elapsed().as_secs(), nemesis.done);
    report(seed, &shore.history, &clients);
    assert!(lost.is_empty() && elsewhere.is_empty(), "acknowledged and lost: {lost:?}, {elsewhere:?}");
}

/// What clients were told is written, and is not there.
fn lost(clients: &mut [Client]) -> Vec<String> {
    let mut lost = Vec::new();
    for client in clients {
        for (key, value) in client.kept.clone() {
            if client.look(&key).as_ref() != Some(&value) {
                lost.push(format!("{key}={value}"));
            }
        }
    }
    lost
}

/// What some server has not, though it has applied everything.
fn differing(fleet: &mut Fleet, clients: &[Client]) -> Vec<String> {
    const SAMPLE: usize = 7;
    let (mut http, mut differing) = (Http::default(), Vec::new());
    for (name, place) in fleet.until_all_are_there() {
        let kept = clients.iter().flat_map(|client| &client.kept).step_by(SAMPLE);
        for (key, value) in kept {
            let path = format!("/kv/{key}?read=local");
            match http.ask(&place, Question::get(&path)) {
                Heard::Answer(answer) if answer.status == 200 && answer.body == *value => {}
                other @ (Heard::Answer(_) | Heard::Unsent | Heard::Silence) => {
                    differing.push(format!("{key}={value} at {name}: {other:?}"));
                }
            }
        }
    }
    differing
}

/// The verdict, and that there was something to judge.
fn report(seed: u64, history: &History, clients: &[Client]) {
    let text = history.text();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("water-{seed}.jsonl"));
    std::fs::write(&file, &text).unwrap();
    let begun = Instant::now();
    let judged = judge(&text, Model::Kv, &mut || begun.elapsed() < BUDGET).unwrap();
    println!("{} operations on {} keys in {}", judged.operations, judged.keys, file.display());
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
        assert!(10 <= done.get(kind).copied().unwrap_or(0), "hardly any {kind}");
    }
}

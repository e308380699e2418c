//! Clients: they write, read by every path and compare, ask whom they like, and write down what
//! they are told.

use crate::fleet::{Addresses, PAUSE};
use crate::history::{History, How, Operation};
use crate::http::{Answer, Heard, Http, Question};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wavetank_sim::rng::{Domain, Stream};

/// How long a client looks for somebody who does what it wants.
const PATIENCE: Duration = Duration::from_secs(2);
/// Keys that are written again and again, at a time.
const KEYS: u64 = 6;
/// Operations of a client after which it turns to other keys. All clients turn about together.
const CHAPTER: u64 = 400;

/// What all clients of a run have in common.
#[derive(Debug)]
pub(crate) struct Shore {
    pub(crate) addresses: Addresses,
    pub(crate) history: History,
    pub(crate) is_over: AtomicBool,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    shore: Arc<Shore>,
    process: u64,
    chance: Stream,
    http: Http,
    operations: u64,
    /// What it last saw of each key, for comparisons that may hold.
    seen: BTreeMap<String, String>,
    /// Keys that it alone writes, once, and was told are written.
    pub(crate) kept: BTreeMap<String, String>,
    /// How often each kind of operation was done.
    pub(crate) done: BTreeMap<&'static str, u64>,
}

/// An operation and how it is asked for.
struct Wish {
    f: &'static str,
    key: String,
    value: Value,
    method: &'static str,
    query: String,
    body: String,
}

impl Client {
    pub(crate) fn new(shore: Arc<Shore>, seed: u64, process: u64) -> Self {
        Self {
            shore,
            process,
            chance: Stream::new(seed, Domain::Workload, process, 0),
            http: Http::default(),
            operations: 0,
            seen: BTreeMap::new(),
            kept: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    /// Works until the run is over.
    pub(crate) fn run(mut self) -> Self {
        while !self.shore.is_over.load(Ordering::Relaxed) {
            let wish = self.wish();
            self.carry_out(wish);
        }
        self
    }

    /// Reads a key by ReadIndex, and says what is there.
    pub(crate) fn look(&mut self, key: &str) -> Option<String> {
        self.carry_out(read(key.to_owned(), "index"));
        self.seen.get(key).cloned().filter(|value| !value.is_empty())
    }

    fn wish(&mut self) -> Wish {
        self.operations += 1;
        let key = format!("k{}-{}", self.operations / CHAPTER, self.chance.below(KEYS));
        let new = format!("{}.{}", self.process, self.operations);
        let empty = String::new;
        match self.chance.below(100) {
            0..15 => {
                let key = format!("own-{new}");
                Wish { f: "write", key, value: json!(new), method: "PUT", query: empty(), body: new }
            }
            15..40 => Wish { f: "write", key, value: json!(new), method: "PUT", query: empty(), body: new },
            40..45 => {
                Wish { f: "write", key, value: Value::Null, method: "DELETE", query: empty(), body: empty() }
            }
            45..60 => {
                let expected = self.seen.get(&key).cloned().unwrap_or_default();
                let query = format!("?expected={expected}");
                Wish { f: "cas", key, value: json!([expected, new]), method: "PUT", query, body: new }
            }
            _ => {
                let path = self.chance.one_of(&["index", "lease", "verify"]);
                read(key, path)
            }
        }
    }

    fn carry_out(&mut self, wish: Wish) {
        let (process, f) = (self.process, wish.f);
        let mut operation = Operation { process, f, key: wish.key.clone(), value: wish.value.clone() };
        self.shore.history.invoke(&operation);
        let answer = self.ask(&wish);
        let how = wish.how(answer.as_ref());
        if how == How::Ok {
            self.learn(&wish, answer.as_ref(), &mut operation);
        }
        self.shore.history.complete(&operation, how);
    }

    /// Asks one after the other, as long as nothing was done. `None` when it is not known.
    fn ask(&mut self, wish: &Wish) -> Option<Answer> {
        let path = format!("/kv/{}{}", wish.key, wish.query);
        let question = Question { method: wish.method, path: &path, body: &wish.body };
        let begun = Instant::now();
        loop {
            let one = self.somebody();
            let refused = match self.http.ask(&one, question) {
                Heard::Silence => return None,
                Heard::Answer(answer) if answer.status != 503 => return Some(answer),
                Heard::Answer(answer) => answer,
                Heard::Unsent => Answer::REFUSED,
            };
            if PATIENCE < begun.elapsed() {
                return Some(refused);
            }
            thread::sleep(PAUSE);
        }
    }

    fn somebody(&mut self) -> String {
        let addresses = self.shore.addresses.read().unwrap();
        if addresses.is_empty() {
            return "127.0.0.1:1".to_owned();
        }
        let at = self.chance.below(addresses.len() as u64);
        addresses[usize::try_from(at).unwrap()].clone()
    }

    /// Remembers what it was told.
    fn learn(&mut self, wish: &Wish, answer: Option<&Answer>, operation: &mut Operation) {
        let path = wish.query.strip_prefix("?read=");
        let kind = match path {
            Some("index") => "read by index",
            Some("lease") => "read by lease",
            Some(_) => "read by verify",
            None => wish.f,
        };
        *self.done.entry(kind).or_default() += 1;
        let now = if path.is_some() {
            let there = answer.filter(|answer| answer.status == 200).map(|answer| answer.body.clone());
            operation.value = json!(there);
            there.unwrap_or_default()
        } else {
            wish.body.clone()
        };
        if path.is_none() && wish.key.starts_with("own-") {
            self.kept.insert(wish.key.clone(), now.clone());
        }
        self.seen.insert(wish.key.clone(), now);
    }
}

fn read(key: String, path: &str) -> Wish {
    let query = format!("?read={path}");
    Wish { f: "read", key, value: Value::Null, method: "GET", query, body: String::new() }
}

impl Wish {
    /// What an answer says of it.
    fn how(&self, answer: Option<&Answer>) -> How {
        let is_read = self.f == "read";
        let Some(answer) = answer else { return if is_read { How::Fail } else { How::Info } };
        match answer.status {
            200 | 404 if is_read => How::Ok,
            204 if !is_read => How::Ok,
            412 if self.f == "cas" => How::Fail,
            // Refused for one reason or another. A comparison that was not made has not failed:
            // that would say something of the value.
            409 | 503 if self.f == "cas" => How::Info,
            409 | 503 => How::Fail,
            504 if is_read => How::Fail,
            504 => How::Info,
            other => panic!("{} {} was answered with {other}: {}", self.method, self.key, answer.body),
        }
    }
}

//! Clients of the cluster. They write, read by every path and compare-and-set, at any server, and record
//! the responses.

use crate::cluster::{Addresses, PAUSE};
use crate::history::{History, Operation, Outcome};
use crate::http::{Http, HttpRequest, Reply, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wavetank_sim::plan::rng::{Domain, Stream};

/// How long a client retries an operation that had no effect.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The number of keys that the clients use at a time.
const KEYS: u64 = 6;
/// The number of operations after which a client uses other keys. All clients change keys at about
/// the same time.
const OPERATIONS_PER_KEY_SET: u64 = 400;

/// The part of a run that all its clients share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) addresses: Addresses,
    pub(crate) history: History,
    pub(crate) is_over: AtomicBool,
}

/// A client that records its operations in the history.
#[derive(Debug)]
pub(crate) struct Client {
    run: Arc<Run>,
    process: u64,
    chance: Stream,
    http: Http,
    operations: u64,
    /// The last value of each key that the client saw, so that comparisons can succeed.
    seen: BTreeMap<String, String>,
    /// Keys that only this client writes, each once, and whose write was acknowledged.
    pub(crate) kept: BTreeMap<String, String>,
    /// The number of completed operations, by kind.
    pub(crate) done: BTreeMap<&'static str, u64>,
}

/// An operation, and its HTTP request.
struct Request {
    f: &'static str,
    key: String,
    value: Value,
    method: &'static str,
    query: String,
    body: String,
}

impl Client {
    pub(crate) fn new(run: Arc<Run>, seed: u64, process: u64) -> Self {
        Self {
            run,
            process,
            chance: Stream::new(seed, Domain::Workload, process, 0),
            http: Http::default(),
            operations: 0,
            seen: BTreeMap::new(),
            kept: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    /// Executes operations until the run is over.
    pub(crate) fn run(mut self) -> Self {
        while !self.run.is_over.load(Ordering::Relaxed) {
            let request = self.next_request();
            self.execute(request);
        }
        self
    }

    /// Reads a key by ReadIndex.
    pub(crate) fn read_back(&mut self, key: &str) -> Option<String> {
        self.execute(read(key.to_owned(), "index"));
        self.seen.get(key).cloned().filter(|value| !value.is_empty())
    }

    fn next_request(&mut self) -> Request {
        self.operations += 1;
        let key = format!("k{}-{}", self.operations / OPERATIONS_PER_KEY_SET, self.chance.below(KEYS));
        let new = format!("{}.{}", self.process, self.operations);
        let empty = String::new;
        match self.chance.below(100) {
            0..15 => {
                let key = format!("own-{new}");
                Request { f: "write", key, value: json!(new), method: "PUT", query: empty(), body: new }
            }
            15..40 => {
                Request { f: "write", key, value: json!(new), method: "PUT", query: empty(), body: new }
            }
            40..45 => Request {
                f: "write",
                key,
                value: Value::Null,
                method: "DELETE",
                query: empty(),
                body: empty(),
            },
            45..60 => {
                let expected = self.seen.get(&key).cloned().unwrap_or_default();
                let query = format!("?expected={expected}");
                Request { f: "cas", key, value: json!([expected, new]), method: "PUT", query, body: new }
            }
            _ => {
                let path = self.chance.one_of(&["index", "lease", "verify"]);
                read(key, path)
            }
        }
    }

    fn execute(&mut self, request: Request) {
        let (process, f) = (self.process, request.f);
        let mut operation = Operation { process, f, key: request.key.clone(), value: request.value.clone() };
        self.run.history.invoke(&operation);
        let response = self.ask(&request);
        let outcome = request.outcome(response.as_ref());
        if outcome == Outcome::Ok {
            self.remember(&request, response.as_ref(), &mut operation);
        }
        self.run.history.complete(&operation, outcome);
    }

    /// Asks one server after another until the operation is done. Returns `None` if the outcome is
    /// unknown.
    fn ask(&mut self, request: &Request) -> Option<Response> {
        let path = format!("/kv/{}{}", request.key, request.query);
        let http_request = HttpRequest { method: request.method, path: &path, body: &request.body };
        let begun = Instant::now();
        loop {
            let one = self.any_address();
            let refused = match self.http.ask(&one, http_request) {
                Reply::Silence => return None,
                Reply::Response(response) if response.status != 503 => return Some(response),
                Reply::Response(response) => response,
                Reply::Unsent => Response::REFUSED,
            };
            if TIMEOUT < begun.elapsed() {
                return Some(refused);
            }
            thread::sleep(PAUSE);
        }
    }

    fn any_address(&mut self) -> String {
        let addresses = self.run.addresses.read().unwrap();
        if addresses.is_empty() {
            return "127.0.0.1:1".to_owned();
        }
        let at = self.chance.below(addresses.len() as u64);
        addresses[usize::try_from(at).unwrap()].clone()
    }

    /// Remembers the result of an operation.
    fn remember(&mut self, request: &Request, response: Option<&Response>, operation: &mut Operation) {
        let path = request.query.strip_prefix("?read=");
        let kind = match path {
            Some("index") => "read by index",
            Some("lease") => "read by lease",
            Some(_) => "read by verify",
            None => request.f,
        };
        *self.done.entry(kind).or_default() += 1;
        let now = if path.is_some() {
            let there =
                response.filter(|response| response.status == 200).map(|response| response.body.clone());
            operation.value = json!(there);
            there.unwrap_or_default()
        } else {
            request.body.clone()
        };
        if path.is_none() && request.key.starts_with("own-") {
            self.kept.insert(request.key.clone(), now.clone());
        }
        self.seen.insert(request.key.clone(), now);
    }
}

fn read(key: String, path: &str) -> Request {
    let query = format!("?read={path}");
    Request { f: "read", key, value: Value::Null, method: "GET", query, body: String::new() }
}

impl Request {
    /// The outcome that a response means.
    fn outcome(&self, response: Option<&Response>) -> Outcome {
        let is_read = self.f == "read";
        let Some(response) = response else { return if is_read { Outcome::Fail } else { Outcome::Info } };
        match response.status {
            200 | 404 if is_read => Outcome::Ok,
            204 if !is_read => Outcome::Ok,
            412 if self.f == "cas" => Outcome::Fail,
            // The server refused the operation. A comparison that was not made must not be recorded as
            // failed, because a failed comparison says something about the value.
            409 | 503 if self.f == "cas" => Outcome::Info,
            409 | 503 => Outcome::Fail,
            504 if is_read => Outcome::Fail,
            504 => Outcome::Info,
            other => {
                panic!("{} {} was answered with status {other}: {}", self.method, self.key, response.body)
            }
        }
    }
}

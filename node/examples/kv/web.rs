//! The HTTP interface for clients and operators.
//!
//! | request | effect |
//! |---|---|
//! | `GET /kv/KEY?read=PATH` | returns the value; `PATH` is `index` (the default), `lease`, `verify` or `local` |
//! | `PUT /kv/KEY?expected=OLD` | sets the value to the body; with `expected`: status 412 if the value is not `OLD` |
//! | `DELETE /kv/KEY` | deletes the key |
//! | `POST /join?id=NAME&address=HOST:PORT&vote=false` | adds a voter, or a nonvoter with `vote=false` |
//! | `POST /leave?id=NAME` | removes a server |
//! | `POST /transfer?id=NAME` | transfers the leadership to server NAME; without `id`, the leader chooses the server |
//! | `POST /snapshot` | takes a snapshot |
//! | `GET /status` | returns the status of the server |
//! | `GET /metrics` | returns the metrics of the server |
//!
//! A server that does not lead redirects the client to the leader (status 307). `curl -L` follows the redirect.

#![expect(clippy::result_large_err, reason = "both variants are responses to the client")]

use crate::machine::{KvCommand, MISMATCH, Shared};
use crate::recorder::Recorder;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State, rejection::QueryRejection};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wavetank_node::{CallError, CallLimit, Raft, RaftState};

/// The state of the HTTP handlers.
#[derive(Clone, Debug)]
pub(crate) struct App {
    raft: Raft,
    shared: Shared,
    recorder: Recorder,
    timeout: Duration,
    /// The last term in which this server applied a barrier as the leader. Zero if this server has applied no
    /// barrier as the leader.
    settled: Arc<AtomicU64>,
}

pub(crate) fn routes(app: App) -> Router {
    Router::new()
        .route("/kv/{key}", get(read).put(write).delete(delete_key))
        .route("/join", post(join))
        .route("/leave", post(leave))
        .route("/transfer", post(transfer))
        .route("/snapshot", post(snapshot))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .with_state(app)
}

/// The query parameters of all requests. A request may have only some of the parameters.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryParameters {
    read: Option<ReadPath>,
    expected: Option<String>,
    id: Option<String>,
    address: Option<String>,
    vote: Option<bool>,
}

/// The check that a server makes before the server answers a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReadPath {
    /// ReadIndex: a round of heartbeats confirms the leader, and the server has applied all entries that were
    /// committed before the read.
    #[default]
    Index,
    /// The leader answers without a round of heartbeats, because its lease is valid.
    Lease,
    /// The leader applies one barrier in each term, and sends a round of heartbeats for each read, as in
    /// HashiCorp Raft.
    Verify,
    /// No check: the server reads its local state, and this state may be stale.
    Local,
}

type QueryResult = Result<Query<QueryParameters>, QueryRejection>;
type HttpResult = Result<Response, Response>;

async fn read(State(app): State<App>, Path(key): Path<String>, uri: Uri, asked: QueryResult) -> HttpResult {
    let Query(question) = asked.map_err(IntoResponse::into_response)?;
    let allowed = match question.read.unwrap_or_default() {
        ReadPath::Index => app.raft.read_index(app.limit()).await.map(|_| ()),
        ReadPath::Lease => app.raft.read_lease(app.limit()).await.map(|_| ()),
        ReadPath::Verify => app.verify().await,
        ReadPath::Local => Ok(()),
    };
    allowed.map_err(|error| app.refuse(&error, &uri))?;
    let value = app.shared.read().value(&key).cloned();
    Ok(value.ok_or(StatusCode::NOT_FOUND).into_response())
}

async fn write(
    State(app): State<App>,
    Path(key): Path<String>,
    uri: Uri,
    asked: QueryResult,
    body: Bytes,
) -> HttpResult {
    let Query(QueryParameters { expected, .. }) = asked.map_err(IntoResponse::into_response)?;
    let value = String::from_utf8(body.to_vec()).map_err(|_| bad("the value is not UTF-8 text"))?;
    app.apply(&KvCommand::Put { key, value, expected }, &uri).await
}

async fn delete_key(State(app): State<App>, Path(key): Path<String>, uri: Uri) -> HttpResult {
    app.apply(&KvCommand::Delete { key }, &uri).await
}

async fn join(State(app): State<App>, uri: Uri, asked: QueryResult) -> HttpResult {
    let Query(question) = asked.map_err(IntoResponse::into_response)?;
    let (Some(id), Some(address)) = (question.id, question.address) else {
        return Err(bad("the parameters id and address are required"));
    };
    let (any, limit) = (None, CallLimit::after(app.timeout * 4).or_no_quorum());
    let joined = if question.vote.unwrap_or(true) {
        app.raft.add_voter_staged(id, address, any, limit).await
    } else {
        app.raft.add_nonvoter(id, address, any, limit).await
    };
    app.done(joined, &uri)
}

async fn leave(State(app): State<App>, uri: Uri, asked: QueryResult) -> HttpResult {
    let Query(question) = asked.map_err(IntoResponse::into_response)?;
    let id = question.id.ok_or_else(|| bad("the parameter id is required"))?;
    let left = app.raft.remove_server(id, None, app.limit()).await;
    app.done(left, &uri)
}

async fn transfer(State(app): State<App>, uri: Uri, asked: QueryResult) -> HttpResult {
    let Query(question) = asked.map_err(IntoResponse::into_response)?;
    let transferred = match question.id {
        Some(id) => app.raft.leadership_transfer_to_server(id, app.limit()).await,
        None => app.raft.leadership_transfer(app.limit()).await,
    };
    app.done(transferred, &uri)
}

async fn snapshot(State(app): State<App>, uri: Uri) -> HttpResult {
    let taken = app.raft.snapshot(app.limit()).await.map_err(|error| app.refuse(&error, &uri))?;
    Ok(format!("{} ({} bytes)\n", taken.last, taken.size).into_response())
}

async fn status(State(app): State<App>, uri: Uri) -> HttpResult {
    let stats = app.raft.stats().await.map_err(|error| app.refuse(&error, &uri))?;
    let mut lines = format!("id: {}\naddress: {}\n", app.raft.local_id(), app.raft.local_addr());
    if let Some(leader) = app.raft.leader_with_id() {
        lines += &format!("leader: {leader}\n");
    }
    lines += &format!("keys: {}\n", app.shared.read().len());
    lines += &format!("{stats}\n");
    Ok(lines.into_response())
}

/// Returns the recorded metrics, and the statistics that are numbers, in the text format of Prometheus.
async fn metrics(State(app): State<App>, uri: Uri) -> HttpResult {
    let stats = app.raft.stats().await.map_err(|error| app.refuse(&error, &uri))?;
    let mut lines = app.recorder.to_string();
    let mut gauge = |name: &str, value: u64| {
        lines += &format!("# TYPE raft_stats_{name} gauge\nraft_stats_{name} {value}\n");
    };
    gauge("is_leader", u64::from(stats.state == RaftState::Leader));
    gauge("has_no_quorum", u64::from(stats.no_quorum.is_some()));
    for (key, value) in stats.to_map() {
        if let Ok(value) = value.parse() {
            gauge(key, value);
        }
    }
    Ok(lines.into_response())
}

fn bad(what: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{what}\n")).into_response()
}

impl App {
    pub(crate) fn new(raft: Raft, shared: Shared, recorder: Recorder, timeout: Duration) -> Self {
        Self { raft, shared, recorder, timeout, settled: Arc::default() }
    }

    /// Returns the limit of a call: the timeout, or the loss of the quorum.
    fn limit(&self) -> CallLimit {
        CallLimit::after(self.timeout).or_no_quorum()
    }

    /// Verifies that this server leads, and that this server has applied all commands that earlier leaders
    /// acknowledged. `verify_leader` verifies only the leadership: the state machine of a new leader may lack such
    /// commands.
    async fn verify(&self) -> Result<(), CallError> {
        loop {
            let term = self.raft.current_term();
            if self.settled.load(Ordering::Acquire) != term.0 {
                self.raft.barrier(self.limit()).await?;
                self.settled.store(term.0, Ordering::Release);
            }
            self.raft.verify_leader(self.limit()).await?;
            if self.raft.current_term() == term {
                return Ok(());
            }
        }
    }

    async fn apply(&self, kv_command: &KvCommand, uri: &Uri) -> HttpResult {
        let applied = self.raft.apply(kv_command.encode(), self.limit()).await;
        let applied = applied.map_err(|error| self.refuse(&error, uri))?;
        Ok(if *applied.response == *MISMATCH {
            (StatusCode::PRECONDITION_FAILED, "the value of the key is not the expected value\n")
                .into_response()
        } else {
            StatusCode::NO_CONTENT.into_response()
        })
    }

    fn done<T>(&self, result: Result<T, CallError>, uri: &Uri) -> HttpResult {
        result.map(|_| "done\n".into_response()).map_err(|error| self.refuse(&error, uri))
    }

    /// Redirects the client to the leader, or returns an error. Status 503 means that the call had no effect.
    /// Status 504 means that the outcome is unknown. Status 409 means that the call was refused.
    fn refuse(&self, error: &CallError, uri: &Uri) -> Response {
        let leader = self.raft.leader_with_id().filter(|leader| leader.id != *self.raft.local_id());
        let there = leader.and_then(|leader| self.shared.read().server(leader.id.as_str()).cloned());
        let status = match error {
            CallError::NotLeader(_) => {
                if let Some(http) = there {
                    let location = [(header::LOCATION, format!("http://{http}{uri}"))];
                    return (StatusCode::TEMPORARY_REDIRECT, location, format!("{error}\n")).into_response();
                }
                StatusCode::SERVICE_UNAVAILABLE
            }
            error if error.is_unknown() => StatusCode::GATEWAY_TIMEOUT,
            CallError::NoQuorum { .. }
            | CallError::Overloaded
            | CallError::EnqueueTimeout
            | CallError::LeadershipTransferInProgress => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::CONFLICT,
        };
        (status, format!("{error}\n")).into_response()
    }
}

//! One server whose peers, disk and state machine are scripted. A step returns the answers to
//! clients and the jobs for executors as text; observations are kept apart.

use super::harness::{PEERS, ScriptedAnswer, Start, response, transfer_vote};
use wavetank_raft::store::{StoreError, StoreErrorKind};
use wavetank_raft::{
    Action, Answer, Batch, Call, Data, DeadlineReason, Dialect, Event, NodeId, Observed, Payload, Request,
    RequestId, RoleName, RpcId, Server, Span, StoreJob, Time,
};

pub(crate) struct ServerHarness {
    pub(crate) server: Server,
    pub(crate) now: Time,
    /// Its unanswered requests, the oldest first.
    pub(crate) calls: Vec<(NodeId, RpcId, Request)>,
    pub(crate) ticket: RpcId,
    /// Observations that the test has not read yet.
    observed: Vec<String>,
    /// Batches that are not applied yet.
    batches: Vec<Batch>,
}

impl Start<'_> {
    /// A server that starts at time zero.
    pub(crate) fn serve(self) -> ServerHarness {
        let (settings, boot) = self.recovered();
        let server = Server::boot(settings, boot, Time(0));
        let (observed, batches) = (Vec::new(), Vec::new());
        let calls = Vec::new();
        let mut harness = ServerHarness { server, now: Time(0), calls, ticket: RpcId(0), observed, batches };
        for peer in PEERS {
            harness.step(Event::PeerSpeaks { peer: NodeId::of(peer), dialect: Dialect::Wavetank });
        }
        harness
    }

    /// The same as a leader; all followers have all entries, and all entries are applied.
    pub(crate) fn serve_as_leader(self) -> ServerHarness {
        let mut harness = self.serve();
        harness.until(DeadlineReason::Election);
        harness.wait();
        harness.agree();
        assert_eq!(harness.server.node().role(), RoleName::Leader);
        harness.apply_all();
        harness.until(DeadlineReason::Heartbeat);
        harness.agree();
        harness.observed();
        harness
    }
}

impl ServerHarness {
    pub(crate) fn step(&mut self, event: Event) -> String {
        let mut actions = Vec::new();
        self.server.step(self.now, event, &mut actions);
        let text: Vec<_> = actions.into_iter().filter_map(|action| self.note(action)).collect();
        text.join("; ")
    }

    /// Keeps the actions that the test script handles; returns the others as text.
    fn note(&mut self, action: Action) -> Option<String> {
        match action {
            Action::Send { to, rpc, request } => {
                self.calls.push((to, rpc, request));
                None
            }
            Action::Reply { .. } | Action::Store(StoreJob::Persist(_)) => None,
            Action::Store(StoreJob::Fetch { ticket, first, last }) => {
                self.ticket = ticket;
                Some(format!("fetch {first}..{last}"))
            }
            Action::Store(StoreJob::ReadSnapshot { ticket, last, offset, limit }) => {
                self.ticket = ticket;
                Some(format!("read {last:?} at {offset}+{limit}"))
            }
            Action::Store(StoreJob::WriteSnapshot { ticket, meta, offset, data, .. }) => {
                self.ticket = ticket;
                Some(format!("keep {} {offset}+{}", meta.last, data.len()))
            }
            Action::Apply(batch) => {
                let text = format!("apply {}+{}", batch.entries[0].id, batch.entries.len());
                self.batches.push(batch);
                Some(text)
            }
            Action::TakeSnapshot(meta) => Some(format!(
                "capture {} with {} {}",
                meta.last, meta.configuration_index, meta.configuration
            )),
            Action::Restore(meta) => Some(format!("load {}", meta.last)),
            Action::Answer { request, outcome } => Some(match outcome {
                Ok(answer) => format!("{request} {}", describe_answer(&answer)),
                Err(error) => format!("{request} {error:?}"),
            }),
            Action::Halt(halt) => Some(format!("halt {halt:?}")),
            Action::Observe(observed) => {
                self.observed.push(describe_observed(&observed));
                None
            }
        }
    }

    pub(crate) fn call(&mut self, request: u64, call: Call) -> String {
        self.step(Event::Call { request: RequestId(request), call })
    }

    /// Applies a command that consists of its number.
    pub(crate) fn apply(&mut self, request: u64) -> String {
        self.call(request, Call::Apply(command(request)))
    }

    /// Waits for the deadline.
    pub(crate) fn wait(&mut self) -> String {
        self.now = self.now.max(self.server.deadline().at);
        self.step(Event::Timer)
    }

    /// Lets deadlines pass until the next deadline has this reason; returns its time.
    pub(crate) fn until(&mut self, reason: DeadlineReason) -> Time {
        for _ in 0..100 {
            let deadline = self.server.deadline();
            if deadline.reason == reason {
                return deadline.at;
            }
            self.wait();
        }
        panic!("it never waits for {reason:?}");
    }

    pub(crate) fn receive(&mut self, from: &str, request: Request) -> String {
        self.step(Event::Request { from: NodeId::of(from), rpc: RpcId(1), request })
    }

    /// All its writes are persisted.
    pub(crate) fn persisted(&mut self) -> String {
        self.step(Event::Persisted(self.server.node().issued()))
    }

    /// The oldest request is answered with success.
    fn yes(&mut self) -> String {
        let (from, rpc, request) = self.calls.remove(0);
        let scripted = ScriptedAnswer { yes: true, term: self.server.node().term().0, number: 0, hint: None };
        self.step(Event::Response { from, rpc, response: response(&request, scripted) })
    }

    /// Peers answer all requests with success, and all writes are persisted.
    pub(crate) fn agree(&mut self) -> String {
        let mut text = Vec::new();
        for _ in 0..100 {
            if self.calls.is_empty() {
                let issued = self.server.node().issued();
                text.push(self.persisted());
                if self.calls.is_empty() && self.server.node().issued() == issued {
                    text.retain(|text| !text.is_empty());
                    return text.join("; ");
                }
            } else {
                text.push(self.yes());
            }
        }
        panic!("it keeps on asking: {:?}", self.calls);
    }

    /// A message of a newer term arrives.
    pub(crate) fn depose(&mut self) -> String {
        let term = self.server.node().term().0 + 1;
        let last = (term - 1, self.server.node().log().last().index.0);
        self.receive("n2", transfer_vote(term, last))
    }

    /// The state machine applies the next batch. It responds to a command with the command twice,
    /// and to a restore with `complaint`.
    pub(crate) fn applied_with(&mut self, complaint: &str) -> String {
        let batch = self.batches.remove(0);
        let respond = |payload: &Payload| match payload {
            Payload::Command(data) => Some([&data[..], &data[..]].concat().into()),
            Payload::Extended(both) => Some([&both.data[..], &both.extensions[..]].concat().into()),
            Payload::Restore(_) => Some(complaint.as_bytes().into()),
            Payload::Noop | Payload::Barrier | Payload::Configuration(_) => None,
        };
        let responses = batch
            .entries
            .iter()
            .filter_map(|entry| Some((entry.id.index, respond(&entry.payload)?)))
            .collect();
        let upto = batch.entries.last().expect("at least one").id.index;
        self.step(Event::Applied { upto, responses })
    }

    pub(crate) fn applied(&mut self) -> String {
        self.applied_with("")
    }

    pub(crate) fn apply_all(&mut self) -> String {
        let mut text = Vec::new();
        while !self.batches.is_empty() {
            text.push(self.applied());
        }
        text.join("; ")
    }

    /// The observations since the last call.
    pub(crate) fn observed(&mut self) -> String {
        std::mem::take(&mut self.observed).join("; ")
    }
}

pub(crate) fn command(number: u64) -> Data {
    number.to_string().as_bytes().into()
}

fn describe_answer(answer: &Answer) -> String {
    match answer {
        Answer::Applied { index, response } => {
            format!("applied {index} {}", String::from_utf8_lossy(response))
        }
        Answer::Committed { index } => format!("committed {index}"),
        Answer::Readable { index } => format!("reads {index}"),
        Answer::Snapshotted(meta) => format!("snapshot {}", meta.last),
        Answer::Done => "done".into(),
    }
}

fn describe_observed(observed: &Observed) -> String {
    match observed {
        Observed::State { role, term } => format!("{role:?} {term}"),
        Observed::Leader(None) => "no leader".into(),
        Observed::Leader(Some(leader)) => format!("leader {leader}"),
        Observed::Peer { removed, peer } => {
            let sign = if *removed { '-' } else { '+' };
            format!("{sign}{} {:?} at {}", peer.id, peer.suffrage, peer.address)
        }
        Observed::FailedHeartbeat { peer, silent } => {
            format!("{peer} silent for {}", Span::from_duration(*silent))
        }
        Observed::ResumedHeartbeat { peer } => format!("{peer} is back"),
        Observed::NeedsSnapshot { peer, past } => format!("{peer} needs a snapshot past {past}"),
        Observed::LostEntries { peer, acknowledged, last } => format!("{peer} lost {last}..{acknowledged}"),
        Observed::Truncated { after } => format!("cut after {after}"),
        Observed::OtherCluster { peer, other, .. } => format!("{peer} is in {other}"),
        Observed::CallsRefused { peer, why } => format!("{peer} refuses: {why}"),
        Observed::EntryTooLarge { peer, entry, .. } => format!("{entry} is too large for {peer}"),
        Observed::NoQuorum(reason) => reason.to_string(),
        Observed::QuorumAgain => "quorum again".into(),
        Observed::Ignored(why) => format!("ignored {why:?}"),
    }
}

/// A failure of a store.
pub(crate) fn failure() -> StoreError {
    StoreError::new(StoreErrorKind::Io, "disk")
}

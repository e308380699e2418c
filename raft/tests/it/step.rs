//! Bytes become the inputs of one node: messages of faulty peers, slow writes, crashes. After every
//! step the node's promises are checked against a model of its disk.

use crate::decisions::Decisions;
use std::collections::VecDeque;
use wavetank_raft::{
    AppendEntries, AppendEntriesResponse, Boot, CacheLimits, Change, ClientRequest, Config, Configuration,
    Data, Effect, Effects, Entries, Entropy, Entry, HardState, Index, Input, InstallSnapshot,
    InstallSnapshotResponse, LogId, LogImage, LogOp, Member, Node, NodeId, Payload, ReadPath, Request,
    RequestId, RequestPreVote, RequestPreVoteResponse, RequestVote, RequestVoteResponse, Response, RpcId,
    Settings, SnapshotMeta, SnapshotPiece, Span, StoreJob, Term, Time, TimeoutNow, TimeoutNowResponse, Token,
    Write,
};

/// A model of the disk, with the writes that have not ended.
#[derive(Debug, Default)]
struct Disk {
    hard_state: HardState,
    log: Vec<Entry>,
    snapshot: Option<SnapshotMeta>,
    catch_up: LogId,
    queue: VecDeque<Write>,
}

impl Disk {
    fn carry_out(&mut self) -> Option<Token> {
        let write = self.queue.pop_front()?;
        self.hard_state = write.hard_state.unwrap_or(self.hard_state);
        match &write.log {
            LogOp::Keep => {}
            LogOp::Append(entries) => self.log.extend(entries.iter().cloned()),
            LogOp::Replace(entries) => {
                self.log.retain(|entry| entry.id.index < entries[0].id.index);
                self.log.extend(entries.iter().cloned());
            }
            LogOp::Compact(upto) => self.log.retain(|entry| *upto < entry.id.index),
            LogOp::Discard(_) => self.log.clear(),
            LogOp::CatchUp(upto) => self.catch_up = *upto,
        }
        Some(write.token)
    }

    fn holds(&self, id: LogId) -> bool {
        let covered = self.snapshot.as_ref().is_some_and(|meta| id.index <= meta.last.index);
        covered || self.log.iter().any(|entry| entry.id == id)
    }

    /// Keeps a snapshot, unless there is a newer one.
    fn keep(&mut self, meta: SnapshotMeta) {
        if self.snapshot.as_ref().is_none_or(|kept| kept.last.index < meta.last.index) {
            self.snapshot = Some(meta);
        }
    }

    /// The log that a start finds. A log that contradicts the snapshot or begins beyond it is left out.
    fn image(&mut self, cache: u64) -> LogImage {
        let end = self.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let base = match self.log.first() {
            Some(first) if first.id.index == end.index.next() => end,
            // The term before the first entry is not known, and the snapshot covers it.
            Some(first) if self.log.iter().any(|entry| entry.id == end) => first.id,
            Some(_) | None => {
                self.log.clear();
                end
            }
        };
        let mut image = LogImage::new(base, CacheLimits::entries(cache));
        self.log
            .iter()
            .filter(|entry| base.index < entry.id.index)
            .for_each(|entry| image.push(entry.clone()));
        image
    }
}

/// The node with its environment, and the facts that it has shown so far.
#[derive(Debug)]
pub struct Harness {
    node: Node,
    disk: Disk,
    now: Time,
    starts: u32,
    config: Config,
    calls: Vec<(NodeId, RpcId, Request)>,
    tickets: Vec<Effect>,
    requests: u64,
    peer_rpc: u64,
    votes: Vec<(Term, NodeId)>,
    max_term: Term,
    open: Vec<RequestId>,
}

/// Runs one node on the inputs of these bytes.
///
/// # Panics
/// When the node breaks a promise.
pub fn run(bytes: &[u8]) {
    let mut decisions = Decisions::new(bytes);
    let mut one = Harness::new(&mut decisions);
    while !decisions.is_over() {
        one.act(&mut decisions);
    }
}

fn peer(number: u64) -> NodeId {
    NodeId::of(["n2", "n3", "n4", "n5"][usize::try_from(number).expect("a small number")])
}

fn members(count: u64) -> Configuration {
    let all = ["n1", "n2", "n3", "n4", "n5"].map(|name| Member::voter(name, name));
    let count = usize::try_from(count).expect("a small number");
    Configuration::new(all[..count].to_vec()).expect("names and addresses differ")
}

impl Harness {
    fn new(decisions: &mut Decisions<'_>) -> Self {
        let config = Config {
            local_id: "n1".into(),
            pre_vote_disabled: decisions.coin(),
            max_append_entries: 1 + decisions.pick(4),
            max_inflight: 1 + decisions.pick(4),
            log_cache_capacity: 1 + decisions.pick(8),
            trailing_logs: decisions.pick(4),
            ..Config::default()
        };
        let node = boot(&config, &mut Disk::default(), 0, Time(0));
        let mut one = Self {
            node,
            disk: Disk::default(),
            now: Time(0),
            starts: 0,
            config,
            calls: Vec::new(),
            tickets: Vec::new(),
            requests: 0,
            peer_rpc: 0,
            votes: Vec::new(),
            max_term: Term(0),
            open: Vec::new(),
        };
        if decisions.pick(4) != 0 {
            let count = 1 + decisions.pick(5);
            one.ask(ClientRequest::Bootstrap(members(count)));
        }
        one
    }

    fn act(&mut self, d: &mut Decisions<'_>) {
        match d.pick(16) {
            0 => self.wait(d),
            1 | 2 => self.write_one(),
            3 if d.pick(4) == 0 => self.crash(d),
            3 | 4 => self.append(d),
            5 => self.ask_for_vote(d),
            6 | 7 => self.answer(d),
            8 => self.ask(ClientRequest::Propose((0..d.pick(4)).map(|_| command()).collect())),
            9 => self.read(d),
            10 => self.change(d),
            11 => self.install(d),
            12 => self.serve_ticket(d),
            13 => self.transfer(d),
            14 => self.take_snapshot(),
            _ => self.nonsense(d),
        }
    }

    fn wait(&mut self, d: &mut Decisions<'_>) {
        let due = self.node.deadline().at;
        self.now =
            if d.coin() && due != Time::NEVER { self.now.max(due) } else { self.now + Span::ms(d.pick(200)) };
        self.step(Input::Timer);
    }

    fn write_one(&mut self) {
        if let Some(token) = self.disk.carry_out() {
            self.step(Input::Persisted(token));
        }
    }

    /// Crashes the node. The queued writes up to a drawn one survive, the rest are lost.
    fn crash(&mut self, d: &mut Decisions<'_>) {
        for _ in 0..d.pick(4) {
            self.disk.carry_out();
        }
        self.disk.queue.clear();
        self.calls.clear();
        self.tickets.clear();
        self.open.clear();
        self.starts += 1;
        self.node = boot(&self.config, &mut self.disk, self.starts, self.now);
        assert!(self.votes.iter().all(|(term, _)| *term <= self.node.term()), "a vote's term was forgotten");
    }

    fn term(&self, d: &mut Decisions<'_>) -> Term {
        Term((self.node.term().0 + d.pick(4)).saturating_sub(1))
    }

    fn index(&self, d: &mut Decisions<'_>) -> Index {
        Index((self.node.log().last().index.0 + d.pick(6)).saturating_sub(4))
    }

    fn hear(&mut self, d: &mut Decisions<'_>, request: Request) {
        self.peer_rpc += 1;
        let rpc = RpcId(self.peer_rpc);
        self.step(Input::Request { from: peer(d.pick(4)), rpc, request });
    }

    /// A peer appends entries: mostly ones that join the log, sometimes any. It never overwrites a
    /// committed entry, because no real leader could.
    fn append(&mut self, d: &mut Decisions<'_>) {
        let term = self.term(d);
        let index = self.index(d);
        let known = self.node.log().term_at(index);
        let prev = LogId { term: known.filter(|_| d.pick(4) != 0).unwrap_or_else(|| Term(d.pick(4))), index };
        let mut at = prev;
        let entries: Entries = (0..d.pick(4))
            .map(|_| {
                let term = Term((at.term.0 + d.pick(2)).min(term.0).max(at.term.0));
                at = LogId { term, index: at.index.next() };
                Entry::new(at.term, at.index, command())
            })
            .collect();
        let leader_commit = Index(self.node.commit().0 + d.pick(3));
        self.hear(d, Request::AppendEntries(AppendEntries { term, prev, entries, leader_commit }));
    }

    fn ask_for_vote(&mut self, d: &mut Decisions<'_>) {
        let term = self.term(d);
        let last_log = LogId { term: self.term(d), index: self.index(d) };
        let request = match d.pick(3) {
            0 => Request::RequestPreVote(RequestPreVote { term, last_log }),
            one => Request::RequestVote(RequestVote { term, last_log, leadership_transfer: one == 1 }),
        };
        self.hear(d, request);
    }

    /// A peer answers a call of the node, truthfully or not, once or twice.
    fn answer(&mut self, d: &mut Decisions<'_>) {
        if self.calls.is_empty() {
            return;
        }
        let at = usize::try_from(d.pick(256)).expect("a byte") % self.calls.len();
        let (from, rpc, request) = self.calls[at].clone();
        if d.pick(8) != 0 {
            self.calls.swap_remove(at);
        }
        let term = if d.pick(8) == 0 { self.term(d) } else { self.node.term() };
        let yes = d.pick(4) != 0;
        let response = match request {
            Request::AppendEntries(m) => Response::AppendEntries(AppendEntriesResponse {
                term,
                success: yes,
                last_log: m.prev.index,
                no_retry_backoff: !yes,
                hint: d.coin().then(|| LogId { term: Term(d.pick(4)), index: m.prev.index.back() }),
            }),
            Request::RequestVote(_) => {
                Response::RequestVote(RequestVoteResponse { term, granted: yes, refused_for_term: !yes })
            }
            Request::RequestPreVote(m) => {
                let term = if yes { m.term } else { term };
                Response::RequestPreVote(RequestPreVoteResponse { term, granted: yes })
            }
            Request::InstallSnapshot(m) => Response::InstallSnapshot(InstallSnapshotResponse {
                term,
                success: yes,
                next_offset: m.offset + m.data.len() as u64,
            }),
            Request::TimeoutNow(_) => Response::TimeoutNow(TimeoutNowResponse { accepted: yes }),
        };
        self.step(Input::Response { from, rpc, response });
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.open.push(request);
        request
    }

    fn read(&mut self, d: &mut Decisions<'_>) {
        let path = [ReadPath::Index, ReadPath::Lease, ReadPath::Verify][d.pick(3) as usize];
        let request = self.request();
        self.ask(ClientRequest::Read { request, path });
    }

    fn transfer(&mut self, d: &mut Decisions<'_>) {
        let target = d.coin().then(|| peer(d.pick(4)));
        let request = self.request();
        self.ask(ClientRequest::Transfer { request, target });
    }

    fn change(&mut self, d: &mut Decisions<'_>) {
        let id = ["n1", "n2", "n3", "n4", "n5"][d.pick(5) as usize];
        let change = match d.pick(6) {
            0 => Change::AddVoter(id.into(), id.into()),
            1 => Change::AddNonvoter(id.into(), id.into()),
            2 => Change::DemoteVoter(id.into()),
            3 => Change::RemoveServer(id.into()),
            4 => Change::Members(members(1 + d.pick(5)).servers().to_vec()),
            _ => {
                let request = self.request();
                return self.ask(ClientRequest::Stage { request, node: NodeId::of(id) });
            }
        };
        self.ask(ClientRequest::Change { change, prev_index: d.coin().then_some(Index(1)) });
    }

    fn meta(&self, last: LogId) -> SnapshotMeta {
        let (configuration_index, configuration) = match self.node.configuration() {
            Some((index, latest)) => (index.min(last.index), Configuration::clone(latest)),
            None => (Index(1), members(3)),
        };
        SnapshotMeta { last, configuration, configuration_index, size: 2, checksum: 0 }
    }

    fn install(&mut self, d: &mut Decisions<'_>) {
        let term = self.term(d);
        let last = LogId { term: Term(d.pick(4).min(term.0)), index: self.index(d).next() };
        let meta = self.meta(last).into();
        let offset = d.pick(2);
        let data: Data = vec![0; 1].into();
        let request =
            Request::InstallSnapshot(InstallSnapshot { term, meta, offset, data, done: offset == 1 });
        self.hear(d, request);
    }

    fn take_snapshot(&mut self) {
        let index = self.node.commit().min(self.node.durable());
        let newest = self.disk.snapshot.as_ref().map_or(Index::ZERO, |meta| meta.last.index);
        if newest < index
            && let Some(last) = self.node.log().id_at(index)
        {
            self.disk.keep(self.meta(last));
            self.step(Input::SnapshotTaken(last));
        }
    }

    /// The store answers a request, or reports an error.
    fn serve_ticket(&mut self, d: &mut Decisions<'_>) {
        let Some(effect) = self.tickets.pop() else { return };
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these three are kept")]
        let input = match effect {
            Effect::Store(StoreJob::Fetch { ticket, first, last }) => {
                let wanted = |entry: &&Entry| first <= entry.id.index && entry.id.index <= last;
                let entries = self.disk.log.iter().filter(wanted).cloned();
                let entries = if d.pick(4) == 0 { Entries::default() } else { entries.collect() };
                Input::Fetched { ticket, entries }
            }
            Effect::Store(StoreJob::ReadSnapshot { ticket, offset, .. }) => {
                let meta = self.disk.snapshot.clone().filter(|_| d.pick(4) != 0);
                let piece =
                    meta.map(|meta| SnapshotPiece { meta: meta.into(), offset, data: vec![0; 1].into() });
                Input::SnapshotRead { ticket, piece }
            }
            Effect::Store(StoreJob::WriteSnapshot { ticket, meta, done, .. }) => {
                let ok = d.pick(4) != 0;
                if ok && done {
                    self.disk.keep((*meta).clone());
                }
                Input::SnapshotWritten { ticket, ok }
            }
            _ => return,
        };
        self.step(input);
    }

    /// Inputs that no correct environment gives.
    fn nonsense(&mut self, d: &mut Decisions<'_>) {
        match d.pick(5) {
            0 => self.step(Input::Persisted(Token(self.node.issued().0 + 1 + d.pick(3)))),
            1 => self.step(Input::Fetched { ticket: RpcId(d.pick(9)), entries: Entries::default() }),
            2 => {
                let term = d.coin().then(|| self.term(d));
                self.hear(d, Request::TimeoutNow(TimeoutNow { term }));
            }
            3 => {
                let granted = d.coin();
                let response = Response::RequestVote(RequestVoteResponse {
                    term: self.node.term(),
                    granted,
                    refused_for_term: !granted,
                });
                self.step(Input::Response { from: peer(d.pick(4)), rpc: RpcId(d.pick(64)), response });
            }
            _ => self.step(Input::SnapshotWritten { ticket: RpcId(d.pick(64)), ok: true }),
        }
    }

    /// Takes a request of a client.
    fn ask(&mut self, request: ClientRequest) {
        self.step(Input::Client(request));
    }

    /// Takes a step and checks the node's promises.
    fn step(&mut self, input: Input) {
        let (term, vote, commit) = (self.node.term(), self.node.vote(), self.node.commit());
        let mut fx = Effects::new();
        self.node.step(self.now, input, &mut fx);
        assert!(term <= self.node.term(), "the term fell");
        assert!(commit <= self.node.commit(), "the commit fell");
        assert!(self.node.commit() <= self.node.log().last().index, "commit beyond the end");
        let kept = term < self.node.term() || vote.is_none() || vote == self.node.vote();
        assert!(kept, "the vote of {term} changed");
        for effect in fx {
            self.judge(effect);
        }
        self.max_term = self.max_term.max(self.node.term());
    }

    /// Checks that what the node sends is true of the disk.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest asserts nothing about the disk")]
    fn judge(&mut self, effect: Effect) {
        match effect {
            Effect::Store(StoreJob::Persist(write)) => self.disk.queue.push_back(write),
            Effect::Send { to, rpc, request } => {
                if let Request::RequestVote(m) = &request {
                    self.expect_vote(m.term, self.node.id());
                }
                self.calls.push((to, rpc, request));
            }
            Effect::Reply { to, response: Response::RequestVote(m), .. } if m.granted => {
                self.expect_vote(m.term, to);
            }
            Effect::Reply { response: Response::AppendEntries(m), .. } => {
                assert!(m.term <= self.disk.hard_state.term, "{} was shown before it was durable", m.term);
            }
            Effect::Commit(index) => {
                let id = self.node.log().id_at(index).expect("what may be applied is in the log");
                assert!(self.disk.holds(id), "{id} may be applied but is not on the disk");
            }
            Effect::ReadReady { request, .. }
            | Effect::ReadFailed { request, .. }
            | Effect::TransferEnded { request, .. } => {
                let at = self.open.iter().position(|open| *open == request);
                self.open.remove(at.expect("one request, one outcome"));
            }
            Effect::Store(
                StoreJob::Fetch { .. } | StoreJob::ReadSnapshot { .. } | StoreJob::WriteSnapshot { .. },
            ) => {
                self.tickets.push(effect);
            }
            _ => {}
        }
    }

    fn expect_vote(&mut self, term: Term, to: NodeId) {
        let disk = self.disk.hard_state;
        let durable = term < disk.term || (disk.term == term && disk.vote == Some(to));
        assert!(durable, "a vote for {to} in {term} left, the disk says {disk:?}");
        let same = self.votes.iter().all(|(voted, whom)| *voted != term || *whom == to);
        assert!(same, "two votes in {term}");
        self.votes.push((term, to));
    }
}

fn command() -> Payload {
    Payload::Command(vec![0; 1].into())
}

fn boot(config: &Config, disk: &mut Disk, incarnation: u32, now: Time) -> Node {
    let settings = Settings::new(config.clone()).expect("drawn within the rules");
    let boot = Boot {
        entropy: Entropy(1),
        incarnation,
        hard_state: disk.hard_state,
        log: disk.image(config.log_cache_capacity),
        snapshot: disk.snapshot.clone().map(Into::into),
        catch_up: disk.catch_up,
    };
    Node::boot(settings, boot, now)
}

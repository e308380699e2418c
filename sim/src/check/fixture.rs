//! A scripted cluster for tests of the checks. Every helper makes a legal sequence of steps. A test then
//! breaks one rule directly.

mod scripted_server;

pub(crate) use scripted_server::ScriptedServer;

use super::Check;
use crate::check::ghost::{Facts, Follower, Ghost, Limits, ServerView};
use crate::plan::server_set::ServerIdx;
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::*;

pub(crate) const N1: ServerIdx = ServerIdx(0);
pub(crate) const N2: ServerIdx = ServerIdx(1);
pub(crate) const N3: ServerIdx = ServerIdx(2);
pub(crate) const N4: ServerIdx = ServerIdx(3);

/// The time during which a server refuses votes after a message from its leader. A clock advances only if a
/// test sets the clock.
pub(crate) const HEARTBEAT_TIMEOUT: Span = Span::ms(100);

/// The settings of every server.
pub(crate) const LIMITS: Limits = Limits {
    append_entries: 4,
    append_bytes: 200,
    inflight: 2,
    trailing_logs: 1,
    snapshot_threshold: 3,
    snapshot_interval: Span::ms(100),
    election_timeout: HEARTBEAT_TIMEOUT,
    catch_up_rounds: 3,
    lease: Span::ms(90),
    heartbeat_interval: Span::ms(10),
};

/// Makes a configuration with these voters.
pub(crate) fn voters(servers: &[ServerIdx]) -> Arc<Configuration> {
    let members = servers.iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
    Arc::new(Configuration::new(members).expect("a sound configuration"))
}

/// Makes the log that a store recovers if the store has these entries after the position `base`.
fn image(base: LogId, entries: &[Entry]) -> LogImage {
    let mut image = LogImage::new(base, CacheLimits::entries(1));
    for entry in entries {
        image.push(entry.clone());
    }
    image
}

/// Returns the two voters other than this server.
fn other_servers(idx: ServerIdx) -> impl Iterator<Item = ServerIdx> {
    [N1, N2, N3].into_iter().filter(move |other| *other != idx)
}

/// Makes an acknowledgement of the log up to an index.
fn success(term: Term, last_log: Index) -> Response {
    let (success, no_retry_backoff, hint) = (true, false, None);
    Response::AppendEntries(AppendEntriesResponse { term, success, last_log, no_retry_backoff, hint })
}

/// Makes the metadata of a snapshot that ends at the entry `last`. The snapshot has the first configuration.
pub(crate) fn meta(last: LogId) -> SnapshotMeta {
    let configuration = (*voters(&[N1, N2, N3])).clone();
    SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 }
}

/// The ghost state of a scripted run, and the check under test.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) ghost: Ghost,
    check: &'static Check,
    witnessed: u64,
    scripted_servers: Vec<ScriptedServer>,
    violation: Option<String>,
    serial: u64,
    /// The time that the clock of every server shows.
    pub(crate) clock: Time,
}

impl Fixture {
    /// Makes a cluster of three voters. All voters have term 1 and the first configuration. A fourth server
    /// is not a member.
    pub(crate) fn three(check: &'static Check) -> Self {
        let blank = ScriptedServer {
            view: ServerView::BLANK,
            configuration: None,
            counted: None,
            followers: Vec::new(),
            entries: Vec::new(),
            writes: VecDeque::new(),
            disk: (HardState::default(), 0),
            limits: LIMITS,
            promises_silence: true,
            dialect: Dialect::Wavetank,
        };
        let mut fixture = Self {
            ghost: Ghost::default(),
            check,
            witnessed: 0,
            scripted_servers: vec![blank; 4],
            violation: None,
            serial: 0,
            clock: Time(0),
        };
        for idx in [N1, N2, N3, N4] {
            fixture.boot(idx);
        }
        let first = Entry::new(Term(1), Index(1), Payload::Configuration(voters(&[N1, N2, N3])));
        for idx in [N1, N2, N3] {
            let write = fixture
                .write(Some(HardState { term: Term(1), vote: None }), LogOp::Append([first.clone()].into()));
            let request = RequestId(fixture.serial);
            let call = Call::Bootstrap((*voters(&[N1, N2, N3])).clone());
            fixture.step(idx, &Event::Call { request, call }, |_| {}, vec![write]);
            fixture.sync(idx);
        }
        fixture
    }

    pub(crate) fn run_check(&mut self, facts: Facts) {
        if facts.touches(self.check.watches)
            && let Some(what) = (self.check.judge)(&self.ghost, facts, &mut self.witnessed)
        {
            self.violation.get_or_insert(what);
        }
    }

    /// Asserts that the check had a case to judge and reported no violation.
    pub(crate) fn expect_holds(&self) {
        self.expect_no_violation();
        assert!(0 < self.witnessed, "check {} saw nothing", self.check.name);
    }

    /// Asserts that the check reported no violation. The check may have had no case to judge.
    pub(crate) fn expect_no_violation(&self) {
        assert_eq!(self.violation, None, "check {} must report nothing", self.check.name);
    }

    /// Asserts that the check reported a message that begins with this text.
    pub(crate) fn expect_violation(&self, what: &str) {
        let violation = self.violation.as_deref().unwrap_or("nothing");
        assert!(violation.starts_with(what), "check {} says {violation:?}, not {what:?}", self.check.name);
    }

    /// Removes and returns the message of the first violation.
    pub(crate) fn take_violation(&mut self) -> Option<String> {
        self.violation.take()
    }

    pub(crate) fn write(&mut self, hard_state: Option<HardState>, log: LogOp) -> Action {
        self.serial += 1;
        Action::Store(StoreJob::Persist(Write { token: Token(self.serial), hard_state, log }))
    }

    pub(crate) fn rpc(&mut self) -> RpcId {
        self.serial += 1;
        RpcId(self.serial)
    }

    pub(crate) fn scripted(&self, idx: ServerIdx) -> &ScriptedServer {
        &self.scripted_servers[idx.at()]
    }

    /// Lets a server handle an event and take the actions `actions`. The writes in `actions` change the
    /// server's view. Then `change` makes further changes to the view.
    pub(crate) fn step(
        &mut self,
        idx: ServerIdx,
        event: &Event,
        change: impl FnOnce(&mut ScriptedServer),
        actions: Vec<Action>,
    ) {
        self.ghost.number += 1;
        self.ghost.stepping(idx, event, self.clock);
        let scripted = &mut self.scripted_servers[idx.at()];
        for action in &actions {
            if let Action::Store(StoreJob::Persist(write)) = action {
                scripted.remember(write);
            }
        }
        change(scripted);
        let facts = self.ghost.stepped(idx, &self.scripted_servers[idx.at()], &actions);
        self.run_check(facts);
    }

    /// Changes the view of a server in a timer event.
    pub(crate) fn set_view(&mut self, idx: ServerIdx, change: impl FnOnce(&mut ScriptedServer)) {
        self.step(idx, &Event::Timer, change, Vec::new());
    }

    /// Makes all pending writes of a server durable.
    pub(crate) fn sync(&mut self, idx: ServerIdx) {
        while let Some(write) = self.scripted_servers[idx.at()].writes.pop_front() {
            let scripted = &mut self.scripted_servers[idx.at()];
            scripted.disk = (write.hard_state.unwrap_or(scripted.disk.0), scripted.entries.len());
            let facts = self.ghost.durable(idx, &write, None);
            self.run_check(facts);
        }
    }

    pub(crate) fn crash(&mut self, idx: ServerIdx) {
        let facts = self.ghost.crashed(idx, false);
        self.run_check(facts);
        let scripted = &mut self.scripted_servers[idx.at()];
        scripted.writes.clear();
        scripted.entries.truncate(scripted.disk.1);
    }

    /// Starts a server with the content of the server's disk.
    pub(crate) fn boot(&mut self, idx: ServerIdx) {
        let hard = self.scripted_servers[idx.at()].disk.0;
        self.boot_with_vote(idx, hard.term.0, hard.vote);
    }

    /// Starts a server with the content of the server's disk. From now on, the server makes no promise of silence.
    pub(crate) fn boot_without_promise(&mut self, idx: ServerIdx) {
        self.scripted_servers[idx.at()].promises_silence = false;
        self.boot(idx);
    }

    /// Starts a server with the content of the server's disk. From now on, the server understands the dialect of
    /// HashiCorp Raft.
    pub(crate) fn boot_as_hashicorp(&mut self, idx: ServerIdx) {
        self.scripted_servers[idx.at()].dialect = Dialect::HashiCorp;
        self.boot(idx);
    }

    /// Starts a server with this term and vote and with its own log.
    pub(crate) fn boot_with_vote(&mut self, idx: ServerIdx, term: u64, vote: Option<NodeId>) {
        let entries = self.scripted_servers[idx.at()].entries.clone();
        let log = image(LogId::ZERO, &entries);
        let hard_state = HardState { term: Term(term), vote };
        let boot = Boot {
            entropy: Entropy(0),
            incarnation: 1,
            hard_state,
            log,
            snapshot: None,
            catch_up: LogId::ZERO,
        };
        self.boot_as(idx, &boot, &entries);
    }

    /// Starts a server with this boot state.
    pub(crate) fn boot_as(&mut self, idx: ServerIdx, boot: &Boot, entries: &[Entry]) {
        let scripted = &mut self.scripted_servers[idx.at()];
        let snapshot = boot.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        scripted.view = ServerView {
            term: boot.hard_state.term,
            vote: boot.hard_state.vote,
            last: boot.log.last(),
            commit: snapshot.index,
            applied: snapshot.index,
            snapshot,
            ..ServerView::BLANK
        };
        scripted.entries = entries.to_vec();
        scripted.disk = (boot.hard_state, entries.len());
        scripted.reconfigure();
        let facts = self.ghost.booted(idx, &self.scripted_servers[idx.at()], boot, entries);
        self.run_check(facts);
    }

    /// Lets a state machine apply the entries from index `first` to index `last`.
    pub(crate) fn applied(&mut self, idx: ServerIdx, first: u64, last: u64, digest: u64) {
        let entries = (first..=last).map(|index| Entry::new(Term(1), Index(index), Payload::Noop)).collect();
        let facts = self.ghost.applied(idx, &Batch { entries }, digest);
        self.run_check(facts);
    }

    /// Lets a state machine load a snapshot.
    pub(crate) fn restored(&mut self, idx: ServerIdx, last: LogId, digest: u64) {
        let facts = self.ghost.restored(idx, last, digest);
        self.run_check(facts);
    }

    /// Lets a state machine write a snapshot with the first configuration.
    pub(crate) fn captured(&mut self, idx: ServerIdx, last: LogId, digest: u64) {
        let facts = self.ghost.captured(idx, &meta(last), digest);
        self.run_check(facts);
    }

    /// Lets a server receive the last piece of a snapshot, write this piece and install the snapshot.
    pub(crate) fn install(
        &mut self,
        idx: ServerIdx,
        last: LogId,
        log: LogOp,
        change: impl FnOnce(&mut ScriptedServer),
    ) {
        let ticket = self.rpc();
        let meta = Arc::new(meta(last));
        let data: Data = [].into();
        let keep = Action::Store(StoreJob::WriteSnapshot {
            ticket,
            meta: Arc::clone(&meta),
            offset: 0,
            data,
            done: true,
        });
        self.step(idx, &Event::Timer, |_| {}, vec![keep]);
        let write = self.write(None, log);
        let event = Event::SnapshotWritten { ticket, ok: true };
        self.step(idx, &event, change, vec![write, Action::Restore(meta)]);
    }

    /// Lets a client ask a server for a read.
    pub(crate) fn read(&mut self, idx: ServerIdx, request: u64, path: ReadPath) {
        let event = Event::Call { request: RequestId(request), call: Call::Read(path) };
        self.step(idx, &event, |_| {}, Vec::new());
    }

    /// Lets a server allow the read with the number `request`.
    pub(crate) fn allow(&mut self, idx: ServerIdx, request: u64, answer: Answer) {
        let answer = Action::Answer { request: RequestId(request), outcome: Ok(answer) };
        self.step(idx, &Event::Timer, |_| {}, vec![answer]);
    }

    /// Lets a server campaign. The server asks for votes after its own vote is durable.
    pub(crate) fn campaign(&mut self, idx: ServerIdx, term: u64) {
        let hard = HardState { term: Term(term), vote: Some(idx.node()) };
        let write = self.write(Some(hard), LogOp::Keep);
        let campaign = |scripted: &mut ScriptedServer| {
            scripted.view = ServerView { role: RoleName::Candidate, leader: None, ..scripted.view };
        };
        self.step(idx, &Event::Timer, campaign, vec![write]);
        self.sync(idx);
        let last_log = self.scripted(idx).view.last;
        let request = RequestVote { term: Term(term), last_log, leadership_transfer: false };
        let (rpc, request) = (self.rpc(), Request::RequestVote(request));
        let send = |peer: ServerIdx| Action::Send { to: peer.node(), rpc, request: request.clone() };
        let sends = other_servers(idx).map(send).collect();
        self.step(idx, &Event::Persisted(Token(self.serial)), |_| {}, sends);
    }

    /// Lets a server receive a vote request, make its vote durable, and grant the vote.
    pub(crate) fn grant(&mut self, voter: ServerIdx, term: u64, candidate: ServerIdx) {
        let last = self.scripted(candidate).view.last;
        let rpc = self.rpc();
        let hard = HardState { term: Term(term), vote: Some(candidate.node()) };
        let write = self.write(Some(hard), LogOp::Keep);
        let request = Request::RequestVote(RequestVote {
            term: Term(term),
            last_log: last,
            leadership_transfer: false,
        });
        let event = Event::Request { from: candidate.node(), rpc, request };
        let follow = |scripted: &mut ScriptedServer| scripted.view.role = RoleName::Follower;
        self.step(voter, &event, follow, vec![write]);
        self.sync(voter);
        let reply = self.granting(candidate, rpc, term);
        self.step(voter, &Event::Persisted(Token(self.serial)), |_| {}, vec![reply]);
    }

    pub(crate) fn granting(&self, candidate: ServerIdx, rpc: RpcId, term: u64) -> Action {
        let response = Response::RequestVote(RequestVoteResponse {
            term: Term(term),
            granted: true,
            refused_for_term: false,
        });
        Action::Reply { to: candidate.node(), rpc, response }
    }

    /// Lets a candidate become leader and append its first entry.
    pub(crate) fn become_leader(&mut self, idx: ServerIdx, term: u64) {
        let last = self.scripted(idx).view.last.index;
        let noop = Entry::new(Term(term), last.next(), Payload::Noop);
        let write = self.write(None, LogOp::Append([noop].into()));
        let blank = |peer: ServerIdx| Follower { node: peer.node(), matched: Index::ZERO, next: last.next() };
        let followers = other_servers(idx).map(blank).collect();
        let lead = |scripted: &mut ScriptedServer| {
            scripted.view = ServerView {
                role: RoleName::Leader,
                term: Term(term),
                leader: Some(idx.node()),
                ..scripted.view
            };
            scripted.followers = followers;
        };
        let response = Response::RequestVote(RequestVoteResponse {
            term: Term(term),
            granted: true,
            refused_for_term: false,
        });
        let event = Event::Response { from: N3.node(), rpc: RpcId(0), response };
        self.step(idx, &event, lead, vec![write]);
        self.sync(idx);
    }

    /// Elects a server with the votes of both other servers.
    pub(crate) fn elect(&mut self, idx: ServerIdx, term: u64) {
        self.campaign(idx, term);
        for voter in other_servers(idx) {
            self.grant(voter, term, idx);
        }
        self.become_leader(idx, term);
    }

    /// Lets a leader append entries with these payloads and make the entries durable.
    pub(crate) fn append(&mut self, leader: ServerIdx, payloads: Vec<Payload>) {
        let view = self.scripted(leader).view;
        let indexes = view.last.index.0 + 1..;
        let entry = |(index, payload)| Entry::new(view.term, Index(index), payload);
        let entries: Vec<_> = indexes.zip(payloads).map(entry).collect();
        let write = self.write(None, LogOp::Append(entries.into()));
        let event = Event::ApplyBatch(Vec::new());
        self.step(leader, &event, |_| {}, vec![write]);
        self.sync(leader);
    }

    /// Lets a leader append `count` commands.
    pub(crate) fn propose(&mut self, leader: ServerIdx, count: usize) {
        let bytes: Data = [7].as_slice().into();
        self.append(leader, vec![Payload::Command(bytes); count]);
    }

    /// Sends a follower all entries of the leader after index `after`. The sent entries replace conflicting
    /// entries of the follower. The follower makes the sent entries durable and acknowledges its log.
    pub(crate) fn replicate(&mut self, leader: ServerIdx, follower: ServerIdx, after: u64) {
        let rpc = self.deliver(leader, follower, after);
        self.sync(follower);
        self.acknowledge(leader, follower, rpc);
    }

    /// Sends a follower all entries of the leader after index `after`. Returns the number of the request.
    pub(crate) fn deliver(&mut self, leader: ServerIdx, follower: ServerIdx, after: u64) -> RpcId {
        let rpc = self.rpc();
        let (term, entries) = (self.scripted(leader).view.term, self.scripted(leader).entries.clone());
        let after = usize::try_from(after).expect("small");
        let prev = after.checked_sub(1).map_or(LogId::ZERO, |at| entries[at].id);
        let (kept, sent) = (self.scripted(follower).entries.len(), &entries[after..]);
        let op = match sent.first() {
            None => LogOp::Keep,
            Some(first) if kept < usize::try_from(first.id.index.0).expect("small") => {
                LogOp::Append(sent.into())
            }
            Some(_) => LogOp::Replace(sent.into()),
        };
        let hard = self.scripted(follower).view;
        let hard = (hard.term < term).then_some(HardState { term, vote: None });
        let write = self.write(hard, op);
        let request = AppendEntries { term, prev, entries: sent.into(), leader_commit: Index::ZERO };
        let event = Event::Request { from: leader.node(), rpc, request: Request::AppendEntries(request) };
        let follow = |scripted: &mut ScriptedServer| {
            scripted.view =
                ServerView { role: RoleName::Follower, term, leader: Some(leader.node()), ..scripted.view };
        };
        self.step(follower, &event, follow, vec![write]);
        rpc
    }

    /// Lets a follower acknowledge its log in the response to the request `rpc`, and lets the leader receive
    /// the acknowledgement.
    pub(crate) fn acknowledge(&mut self, leader: ServerIdx, follower: ServerIdx, rpc: RpcId) {
        let acknowledgement = self.acknowledgement(leader, follower, rpc);
        self.step(follower, &Event::Persisted(Token(self.serial)), |_| {}, vec![acknowledgement]);
        let matched = self.scripted(follower).view.last.index;
        self.set_matched(leader, follower, matched);
    }

    pub(crate) fn acknowledgement(&self, leader: ServerIdx, follower: ServerIdx, rpc: RpcId) -> Action {
        let ServerView { term, last, .. } = self.scripted(follower).view;
        Action::Reply { to: leader.node(), rpc, response: success(term, last.index) }
    }

    /// Lets a leader receive an acknowledgement, and sets the leader's match index of the follower.
    pub(crate) fn set_matched(&mut self, leader: ServerIdx, follower: ServerIdx, matched: Index) {
        let term = self.scripted(leader).view.term;
        let response = success(term, matched);
        let event = Event::Response { from: follower.node(), rpc: RpcId(0), response };
        let believe = |scripted: &mut ScriptedServer| {
            for known in scripted.followers.iter_mut().filter(|known| known.node == follower.node()) {
                (known.matched, known.next) = (matched, matched.next());
            }
        };
        self.step(leader, &event, believe, Vec::new());
    }

    /// Lets a server raise its commit index in the step that reports a durable write.
    pub(crate) fn commit(&mut self, idx: ServerIdx, index: u64) {
        let event = Event::Persisted(Token(self.serial));
        self.step(idx, &event, |scripted| scripted.view.commit = Index(index), Vec::new());
    }

    /// Elects a server. The new leader's log is replicated to all voters, and all voters commit the log.
    pub(crate) fn settle(&mut self, leader: ServerIdx, term: u64) {
        self.elect(leader, term);
        let last = self.scripted(leader).view.last.index.0;
        for follower in other_servers(leader) {
            self.replicate(leader, follower, 0);
        }
        self.commit(leader, last);
        for follower in other_servers(leader) {
            self.commit(follower, last);
        }
    }
}

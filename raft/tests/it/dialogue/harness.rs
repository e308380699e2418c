//! One node whose peers, clients and stores are scripted. The effects of a step are described as
//! text, so that a case is one line.

use std::fmt::Write as _;
use wavetank_raft::{
    AppendEntries, AppendEntriesResponse, Boot, CacheLimits, ClientRequest, Config, Configuration,
    DeadlineReason, Dialect, Effect, Effects, Entries, Entropy, Entry, HardState, Index, Input,
    InstallSnapshotResponse, LogId, LogImage, LogOp, Member, Node, NodeId, Payload, Request, RequestPreVote,
    RequestPreVoteResponse, RequestVote, RequestVoteResponse, Response, RoleName, RpcId, Settings,
    SnapshotMeta, Span, StoreJob, Term, Time, TimeoutNowResponse, Write,
};

/// The start state of a node.
pub(crate) struct Start<'a> {
    pub(crate) config: Config,
    pub(crate) members: Vec<Member>,
    pub(crate) term: u64,
    pub(crate) vote: Option<&'a str>,
    /// The terms of the entries on its disk. The first entry is the configuration.
    pub(crate) log: &'a [u64],
    /// The last entry of its snapshot. The log begins after it.
    pub(crate) snapshot: Option<(u64, u64)>,
}

/// The servers whose protocol a harness knows from the start.
pub(crate) const PEERS: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];

/// Voters with these names.
pub(crate) fn voters(names: &[&str]) -> Vec<Member> {
    names.iter().map(|&name| Member::voter(name, name)).collect()
}

impl Start<'_> {
    /// One of three voters, in the term of its last entry.
    pub(crate) fn of<'a>(log: &'a [u64]) -> Start<'a> {
        let config = Config { local_id: "n1".into(), ..Config::default() };
        let term = log.last().copied().unwrap_or(0);
        Start { config, members: voters(&["n1", "n2", "n3"]), term, vote: None, log, snapshot: None }
    }

    /// A node that starts at time zero.
    pub(crate) fn boot(self) -> Harness {
        self.boot_as(0)
    }

    /// The same, with this number of earlier starts.
    pub(crate) fn boot_as(self, incarnation: u32) -> Harness {
        let (settings, boot) = self.recovered();
        let mut node = Node::boot(settings, Boot { incarnation, ..boot }, Time(0));
        for peer in PEERS {
            node.set_dialect(NodeId::of(peer), Dialect::Wavetank);
        }
        Harness { node, now: Time(0), calls: Vec::new(), ticket: RpcId(0) }
    }

    /// The settings and the content of the stores.
    pub(crate) fn recovered(self) -> (Settings, Boot) {
        let configuration = Configuration::new(self.members).expect("names and addresses differ");
        let snapshot = self.snapshot.map(|last| SnapshotMeta {
            last: id(last),
            configuration: configuration.clone(),
            configuration_index: Index(1),
            size: 10,
            checksum: 0,
        });
        let base = snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let mut log = LogImage::new(base, CacheLimits::entries(self.config.log_cache_capacity));
        for (entry, at) in entries(base.index, self.log).iter().zip(0..) {
            let members = || Payload::Configuration(configuration.clone().into());
            let payload = if at == 0 && base == LogId::ZERO { members() } else { entry.payload.clone() };
            log.push(Entry { payload, ..entry.clone() });
        }
        let boot = Boot {
            entropy: Entropy(1),
            incarnation: 0,
            hard_state: HardState { term: Term(self.term), vote: self.vote.map(NodeId::of) },
            log,
            snapshot: snapshot.map(Into::into),
            catch_up: LogId::ZERO,
        };
        (Settings::new(self.config).expect("within the rules"), boot)
    }
}

impl Start<'_> {
    /// A leader in the next term. Its first entry is persisted, and no follower has answered it
    /// yet.
    pub(crate) fn elected(self) -> Harness {
        let mut harness = self.boot();
        harness.elect();
        harness
    }

    /// The same; all followers have all entries and the commit index, and no request is unanswered.
    pub(crate) fn leader(self) -> Harness {
        let mut harness = self.elected();
        harness.agree();
        harness.wait();
        harness.agree();
        harness
    }
}

/// A reload with this length for all timeouts.
pub(crate) fn reload(timeout: Span) -> ClientRequest {
    let timeout = timeout.into();
    let config = Config {
        heartbeat_timeout: timeout,
        election_timeout: timeout,
        disk_stall_timeout: timeout,
        ..Start::of(&[]).config
    };
    ClientRequest::Reload(Settings::new(config).expect("within the rules").into())
}

pub(crate) fn id((term, index): (u64, u64)) -> LogId {
    LogId::new(Term(term), Index(index))
}

/// Commands of these terms, after an index.
pub(crate) fn entries(after: Index, terms: &[u64]) -> Entries {
    let command = || Payload::Command(vec![0; 8].into());
    let entry = |(&term, at)| Entry::new(Term(term), after.plus(at), command());
    terms.iter().zip(1..).map(entry).collect()
}

/// Entries of these terms after `prev`.
pub(crate) fn append(term: u64, prev: (u64, u64), terms: &[u64], commit: u64) -> Request {
    let entries = entries(Index(prev.1), terms);
    Request::AppendEntries(AppendEntries {
        term: Term(term),
        prev: id(prev),
        entries,
        leader_commit: Index(commit),
    })
}

pub(crate) fn vote(term: u64, last: (u64, u64)) -> Request {
    Request::RequestVote(RequestVote { term: Term(term), last_log: id(last), leadership_transfer: false })
}

/// A request for a vote in a leadership transfer.
pub(crate) fn transfer_vote(term: u64, last: (u64, u64)) -> Request {
    Request::RequestVote(RequestVote { term: Term(term), last_log: id(last), leadership_transfer: true })
}

pub(crate) fn pre_vote(term: u64, last: (u64, u64)) -> Request {
    Request::RequestPreVote(RequestPreVote { term: Term(term), last_log: id(last) })
}

/// The content of a response, for any request.
#[derive(Clone, Copy)]
pub(crate) struct ScriptedAnswer {
    pub(crate) yes: bool,
    /// The term of the responder.
    pub(crate) term: u64,
    /// The follower's last index, or the next offset of a snapshot.
    pub(crate) number: u64,
    pub(crate) hint: Option<(u64, u64)>,
}

/// The node.
pub(crate) struct Harness {
    pub(crate) node: Node,
    pub(crate) now: Time,
    /// Its unanswered requests, the oldest first.
    pub(crate) calls: Vec<(NodeId, RpcId, Request)>,
    /// The last ticket that it gave to its stores.
    pub(crate) ticket: RpcId,
}

impl Harness {
    /// Sets the time, in milliseconds.
    pub(crate) const fn at(&mut self, ms: u64) -> &mut Self {
        self.now = Time(ms * 1_000);
        self
    }

    pub(crate) fn request(&mut self, request: ClientRequest) -> String {
        self.step(Input::Client(request))
    }

    pub(crate) fn step(&mut self, input: Input) -> String {
        let mut effects = Effects::new();
        self.node.step(self.now, input, &mut effects);
        for effect in &effects {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others await nothing")]
            match effect {
                Effect::Send { to, rpc, request } => self.calls.push((*to, *rpc, request.clone())),
                Effect::Store(
                    StoreJob::Fetch { ticket, .. }
                    | StoreJob::ReadSnapshot { ticket, .. }
                    | StoreJob::WriteSnapshot { ticket, .. },
                ) => self.ticket = *ticket,
                _ => {}
            }
        }
        let text: Vec<_> = effects.iter().map(describe).collect();
        text.join("; ")
    }

    pub(crate) fn timer(&mut self) -> String {
        self.step(Input::Timer)
    }

    /// Waits for the deadline.
    pub(crate) fn wait(&mut self) -> String {
        self.now = self.now.max(self.node.deadline().at);
        self.timer()
    }

    /// Lets deadlines pass until the next deadline has this reason; returns its time.
    pub(crate) fn until(&mut self, reason: DeadlineReason) -> Time {
        for _ in 0..100 {
            let deadline = self.node.deadline();
            if deadline.reason == reason {
                return deadline.at;
            }
            self.wait();
        }
        panic!("it never waits for {reason:?}");
    }

    /// Waits for the next heartbeat.
    pub(crate) fn next_heartbeat(&mut self) -> String {
        self.until(DeadlineReason::Heartbeat);
        self.wait()
    }

    /// All its writes are persisted.
    pub(crate) fn persisted(&mut self) -> String {
        self.step(Input::Persisted(self.node.issued()))
    }

    pub(crate) fn receive(&mut self, from: &str, request: Request) -> String {
        self.step(Input::Request { from: NodeId::of(from), rpc: RpcId(1), request })
    }

    /// This peer answers the oldest request to it.
    pub(crate) fn answer(&mut self, from: &str, scripted: ScriptedAnswer) -> String {
        let from = NodeId::of(from);
        let at = self.calls.iter().position(|(to, ..)| *to == from).expect("it was called");
        let (_, rpc, request) = self.calls.remove(at);
        self.step(Input::Response { from, rpc, response: response(&request, scripted) })
    }

    /// A response in the node's own term.
    pub(crate) fn scripted(&self, yes: bool) -> ScriptedAnswer {
        ScriptedAnswer { yes, term: self.node.term().0, number: 0, hint: None }
    }

    pub(crate) fn yes(&mut self, from: &str) -> String {
        self.answer(from, self.scripted(true))
    }

    pub(crate) fn no(&mut self, from: &str) -> String {
        self.answer(from, self.scripted(false))
    }

    /// The requests to this peer are lost.
    pub(crate) fn lose(&mut self, from: &str) {
        self.calls.retain(|(to, ..)| *to != NodeId::of(from));
    }

    /// All peers elect it, and its writes are persisted. Its first requests as a leader are not
    /// answered.
    pub(crate) fn elect(&mut self) {
        self.wait();
        for _ in ["tried", "real"] {
            self.persisted();
            for (from, rpc, request) in std::mem::take(&mut self.calls) {
                let response = response(&request, self.scripted(true));
                self.step(Input::Response { from, rpc, response });
            }
        }
        assert!(self.node.role() == RoleName::Leader, "{:?}", self.node);
        self.persisted();
    }

    /// All peers answer all requests with success.
    pub(crate) fn all_yes(&mut self) {
        self.yes_to_all_of(&["n0", "n1", "n2", "n3", "n4", "n5"]);
    }

    /// These peers answer all requests to them with success.
    pub(crate) fn yes_to_all_of(&mut self, names: &[&str]) -> Vec<String> {
        let mut text = Vec::new();
        for _ in 0..100 {
            let is_one =
                |(to, ..): &&(NodeId, RpcId, Request)| names.iter().any(|name| NodeId::of(name) == *to);
            let Some((to, ..)) = self.calls.iter().find(is_one) else { return text };
            text.push(self.yes(&to.to_string()));
        }
        panic!("it keeps on asking: {:?}", self.calls);
    }

    /// The same, and its writes are persisted.
    pub(crate) fn agree(&mut self) {
        self.all_yes();
        self.persisted();
        self.all_yes();
    }
}

pub(crate) fn response(
    request: &Request,
    ScriptedAnswer { yes, term, number, hint }: ScriptedAnswer,
) -> Response {
    let term = Term(term);
    match request {
        Request::AppendEntries(_) => Response::AppendEntries(AppendEntriesResponse {
            term,
            success: yes,
            last_log: Index(number),
            no_retry_backoff: !yes,
            hint: hint.map(id),
        }),
        Request::RequestVote(_) => {
            Response::RequestVote(RequestVoteResponse { term, granted: yes, refused_for_term: false })
        }
        Request::RequestPreVote(m) => {
            let term = if yes { m.term } else { term };
            Response::RequestPreVote(RequestPreVoteResponse { term, granted: yes })
        }
        Request::InstallSnapshot(_) => {
            Response::InstallSnapshot(InstallSnapshotResponse { term, success: yes, next_offset: number })
        }
        Request::TimeoutNow(_) => Response::TimeoutNow(TimeoutNowResponse { accepted: yes }),
    }
}

/// The text of an effect.
fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Send { to, request, .. } => format!("{to}: {}", call(request)),
        Effect::Reply { to, response, .. } => format!("{to}! {}", reply(response)),
        Effect::Store(StoreJob::Persist(write)) => persisted(write),
        Effect::Store(StoreJob::Fetch { first, last, .. }) => format!("fetch {first}..{last}"),
        Effect::Commit(index) => format!("commit {index}"),
        Effect::Appended { first, count } => format!("appended {first} +{count}"),
        Effect::Refused(refusal) => format!("refused {refusal:?}"),
        Effect::Became { role, term } => format!("{role:?} {term}"),
        Effect::LeaderIs(leader) => leader.map_or("no leader".into(), |leader| format!("leader {leader}")),
        Effect::Configured { index, configuration } => format!("members {index} {configuration}"),
        Effect::ReadReady { request, index } => format!("{request} reads {index}"),
        Effect::ReadFailed { request, refusal } => format!("{request} {refusal:?}"),
        Effect::TransferEnded { request, refusal: None } => format!("{request} transferred"),
        Effect::TransferEnded { request, refusal: Some(refusal) } => format!("{request} {refusal:?}"),
        Effect::Store(StoreJob::ReadSnapshot { last, offset, .. }) => {
            let which = last.map_or("newest".into(), |last| last.to_string());
            format!("read {which} at {offset}")
        }
        Effect::Store(StoreJob::WriteSnapshot { meta, offset, data, done, .. }) => {
            format!("keep {} {offset}+{}{}", meta.last, data.len(), if *done { " done" } else { "" })
        }
        Effect::Installed(meta) => format!("installed {}", meta.last),
        Effect::Staged { request, result: Ok(at) } => format!("{request} staged {at}"),
        Effect::Staged { request, result: Err(refusal) } => format!("{request} {refusal:?}"),
        Effect::NeedsSnapshot { peer, past } => format!("{peer} needs a snapshot past {past}"),
        Effect::LostEntries { peer, acknowledged, last } => format!("{peer} lost {last}..{acknowledged}"),
        Effect::Contact { peer, alive: true, .. } => format!("{peer} is back"),
        Effect::Contact { peer, last, alive: false } => format!("{peer} silent since {last}"),
        Effect::Ignored(why) => format!("ignored {why:?}"),
    }
}

pub(crate) fn call(request: &Request) -> String {
    match request {
        Request::AppendEntries(m) => {
            format!("append {} {}+{} commit {}", m.term, m.prev, m.entries.len(), m.leader_commit)
        }
        Request::RequestVote(m) => {
            let transfer = if m.leadership_transfer { " transfer" } else { "" };
            format!("vote {} {}{transfer}", m.term, m.last_log)
        }
        Request::RequestPreVote(m) => format!("prevote {} {}", m.term, m.last_log),
        Request::InstallSnapshot(m) => {
            let done = if m.done { " done" } else { "" };
            format!("install {} {} {}+{}{done}", m.term, m.meta.last, m.offset, m.data.len())
        }
        Request::TimeoutNow(m) => format!("campaign {:?}", m.term),
    }
}

pub(crate) fn reply(response: &Response) -> String {
    let word = |yes: bool| if yes { "yes" } else { "no" };
    match response {
        Response::AppendEntries(m) => {
            let retry = if m.no_retry_backoff { " retry" } else { "" };
            let hint = m.hint.map_or(String::new(), |hint| format!(" hint {hint}"));
            format!("append {} {} last {}{hint}{retry}", word(m.success), m.term, m.last_log)
        }
        Response::RequestVote(m) => {
            let alone = if m.refused_for_term { " for the term" } else { "" };
            format!("vote {} {}{alone}", word(m.granted), m.term)
        }
        Response::RequestPreVote(m) => format!("prevote {} {}", word(m.granted), m.term),
        Response::InstallSnapshot(m) => {
            format!("install {} {} next {}", word(m.success), m.term, m.next_offset)
        }
        Response::TimeoutNow(m) => format!("campaign {}", word(m.accepted)),
    }
}

pub(crate) fn persisted(write: &Write) -> String {
    let mut text = format!("write {}", write.token);
    if let Some(HardState { term, vote }) = write.hard_state {
        write!(text, " {term} {}", vote.map_or_else(|| "-".into(), |vote| vote.to_string())).expect("text");
    }
    let run = |entries: &Entries| format!("{}+{}", entries[0].id, entries.len());
    let log = match &write.log {
        LogOp::Keep => String::new(),
        LogOp::Append(entries) => format!(" append {}", run(entries)),
        LogOp::Replace(entries) => format!(" replace {}", run(entries)),
        LogOp::Compact(upto) => format!(" compact {upto}"),
        LogOp::Discard(_) => " discard".into(),
        LogOp::CatchUp(upto) => format!(" catch up {upto}"),
    };
    text + &log
}

/// The heartbeat timeout of the default settings.
pub(crate) const HEARTBEAT_TIMEOUT: Span = Span::ms(1_000);

//! A cluster that is acted, not run: for tests of the checks. Every helper tells a legal story; a
//! test then breaks one rule by hand.

mod scripted_server;

pub(crate) use scripted_server::Posed;

use super::Check;
use crate::check::ghost::{Facts, Follower, Glimpse, Ledger};
use crate::plan::server_set::Slot;
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::*;

pub(crate) const N1: Slot = Slot(0);
pub(crate) const N2: Slot = Slot(1);
pub(crate) const N3: Slot = Slot(2);
pub(crate) const N4: Slot = Slot(3);

/// For how long who has heard a leader gives no vote. Clocks stand still, unless a test sets them.
pub(crate) const SILENCE: Span = Span::ms(100);

/// Voters by name.
pub(crate) fn voters(slots: &[Slot]) -> Arc<Configuration> {
    let members = slots.iter().map(|slot| Member::voter(slot.id(), slot.address())).collect();
    Arc::new(Configuration::new(members).expect("a sound configuration"))
}

/// What a store would find of these entries.
fn image(base: LogId, entries: &[Entry]) -> LogImage {
    let mut image = LogImage::new(base, 1);
    for entry in entries {
        image.push(entry.clone());
    }
    image
}

/// Who votes for a server or follows it: the other two of the three.
fn others(slot: Slot) -> impl Iterator<Item = Slot> {
    [N1, N2, N3].into_iter().filter(move |other| *other != slot)
}

/// An acknowledgement of the log up to an index.
fn success(term: Term, last_log: Index) -> Response {
    let (success, no_retry_backoff, hint) = (true, false, None);
    Response::AppendEntries(AppendEntriesResponse { term, success, last_log, no_retry_backoff, hint })
}

/// A snapshot up to an entry, with the first configuration.
pub(crate) fn meta(last: LogId) -> SnapshotMeta {
    let configuration = (*voters(&[N1, N2, N3])).clone();
    SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 }
}

/// The story, and the one check that listens.
#[derive(Debug)]
pub(crate) struct Tale {
    pub(crate) ledger: Ledger,
    check: &'static Check,
    witnessed: u64,
    poses: Vec<Posed>,
    spoke: Option<String>,
    serial: u64,
    /// What every server's clock shows.
    pub(crate) clock: Time,
}

impl Tale {
    /// Three voters and a fourth server that nobody knows, all at t1 with the first configuration.
    pub(crate) fn three(check: &'static Check) -> Self {
        let blank = Posed {
            glimpse: Glimpse::BLANK,
            configuration: None,
            counted: None,
            followers: Vec::new(),
            entries: Vec::new(),
            writes: VecDeque::new(),
            disk: (HardState::default(), 0),
        };
        let mut tale = Self {
            ledger: Ledger::default(),
            check,
            witnessed: 0,
            poses: vec![blank; 4],
            spoke: None,
            serial: 0,
            clock: Time(0),
        };
        for slot in [N1, N2, N3, N4] {
            tale.boot(slot);
        }
        let first = Entry::new(Term(1), Index(1), Payload::Configuration(voters(&[N1, N2, N3])));
        for slot in [N1, N2, N3] {
            let write = tale
                .write(Some(HardState { term: Term(1), vote: None }), LogOp::Append([first.clone()].into()));
            let request = RequestId(tale.serial);
            let call = Call::Bootstrap((*voters(&[N1, N2, N3])).clone());
            tale.step(slot, &Event::Call { request, call }, |_| {}, vec![write]);
            tale.sync(slot);
        }
        tale
    }

    pub(crate) fn hear(&mut self, facts: Facts) {
        if facts.touches(self.check.watches)
            && let Some(what) = (self.check.judge)(&self.ledger, facts, &mut self.witnessed)
        {
            self.spoke.get_or_insert(what);
        }
    }

    /// The check has said nothing, though it had something to look at.
    pub(crate) fn is_quiet(&self) {
        self.is_unspoken();
        assert!(0 < self.witnessed, "{} saw nothing", self.check.name);
    }

    /// The check has said nothing, and need not have had anything to look at.
    pub(crate) fn is_unspoken(&self) {
        assert_eq!(self.spoke, None, "{} must not speak", self.check.name);
    }

    /// The check has said this, or something that begins like it.
    pub(crate) fn speaks(&self, what: &str) {
        let spoke = self.spoke.as_deref().unwrap_or("nothing");
        assert!(spoke.starts_with(what), "{} says {spoke:?}, not {what:?}", self.check.name);
    }

    pub(crate) fn write(&mut self, hard_state: Option<HardState>, log: LogOp) -> Action {
        self.serial += 1;
        Action::Store(StoreJob::Persist(Write { token: Token(self.serial), hard_state, log }))
    }

    pub(crate) fn rpc(&mut self) -> RpcId {
        self.serial += 1;
        RpcId(self.serial)
    }

    pub(crate) fn posed(&self, slot: Slot) -> &Posed {
        &self.poses[slot.at()]
    }

    /// A server takes an event. What it writes shows at once in its looks; `change` does the rest.
    pub(crate) fn step(
        &mut self,
        slot: Slot,
        event: &Event,
        change: impl FnOnce(&mut Posed),
        actions: Vec<Action>,
    ) {
        self.ledger.number += 1;
        self.ledger.stepping(slot, event, self.clock);
        let posed = &mut self.poses[slot.at()];
        for action in &actions {
            if let Action::Store(StoreJob::Persist(write)) = action {
                posed.remember(write);
            }
        }
        change(posed);
        let facts = self.ledger.stepped(slot, &self.poses[slot.at()], &actions);
        self.hear(facts);
    }

    /// A server changes its looks, by a timer.
    pub(crate) fn pose(&mut self, slot: Slot, change: impl FnOnce(&mut Posed)) {
        self.step(slot, &Event::Timer, change, Vec::new());
    }

    /// Everything that a server wants written becomes durable.
    pub(crate) fn sync(&mut self, slot: Slot) {
        while let Some(write) = self.poses[slot.at()].writes.pop_front() {
            let posed = &mut self.poses[slot.at()];
            posed.disk = (write.hard_state.unwrap_or(posed.disk.0), posed.entries.len());
            let facts = self.ledger.durable(slot, &write, None);
            self.hear(facts);
        }
    }

    pub(crate) fn crash(&mut self, slot: Slot) {
        let facts = self.ledger.crashed(slot, false);
        self.hear(facts);
        let posed = &mut self.poses[slot.at()];
        posed.writes.clear();
        posed.entries.truncate(posed.disk.1);
    }

    /// A server starts from what its disk has.
    pub(crate) fn boot(&mut self, slot: Slot) {
        let hard = self.poses[slot.at()].disk.0;
        self.boot_with_vote(slot, hard.term.0, hard.vote);
    }

    /// A server starts from this vote record and the log that it has.
    pub(crate) fn boot_with_vote(&mut self, slot: Slot, term: u64, vote: Option<NodeId>) {
        let entries = self.poses[slot.at()].entries.clone();
        let log = image(LogId::ZERO, &entries);
        let hard_state = HardState { term: Term(term), vote };
        let boot = Boot { entropy: Entropy(0), incarnation: 1, hard_state, log, snapshot: None };
        self.boot_as(slot, &boot, &entries);
    }

    /// A server starts from what it is given.
    pub(crate) fn boot_as(&mut self, slot: Slot, boot: &Boot, entries: &[Entry]) {
        let posed = &mut self.poses[slot.at()];
        let snapshot = boot.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        posed.glimpse = Glimpse {
            term: boot.hard_state.term,
            vote: boot.hard_state.vote,
            last: boot.log.last(),
            commit: snapshot.index,
            applied: snapshot.index,
            snapshot,
            ..Glimpse::BLANK
        };
        posed.entries = entries.to_vec();
        posed.disk = (boot.hard_state, entries.len());
        posed.reconfigure();
        let facts = self.ledger.booted(slot, &self.poses[slot.at()], boot, entries);
        self.hear(facts);
    }

    /// A state machine reports a batch.
    pub(crate) fn applied(&mut self, slot: Slot, first: u64, last: u64, digest: u64) {
        let entries = (first..=last).map(|index| Entry::new(Term(1), Index(index), Payload::Noop)).collect();
        let facts = self.ledger.applied(slot, &Batch { entries }, digest);
        self.hear(facts);
    }

    /// A state machine was loaded.
    pub(crate) fn restored(&mut self, slot: Slot, last: LogId, digest: u64) {
        let facts = self.ledger.restored(slot, last, digest);
        self.hear(facts);
    }

    /// A state machine was captured, with the first configuration.
    pub(crate) fn captured(&mut self, slot: Slot, last: LogId, digest: u64) {
        let facts = self.ledger.captured(slot, &meta(last), digest);
        self.hear(facts);
    }

    /// The last piece of a snapshot comes, is kept, and is in force.
    pub(crate) fn install(&mut self, slot: Slot, last: LogId, log: LogOp, change: impl FnOnce(&mut Posed)) {
        let ticket = self.rpc();
        let meta = Arc::new(meta(last));
        let data: Bytes = [].into();
        let keep = Action::Store(StoreJob::WriteSnapshot {
            ticket,
            meta: Arc::clone(&meta),
            offset: 0,
            data,
            done: true,
        });
        self.step(slot, &Event::Timer, |_| {}, vec![keep]);
        let write = self.write(None, log);
        let event = Event::SnapshotWritten { ticket, ok: true };
        self.step(slot, &event, change, vec![write, Action::Restore(meta)]);
    }

    /// A server is asked to read.
    pub(crate) fn read(&mut self, slot: Slot, request: u64, path: ReadPath) {
        let event = Event::Call { request: RequestId(request), call: Call::Read(path) };
        self.step(slot, &event, |_| {}, Vec::new());
    }

    /// A server answers that it may be read.
    pub(crate) fn allow(&mut self, slot: Slot, request: u64, answer: Answer) {
        let answer = Action::Answer { request: RequestId(request), outcome: Ok(answer) };
        self.step(slot, &Event::Timer, |_| {}, vec![answer]);
    }

    /// A server begins to campaign, and asks once its own vote is durable.
    pub(crate) fn campaign(&mut self, slot: Slot, term: u64) {
        let hard = HardState { term: Term(term), vote: Some(slot.node()) };
        let write = self.write(Some(hard), LogOp::Keep);
        let campaign = |posed: &mut Posed| {
            posed.glimpse = Glimpse { role: RoleName::Candidate, leader: None, ..posed.glimpse };
        };
        self.step(slot, &Event::Timer, campaign, vec![write]);
        self.sync(slot);
        let last_log = self.posed(slot).glimpse.last;
        let request = RequestVote { term: Term(term), last_log, leadership_transfer: false };
        let (rpc, request) = (self.rpc(), Request::RequestVote(request));
        let send = |peer: Slot| Action::Send { to: peer.node(), rpc, request: request.clone() };
        let sends = others(slot).map(send).collect();
        self.step(slot, &Event::Persisted(Token(self.serial)), |_| {}, sends);
    }

    /// A server takes a candidate's call, makes its vote durable, and gives it.
    pub(crate) fn grant(&mut self, voter: Slot, term: u64, candidate: Slot) {
        let last = self.posed(candidate).glimpse.last;
        let rpc = self.rpc();
        let hard = HardState { term: Term(term), vote: Some(candidate.node()) };
        let write = self.write(Some(hard), LogOp::Keep);
        let request = Request::RequestVote(RequestVote {
            term: Term(term),
            last_log: last,
            leadership_transfer: false,
        });
        let event = Event::Request { from: candidate.node(), rpc, request };
        let follow = |posed: &mut Posed| posed.glimpse.role = RoleName::Follower;
        self.step(voter, &event, follow, vec![write]);
        self.sync(voter);
        let reply = self.granting(candidate, rpc, term);
        self.step(voter, &Event::Persisted(Token(self.serial)), |_| {}, vec![reply]);
    }

    pub(crate) fn granting(&self, candidate: Slot, rpc: RpcId, term: u64) -> Action {
        let response = Response::RequestVote(RequestVoteResponse { term: Term(term), granted: true });
        Action::Reply { to: candidate.node(), rpc, response }
    }

    /// A candidate hears that it has won: it leads, and appends its first entry.
    pub(crate) fn usurp(&mut self, slot: Slot, term: u64) {
        let last = self.posed(slot).glimpse.last.index;
        let noop = Entry::new(Term(term), last.next(), Payload::Noop);
        let write = self.write(None, LogOp::Append([noop].into()));
        let blank = |peer: Slot| Follower { node: peer.node(), matched: Index::ZERO, next: last.next() };
        let followers = others(slot).map(blank).collect();
        let lead = |posed: &mut Posed| {
            posed.glimpse = Glimpse {
                role: RoleName::Leader,
                term: Term(term),
                leader: Some(slot.node()),
                ..posed.glimpse
            };
            posed.followers = followers;
        };
        let response = Response::RequestVote(RequestVoteResponse { term: Term(term), granted: true });
        let event = Event::Response { from: N3.node(), rpc: RpcId(0), response };
        self.step(slot, &event, lead, vec![write]);
        self.sync(slot);
    }

    /// A whole election, with the votes of both others.
    pub(crate) fn elect(&mut self, slot: Slot, term: u64) {
        self.campaign(slot, term);
        for voter in others(slot) {
            self.grant(voter, term, slot);
        }
        self.usurp(slot, term);
    }

    /// A leader appends what it is told to, and makes it durable.
    pub(crate) fn append(&mut self, leader: Slot, payloads: Vec<Payload>) {
        let glimpse = self.posed(leader).glimpse;
        let indexes = glimpse.last.index.0 + 1..;
        let entry = |(index, payload)| Entry::new(glimpse.term, Index(index), payload);
        let entries: Vec<_> = indexes.zip(payloads).map(entry).collect();
        let write = self.write(None, LogOp::Append(entries.into()));
        let event = Event::ApplyBatch(Vec::new());
        self.step(leader, &event, |_| {}, vec![write]);
        self.sync(leader);
    }

    /// A leader appends commands.
    pub(crate) fn propose(&mut self, leader: Slot, count: usize) {
        let bytes: Bytes = [7].as_slice().into();
        self.append(leader, vec![Payload::Command(bytes); count]);
    }

    /// A follower takes all that the leader has from `after` on, in place of what is in conflict,
    /// and acknowledges it once it is durable.
    pub(crate) fn replicate(&mut self, leader: Slot, follower: Slot, after: u64) {
        let rpc = self.deliver(leader, follower, after);
        self.sync(follower);
        self.acknowledge(leader, follower, rpc);
    }

    /// A follower takes all that the leader has from `after` on.
    pub(crate) fn deliver(&mut self, leader: Slot, follower: Slot, after: u64) -> RpcId {
        let rpc = self.rpc();
        let (term, entries) = (self.posed(leader).glimpse.term, self.posed(leader).entries.clone());
        let after = usize::try_from(after).expect("small");
        let prev = after.checked_sub(1).map_or(LogId::ZERO, |at| entries[at].id);
        let (kept, sent) = (self.posed(follower).entries.len(), &entries[after..]);
        let op = match sent.first() {
            None => LogOp::Keep,
            Some(first) if kept < usize::try_from(first.id.index.0).expect("small") => {
                LogOp::Append(sent.into())
            }
            Some(_) => LogOp::Replace(sent.into()),
        };
        let hard = self.posed(follower).glimpse;
        let hard = (hard.term < term).then_some(HardState { term, vote: None });
        let write = self.write(hard, op);
        let request = AppendEntries { term, prev, entries: sent.into(), leader_commit: Index::ZERO };
        let event = Event::Request { from: leader.node(), rpc, request: Request::AppendEntries(request) };
        let follow = |posed: &mut Posed| {
            posed.glimpse =
                Glimpse { role: RoleName::Follower, term, leader: Some(leader.node()), ..posed.glimpse };
        };
        self.step(follower, &event, follow, vec![write]);
        rpc
    }

    /// A follower says yes, and the leader hears it.
    pub(crate) fn acknowledge(&mut self, leader: Slot, follower: Slot, rpc: RpcId) {
        let yes = self.yes(leader, follower, rpc);
        self.step(follower, &Event::Persisted(Token(self.serial)), |_| {}, vec![yes]);
        let matched = self.posed(follower).glimpse.last.index;
        self.hear_match(leader, follower, matched);
    }

    pub(crate) fn yes(&self, leader: Slot, follower: Slot, rpc: RpcId) -> Action {
        let Glimpse { term, last, .. } = self.posed(follower).glimpse;
        Action::Reply { to: leader.node(), rpc, response: success(term, last.index) }
    }

    /// A leader comes to believe that a follower's log matches its own up to an index.
    pub(crate) fn hear_match(&mut self, leader: Slot, follower: Slot, matched: Index) {
        let term = self.posed(leader).glimpse.term;
        let response = success(term, matched);
        let event = Event::Response { from: follower.node(), rpc: RpcId(0), response };
        let believe = |posed: &mut Posed| {
            for known in posed.followers.iter_mut().filter(|known| known.node == follower.node()) {
                (known.matched, known.next) = (matched, matched.next());
            }
        };
        self.step(leader, &event, believe, Vec::new());
    }

    /// A server's commit index moves, when a write of its own is reported.
    pub(crate) fn commit(&mut self, slot: Slot, index: u64) {
        let event = Event::Persisted(Token(self.serial));
        self.step(slot, &event, |posed| posed.glimpse.commit = Index(index), Vec::new());
    }

    /// A leader of this term with everything replicated and committed everywhere.
    pub(crate) fn settle(&mut self, leader: Slot, term: u64) {
        self.elect(leader, term);
        let last = self.posed(leader).glimpse.last.index.0;
        for follower in others(leader) {
            self.replicate(leader, follower, 0);
        }
        self.commit(leader, last);
        for follower in others(leader) {
            self.commit(follower, last);
        }
    }
}

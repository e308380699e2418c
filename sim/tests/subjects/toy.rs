//! A toy with a protocol of its own: n1 is the primary for ever, and the others copy its log. It survives
//! crashes, but no loss of a disk. It shows only its commit index and its applied index.

use super::run;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Answer, Batch, Call, Data, Deadline, DeadlineReason, Entry, Event, Index, Leader, LogId, LogOp,
    NodeId, Outcome, Payload, RequestError, RequestId, RpcId, Server, Span, StoreJob, Term, Time, Token,
    Unsupported, Write,
};
use wavetank_sim::observe::report::Verdict;
use wavetank_sim::observe::trace::{Full, TextTrace};
use wavetank_sim::plan::rng::{Ratio, Spans};
use wavetank_sim::plan::{LinkPlan, RandomDelay};
use wavetank_sim::schedule::{Choice, Element, EventOrder, Fit};
use wavetank_sim::subject::{Label, Opaque, OpaqueMessage};
use wavetank_sim::{Plan, ServerIdx, Start, Subject, View};

const PRIMARY: ServerIdx = ServerIdx(0);
const TICK: Span = Span::ms(20);

type ToyAction = Action<OpaqueMessage, OpaqueMessage>;

#[derive(Debug)]
struct Toy {
    idx: ServerIdx,
    /// The whole log, as far as it was written or is being written.
    log: Vec<Entry>,
    durable: Index,
    /// The last index that was handed to the state machine.
    handed: Index,
    applied: Index,
    /// The last index on the disk at the start. Before it is applied again, the state is old.
    recovered: Index,
    /// The calls that wait for the entry at an index.
    calls: Vec<(Index, RequestId)>,
    token: Token,
    rpc: RpcId,
    tick: Time,
}

impl Toy {
    fn is_primary(&self) -> bool {
        self.idx == PRIMARY
    }

    fn last(&self) -> LogId {
        self.log.last().map_or(LogId::ZERO, |entry| entry.id)
    }

    fn append(&mut self, payload: Payload, actions: &mut Vec<ToyAction>) -> Index {
        let entry = Entry::new(Term(1), self.last().index.next(), payload);
        let index = entry.id.index;
        self.write(entry, actions);
        index
    }

    fn write(&mut self, entry: Entry, actions: &mut Vec<ToyAction>) {
        self.token = self.token.next();
        let log = LogOp::Append([entry.clone()].into());
        self.log.push(entry);
        actions.push(Action::Store(StoreJob::Persist(Write { token: self.token, hard_state: None, log })));
    }

    fn send(&mut self, to: NodeId, label: &str, bytes: Data, actions: &mut Vec<ToyAction>) {
        self.rpc = RpcId(self.rpc.0 + 1);
        let request = OpaqueMessage { label: Label::new(label), term: None, bytes };
        actions.push(Action::Send { to, rpc: self.rpc, request });
    }

    fn on_message(&mut self, from: NodeId, message: &OpaqueMessage, actions: &mut Vec<ToyAction>) {
        if self.is_primary() {
            let has = u64::from_le_bytes(message.bytes[..].try_into().expect("an index has eight bytes"));
            let next = self.log.iter().find(|entry| entry.id.index == Index(has).next());
            if let Some(entry) = next.filter(|entry| entry.id.index <= self.durable) {
                let bytes = serde_json::to_vec(entry).expect("an entry can be encoded");
                self.send(from, "copy", bytes.into(), actions);
            }
        } else {
            let entry: Entry = serde_json::from_slice(&message.bytes).expect("an entry was sent");
            if entry.id.index == self.last().index.next() {
                self.write(entry, actions);
            }
        }
    }

    fn on_call(&mut self, request: RequestId, call: Call, actions: &mut Vec<ToyAction>) {
        let refuse = |error| Action::Answer { request, outcome: Err(error) };
        if !self.is_primary() {
            let leader = Leader { id: PRIMARY.id(), address: PRIMARY.address() };
            return actions.push(refuse(RequestError::NotLeader(Some(leader))));
        }
        if self.applied < self.recovered {
            return actions.push(refuse(RequestError::NotLeader(None)));
        }
        match call {
            Call::Apply(command) => {
                let index = self.append(Payload::Command(command), actions);
                self.calls.push((index, request));
            }
            Call::Read(path) => {
                let is_indexed = path != wavetank_raft::ReadPath::Verify;
                let read = Answer::Readable { index: self.applied };
                let answer = if is_indexed { read } else { Answer::Done };
                actions.push(Action::Answer { request, outcome: Ok(answer) });
            }
            _ => actions.push(refuse(RequestError::UnsupportedProtocol(Unsupported::Call))),
        }
    }

    fn on_durable(&mut self, actions: &mut Vec<ToyAction>) {
        let ready = |entry: &&Entry| self.handed < entry.id.index && entry.id.index <= self.durable;
        let entries: Vec<Entry> = self.log.iter().filter(ready).cloned().collect();
        if let Some(last) = entries.last() {
            self.handed = last.id.index;
            actions.push(Action::Apply(Batch { entries }));
        }
    }

    fn on_applied(&mut self, upto: Index, responses: &[(Index, Data)], actions: &mut Vec<ToyAction>) {
        self.applied = upto;
        for (index, response) in responses {
            if let Some(at) = self.calls.iter().position(|(waits, _)| waits == index) {
                let (index, request) = self.calls.remove(at);
                let outcome: Outcome = Ok(Answer::Applied { index, response: response.clone() });
                actions.push(Action::Answer { request, outcome });
            }
        }
    }

    fn on_tick(&mut self, now: Time, actions: &mut Vec<ToyAction>) {
        if now < self.tick {
            return;
        }
        self.tick = now + TICK;
        // The state machine starts blank, so it gets the log on the disk again.
        self.on_durable(actions);
        if !self.is_primary() {
            let has = self.durable.0.to_le_bytes().to_vec();
            self.send(PRIMARY.node(), "has", has.into(), actions);
        }
    }
}

impl Subject for Toy {
    type Protocol = Opaque;
    type Scratch = ();

    fn name(&self) -> &'static str {
        "toy"
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let last = start.log.last().map_or(Index::ZERO, |entry| entry.id.index);
        Ok(Self {
            idx: start.idx,
            log: start.log.to_vec(),
            durable: last,
            handed: Index::ZERO,
            applied: Index::ZERO,
            recovered: last,
            calls: Vec::new(),
            token: Token(0),
            rpc: RpcId(u64::from(start.boot.incarnation) << 32),
            tick: start.now + TICK,
        })
    }

    fn step(
        &mut self,
        now: Time,
        event: Event<OpaqueMessage, OpaqueMessage>,
        (): &mut (),
        actions: &mut Vec<ToyAction>,
    ) {
        match event {
            Event::Timer => self.on_tick(now, actions),
            Event::Request { from, request, .. } => self.on_message(from, &request, actions),
            Event::Call { request, call } => self.on_call(request, call, actions),
            Event::ApplyBatch(commands) => {
                for (request, command) in commands {
                    self.on_call(request, Call::Apply(command), actions);
                }
            }
            Event::Persisted(token) => {
                let behind = self.token.0 - token.0;
                self.durable = Index(self.last().index.0 - behind);
                self.on_durable(actions);
            }
            Event::Applied { upto, responses } => self.on_applied(upto, &responses, actions),
            _ => {}
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline { at: self.tick, reason: DeadlineReason::Heartbeat }
    }

    fn view(&self) -> View {
        View { commit: Some(self.durable), applied: Some(self.applied), ..View::NOTHING }
    }
}

/// A storm that the toy must survive: messages are lost, doubled and late, and servers crash.
fn storm(seed: u64) -> Plan {
    let drawn = Plan::storm(seed);
    let mut plan = Plan { chaos: Span::s(10), ..Plan::calm(seed, 3) };
    plan.links = LinkPlan {
        loss: Some(Ratio::new(1, 10)),
        duplicate: Some(RandomDelay { chance: Ratio::new(1, 10), by: Spans::ms(1, 90) }),
        reorder: Some(RandomDelay { chance: Ratio::new(1, 10), by: Spans::ms(1, 90) }),
        corrupt: Some(Ratio::new(1, 100)),
        ..drawn.links
    };
    let is_mild = |kind: &wavetank_sim::plan::fault_kind::Scheduled| {
        !kind.is_permanent() && !kind.is_disk_fault() && !kind.is_machine_fault()
    };
    plan.nemesis.most_down = 3;
    plan.nemesis.crash_between = Some(Ratio::new(1, 500));
    plan.nemesis.scheduled = drawn.nemesis.scheduled;
    plan.nemesis.scheduled.retain(|kind, _| is_mild(kind));
    plan.supervised = Some(Span::ms(300));
    plan
}

#[test]
fn a_protocol_of_its_own_holds_and_the_checks_that_it_does_not_feed_are_off() {
    let (mut acked, mut crashes, mut flipped) = (0, 0, 0);
    for seed in 0..100 {
        let report = run::<Toy, ()>(storm(seed), ()).report;
        assert_eq!(report.verdict, Verdict::Held, "{seed}");
        assert_eq!(report.off["election_safety"], "role, term");
        assert_eq!(report.off["persist_before_send"], "term, vote, log, messages");
        assert_eq!(report.off["progress"], "role, term, leader, log, configuration");
        for on in ["state_digest", "applied_not_beyond_commit", "every_call_ends", "linearizable"] {
            assert!(!report.off.contains_key(on) && report.witnessed.contains_key(on), "{on}");
        }
        assert!(report.off.keys().all(|check| !report.witnessed.contains_key(check)));
        acked += report.witnessed["linearizable"];
        crashes += report.faults.get("crash").copied().unwrap_or(0);
        flipped += report.faults.get("corrupt").copied().unwrap_or(0);
    }
    assert!(1_000 < acked && 100 < crashes && 100 < flipped, "{acked}, {crashes}, {flipped}");
}

#[test]
fn messages_of_another_protocol_appear_in_traces_by_their_labels() {
    let run = run::<Toy, Option<Full>>(Plan::calm(3, 3), Some(Full::new()));
    let text = run.trace.expect("a trace was asked for").take();
    assert!(text.contains("n2>n1 q100000001 has of 8 bytes"), "{}", &text[..2_000]);
    assert!(text.contains(" copy of "), "the primary sends its log");
    assert!(text.lines().any(|line| line.contains("n1   ?    ?    i")), "parts that are not shown");
}

#[test]
fn a_run_of_another_protocol_is_played_from_its_schedule() {
    let plan = Plan { order: EventOrder::Recorded, ..storm(7) };
    let recorded = run::<Toy, ()>(plan.clone(), ());
    let text: Vec<String> = recorded.schedule.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|line| line.contains("deliver n1>n2 t0 =copy")), "{}", text[..9].join("\n"));
    let lines: Vec<&str> = text.iter().map(String::as_str).collect();
    let order = EventOrder::scheduled(&lines);
    assert_eq!(order, EventOrder::Scheduled(Fit::Exact, recorded.schedule));
    let played = run::<Toy, ()>(Plan { order, ..plan }, ());
    assert_eq!((played.report.digest, played.report.skipped), (recorded.report.digest, 0));
}

#[test]
fn a_schedule_of_another_protocol_is_skipped_and_counted() {
    let plan = Plan { order: EventOrder::Recorded, ..storm(7) };
    let elements = run::<Toy, ()>(plan.clone(), ()).schedule;
    let is_message = |element: &&Element| matches!(element.choice, Choice::Deliver { .. });
    let messages = elements.iter().filter(is_message).count() as u64;
    let order = EventOrder::Scheduled(Fit::Similar, elements);
    let report = run::<Server, ()>(Plan { order, ..plan }, ()).report;
    assert!(100 < messages && messages <= report.skipped, "{messages}, {}", report.skipped);
    assert!(!matches!(report.verdict, Verdict::Panicked(_)), "{}", report.verdict);
}

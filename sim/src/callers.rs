//! Clients for a state machine of one's own: each says what it wants next, and all else is done for
//! it: finding the leader, waiting, giving up.
//!
//! A client has one operation open at a time and tries it once. An answer that does not come in time
//! leaves it unknown whether the operation was done.

use crate::observe::{Ending, What};
use crate::plan::Plan;
use crate::rng::{Domain, Spans, Stream};
use crate::slot::Slot;
use crate::workload::{Ask, Reply, Told, Want, Wants, Workload};
use std::fmt::Debug;
use wavetank_raft::{Answer, Bytes, Error, RequestId, Span, Time};

/// What the clients of a run want, one operation after the other.
pub trait Script: Debug {
    /// What a client wants next, drawn from its stream.
    fn next(&mut self, client: u16, stream: &mut Stream) -> Want;

    /// How its operation ended, with what the state machine answered if it was done.
    fn told(&mut self, client: u16, want: &Want, ending: Ending, answer: Option<&Bytes>);
}

/// The clients of a run: as many and as busy as its plan has them.
#[derive(Debug)]
pub struct Callers<S> {
    script: S,
    callers: Vec<Caller>,
    think: Spans,
    patience: Span,
    servers: u64,
    operations: Vec<Operation>,
    stopped: bool,
}

/// An operation, as judges and traces get it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// What was wanted.
    pub want: Want,
    /// What the state machine answered, if it was done.
    pub answer: Option<Bytes>,
}

#[derive(Debug)]
struct Caller {
    stream: Stream,
    due: Time,
    to: Slot,
    open: Option<u64>,
}

impl<S: Script> Callers<S> {
    /// The clients of a plan, who say what the script has.
    #[must_use]
    pub fn new(plan: &Plan, script: S) -> Self {
        let caller = |number| {
            let mut stream = Stream::new(plan.seed, Domain::Workload, u64::from(number), 0);
            let due = Time(0) + stream.within(plan.clients.think);
            Caller { stream, due, to: Slot(0), open: None }
        };
        Self {
            script,
            callers: (0..plan.clients.count).map(caller).collect(),
            think: plan.clients.think,
            patience: plan.clients.patience,
            servers: u64::from(plan.servers),
            operations: Vec::new(),
            stopped: false,
        }
    }

    fn begin(&mut self, at: usize, now: Time, wants: &mut Wants) {
        let client = number(at);
        let caller = &mut self.callers[at];
        let want = self.script.next(client, &mut caller.stream);
        let operation = self.operations.len() as u64;
        (caller.open, caller.due) = (Some(operation), now + self.patience);
        self.operations.push(Operation { want: want.clone(), answer: None });
        wants.told.push(Told::Invoked { client, operation });
        wants.asks.push(Ask { request: RequestId(operation), client, to: caller.to, want });
    }

    fn end(&mut self, at: usize, now: Time, (ending, answer): (Ending, Option<Bytes>), wants: &mut Wants) {
        let caller = &mut self.callers[at];
        let operation = caller.open.take().expect("what ends was begun");
        caller.due = now + caller.stream.within(self.think);
        if ending != Ending::Ok {
            caller.to = Slot(u8::try_from(caller.stream.below(self.servers)).expect("a few servers"));
        }
        let kept = &mut self.operations[place(operation)];
        kept.answer = answer;
        self.script.told(number(at), &kept.want, ending, kept.answer.as_ref());
        wants.told.push(Told::Returned { client: number(at), operation, ending });
    }
}

fn number(at: usize) -> u16 {
    u16::try_from(at).expect("clients are numbered in 16 bits")
}

fn place(operation: u64) -> usize {
    usize::try_from(operation).expect("operations are counted from zero")
}

impl<S: Script> Workload for Callers<S> {
    fn deadline(&self) -> Time {
        let rests = |caller: &Caller| self.stopped && caller.open.is_none();
        self.callers.iter().filter(|caller| !rests(caller)).map(|it| it.due).min().unwrap_or(Time::NEVER)
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        for at in 0..self.callers.len() {
            let caller = &self.callers[at];
            match (caller.due <= now, caller.open.is_some()) {
                (true, true) => self.end(at, now, (Ending::Unknown, None), wants),
                (true, false) if !self.stopped => self.begin(at, now, wants),
                (true | false, false) | (false, true) => {}
            }
        }
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        let Some(at) = self.callers.iter().position(|caller| caller.open == Some(request.0)) else { return };
        let leader = match &reply {
            Reply::Answered(Err(Error::NotLeader(leader))) | Reply::Value(Err(Error::NotLeader(leader))) => {
                leader.as_ref().and_then(|(id, _)| Slot::of(id.node()))
            }
            Reply::Answered(_) | Reply::Value(_) | Reply::Broken => None,
        };
        self.end(at, now, heard(reply), wants);
        if let Some(leader) = leader {
            self.callers[at].to = leader;
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn is_idle(&self) -> bool {
        self.callers.iter().all(|caller| caller.open.is_none())
    }

    fn operation(&self, operation: u64) -> &dyn What {
        &self.operations[place(operation)]
    }

    fn describe(&self, operation: u64) -> String {
        format!("{:?}", self.operations[place(operation)])
    }
}

/// How an operation ended that was answered so. A command that was refused by a leader on its way
/// out may have been done all the same.
fn heard(reply: Reply) -> (Ending, Option<Bytes>) {
    match reply {
        Reply::Answered(Ok(Answer::Applied { response, .. })) | Reply::Value(Ok(response)) => {
            (Ending::Ok, Some(response))
        }
        Reply::Answered(Ok(
            Answer::Committed { .. } | Answer::Readable { .. } | Answer::Snapshotted(_) | Answer::Done,
        )) => (Ending::Ok, None),
        Reply::Answered(Err(Error::NotLeader(_))) | Reply::Value(Err(_)) => (Ending::Failed, None),
        Reply::Answered(Err(_)) | Reply::Broken => (Ending::Unknown, None),
    }
}

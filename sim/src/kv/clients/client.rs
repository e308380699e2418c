//! One client: rests, asks, waits, tries again, and knows how its operation ended or says that it
//! does not.

use super::operation::{Aim, End, Operation, Told};
use super::plan::ClientPlan;
use super::wish::{self, Voice};
use crate::kv::wire::{self, Got, Verb};
use crate::observe::Ending;
use crate::rng::{Domain, Stream};
use crate::slot::{Slot, Slots};
use crate::workload::{self, Ask, Reply, Want, Wants};
use wavetank_raft::{Answer, Bytes, Error, RequestId, Time};

/// Where in a request's number the client stands.
const CLIENT_SHIFT: u32 = 40;

/// Whose exchange this is; `None` if it is no client's.
pub(super) fn asker(request: RequestId) -> Option<usize> {
    usize::try_from(request.0 >> CLIENT_SHIFT).ok()?.checked_sub(1)
}

/// What all clients of a run share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: ClientPlan,
    pub(super) servers: Slots,
    pub(super) operations: Vec<Operation>,
    pub(super) stopped: bool,
    exchanges: u64,
    sessions: u32,
    /// How many operations began or ended.
    order: u64,
}

impl World {
    pub(super) fn new(plan: ClientPlan, servers: Slots) -> Self {
        let sessions = u32::from(plan.followers);
        Self { plan, servers, operations: Vec::new(), stopped: false, exchanges: 0, sessions, order: 0 }
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    pub(super) fn operation(&self, number: u64) -> &Operation {
        &self.operations[place(number)]
    }
}

/// A moment in which a client acts.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) now: Time,
    pub(super) world: &'a mut World,
    pub(super) wants: &'a mut Wants,
}

fn place(number: u64) -> usize {
    usize::try_from(number - 1).expect("as many operations as fit in memory")
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    number: u16,
    /// The one server that is asked, or whoever is thought to lead.
    pinned: Option<Slot>,
    leader: Slot,
    voice: Voice,
    /// What is wanted, apart from how it goes: trouble on the way does not change the wishes.
    wishes: Stream,
    moves: Stream,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Resting(Time),
    Waiting(Effort, RequestId, Time),
    BackingOff(Effort, Time),
    Gone,
}

/// What was done for an operation so far.
#[derive(Clone, Copy, Debug)]
struct Effort {
    operation: u64,
    tries: u32,
    /// A server that was asked may have done it, or may yet.
    doubtful: bool,
}

impl Client {
    pub(super) fn follower(number: u16, servers: Slots, seed: u64) -> Self {
        let mut client = Self::new(number, seed);
        client.leader = client.one_of(servers);
        client
    }

    pub(super) fn pinned(number: u16, slot: Slot, seed: u64) -> Self {
        Self { pinned: Some(slot), leader: slot, ..Self::new(number, seed) }
    }

    fn new(number: u16, seed: u64) -> Self {
        let stream = |topic| Stream::new(seed, Domain::Workload, u64::from(number), topic);
        let voice = Voice { session: u32::from(number) + 1, sequence: 0, known: None };
        let (wishes, moves) = (stream(0), stream(1));
        Self { number, pinned: None, leader: Slot(0), voice, wishes, moves, state: State::Gone }
    }

    pub(super) const fn due(&self) -> Time {
        match self.state {
            State::Resting(until) | State::Waiting(_, _, until) | State::BackingOff(_, until) => until,
            State::Gone => Time::NEVER,
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Resting(_) | State::Gone)
    }

    pub(super) fn waits_for(&self, request: RequestId) -> bool {
        matches!(self.state, State::Waiting(_, waited, _) if waited == request)
    }

    pub(super) const fn stop(&mut self) {
        if self.is_idle() {
            self.state = State::Gone;
        }
    }

    /// Rests until the next operation, if there is to be one.
    pub(super) fn rest(&mut self, now: Time, world: &World) {
        let think = if self.pinned.is_some() { world.plan.pinned_think } else { world.plan.think };
        let until = now + self.moves.within(think);
        self.state = if world.stopped { State::Gone } else { State::Resting(until) };
    }

    pub(super) fn wake(&mut self, scene: &mut Scene<'_>) {
        match self.state {
            State::Resting(_) => {
                let effort = self.begin(scene);
                self.ask(effort, scene);
            }
            State::BackingOff(effort, _) => self.ask(effort, scene),
            State::Waiting(effort, _, _) => self.despair(effort, scene),
            State::Gone => {}
        }
    }

    fn begin(&mut self, scene: &mut Scene<'_>) -> Effort {
        let world = &mut *scene.world;
        let number = world.operations.len() as u64 + 1;
        let (key, aim) = match self.pinned {
            Some(slot) => wish::draw_pinned(&world.plan, slot, &mut self.wishes),
            None => wish::draw(&world.plan, &mut self.voice, number, &mut self.wishes),
        };
        let (client, invoked, order) = (self.number, scene.now, world.next_order());
        world.operations.push(Operation { number, client, key, aim, invoked, order, end: None });
        scene.wants.told.push(workload::Told::Invoked { client: self.number, operation: number });
        Effort { operation: number, tries: 0, doubtful: false }
    }

    fn ask(&mut self, effort: Effort, scene: &mut Scene<'_>) {
        let world = &mut *scene.world;
        world.exchanges += 1;
        let request = RequestId((u64::from(self.number) + 1) << CLIENT_SHIFT | world.exchanges);
        let operation = world.operation(effort.operation);
        let want = match &operation.aim {
            Aim::Write(command) => Want::Apply(Bytes::clone(command)),
            Aim::Read { path: Some(path), .. } => Want::Read(*path, wire::query(operation.key)),
            Aim::Read { path: None, .. } => Want::Stale(wire::query(operation.key)),
        };
        let to = self.pinned.unwrap_or(self.leader);
        scene.wants.asks.push(Ask { request, client: self.number, to, want });
        let effort = Effort { tries: effort.tries + 1, ..effort };
        self.state = State::Waiting(effort, request, scene.now + world.plan.patience);
    }

    /// No answer came in time. Nobody knows what became of the question.
    fn despair(&mut self, effort: Effort, scene: &mut Scene<'_>) {
        let effort = Effort { doubtful: true, ..effort };
        self.look_elsewhere(scene.world.servers);
        if self.is_spent(effort, scene.world) {
            self.give_up(effort, scene);
        } else {
            self.ask(effort, scene);
        }
    }

    pub(super) fn hear(&mut self, reply: Reply, scene: &mut Scene<'_>) {
        let State::Waiting(effort, _, _) = self.state else { unreachable!("only who waits is answered") };
        match Heard::from(reply) {
            Heard::Told(told) => {
                self.learn(scene.world.operation(effort.operation), &told);
                self.end(effort, (Ending::Ok, Some(told)), scene);
            }
            Heard::Refused(hint) => {
                match hint {
                    Some(leader) => self.leader = leader,
                    None => self.look_elsewhere(scene.world.servers),
                }
                if self.moves.hits(scene.world.plan.resign) && !effort.doubtful {
                    self.give_up(effort, scene);
                } else {
                    self.try_again(effort, scene);
                }
            }
            Heard::Doubt => {
                self.look_elsewhere(scene.world.servers);
                self.try_again(Effort { doubtful: true, ..effort }, scene);
            }
        }
    }

    fn try_again(&mut self, effort: Effort, scene: &mut Scene<'_>) {
        if self.is_spent(effort, scene.world) {
            self.give_up(effort, scene);
        } else {
            let until = scene.now + self.moves.within(scene.world.plan.backoff);
            self.state = State::BackingOff(effort, until);
        }
    }

    const fn is_spent(&self, effort: Effort, world: &World) -> bool {
        self.pinned.is_some() || world.plan.tries <= effort.tries
    }

    /// A read that was not answered has failed; a write only if it was refused each time.
    fn give_up(&mut self, effort: Effort, scene: &mut Scene<'_>) {
        let is_write = matches!(scene.world.operation(effort.operation).aim, Aim::Write(_));
        let ending = if is_write && effort.doubtful { Ending::Unknown } else { Ending::Failed };
        if ending == Ending::Unknown && self.moves.hits(scene.world.plan.rename) {
            scene.world.sessions += 1;
            self.voice = Voice { session: scene.world.sessions, sequence: 0, known: self.voice.known.take() };
        }
        self.end(effort, (ending, None), scene);
    }

    fn end(&mut self, effort: Effort, (ending, answer): (Ending, Option<Told>), scene: &mut Scene<'_>) {
        let (at, order) = (scene.now, scene.world.next_order());
        scene.world.operations[place(effort.operation)].end = Some(End { at, order, ending, answer });
        let (client, operation) = (self.number, effort.operation);
        scene.wants.told.push(workload::Told::Returned { client, operation, ending });
        self.rest(scene.now, scene.world);
    }

    /// Remembers a value that was seen, to expect it in a cas.
    fn learn(&mut self, operation: &Operation, told: &Told) {
        let value = match told {
            Told::Got(bytes) => Got::decode(bytes).map(|got| got.value),
            Told::Applied(..) => match operation.command().map(|command| command.verb) {
                Some(Verb::Put(value) | Verb::Cas { new: value, .. }) => Some(value),
                Some(Verb::Append(_) | Verb::Delete) | None => None,
            },
        };
        if let Some(value) = value {
            self.voice.known = Some((operation.key, value.to_vec()));
        }
    }

    fn look_elsewhere(&mut self, servers: Slots) {
        let others = servers.without(self.leader);
        self.leader = self.one_of(if others.is_empty() { servers } else { others });
    }

    fn one_of(&mut self, servers: Slots) -> Slot {
        let at = self.moves.below(servers.len() as u64);
        servers.iter().nth(at as usize).expect("drawn below their number")
    }
}

/// What a reply means to the client.
enum Heard {
    Told(Told),
    /// It was not done, for certain; this one may lead.
    Refused(Option<Slot>),
    /// It may have been done.
    Doubt,
}

impl From<Reply> for Heard {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Answered(Ok(Answer::Applied { index, response })) => {
                Self::Told(Told::Applied(index, response))
            }
            // Not an answer to a command: a judge has said so already.
            Reply::Answered(Ok(
                Answer::Committed { .. } | Answer::Readable { .. } | Answer::Snapshotted(_) | Answer::Done,
            ))
            | Reply::Broken => Self::Doubt,
            Reply::Value(Ok(value)) => Self::Told(Told::Got(value)),
            Reply::Answered(Err(error)) => Self::of_command(&error),
            // A read does nothing, so there is nothing to doubt.
            Reply::Value(Err(error)) => Self::Refused(leader(&error)),
        }
    }
}

impl Heard {
    fn of_command(error: &Error) -> Self {
        match error {
            Error::LeadershipLost | Error::AbortedByRestore | Error::Shutdown | Error::Store(_) => {
                Self::Doubt
            }
            Error::NotLeader(_)
            | Error::NotVoter
            | Error::EnqueueTimeout
            | Error::NothingNewToSnapshot
            | Error::UnsupportedProtocol
            | Error::CantBootstrap
            | Error::LeadershipTransferInProgress
            | Error::SnapshotInProgress
            | Error::Refused(_)
            | Error::Config(_) => Self::Refused(leader(error)),
        }
    }
}

/// The server that an error points to.
fn leader(error: &Error) -> Option<Slot> {
    if let Error::NotLeader(Some((id, _))) = error { Slot::of(id.node()) } else { None }
}

//! The schedule of a run: it is recorded, or followed, or both.

use crate::engine::host::Work;
use crate::engine::workload::{Ask, Reply};
use crate::engine::world::sim_event::{Envelope, Message, SimEvent};
use crate::observe::Fate;
use crate::plan::server_set::ServerIdx;
use crate::schedule::{AskId, CallKind, Choice, Element, Fit, Identities, MessageId, WorkId};
use crate::subject::Protocol;
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{Event, RequestId, RpcId, Time};

/// The schedule of a run so far, and the pool of a run that follows a schedule.
#[derive(Debug)]
pub(crate) struct Scheduling<P: Protocol> {
    identities: Identities,
    /// The identity of each message by its number, with the word that selects the bits that flip.
    sent: BTreeMap<u64, (MessageId, Option<u64>)>,
    elements: Vec<Element>,
    muted: bool,
    pool: Option<Pool<P>>,
}

/// The things that a schedule can name. A message stays in the pool after it has arrived, because a network
/// may deliver it again.
#[derive(Debug)]
struct Pool<P: Protocol> {
    fit: Fit,
    messages: BTreeMap<MessageId, Envelope<P>>,
    /// The messages that have not arrived yet, by sender, receiver and kind.
    waiting: BTreeMap<(ServerIdx, ServerIdx, CallKind, bool), BTreeSet<MessageId>>,
    /// The fates of the messages that the schedule delivers.
    fates: BTreeMap<MessageId, Fate>,
    asks: BTreeMap<AskId, Ask>,
    replies: Vec<(RequestId, Reply)>,
    /// The results that wait for their servers, each with the incarnation that it belongs to.
    results: Vec<(ServerIdx, u32, Event<P::Request, P::Response>)>,
    interrupt: Option<(ServerIdx, usize)>,
}

impl<P: Protocol> Default for Scheduling<P> {
    fn default() -> Self {
        Self {
            identities: Identities::default(),
            sent: BTreeMap::new(),
            elements: Vec::new(),
            muted: false,
            pool: None,
        }
    }
}

impl<P: Protocol> Scheduling<P> {
    /// The schedule of a run that follows one.
    pub(crate) fn following(fit: Fit) -> Self {
        Self { pool: Some(Pool::new(fit)), ..Self::default() }
    }

    /// The choice between exact and similar objects.
    pub(crate) const fn fit(&self) -> Fit {
        match &self.pool {
            Some(pool) => pool.fit,
            None => Fit::Exact,
        }
    }

    /// True if the run follows a schedule.
    #[inline]
    pub(crate) const fn is_playing(&self) -> bool {
        self.pool.is_some()
    }

    /// Removes and returns the elements so far.
    pub(crate) fn take_elements(&mut self) -> Vec<Element> {
        std::mem::take(&mut self.elements)
    }

    /// Adds an element.
    pub(crate) fn note(&mut self, at: Time, choice: Choice) {
        if !self.muted {
            self.elements.push(Element { at, choice });
        }
    }

    /// Adds that the server crashed in the middle of the last element.
    pub(crate) fn note_interrupt(&mut self, at: Time, idx: ServerIdx, carried: usize) {
        let before = self.elements.len().saturating_sub(1);
        self.elements.insert(before, Element { at, choice: Choice::Interrupt(idx, carried) });
    }

    /// Adds no elements until [`Scheduling::unmute`]: one element stands for everything that happens now.
    pub(crate) const fn mute(&mut self) {
        self.muted = true;
    }

    pub(crate) const fn unmute(&mut self) {
        self.muted = false;
    }

    /// Learns from the schedule whether and when each message arrives.
    pub(crate) fn expect(&mut self, elements: &[Element]) {
        let Some(pool) = &mut self.pool else { return };
        for Element { at, choice } in elements {
            if let Choice::Deliver { message, .. } = choice {
                let fate = pool.fates.entry(*message).or_insert(Fate::Lost);
                *fate = match *fate {
                    Fate::Lost => Fate::Arrives(*at),
                    Fate::Arrives(first) | Fate::ArrivesTwice(first, _) => Fate::ArrivesTwice(first, *at),
                };
            }
        }
    }

    /// The fate of a message in a run that follows a schedule; `None` in any other run.
    pub(crate) fn fate(&self, number: u64) -> Option<Fate> {
        let pool = self.pool.as_ref()?;
        let fate = self.sent.get(&number).and_then(|(message, _)| pool.fates.get(message));
        Some(fate.copied().unwrap_or(Fate::Lost))
    }

    /// Names a message that is sent now. `number` is its number among all messages.
    pub(crate) fn on_sent(
        &mut self,
        (from, to): (ServerIdx, ServerIdx),
        rpc: RpcId,
        message: &Message<P>,
        number: u64,
        flips: Option<u64>,
    ) {
        let id = match message {
            Message::Request(request) => {
                let (term, kind) = (P::term(request).unwrap_or_default(), P::kind(request));
                Some(self.identities.request(from, to, rpc, term, kind))
            }
            Message::Response(_) => self.identities.response(to, rpc),
        };
        if let Some(id) = id {
            self.sent.insert(number, (id, flips));
        }
    }

    /// Adds the arrival of the message with this number.
    pub(crate) fn note_arrival(&mut self, at: Time, number: u64) {
        if let Some(&(message, flips)) = self.sent.get(&number) {
            self.note(at, Choice::Deliver { message, flips });
        }
    }

    /// Names a request that a client sends now.
    pub(crate) fn on_asked(&mut self, client: u16, request: RequestId) {
        self.identities.ask(client, request);
    }

    /// The name of a client's request.
    pub(crate) fn ask_id(&self, request: RequestId) -> Option<AskId> {
        self.identities.of_request(request)
    }

    /// Keeps an event until the schedule names it. Events that a schedule does not name are dropped: what
    /// they do is an element of its own, or follows from the state of a server.
    pub(crate) fn hold(&mut self, event: SimEvent<P>) {
        let Some(pool) = &mut self.pool else { return };
        match event {
            SimEvent::Arrive(envelope) => {
                if let Some((message, _)) = self.sent.get(&envelope.number) {
                    pool.messages.insert(*message, envelope);
                    pool.waiting.entry(similar(message)).or_default().insert(*message);
                }
            }
            SimEvent::Ask(ask) => {
                if let Some(id) = self.identities.of_request(ask.request) {
                    pool.asks.insert(id, ask);
                }
            }
            SimEvent::Reply(request, reply) => pool.replies.push((request, reply)),
            SimEvent::Deliver(idx, incarnation, event) => pool.results.push((idx, incarnation, event)),
            SimEvent::Timer(_)
            | SimEvent::ReleaseHeld(_)
            | SimEvent::Disk(..)
            | SimEvent::Machine(..)
            | SimEvent::Batch(..)
            | SimEvent::Clients
            | SimEvent::Bootstrap
            | SimEvent::Act(_)
            | SimEvent::Change(_)
            | SimEvent::Restart(_)
            | SimEvent::Resume(_)
            | SimEvent::FreeSpace(_) => {}
        }
    }

    /// Loses all messages to a server, delivered or not: its machine was replaced.
    pub(crate) fn lose_all_to(&mut self, idx: ServerIdx) {
        if let Some(pool) = &mut self.pool {
            pool.messages.retain(|id, _| id.to() != idx);
            pool.waiting.values_mut().for_each(|ids| ids.retain(|id| id.to() != idx));
        }
    }

    /// The message with this identity, if it was sent, or a similar one.
    pub(crate) fn message(&mut self, id: &MessageId) -> Option<(MessageId, Envelope<P>)> {
        let pool = self.pool.as_mut()?;
        let waiting = pool.waiting.entry(similar(id)).or_default();
        let id = match pool.fit {
            Fit::Similar if !pool.messages.contains_key(id) => *waiting.first()?,
            _ => *id,
        };
        waiting.remove(&id);
        Some((id, pool.messages.get(&id)?.clone()))
    }

    /// The client's request with this identity, if it waits, or a similar one; with its server.
    pub(crate) fn ask(&self, id: AskId) -> Option<(AskId, ServerIdx)> {
        let pool = self.pool.as_ref()?;
        let same = pool.asks.get_key_value(&id);
        let of_client = || pool.asks.iter().find(|(other, _)| other.client == id.client);
        let found = same.or_else(|| of_client().filter(|_| pool.fit == Fit::Similar));
        found.map(|(id, ask)| (*id, ask.to))
    }

    /// Removes a client's request.
    pub(crate) fn take_ask(&mut self, id: AskId) -> Option<Ask> {
        self.pool.as_mut()?.asks.remove(&id)
    }

    /// Removes the oldest reply to a client's request.
    pub(crate) fn take_reply(&mut self, id: AskId) -> Option<(RequestId, Reply)> {
        let of = |request| self.identities.of_request(request);
        let pool = self.pool.as_mut()?;
        let is_similar = |request| of(request).is_some_and(|other| other.client == id.client);
        let same = pool.replies.iter().position(|&(request, _)| of(request) == Some(id));
        let place = same.or_else(|| match pool.fit {
            Fit::Exact => None,
            Fit::Similar => pool.replies.iter().position(|&(request, _)| is_similar(request)),
        })?;
        Some(pool.replies.remove(place))
    }

    /// Removes a result that waits for this life of a server: that of the read with this ticket, or a
    /// failure.
    pub(crate) fn take_result(
        &mut self,
        idx: ServerIdx,
        incarnation: u32,
        ticket: Option<RpcId>,
    ) -> Option<Event<P::Request, P::Response>> {
        let pool = self.pool.as_mut()?;
        let is_its = |(of, life, _): &(ServerIdx, u32, _)| (*of, *life) == (idx, incarnation);
        let same = pool.results.iter().position(|it| is_its(it) && ticket_of(&it.2) == ticket);
        let place = same.or_else(|| match pool.fit {
            Fit::Exact => None,
            Fit::Similar => pool.results.iter().position(is_its),
        })?;
        Some(pool.results.remove(place).2)
    }

    /// The server crashes in the middle of its next step, if that is in the next element.
    pub(crate) const fn arm(&mut self, interrupt: Option<(ServerIdx, usize)>) {
        if let Some(pool) = &mut self.pool {
            pool.interrupt = interrupt;
        }
    }

    /// The number of actions that the server executes before it crashes, if it crashes in this step.
    pub(crate) fn take_interrupt(&mut self, idx: ServerIdx) -> Option<usize> {
        let pool = self.pool.as_mut()?;
        let (_, carried) = pool.interrupt.take_if(|(of, _)| *of == idx)?;
        Some(carried)
    }
}

impl<P: Protocol> Pool<P> {
    const fn new(fit: Fit) -> Self {
        Self {
            fit,
            messages: BTreeMap::new(),
            waiting: BTreeMap::new(),
            fates: BTreeMap::new(),
            asks: BTreeMap::new(),
            replies: Vec::new(),
            results: Vec::new(),
            interrupt: None,
        }
    }
}

/// Similar messages have the same sender, receiver and kind, and both are requests or both are responses.
const fn similar(id: &MessageId) -> (ServerIdx, ServerIdx, CallKind, bool) {
    (id.call.from, id.call.to, id.call.kind, id.answer == 0)
}

/// The ticket of the read to which this result belongs; `None` for a failure.
pub(crate) const fn ticket_of<Q, R>(event: &Event<Q, R>) -> Option<RpcId> {
    match event {
        Event::Fetched { ticket, .. }
        | Event::SnapshotRead { ticket, .. }
        | Event::SnapshotWritten { ticket, .. } => Some(*ticket),
        _ => None,
    }
}

impl WorkId {
    /// The identity of this work.
    pub(crate) fn of(work: &Work) -> Self {
        match work {
            Work::Apply(batch) => {
                let last = batch.entries.last().expect("a batch has at least one entry");
                Self::Apply(last.id.index)
            }
            Work::TakeSnapshot(meta) => Self::TakeSnapshot(meta.last.index),
            Work::Restore(meta) => Self::Restore(meta.last.index),
        }
    }
}

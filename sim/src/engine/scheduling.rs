//! The schedule of a run. A run can record a schedule, follow a schedule, or do both.

use crate::engine::host::Work;
use crate::engine::relative_state::RelativeState;
use crate::engine::workload::{Ask, Reply};
use crate::engine::world::sim_event::{Envelope, Message, SimEvent};
use crate::observe::Fate;
use crate::plan::server_set::ServerIdx;
use crate::schedule::{AskId, CallKind, Choice, Element, Fit, Identities, MessageId, WorkId};
use crate::subject::{EventIn, Protocol, View};
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{Event, RequestId, RpcId, Term, Time};

/// The schedule of a run so far. A run that follows a schedule also has a pool of events.
#[derive(Debug)]
pub(crate) struct Scheduling<P: Protocol> {
    identities: Identities,
    /// The key is the number of a message. The value is the identity of the message, and the word that
    /// selects the bits to flip; `None` if no bit flips.
    sent: BTreeMap<u64, (MessageId, Option<u64>)>,
    elements: Vec<Element>,
    cluster: RelativeState,
    /// For each element, the hash of the relative state of the cluster before the element.
    states: Vec<u64>,
    muted: bool,
    pool: Option<Pool<P>>,
}

/// The objects that a schedule can name. A message stays in the pool after the message has arrived, because a
/// network may deliver the message again.
#[derive(Debug)]
struct Pool<P: Protocol> {
    fit: Fit,
    messages: BTreeMap<MessageId, Envelope<P>>,
    /// The messages that have not arrived yet. The key is the caller, the callee, the kind of the request, and
    /// true for a request or false for a response.
    waiting: BTreeMap<(ServerIdx, ServerIdx, CallKind, bool), BTreeSet<MessageId>>,
    /// For each term that the schedule names, the corresponding term of this run.
    terms: BTreeMap<Term, Term>,
    /// For each key of `waiting`, two messages: the last message that the schedule named, and the message
    /// that arrived in place of the named message.
    latest: BTreeMap<(ServerIdx, ServerIdx, CallKind, bool), (MessageId, MessageId)>,
    /// The fates of the messages that the schedule delivers.
    fates: BTreeMap<MessageId, Fate>,
    asks: BTreeMap<AskId, Ask>,
    replies: Vec<(RequestId, Reply)>,
    /// The results that wait for their servers. Each element has the server, the incarnation of the server,
    /// and the result.
    results: Vec<(ServerIdx, u32, EventIn<P>)>,
    interrupt: Option<(ServerIdx, usize)>,
}

impl<P: Protocol> Default for Scheduling<P> {
    fn default() -> Self {
        Self {
            identities: Identities::default(),
            sent: BTreeMap::new(),
            elements: Vec::new(),
            cluster: RelativeState::default(),
            states: Vec::new(),
            muted: false,
            pool: None,
        }
    }
}

impl<P: Protocol> Scheduling<P> {
    /// Makes the schedule of a run that follows a recorded schedule. `fit` is the rule for elements whose
    /// message, timer, write or server does not exist.
    pub(crate) fn following(fit: Fit) -> Self {
        Self { pool: Some(Pool::new(fit)), ..Self::default() }
    }

    /// Returns the rule for elements whose object does not exist.
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

    /// Stops following a schedule. Returns the waiting events that cannot be lost: the requests and replies of
    /// clients, and the results of disks. Messages that no element has delivered are lost.
    pub(crate) fn stop_following(&mut self) -> Vec<SimEvent<P>> {
        let Some(Pool { asks, replies, results, .. }) = self.pool.take() else { return Vec::new() };
        let asks = asks.into_values().map(SimEvent::Ask);
        let replies = replies.into_iter().map(|(request, reply)| SimEvent::Reply(request, reply));
        let results = results.into_iter().map(|(idx, life, event)| SimEvent::Deliver(idx, life, event));
        asks.chain(replies).chain(results).collect()
    }

    /// Removes and returns the elements that were recorded so far.
    pub(crate) fn take_elements(&mut self) -> Vec<Element> {
        std::mem::take(&mut self.elements)
    }

    /// Removes and returns, for each recorded element, the hash of the relative state of the cluster before
    /// the element.
    pub(crate) fn take_states(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.states)
    }

    /// Records the view of a server after a step. `None` records that the server is down.
    pub(crate) fn show(&mut self, idx: ServerIdx, view: Option<View>) {
        self.cluster.show(idx, view);
    }

    /// Records an element.
    pub(crate) fn note(&mut self, at: Time, choice: Choice) {
        if !self.muted {
            self.elements.push(Element { at, choice });
            self.states.push(self.cluster.hash());
        }
    }

    /// Records that a server crashed during the last element. The new element comes before the last element.
    /// `carried` is the number of actions that the server executed before the crash.
    pub(crate) fn note_interrupt(&mut self, at: Time, idx: ServerIdx, carried: usize) {
        let before = self.elements.len().saturating_sub(1);
        self.elements.insert(before, Element { at, choice: Choice::Interrupt(idx, carried) });
        let state = self.states.last().copied().unwrap_or_default();
        self.states.push(state);
    }

    /// Stops recording until [`Scheduling::unmute`]. One element that was already recorded stands for
    /// everything that happens until then.
    pub(crate) const fn mute(&mut self) {
        self.muted = true;
    }

    pub(crate) const fn unmute(&mut self) {
        self.muted = false;
    }

    /// Reads the arrival times of messages from the schedule.
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

    /// Returns the fate of a message in a run that follows a schedule. Returns `None` in any other run.
    pub(crate) fn fate(&self, number: u64) -> Option<Fate> {
        let pool = self.pool.as_ref()?;
        let fate = self.sent.get(&number).and_then(|(message, _)| pool.fates.get(message));
        Some(fate.copied().unwrap_or(Fate::Lost))
    }

    /// Assigns an identity to a message that is sent now. `number` is the number of the message among all
    /// messages.
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

    /// Records the arrival of the message with this number.
    pub(crate) fn note_arrival(&mut self, at: Time, number: u64) {
        if let Some(&(message, flips)) = self.sent.get(&number) {
            self.note(at, Choice::Deliver { message, flips });
        }
    }

    /// Assigns an identity to a request that a client sends now.
    pub(crate) fn on_asked(&mut self, client: u16, request: RequestId) {
        self.identities.ask(client, request);
    }

    /// Returns the identity of a client's request. Returns `None` if no client has sent this request.
    pub(crate) fn ask_id(&self, request: RequestId) -> Option<AskId> {
        self.identities.of_request(request)
    }

    /// Keeps an event until the schedule names the event. A schedule never names events of some kinds, for
    /// example timer events. These events are dropped: the effect of such an event has its own element, or
    /// follows from the state of a server.
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

    /// Loses all messages to a server that got a new disk, even messages that were already delivered once.
    pub(crate) fn lose_all_to(&mut self, idx: ServerIdx) {
        if let Some(pool) = &mut self.pool {
            pool.messages.retain(|id, _| id.to() != idx);
            pool.waiting.values_mut().for_each(|ids| ids.retain(|id| id.to() != idx));
        }
    }

    /// Returns the message with this identity or a similar message, and the identity of the returned message.
    /// From now on, the returned message counts as arrived. Returns `None` if there is no such message.
    pub(crate) fn message(&mut self, id: &MessageId) -> Option<(MessageId, Envelope<P>)> {
        let pool = self.pool.as_mut()?;
        let named = *id;
        let id = match pool.fit {
            Fit::Similar | Fit::Punctual if !pool.messages.contains_key(id) => pool.similar_to(id)?,
            Fit::Repeating => *pool.waiting.get(&similar(id))?.range(id..).next()?,
            Fit::Similar | Fit::Punctual | Fit::Exact => *id,
        };
        let envelope = pool.messages.get(&id)?.clone();
        pool.waiting.entry(similar(&id)).or_default().remove(&id);
        pool.terms.insert(named.call.term, id.call.term);
        pool.latest.insert(similar(&id), (named, id));
        Some((id, envelope))
    }

    /// Returns the waiting request with this identity or a similar request of the same client, and the server
    /// that receives the request. Returns `None` if there is no such request.
    pub(crate) fn ask(&self, id: AskId) -> Option<(AskId, ServerIdx)> {
        let pool = self.pool.as_ref()?;
        let same = pool.asks.get_key_value(&id);
        let of_client = || pool.asks.iter().find(|(other, _)| other.client == id.client);
        let found = same.or_else(|| of_client().filter(|_| pool.fit != Fit::Exact));
        found.map(|(id, ask)| (*id, ask.to))
    }

    /// Removes and returns the waiting request with this identity. Returns `None` if there is no such
    /// request.
    pub(crate) fn take_ask(&mut self, id: AskId) -> Option<Ask> {
        self.pool.as_mut()?.asks.remove(&id)
    }

    /// Removes and returns the oldest reply to the request with this identity. If there is no such reply and
    /// the schedule accepts similar objects, takes the oldest reply to the same client. Returns `None` if no
    /// reply fits.
    pub(crate) fn take_reply(&mut self, id: AskId) -> Option<(RequestId, Reply)> {
        let of = |request| self.identities.of_request(request);
        let pool = self.pool.as_mut()?;
        let is_similar = |request| of(request).is_some_and(|other| other.client == id.client);
        let same = pool.replies.iter().position(|&(request, _)| of(request) == Some(id));
        let place = same.or_else(|| match pool.fit {
            Fit::Exact => None,
            Fit::Similar | Fit::Punctual | Fit::Repeating => {
                pool.replies.iter().position(|&(request, _)| is_similar(request))
            }
        })?;
        Some(pool.replies.remove(place))
    }

    /// Removes and returns a result that waits for this incarnation of a server: the result of the disk job
    /// with this ticket, or a failure if `ticket` is `None`. If there is no such result and the schedule
    /// accepts similar objects, takes the result with the nearest ticket. After elements were left out, a
    /// server gives the same job a slightly smaller ticket. Jobs for another purpose have tickets far away.
    /// Returns `None` if no result fits.
    pub(crate) fn take_result(
        &mut self,
        idx: ServerIdx,
        incarnation: u32,
        ticket: Option<RpcId>,
    ) -> Option<EventIn<P>> {
        let pool = self.pool.as_mut()?;
        let is_its = |(of, life, _): &(ServerIdx, u32, _)| (*of, *life) == (idx, incarnation);
        let results = pool.results.iter().enumerate().filter(|(_, result)| is_its(result));
        let (difference, place) =
            results.map(|(place, result)| (difference(ticket_of(&result.2), ticket), place)).min()?;
        (difference == 0 || pool.fit != Fit::Exact).then(|| pool.results.remove(place).2)
    }

    /// Prepares a crash of a server during the next element. The values are the server and the number of
    /// actions that the server executes before the crash. `None` cancels the crash.
    pub(crate) const fn arm(&mut self, interrupt: Option<(ServerIdx, usize)>) {
        if let Some(pool) = &mut self.pool {
            pool.interrupt = interrupt;
        }
    }

    /// Returns the number of actions that the server executes before the crash. Returns `None` if the server
    /// does not crash in this step.
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
            terms: BTreeMap::new(),
            latest: BTreeMap::new(),
            fates: BTreeMap::new(),
            asks: BTreeMap::new(),
            replies: Vec::new(),
            results: Vec::new(),
            interrupt: None,
        }
    }

    /// Returns the waiting message that replaces the message `named`, which does not exist. After elements
    /// were removed from a schedule, the terms and the ordinals of later messages in this run can differ from
    /// the schedule. The search assumes the same difference as for the previous message of the same kind
    /// between the same servers. So a message that the schedule does not deliver is not delivered in place of
    /// a later message. If all waiting messages are older than the wanted message, the newest waiting message
    /// is the result. Returns `None` if no similar message waits.
    fn similar_to(&self, named: &MessageId) -> Option<MessageId> {
        let waiting = self.waiting.get(&similar(named))?;
        let latest = self.latest.get(&similar(named)).copied();
        let newest = waiting.last()?.call.term;
        let mut wanted = *named;
        wanted.call.term = self.terms.get(&named.call.term).copied().unwrap_or(newest);
        if let Some((before, after)) = latest
            && (before.call.term, after.call.term) == (named.call.term, wanted.call.term)
        {
            let ordinal = named.call.ordinal + after.call.ordinal;
            wanted.call.ordinal = ordinal.saturating_sub(before.call.ordinal).max(1);
        }
        waiting.range(wanted..).next().or_else(|| waiting.last()).copied()
    }
}

/// Returns the properties that similar messages share: the caller, the callee, the kind of the request, and
/// true for a request or false for a response.
const fn similar(id: &MessageId) -> (ServerIdx, ServerIdx, CallKind, bool) {
    (id.call.from, id.call.to, id.call.kind, id.answer == 0)
}

/// Returns the difference of two tickets. Returns [`u64::MAX`] if only one of them is `Some`.
const fn difference(one: Option<RpcId>, other: Option<RpcId>) -> u64 {
    match (one, other) {
        (Some(one), Some(other)) => one.0.abs_diff(other.0),
        (None, None) => 0,
        (Some(_), None) | (None, Some(_)) => u64::MAX,
    }
}

/// Returns the ticket of the disk job to which this result belongs. Returns `None` for a failure.
pub(crate) const fn ticket_of<Q, R>(event: &Event<Q, R>) -> Option<RpcId> {
    match event {
        Event::Fetched { ticket, .. }
        | Event::SnapshotRead { ticket, .. }
        | Event::SnapshotWritten { ticket, .. } => Some(*ticket),
        _ => None,
    }
}

impl WorkId {
    /// Returns the identity of this work.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Wavetank;

    #[test]
    fn a_result_of_another_purpose_does_not_stand_for_a_missing_one() {
        const SERVER: ServerIdx = ServerIdx(0);
        let purposes = [RpcId(1 << 63 | 1), RpcId(1 << 32 | 4), RpcId(1 << 32 | 6)];
        for (fit, taken) in [(Fit::Similar, Some(purposes[2])), (Fit::Exact, None)] {
            let mut scheduling = Scheduling::<Wavetank>::following(fit);
            for ticket in purposes {
                let event = Event::SnapshotWritten { ticket, ok: true };
                scheduling.hold(SimEvent::Deliver(SERVER, 1, event));
            }
            let result = scheduling.take_result(SERVER, 1, Some(RpcId(1 << 32 | 8)));
            assert_eq!(result.as_ref().and_then(ticket_of), taken, "{fit:?}");
            let same = scheduling.take_result(SERVER, 1, Some(purposes[1]));
            assert_eq!(same.as_ref().and_then(ticket_of), Some(purposes[1]));
            assert!(scheduling.take_result(SERVER, 2, Some(purposes[0])).is_none());
        }
    }
}

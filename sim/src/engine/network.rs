//! The network between the servers. For each message, the network decides the number of copies that arrive,
//! and the arrival time of each copy. A message without copies is lost.
//!
//! Each directed link has a random stream for delays and a random stream for each kind of fault. Each message
//! takes one word of 64 bits from each of these streams. The [`topology`](crate::observe::topology) knows the
//! cut links. The world keeps the messages in flight.

use crate::observe::Fate;
use crate::plan::fault_id::{Fault, FaultFilter, FaultId, MessageFault};
use crate::plan::named::Counters;
use crate::plan::rng::{Domain, Draw, Ratio, Spans, Stream};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::plan::{LinkPlan, RandomDelay};
use wavetank_raft::{Span, Time};

/// The network between the servers of a tank.
#[derive(Clone, Debug)]
pub struct Network {
    seed: u64,
    servers: usize,
    plan: LinkPlan,
    links: Vec<Option<Box<DirectedLink>>>,
    /// For each directed link, a limit on message numbers. A message that is in flight on the link is lost if
    /// the number of the message is not above the limit.
    lost_upto: Vec<u64>,
    on_way: Vec<(Stream, u32)>,
    messages: u64,
    counts: Counters<Fault>,
    fault_ids: FaultFilter,
}

/// The network's decision about one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendOutcome {
    /// The times at which the copies of the message arrive, or the loss of the message.
    pub fate: Fate,
    /// True if the network holds back the last copy of the message. The nemesis may release this copy before
    /// the copy is due.
    pub held: bool,
    /// The random word that selects the bits to flip in the message. `None`: no bit flips.
    pub flips: Option<u64>,
}

/// One direction of the link between two servers.
#[derive(Clone, Debug)]
struct DirectedLink {
    ends: (ServerIdx, ServerIdx),
    sent: u32,
    distance: Span,
    delay: Stream,
    /// The random streams of the link's faults, in the order of [`LinkFault`]. `None`: the plan does not
    /// enable this fault.
    families: [Option<Stream>; LINK_FAULTS],
    /// The draws for [`PREFETCH`] consecutive messages. The draws are made before the messages are sent. The
    /// draws for one message are adjacent in memory. Without this field, each message would read up to seven
    /// streams, and each read would miss the CPU cache.
    prefetched: [LinkDraws; PREFETCH],
}

/// The random draws for one message: one draw from each stream of the link.
#[derive(Clone, Copy, Debug)]
struct LinkDraws {
    delay: Draw,
    families: [Draw; LINK_FAULTS],
}

/// The kinds of faults that a link can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LinkFault {
    Reorder,
    Late,
    Loss,
    Duplicate,
    Hold,
    Corrupt,
}

const LINK_FAULTS: usize = 6;

/// The number of messages whose draws are made together, before the first of these messages is sent.
const PREFETCH: usize = 32;

impl Network {
    /// Creates the network from the plan of the links.
    #[must_use]
    pub fn new(seed: u64, servers: usize, plan: LinkPlan) -> Self {
        let on_way = |of: usize| (Stream::new(seed, Domain::OnWay, of as u64, 0), 0);
        Self {
            seed,
            servers,
            plan,
            links: vec![None; servers * servers],
            lost_upto: vec![0; servers * servers],
            on_way: (0..=servers).map(on_way).collect(),
            messages: 0,
            counts: Counters::default(),
            fault_ids: FaultFilter::default(),
        }
    }

    /// Limits the faults of messages to the faults that the filter allows.
    #[must_use]
    pub fn with_fault_filter(self, fault_ids: FaultFilter) -> Self {
        Self { fault_ids, ..self }
    }

    /// Returns the filter that decides which faults of messages may happen. The filter also contains the
    /// recorded faults.
    #[must_use]
    pub const fn fault_ids(&self) -> &FaultFilter {
        &self.fault_ids
    }

    /// Starts to record the faults of messages.
    pub fn record(&mut self) {
        self.fault_ids.record();
    }

    /// Decides the fate of a message that `from` sends to `to` at the time `now`. `is_cut` is true if the
    /// link from `from` to `to` is cut.
    pub fn send(&mut self, now: Time, from: ServerIdx, to: ServerIdx, is_cut: bool) -> SendOutcome {
        self.messages += 1;
        let at = from.at() * self.servers + to.at();
        let (seed, plan) = (self.seed, &self.plan);
        let link = self.links[at].get_or_insert_with(|| Box::new(DirectedLink::new(seed, plan, from, to)));
        link.send(now, plan, is_cut, &mut self.counts, &mut self.fault_ids)
    }

    /// Handles the crash of a server. The messages in flight from this server may be lost.
    pub fn crash(&mut self, from: ServerIdx) {
        if self.loses_in_flight(from.at()) {
            for to in 0..self.servers {
                self.lost_upto[from.at() * self.servers + to] = self.messages;
            }
        }
    }

    /// Loses all messages in flight to a server.
    pub fn lose_all_to(&mut self, to: ServerIdx) {
        for from in 0..self.servers {
            self.lost_upto[from * self.servers + to.at()] = self.messages;
        }
    }

    /// Handles a cut of links. `is_cut(from, to)` is true if the link from `from` to `to` is cut. The
    /// messages in flight on the cut links may be lost.
    pub fn cut(&mut self, is_cut: impl Fn(ServerIdx, ServerIdx) -> bool) {
        if self.loses_in_flight(self.servers) {
            let all = ServerSet::first(self.servers);
            for from in all.iter() {
                for to in all.iter().filter(|&to| is_cut(from, to)) {
                    self.lost_upto[from.at() * self.servers + to.at()] = self.messages;
                }
            }
        }
    }

    /// True if the message `number`, which `from` sent to `to`, was lost in flight. The messages of all links are
    /// numbered together, in the order of sending.
    #[must_use]
    pub fn is_lost_in_flight(&self, from: ServerIdx, to: ServerIdx, number: u64) -> bool {
        number <= self.lost_upto[from.at() * self.servers + to.at()]
    }

    /// Counts a message that the receiver rejected because bits of the message had flipped.
    pub fn rejected(&mut self) {
        self.counts[Fault::Corrupt] += 1;
    }

    /// Counts a message that was sent to a wrong address.
    pub fn misrouted(&mut self) {
        self.counts[Fault::WrongAddress] += 1;
    }

    fn loses_in_flight(&mut self, of: usize) -> bool {
        let Some(chance) = self.plan.on_way else { return false };
        let (stream, asked) = &mut self.on_way[of];
        let fault_id =
            FaultId::OnWay(u8::try_from(of).expect("the number of a server fits into a byte"), *asked);
        *asked += 1;
        let takes = stream.hits(chance) && self.fault_ids.allow(fault_id);
        self.counts[Fault::OnWay] += u64::from(takes);
        takes
    }

    /// Returns the number of messages that were sent.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Returns the number of faults of each kind so far.
    pub(crate) const fn counts(&self) -> &Counters<Fault> {
        &self.counts
    }

    /// Disables all faults of messages. Messages are still delayed.
    pub fn calm(&mut self) {
        let LinkPlan { delay, far, .. } = self.plan;
        self.plan = LinkPlan { delay, far, ..LinkPlan::calm() };
    }

    /// Replaces the random streams with the streams of another seed. A link that has already sent a message
    /// keeps the fixed part of its delay.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        for (of, (stream, _)) in (0..).zip(&mut self.on_way) {
            *stream = Stream::new(seed, Domain::OnWay, of, 0);
        }
        for link in self.links.iter_mut().flatten() {
            link.reseed(seed, &self.plan);
        }
    }

    /// Replaces the plan of the links.
    pub fn set_plan(&mut self, plan: LinkPlan) {
        self.plan = plan;
        // Each link is created again at its next message, with the streams of the new plan.
        self.links.fill(None);
    }
}

impl DirectedLink {
    fn new(seed: u64, plan: &LinkPlan, from: ServerIdx, to: ServerIdx) -> Self {
        let stream = |domain| Stream::new(seed, domain, u64::from(from.0), u64::from(to.0));
        let mut delay = stream(Domain::Delay);
        let distance = delay.draw();
        Self {
            ends: (from, to),
            sent: 0,
            distance: match plan.far {
                Some(far) if distance.hits(far.chance) => distance.within(far.by),
                Some(_) | None => Span::ZERO,
            },
            delay,
            families: [
                plan.reorder.map(|_| stream(Domain::Reorder)),
                plan.late.map(|_| stream(Domain::Late)),
                plan.loss.map(|_| stream(Domain::Loss)),
                plan.duplicate.map(|_| stream(Domain::Duplicate)),
                plan.hold.map(|_| stream(Domain::Hold)),
                plan.corrupt.map(|_| stream(Domain::Corrupt)),
            ],
            prefetched: [LinkDraws { delay: Draw::ZERO, families: [Draw::ZERO; LINK_FAULTS] }; PREFETCH],
        }
    }

    fn reseed(&mut self, seed: u64, plan: &LinkPlan) {
        let (from, to) = self.ends;
        let Self { delay, families, .. } = Self::new(seed, plan, from, to);
        (self.delay, self.families) = (delay, families);
        self.prefetch();
    }

    /// Returns the draws of the next message. Each stream is read once per message, even if the fault of the
    /// stream does not occur. Therefore one fault does not change the draws of another fault.
    fn next(&mut self) -> LinkDraws {
        let at = self.sent as usize % PREFETCH;
        if at == 0 {
            self.prefetch();
        }
        self.sent += 1;
        self.prefetched[at]
    }

    fn prefetch(&mut self) {
        for draws in &mut self.prefetched {
            draws.delay = self.delay.draw();
        }
        for (family, stream) in self.families.iter_mut().enumerate() {
            let Some(stream) = stream else { continue };
            for draws in &mut self.prefetched {
                draws.families[family] = stream.draw();
            }
        }
    }

    fn send(
        &mut self,
        now: Time,
        plan: &LinkPlan,
        is_cut: bool,
        counts: &mut Counters<Fault>,
        fault_ids: &mut FaultFilter,
    ) -> SendOutcome {
        let (from, to) = self.ends;
        let number = self.sent;
        let draws = self.next();
        let mut may = |message_fault| fault_ids.allow(FaultId::Message(message_fault, from, to, number));
        let delay = draws.delay.within(plan.delay) + self.distance;
        let lost = plan.loss.is_some_and(|chance| draws.of(LinkFault::Loss).hits(chance));
        if is_cut || (lost && may(MessageFault::Loss)) {
            counts[if is_cut { Fault::Cut } else { Fault::Loss }] += 1;
            return SendOutcome { fate: Fate::Lost, held: false, flips: None };
        }
        let flips = draws.flips(plan.corrupt).filter(|_| may(MessageFault::Corrupt));
        let reordered =
            draws.delay_of(LinkFault::Reorder, plan.reorder).filter(|_| may(MessageFault::Reorder));
        let late = draws.delay_of(LinkFault::Late, plan.late).filter(|_| may(MessageFault::Late));
        counts[Fault::Reorder] += u64::from(reordered.is_some());
        counts[Fault::Late] += u64::from(late.is_some());
        let first = now + delay + reordered.unwrap_or(Span::ZERO) + late.unwrap_or(Span::ZERO);
        if let Some(by) = draws.delay_of(LinkFault::Hold, plan.hold).filter(|_| may(MessageFault::Hold)) {
            counts[Fault::Hold] += 1;
            // If the delay is odd, the network holds back a copy of the message. If the delay is even, the
            // network holds back the message itself.
            let fate =
                if by.0 % 2 == 1 { Fate::ArrivesTwice(first, first + by) } else { Fate::Arrives(first + by) };
            return SendOutcome { fate, held: true, flips };
        }
        let again =
            draws.delay_of(LinkFault::Duplicate, plan.duplicate).filter(|_| may(MessageFault::Duplicate));
        counts[Fault::Duplicate] += u64::from(again.is_some());
        let fate = again.map_or(Fate::Arrives(first), |by| Fate::ArrivesTwice(first, first + by));
        SendOutcome { fate, held: false, flips }
    }
}

impl LinkDraws {
    const fn of(&self, family: LinkFault) -> Draw {
        self.families[family as usize]
    }

    fn delay_of(&self, family: LinkFault, late: Option<RandomDelay>) -> Option<Span> {
        let (draw, late) = (self.of(family), late?);
        draw.hits(late.chance).then(|| draw.within(late.by))
    }

    /// Returns the random word that selects the bits to flip, or `None` if no bit flips.
    fn flips(&self, chance: Option<Ratio>) -> Option<u64> {
        let (draw, chance) = (self.of(LinkFault::Corrupt), chance?);
        draw.hits(chance).then(|| draw.below(1 << 32))
    }
}

/// The link between one client and the servers. The link delays all messages and loses some messages.
#[derive(Clone, Debug)]
pub struct ClientLink {
    delay: Stream,
    loss: Stream,
    plan: (Spans, Option<Ratio>),
}

impl ClientLink {
    /// Creates the link of a client. `client` is the number of the client. `delay` is in microseconds. `loss`
    /// is the probability that a message is lost; `None` if the link loses no messages.
    #[must_use]
    pub fn new(seed: u64, client: u16, delay: Spans, loss: Option<Ratio>) -> Self {
        let stream = |domain| Stream::new(seed, domain, u64::from(client), 0);
        Self { delay: stream(Domain::Client), loss: stream(Domain::ClientLoss), plan: (delay, loss) }
    }

    /// Replaces the random streams with the streams of another seed. `client` is the number of the client that uses
    /// this link. Each client has streams of its own.
    pub fn reseed(&mut self, seed: u64, client: u16) {
        let (delay, loss) = self.plan;
        *self = Self::new(seed, client, delay, loss);
    }

    /// Draws the delay of the next message in microseconds. Returns `None` if the message is lost.
    pub fn pass(&mut self) -> Option<Span> {
        let delay = self.delay.within(self.plan.0);
        let lost = self.loss.draw();
        let is_lost = self.plan.1.is_some_and(|chance| lost.hits(chance));
        (!is_lost).then_some(delay)
    }

    /// Disables the losses of messages on this link.
    pub const fn calm(&mut self) {
        self.plan.1 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerIdx = ServerIdx(0);
    const B: ServerIdx = ServerIdx(1);

    fn fates(plan: LinkPlan, count: usize) -> Vec<Fate> {
        let mut network = Network::new(5, 2, plan);
        (0..count).map(|_| network.send(Time(0), A, B, false).fate).collect()
    }

    #[test]
    fn another_kind_of_fault_changes_no_message_that_it_does_not_hit() {
        let some = LinkPlan { loss: Some(Ratio::new(1, 10)), ..LinkPlan::calm() };
        let twice = RandomDelay { chance: Ratio::new(1, 10), by: Spans::ms(1, 9) };
        let more = LinkPlan { duplicate: Some(twice), ..some.clone() };
        let changed: Vec<_> = fates(some, 500).into_iter().zip(fates(more, 500)).collect();
        let delay_of = |(a, b): &(Fate, Fate)| match (a, b) {
            (Fate::Arrives(alone), Fate::ArrivesTwice(first, second)) => alone == first && first < second,
            (a, b) => a == b,
        };
        assert!(changed.iter().all(delay_of));
        assert!(changed.iter().any(|(a, b)| a != b) && changed.contains(&(Fate::Lost, Fate::Lost)));
    }

    #[test]
    fn links_have_independent_streams() {
        let mut both = Network::new(5, 2, LinkPlan::calm());
        let mut one = both.clone();
        let with: Vec<_> = (0..50)
            .map(|_| {
                both.send(Time(0), B, A, false);
                both.send(Time(0), A, B, false)
            })
            .collect();
        let without: Vec<_> = (0..50).map(|_| one.send(Time(0), A, B, false)).collect();
        assert_eq!(with, without);
    }

    #[test]
    fn nothing_passes_a_cut_link_and_its_streams_move_on() {
        let mut network = Network::new(5, 2, LinkPlan::calm());
        assert_eq!(network.send(Time(0), A, B, true).fate, Fate::Lost);
        assert_eq!(network.send(Time(0), A, B, false).fate, fates(LinkPlan::calm(), 2)[1]);
        assert_eq!((network.messages(), network.counts()[Fault::Cut]), (2, 1));
    }
}

//! The nemesis decides which faults of servers and of the whole network happen. The world injects these
//! faults.
//!
//! There are three kinds of faults. A [`Scheduled`] fault recurs at drawn times. A [`Reactive`] fault follows
//! a certain kind of step of a server. Many bugs appear only if a fault happens within microseconds of a
//! certain step. A fault at a random time rarely happens so close to the step. The third kind is a crash in
//! the middle of a step ([`Nemesis::crash_between`]). Each scheduled or reactive fault of the plan has its
//! own random stream and reads a fixed number of words per decision. Each server has its own random stream
//! for crashes in the middle of a step.
//!
//! The [`network`](crate::engine::network) decides about single messages: their loss and their delay.

mod reactive;

mod membership;
mod scheduled;

use crate::disk::fault::{DiskFault, MachineFault};
use crate::observe::NetworkChange;
use crate::observe::addresses::Addresses;
use crate::plan;
use crate::plan::fault_id::{FaultFilter, FaultId};
use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::rng::{Domain, Draw, Ratio, Spans, Stream};
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::collections::BTreeMap;
use wavetank_raft::{Call, Config, Configuration, Span, Time};

pub use reactive::Trigger;

/// Decides which faults are injected.
#[derive(Clone, Debug)]
pub struct Nemesis {
    most_down: usize,
    between: Option<(Ratio, Vec<(Stream, u32)>)>,
    scheduled: BTreeMap<Scheduled, (plan::Recurrence, Stream, u32)>,
    reactive: Vec<ArmedReactive>,
    triggers: Trigger,
    config: Config,
    counts: BTreeMap<&'static str, u64>,
    fault_ids: FaultFilter,
}

#[derive(Clone, Debug)]
struct ArmedReactive {
    reactive: Reactive,
    chance: Ratio,
    stream: Stream,
    count: u32,
    not_before: Time,
}

/// The part of the world's state that the nemesis reads.
#[derive(Clone, Copy, Debug)]
pub struct NemesisView<'a> {
    /// The current virtual time, in microseconds.
    pub now: Time,
    /// All servers of the tank, spare servers included.
    pub all: ServerSet,
    /// The servers that run and are not paused.
    pub awake: ServerSet,
    /// The leader of the highest term; `None` if there is no leader.
    pub leader: Option<ServerIdx>,
    /// The servers that are lost permanently, and the servers that refuse to start from their disks.
    pub lost: ServerSet,
    /// The servers that may be lost or damaged permanently. The plan permits the loss of any one of these
    /// servers, but not always the loss of two. The set takes long to compute, so the world computes the set
    /// only when a fault that needs the set is due. At other times the set is empty.
    pub expendable: ServerSet,
    /// The removed servers that may get a new disk. Every other server knows of the removal, and no leader
    /// calls the removed server any more. Empty unless a fault that needs the set is due.
    pub removed: ServerSet,
    /// The servers that got a new disk and have stored no configuration on the disk. Empty unless a fault that
    /// needs the set is due.
    pub blank: ServerSet,
    /// The addresses at which the servers listen.
    pub addresses: &'a Addresses,
    /// The log index of the leader's configuration, and the configuration. `None` if there is no leader, or
    /// if the leader has no configuration.
    pub membership: Option<(wavetank_raft::Index, &'a Configuration)>,
}

/// A change of the simulated cluster. The nemesis chooses the change, and the world makes the change. Every
/// [`Span`] is in microseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// No change: no server qualifies for the fault, or the plan does not allow the fault.
    Nothing,
    /// The server crashes. The server restarts when the span is over.
    Crash(ServerIdx, Span),
    /// The server is paused for this span.
    Pause(ServerIdx, Span),
    /// The network changes. When the span is over, the second change undoes the first change.
    Network(NetworkChange, Span, NetworkChange),
    /// The link from the first server to the second server is cut three times, in this direction only. Each
    /// cut lasts for the span. The pause between two cuts also lasts for the span.
    Flap(ServerIdx, ServerIdx, Span),
    /// The nemesis calls the server, as an operator does.
    Call(ServerIdx, Call),
    /// The nemesis makes these two calls to the server, the second call immediately after the first call.
    CallTwice(ServerIdx, Call, Call),
    /// The nemesis bootstraps the server with the first configuration of the cluster.
    Bootstrap(ServerIdx),
    /// The nemesis backs up the state of the server's state machine, and restores the cluster from this
    /// backup.
    Restore(ServerIdx),
    /// The nemesis shuts the server down.
    Shutdown(ServerIdx),
    /// The server moves to a new address, with or without a restart. The nemesis then asks the leader to
    /// correct the address in the configuration.
    Move(ServerIdx, Restart),
    /// The two servers exchange their addresses. The nemesis then asks the leader to correct both addresses
    /// in the configuration.
    ExchangeAddresses(ServerIdx, ServerIdx),
    /// The nemesis asks the leader to correct the addresses in the configuration.
    CorrectAddresses,
    /// The server's clock jumps forward by this span.
    Jump(ServerIdx, Span),
    /// These servers restart immediately, and the network changes. When the span is over, the second change
    /// of the network undoes the first change.
    RestartUnderChange(ServerSet, NetworkChange, Span, NetworkChange),
    /// The network delivers the oldest message that the network holds back.
    ReleaseHeld,
    /// A server's disk gets this fault. The draw selects the damaged location.
    Damage(ServerIdx, DiskFault, Draw),
    /// A server's state machine gets this fault.
    BreakMachine(ServerIdx, MachineFault),
    /// The server's disk is full. The disk has free space again when the span is over.
    Fill(ServerIdx, Span),
    /// The server and the disk of the server are lost permanently.
    Lose(ServerIdx),
    /// The server gets a new disk. The server restarts when the span is over.
    NewDisk(ServerIdx, Span),
    /// The server's clock stops for this span.
    Freeze(ServerIdx, Span),
    /// The network delivers all messages that the network holds back.
    ReleaseAllHeld,
    /// The server's state machine stalls for this span.
    Stall(ServerIdx, Span),
    /// For the rest of the run, the server's clock runs as slowly as the plan allows, and all other clocks
    /// run as fast as the plan allows. The network also changes. When the span is over, the second change of
    /// the network undoes the first change.
    SkewClocks(ServerIdx, NetworkChange, Span, NetworkChange),
}

/// Says whether a server that moves to a new address restarts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// The server restarts immediately.
    AtOnce,
    /// The server continues to run.
    Never,
}

/// Four random words. Every act needs at most four words.
type Draws = [Draw; 4];

impl Nemesis {
    /// Creates the nemesis that injects the faults of a plan.
    #[must_use]
    pub fn new(plan: &plan::Plan) -> Self {
        let seed = plan.seed;
        let between = |idx| (Stream::new(seed, Domain::Between, idx as u64, 0), 0);
        let armed = |(&reactive, &chance): (&Reactive, &Ratio)| ArmedReactive {
            reactive,
            chance,
            stream: Stream::new(seed, Domain::Reactive, reactive as u64, 0),
            count: 0,
            not_before: Time(0),
        };
        let rhythm = |(&kind, &rhythm): (&Scheduled, &plan::Recurrence)| {
            (kind, (rhythm, Stream::new(seed, Domain::Act, kind as u64, 0), 0))
        };
        let reactive: Vec<_> = plan.nemesis.reactive.iter().map(armed).collect();
        Self {
            most_down: usize::from(plan.nemesis.most_down),
            between: plan
                .nemesis
                .crash_between
                .map(|chance| (chance, (0..plan.server_count()).map(between).collect())),
            scheduled: plan.nemesis.scheduled.iter().map(rhythm).collect(),
            triggers: reactive.iter().fold(Trigger::NOTHING, |all, one| all.or(one.reactive.trigger())),
            reactive,
            config: plan.config.clone(),
            counts: BTreeMap::new(),
            fault_ids: FaultFilter::new(plan.fault_ids.clone()),
        }
    }

    /// Replaces the random streams with the streams of `seed`. The next fault of each scheduled kind
    /// still comes at the time that was drawn before.
    pub fn reseed(&mut self, seed: u64) {
        for (&kind, (_, stream, _)) in &mut self.scheduled {
            *stream = Stream::new(seed, Domain::Act, kind as u64, 0);
        }
        for armed in &mut self.reactive {
            armed.stream = Stream::new(seed, Domain::Reactive, armed.reactive as u64, 0);
        }
        for (idx, (stream, _)) in (0..).zip(self.between.iter_mut().flat_map(|(_, streams)| streams)) {
            *stream = Stream::new(seed, Domain::Between, idx, 0);
        }
    }

    /// Returns the filter that decides which faults may happen. The filter also contains the recorded faults.
    #[must_use]
    pub const fn fault_ids(&self) -> &FaultFilter {
        &self.fault_ids
    }

    /// Starts to record the faults that happen.
    pub fn record(&mut self) {
        self.fault_ids.record();
    }

    /// Returns each scheduled kind of fault, and the time in microseconds until the first fault of this kind
    /// is due.
    pub fn first(&mut self) -> Vec<(Scheduled, Span)> {
        self.scheduled
            .iter_mut()
            .map(|(&kind, (rhythm, stream, _))| (kind, stream.within(rhythm.every)))
            .collect()
    }

    /// Chooses the act for a scheduled kind of fault that is due. Returns the act, and the time in
    /// microseconds until this kind is due again. Returns `None` if the plan does not contain this kind.
    pub fn act(&mut self, kind: Scheduled, view: &NemesisView<'_>) -> Option<(Act, Span)> {
        let (rhythm, stream, due) = self.scheduled.get_mut(&kind)?;
        let fault_id = FaultId::Scheduled(kind, *due);
        *due += 1;
        let again = stream.within(rhythm.every);
        let lasts = stream.within(rhythm.lasts);
        let draws = [stream.draw(), stream.draw(), stream.draw(), stream.draw()];
        let act = kind.act(view, draws, lasts, &self.config);
        // Time must advance between two faults of a kind, even if the plan allows a span of zero.
        Some((self.allowed(act, view, fault_id), again + Span::us(1)))
    }

    /// True if any reactive fault waits for one of these triggers.
    #[must_use]
    pub const fn waits_for(&self, trigger: Trigger) -> bool {
        self.triggers.intersects(trigger)
    }

    /// Chooses the act for a reactive fault after a step of the server `idx`. `trigger` contains the triggers
    /// of the step. Returns [`Act::Nothing`] if no fault follows the step.
    pub fn reactive(&mut self, idx: ServerIdx, trigger: Trigger, view: &NemesisView<'_>) -> Act {
        let timeout = Span::from_duration(self.config.heartbeat_timeout);
        let mut taken = (Act::Nothing, None);
        for armed in &mut self.reactive {
            if !armed.reactive.trigger().intersects(trigger) {
                continue;
            }
            // The word is drawn even if no fault uses the word. So one more reactive fault in the plan does
            // not change the other reactive faults.
            let stream = &mut armed.stream;
            let fault_id = FaultId::Reactive(armed.reactive, armed.count);
            armed.count += 1;
            let draws = [stream.draw(), stream.draw(), stream.draw(), stream.draw()];
            let is_ready = armed.not_before <= view.now && taken.0 == Act::Nothing;
            if is_ready && draws[0].hits(armed.chance) {
                armed.not_before = view.now + draws[1].within(Spans::new(timeout, timeout.times(8)));
                taken = (armed.reactive.act(idx, view, draws, timeout), Some(fault_id));
            }
        }
        let (act, Some(fault_id)) = taken else { return Act::Nothing };
        self.allowed(act, view, fault_id)
    }

    /// Decides whether the server `idx` crashes in the middle of a step with `actions` actions. `away`
    /// contains the servers that are down or paused. Returns the number of actions that the server executes
    /// before the crash, and the time in microseconds from the crash to the restart. Returns `None` if the
    /// server does not crash.
    pub fn crash_between(
        &mut self,
        idx: ServerIdx,
        actions: usize,
        away: ServerSet,
    ) -> Option<(usize, Span)> {
        let (chance, streams) = self.between.as_mut()?;
        let (stream, steps) = &mut streams[idx.at()];
        let fault_id = FaultId::Between(idx, *steps);
        *steps += 1;
        let draw = stream.draw();
        if actions == 0 || !draw.hits(*chance) || self.most_down <= away.len() {
            return None;
        }
        // The word is drawn even if no fault uses the word, so that later draws stay the same.
        let lasts = draw_downtime(stream.draw(), Span::from_duration(self.config.heartbeat_timeout));
        if !self.fault_ids.allow(fault_id) {
            return None;
        }
        *self.counts.entry("crash_between").or_default() += 1;
        Some((
            usize::try_from(draw.below(actions as u64)).expect("the number of an action fits into a usize"),
            lasts,
        ))
    }

    /// Returns the number of injected faults of each kind. The key is the name of the kind.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Replaces an act by [`Act::Nothing`] if the act leaves too few servers awake, or if the plan does not
    /// allow this fault. Counts every other act.
    fn allowed(&mut self, mut act: Act, view: &NemesisView<'_>, fault_id: FaultId) -> Act {
        let away = view.away().len();
        if let Act::RestartUnderChange(servers, ..) = &mut act {
            // This act restarts several servers. Surplus servers are left out, and the act stays if one
            // server is left.
            *servers = servers.iter().take(self.most_down.saturating_sub(away)).collect();
        }
        let is_too_much = match &act {
            Act::Crash(idx, _)
            | Act::Pause(idx, _)
            | Act::Shutdown(idx)
            | Act::Move(idx, Restart::AtOnce) => self.most_down <= away || !view.awake.contains(*idx),
            Act::RestartUnderChange(servers, ..) => servers.is_empty(),
            _ => false,
        };
        if is_too_much || act == Act::Nothing || !self.fault_ids.allow(fault_id) {
            return Act::Nothing;
        }
        *self.counts.entry(fault_id.name()).or_default() += 1;
        act
    }
}

/// Draws the time from the crash of a server to its restart: zero, 1 ms to one timeout, or one to ten
/// timeouts. `timeout` is the heartbeat timeout.
fn draw_downtime(draw: Draw, timeout: Span) -> Span {
    match draw.below(3) {
        0 => Span::ZERO,
        1 => draw.within(Spans::new(Span::ms(1), timeout)),
        _ => draw.within(Spans::new(timeout, timeout.times(10))),
    }
}

/// Draws a server from a set. Returns `None` if the set is empty.
fn choose_one(servers: ServerSet, draw: Draw) -> Option<ServerIdx> {
    let at = draw.below(servers.len().max(1) as u64);
    servers.iter().nth(usize::try_from(at).expect("the index of a server fits into a usize"))
}

/// Draws `count` servers of a set. Returns the whole set if the set has fewer servers.
fn choose_some(servers: ServerSet, count: usize, draw: Draw) -> ServerSet {
    let mut left = servers;
    let mut chosen = ServerSet::NONE;
    // All choices come from one draw, so that the number of choices does not change later draws.
    let mut word = draw.below(1 << 32);
    while chosen.len() < count && !left.is_empty() {
        let at = word % left.len() as u64;
        // Scrambles the word, so that the next choice does not depend on this choice.
        word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
        let idx = left
            .iter()
            .nth(usize::try_from(at).expect("the index of a server fits into a usize"))
            .expect("at least one server has not been chosen yet");
        (chosen, left) = (chosen.with(idx), left.without(idx));
    }
    chosen
}

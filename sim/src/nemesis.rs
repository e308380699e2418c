//! The nemesis decides which faults of servers and of the whole network happen. The world injects them.
//!
//! There are two kinds of faults. A [`Scheduled`] fault recurs at drawn times. A [`Reactive`] fault
//! follows one certain step of a server: many bugs appear only if the fault comes within microseconds
//! of that step, and random times seldom hit it. Each kind of fault has its own random stream and reads
//! a fixed number of words per decision.
//!
//! The [`network`](crate::engine::network) decides the losses and delays of single messages.

mod reactive;

mod membership;
mod scheduled;

use crate::disk::fault::DiskFault;
use crate::observe::NetworkChange;
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

/// The nemesis's view of the world.
#[derive(Clone, Copy, Debug)]
pub struct NemesisView<'a> {
    /// The current virtual time.
    pub now: Time,
    /// Every server.
    pub all: ServerSet,
    /// The servers that run and are not paused.
    pub awake: ServerSet,
    /// The leader of the newest term, if there is one.
    pub leader: Option<ServerIdx>,
    /// The servers that are lost permanently, or refuse to start from their disks.
    pub lost: ServerSet,
    /// The servers of which any one may be lost permanently. Only set when such a fault is due.
    pub expendable: ServerSet,
    /// The leader's configuration and its log index.
    pub membership: Option<(wavetank_raft::Index, &'a Configuration)>,
}

/// An act that the world is to carry out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Nothing: no server qualifies.
    Nothing,
    /// Crash a server, and start it again that much later.
    Crash(ServerIdx, Span),
    /// Pause a server for that long.
    Pause(ServerIdx, Span),
    /// Change the network, and that much later change it back.
    Network(NetworkChange, Span, NetworkChange),
    /// Cut a link and restore it repeatedly, for that long each time.
    Flap(ServerIdx, ServerIdx, Span),
    /// Call a server, as an operator would.
    Call(ServerIdx, Call),
    /// Set a server's clock forward.
    Jump(ServerIdx, Span),
    /// Change the network, and that much later change it back; restart these servers at once.
    RestartUnderChange(ServerSet, NetworkChange, Span, NetworkChange),
    /// Deliver the oldest message that the network holds.
    ReleaseHeld,
    /// Inject a fault into a server's disk.
    Damage(ServerIdx, DiskFault, Draw),
    /// Fill a server's disk for that long.
    Fill(ServerIdx, Span),
    /// Lose a server and its disk permanently.
    Lose(ServerIdx),
    /// Freeze a server's clock for that long.
    Freeze(ServerIdx, Span),
    /// Deliver all messages that the network holds.
    ReleaseAllHeld,
    /// Stall a server's state machine for that long.
    Stall(ServerIdx, Span),
    /// From here on run a server's clock as slowly as the plan allows and all others as fast; also
    /// change the network, and that much later change it back.
    SkewClocks(ServerIdx, NetworkChange, Span, NetworkChange),
}

/// Four random words, enough for any act.
type Draws = [Draw; 4];

impl Nemesis {
    /// The nemesis of a plan.
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

    /// The recorded faults.
    #[must_use]
    pub const fn fault_ids(&self) -> &FaultFilter {
        &self.fault_ids
    }

    /// Records faults from here on.
    pub fn record(&mut self) {
        self.fault_ids.record();
    }

    /// Each scheduled kind, and the time until it is first due.
    pub fn first(&mut self) -> Vec<(Scheduled, Span)> {
        self.scheduled
            .iter_mut()
            .map(|(&kind, (rhythm, stream, _))| (kind, stream.within(rhythm.every)))
            .collect()
    }

    /// A scheduled kind is due. Returns the act, and the time until this kind is due again.
    pub fn act(&mut self, kind: Scheduled, view: &NemesisView<'_>) -> Option<(Act, Span)> {
        let (rhythm, stream, due) = self.scheduled.get_mut(&kind)?;
        let fault_id = FaultId::Scheduled(kind, *due);
        *due += 1;
        let again = stream.within(rhythm.every);
        let lasts = stream.within(rhythm.lasts);
        let draws = [stream.draw(), stream.draw(), stream.draw(), stream.draw()];
        let act = kind.act(view, draws, lasts, &self.config);
        Some((self.allowed(act, view, fault_id), again + Span::us(1)))
    }

    /// Whether any reactive fault waits for one of these triggers.
    #[must_use]
    pub const fn waits_for(&self, trigger: Trigger) -> bool {
        self.triggers.intersects(trigger)
    }

    /// Returns the act that answers a server's step with these triggers.
    pub fn reactive(&mut self, idx: ServerIdx, trigger: Trigger, view: &NemesisView<'_>) -> Act {
        let timeout = Span::from_duration(self.config.heartbeat_timeout);
        let mut taken = (Act::Nothing, None);
        for armed in &mut self.reactive {
            if !armed.reactive.trigger().intersects(trigger) {
                continue;
            }
            // Drawn whether used or not: one more reactive fault in the plan changes no other.
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

    /// Whether the server crashes within this step's actions. Returns after how many of them, and how
    /// long the server is then down.
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
        // Drawn whether used or not, so that later draws stay the same.
        let lasts = draw_downtime(stream.draw(), Span::from_duration(self.config.heartbeat_timeout));
        if !self.fault_ids.allow(fault_id) {
            return None;
        }
        *self.counts.entry("crash_between").or_default() += 1;
        Some((usize::try_from(draw.below(actions as u64)).expect("one of the actions"), lasts))
    }

    /// How often each kind of fault was injected.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Drops an act that would leave too few servers awake, or that the plan does not allow; counts
    /// the others.
    fn allowed(&mut self, mut act: Act, view: &NemesisView<'_>, fault_id: FaultId) -> Act {
        let away = view.away().len();
        if let Act::RestartUnderChange(servers, ..) = &mut act {
            *servers = servers.iter().take(self.most_down.saturating_sub(away)).collect();
        }
        let is_too_much = match &act {
            Act::Crash(idx, _) | Act::Pause(idx, _) => self.most_down <= away || !view.awake.contains(*idx),
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

/// How long a crashed server is down: no time, up to one timeout, or up to many timeouts.
fn draw_downtime(draw: Draw, timeout: Span) -> Span {
    match draw.below(3) {
        0 => Span::ZERO,
        1 => draw.within(Spans::new(Span::ms(1), timeout)),
        _ => draw.within(Spans::new(timeout, timeout.times(10))),
    }
}

/// One server of a set; `None` if the set is empty.
fn choose_one(servers: ServerSet, draw: Draw) -> Option<ServerIdx> {
    let at = draw.below(servers.len().max(1) as u64);
    servers.iter().nth(usize::try_from(at).expect("a server index"))
}

/// `count` servers of a set, or the whole set if it is smaller.
fn choose_some(servers: ServerSet, count: usize, draw: Draw) -> ServerSet {
    let mut left = servers;
    let mut chosen = ServerSet::NONE;
    let mut word = draw.below(1 << 32);
    while chosen.len() < count && !left.is_empty() {
        let at = word % left.len() as u64;
        word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
        let idx = left.iter().nth(usize::try_from(at).expect("a server index")).expect("not all are chosen");
        (chosen, left) = (chosen.with(idx), left.without(idx));
    }
    chosen
}

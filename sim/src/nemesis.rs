//! What goes wrong among servers: decided here, done by the world.
//!
//! Two kinds of acts. [`Scheduled`] ones come by the clock, whatever happens. An [`Reactive`] is
//! taken because of what a server has just done, since the hardest bugs need a fault within
//! microseconds of one certain step, and chance alone seldom finds it. Each kind of act has its
//! own stream, read a fixed number of words per decision.
//!
//! Losses and delays of single messages are not in this room: see [`network`](crate::engine::network).

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

/// Decides what goes wrong.
#[derive(Clone, Debug)]
pub struct Nemesis {
    most_down: usize,
    between: Option<(Ratio, Vec<(Stream, u32)>)>,
    scheduled: BTreeMap<Scheduled, (plan::Recurrence, Stream, u32)>,
    reactive: Vec<Watched>,
    interest: Trigger,
    config: Config,
    counts: BTreeMap<&'static str, u64>,
    fault_ids: FaultFilter,
}

#[derive(Clone, Debug)]
struct Watched {
    reactive: Reactive,
    chance: Ratio,
    stream: Stream,
    met: u32,
    not_before: Time,
}

/// What the nemesis sees of the world.
#[derive(Clone, Copy, Debug)]
pub struct NemesisView<'a> {
    /// The moment.
    pub now: Time,
    /// Every server.
    pub all: ServerSet,
    /// Those that run and do not stand still.
    pub awake: ServerSet,
    /// Whoever leads in the newest term.
    pub leader: Option<ServerIdx>,
    /// Those that are lost for good, or refuse to start with what their disks have.
    pub lost: ServerSet,
    /// Those that may be taken away for good, each for itself. Only known when such an act is due.
    pub expendable: ServerSet,
    /// The membership as the leader knows it, and where it stands in the log.
    pub membership: Option<(wavetank_raft::Index, &'a Configuration)>,
}

/// Something that the world is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Nothing: there is nobody to do it to.
    Nothing,
    /// Crash a server, and start it again that much later.
    Crash(ServerIdx, Span),
    /// Make a server stand still for that long.
    Pause(ServerIdx, Span),
    /// Change the network, and that much later change it back.
    Network(NetworkChange, Span, NetworkChange),
    /// Cut a link and mend it, over and over, each for that long.
    Flap(ServerIdx, ServerIdx, Span),
    /// Call a server, as an operator would.
    Call(ServerIdx, Call),
    /// Set a server's clock forward.
    Jump(ServerIdx, Span),
    /// Change the network, and that much later change it back; and let these servers crash and
    /// start again at once.
    Forget(ServerSet, NetworkChange, Span, NetworkChange),
    /// Let the oldest message go that the network holds.
    LetGo,
    /// Strike a server's disk.
    Damage(ServerIdx, DiskFault, Draw),
    /// Let a server's disk be full for that long.
    Fill(ServerIdx, Span),
    /// Lose a server and its disk for good.
    Lose(ServerIdx),
    /// Let a server's clock stand still for that long.
    Freeze(ServerIdx, Span),
    /// Let every message go that the network holds.
    LetGoAll,
    /// Let a server's state machine do nothing for that long.
    Stall(ServerIdx, Span),
    /// Let a server's clock go as slowly as clocks may and all others' as fast from here on; and
    /// change the network, and that much later change it back.
    Outpace(ServerIdx, NetworkChange, Span, NetworkChange),
}

/// Four words: as many as any act needs.
type Draws = [Draw; 4];

impl Nemesis {
    /// The nemesis of a plan.
    #[must_use]
    pub fn new(plan: &plan::Plan) -> Self {
        let seed = plan.seed;
        let between = |idx| (Stream::new(seed, Domain::Between, idx as u64, 0), 0);
        let watched = |(&reactive, &chance): (&Reactive, &Ratio)| Watched {
            reactive,
            chance,
            stream: Stream::new(seed, Domain::Reactive, reactive as u64, 0),
            met: 0,
            not_before: Time(0),
        };
        let rhythm = |(&kind, &rhythm): (&Scheduled, &plan::Recurrence)| {
            (kind, (rhythm, Stream::new(seed, Domain::Act, kind as u64, 0), 0))
        };
        let reactive: Vec<_> = plan.nemesis.reactive.iter().map(watched).collect();
        Self {
            most_down: usize::from(plan.nemesis.most_down),
            between: plan
                .nemesis
                .crash_between
                .map(|chance| (chance, (0..plan.server_count()).map(between).collect())),
            scheduled: plan.nemesis.scheduled.iter().map(rhythm).collect(),
            interest: reactive.iter().fold(Trigger::NOTHING, |all, one| all.or(one.reactive.trigger())),
            reactive,
            config: plan.config.clone(),
            counts: BTreeMap::new(),
            fault_ids: FaultFilter::new(plan.fault_ids.clone()),
        }
    }

    /// What was done, if it is written down.
    #[must_use]
    pub const fn fault_ids(&self) -> &FaultFilter {
        &self.fault_ids
    }

    /// Writes down what is done.
    pub fn record(&mut self) {
        self.fault_ids.record();
    }

    /// Each scheduled kind, and when it comes first.
    pub fn first(&mut self) -> Vec<(Scheduled, Span)> {
        self.scheduled
            .iter_mut()
            .map(|(&kind, (rhythm, stream, _))| (kind, stream.within(rhythm.every)))
            .collect()
    }

    /// The time of a scheduled act has come: what is done, and when this kind comes again.
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

    /// Whether any of this is an occasion for something.
    #[must_use]
    pub const fn is_interested(&self, trigger: Trigger) -> bool {
        self.interest.meets(trigger)
    }

    /// A server has just done something: what is done about it.
    pub fn reactive(&mut self, idx: ServerIdx, trigger: Trigger, view: &NemesisView<'_>) -> Act {
        let timeout = self.config.heartbeat_timeout;
        let mut taken = (Act::Nothing, None);
        for watched in &mut self.reactive {
            if !watched.reactive.trigger().meets(trigger) {
                continue;
            }
            // Read whether it is used or not: one more occasion in the plan moves no other.
            let stream = &mut watched.stream;
            let fault_id = FaultId::Reactive(watched.reactive, watched.met);
            watched.met += 1;
            let draws = [stream.draw(), stream.draw(), stream.draw(), stream.draw()];
            let is_ripe = watched.not_before <= view.now && taken.0 == Act::Nothing;
            if is_ripe && draws[0].hits(watched.chance) {
                watched.not_before = view.now + draws[1].within(Spans::new(timeout, timeout.times(8)));
                taken = (watched.reactive.act(idx, view, draws, timeout), Some(fault_id));
            }
        }
        let (act, Some(fault_id)) = taken else { return Act::Nothing };
        self.allowed(act, view, fault_id)
    }

    /// Whether this step's actions are cut short by a crash: after how many of them, and how long
    /// the server is then away.
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
        // Read whether it is used or not, so that the next one stays where it is.
        let lasts = outage(stream.draw(), self.config.heartbeat_timeout);
        if !self.fault_ids.allow(fault_id) {
            return None;
        }
        *self.counts.entry("crash_between").or_default() += 1;
        Some((usize::try_from(draw.below(actions as u64)).expect("one of the actions"), lasts))
    }

    /// How often each kind of act was done.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Drops an act that would take too many servers away at once, or that the plan leaves out;
    /// counts the others.
    fn allowed(&mut self, mut act: Act, view: &NemesisView<'_>, fault_id: FaultId) -> Act {
        let away = view.away().len();
        if let Act::Forget(servers, ..) = &mut act {
            *servers = servers.iter().take(self.most_down.saturating_sub(away)).collect();
        }
        let is_too_much = match &act {
            Act::Crash(idx, _) | Act::Pause(idx, _) => self.most_down <= away || !view.awake.contains(*idx),
            Act::Forget(servers, ..) => servers.is_empty(),
            _ => false,
        };
        if is_too_much || act == Act::Nothing || !self.fault_ids.allow(fault_id) {
            return Act::Nothing;
        }
        *self.counts.entry(fault_id.name()).or_default() += 1;
        act
    }
}

/// How long a crashed server is away: not at all, for a blink, or for many timeouts.
fn outage(draw: Draw, timeout: Span) -> Span {
    match draw.below(3) {
        0 => Span::ZERO,
        1 => draw.within(Spans::new(Span::ms(1), timeout)),
        _ => draw.within(Spans::new(timeout, timeout.times(10))),
    }
}

/// One of a set; `None` if nobody is in it.
fn one_of(servers: ServerSet, draw: Draw) -> Option<ServerIdx> {
    let at = draw.below(servers.len().max(1) as u64);
    servers.iter().nth(usize::try_from(at).expect("a slot"))
}

/// As many of a set as asked, or all of it.
fn some_of(servers: ServerSet, count: usize, draw: Draw) -> ServerSet {
    let mut left = servers;
    let mut chosen = ServerSet::NONE;
    let mut word = draw.below(1 << 32);
    while chosen.len() < count && !left.is_empty() {
        let at = word % left.len() as u64;
        word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
        let idx = left.iter().nth(usize::try_from(at).expect("a slot")).expect("not all are chosen");
        (chosen, left) = (chosen.with(idx), left.without(idx));
    }
    chosen
}

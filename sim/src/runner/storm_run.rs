//! The phases of a run: faults, healing, and a last phase without faults in which the healed servers must make
//! progress.

use crate::engine::workload::TankFsm;
use crate::engine::world::{Unsettled, World};
use crate::observe::observer::Observer;
use crate::plan::rng::{Domain, Stream};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::schedule::{Choice, Element};
use crate::subject::Subject;
use wavetank_raft::{Call, Config, Reloadable, Span};

/// The result of the phases of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StormOutcome {
    /// The servers that had to make progress.
    pub core: ServerSet,
    /// The progress that the servers did not make. `None` if the servers agree, or if the run was stopped before
    /// this test. Also `None` if the servers need not agree: too many servers are damaged, or the timing of the
    /// plan does not allow elections ([`Plan::has_time_to_elect`](crate::plan::Plan::has_time_to_elect)).
    pub unsettled: Option<Unsettled>,
    /// The time from the end of the clients' operations until the servers agreed or the time limit was
    /// reached, in microseconds. Zero if the run did not wait for the servers to agree.
    pub took: Span,
    /// True if `go_on` stopped the run before its end.
    pub stopped: bool,
}

/// Runs a world through the phases of its plan, until the servers agree or the time limit is reached. `go_on`
/// is called before every event and returns whether the run continues.
pub fn run<F: TankFsm, V: Observer<S>, S: Subject>(
    world: &mut World<F, V, S>,
    mut go_on: impl FnMut(&V) -> bool,
) -> StormOutcome {
    let mut phases = Phases { world, go_on: &mut go_on };
    let chaos = phases.world.plan().chaos;
    if !phases.run_for(chaos) {
        return stopped(phases.world.all());
    }
    heal(phases)
}

const fn stopped(core: ServerSet) -> StormOutcome {
    StormOutcome { core, unsettled: None, took: Span::ZERO, stopped: true }
}

/// Plays a schedule, ends all faults, and runs the world until the servers agree or the time limit is reached.
/// `go_on` is called before every element and every event and returns whether the run continues.
pub fn play_and_heal<F: TankFsm, V: Observer<S>, S: Subject>(
    world: &mut World<F, V, S>,
    elements: &[Element],
    mut go_on: impl FnMut(&V) -> bool,
) -> StormOutcome {
    world.play(elements, &mut go_on);
    if !go_on(world.observer()) {
        return stopped(world.all());
    }
    world.stop_following_schedules();
    heal(Phases { world, go_on: &mut go_on })
}

/// Runs the phases after the faults.
fn heal<F: TankFsm, V: Observer<S>, S: Subject, G: FnMut(&V) -> bool>(
    mut phases: Phases<'_, F, V, S, G>,
) -> StormOutcome {
    let damaged = phases.world.lost_or_damaged();
    let broken = phases.permanently_broken(damaged);
    let core = phases.world.heal(broken);
    let settle = phases.world.plan().heal.settle;
    if !phases.run_for(settle) {
        return stopped(core);
    }
    // The crash of a damaged server can end the damage, for example if the disk completes a compaction that
    // removes the damaged entry. The server stays down nevertheless.
    let damaged = damaged.or(phases.world.lost_or_damaged());
    if !damaged.is_empty() && !phases.world.is_viable(core) {
        // So many servers are damaged that no progress is possible. The run still holds: the remaining
        // servers have given no wrong answer.
        return StormOutcome { core, unsettled: None, took: Span::ZERO, stopped: false };
    }
    phases.world.stop_clients();
    let rest = phases.world.now();
    if !phases.world.knows_a_configuration(core) {
        // No remaining server knows the first configuration. The server that bootstrapped the cluster
        // was lost before it had replicated the configuration, so nobody can campaign.
        return StormOutcome { core, unsettled: None, took: Span::ZERO, stopped: false };
    }
    let mut unsettled = phases.until_settled(core);
    let took = phases.world.now().since(rest);
    let heal = phases.world.plan().heal.clone();
    if unsettled == Ok(None) && heal.lone {
        unsettled = phases.lone(core);
    }
    if unsettled == Ok(None) && heal.compact {
        unsettled = phases.compact(core);
    }
    // Without pre-vote, a server that reaches only the hub does not hear a leader behind the hub. This server
    // campaigns again and again with higher terms, and deposes every such leader.
    if unsettled == Ok(None) && heal.hub && !phases.world.plan().config.pre_vote_disabled {
        unsettled = phases.hub(core);
    }
    if unsettled == Ok(None) {
        unsettled = phases.until_something_new(core);
    }
    match unsettled {
        Ok(unsettled) => {
            let unsettled = unsettled.filter(|why| is_demanded(phases.world, core, why));
            StormOutcome { core, unsettled, took, stopped: false }
        }
        Err(Stopped) => stopped(core),
    }
}

/// Plays a schedule to its end. `go_on` is called before every element and returns whether the run continues.
/// If the schedule has stopped the clients, the healed servers must agree at the end of the schedule.
pub fn play<F: TankFsm, V: Observer<S>, S: Subject>(
    world: &mut World<F, V, S>,
    elements: &[Element],
    mut go_on: impl FnMut(&V) -> bool,
) -> StormOutcome {
    world.play(elements, &mut go_on);
    let stopped = !go_on(world.observer());
    let mut core = world.all();
    let mut has_rested = false;
    for element in elements {
        match element.choice {
            Choice::Heal(broken) => core = core.minus(broken),
            Choice::Rest => has_rested = true,
            _ => {}
        }
    }
    let must_agree = has_rested && !stopped;
    let unsettled = world.unsettled(core).filter(|why| must_agree && is_demanded(world, core, why));
    StormOutcome { core, unsettled, took: Span::ZERO, stopped }
}

/// The maximum number of extensions of the time limit. Each extension is as long as the time limit.
const EXTENSIONS_MAX: usize = 4;

/// True if the servers may only need more time: a leader has entries to send, or a state machine has entries to
/// apply.
const fn may_be_slow(why: Unsettled) -> bool {
    match why {
        Unsettled::ClientsWait
        | Unsettled::Owes { .. }
        | Unsettled::Uncommitted { .. }
        | Unsettled::Behind { applied: Some(_), .. } => true,
        Unsettled::NoLeader { .. }
        | Unsettled::NothingNew { .. }
        | Unsettled::Joint { .. }
        | Unsettled::Outside { .. }
        | Unsettled::Behind { applied: None, .. } => false,
    }
}

/// True if the servers in `core` had to agree. Two conditions must be true. First, the timing of the plan
/// allows elections. Second, a server leads, or a server can win an election with its log.
fn is_demanded<F: TankFsm, V: Observer<S>, S: Subject>(
    world: &World<F, V, S>,
    core: ServerSet,
    why: &Unsettled,
) -> bool {
    let can_elect = !matches!(why, Unsettled::NoLeader { .. }) || world.has_winning_log(core);
    world.plan().has_time_to_elect() && can_elect
}

/// The error of a phase that was stopped, because `go_on` returned false.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stopped;

struct Phases<'a, F: TankFsm, V: Observer<S>, S: Subject, G> {
    world: &'a mut World<F, V, S>,
    go_on: &'a mut G,
}

impl<F: TankFsm, V: Observer<S>, S: Subject, G: FnMut(&V) -> bool> Phases<'_, F, V, S, G> {
    fn run_for(&mut self, span: Span) -> bool {
        let until = self.world.now() + span;
        let go_on = &mut self.go_on;
        self.world.run_while(until, |world| go_on(world.observer()))
    }

    /// Returns the servers that stay broken until the end: lost servers and damaged servers. If the plan sets
    /// `leave_broken`, more servers may stay broken, but the other servers are always a quorum of every
    /// configuration.
    fn permanently_broken(&mut self, damaged: ServerSet) -> ServerSet {
        let all = self.world.all();
        let mut broken = damaged;
        if !self.world.plan().heal.leave_broken {
            return broken;
        }
        let mut stream = Stream::new(self.world.plan().seed, Domain::Heal, 0, 0);
        let many = 1 + stream.below(all.len() as u64);
        for _ in 0..many {
            let candidates: Vec<ServerIdx> = all.minus(broken).iter().collect();
            if candidates.is_empty() {
                break;
            }
            let next = broken.with(stream.one_of(&candidates));
            if self.world.is_viable(all.minus(next)) && next.len() < all.len() {
                broken = next;
            }
        }
        broken
    }

    /// Waits until the core agrees, or until the time limit is reached. Returns the missing progress at the
    /// time limit; `None` if the core agrees.
    ///
    /// Some plans need more time than the limit, for example a plan with a slow state machine (storm 750026947)
    /// or with one small entry in a message on a far link (storm 1100382015). So the limit is extended, but only
    /// while the core applies entries.
    fn until_settled(&mut self, core: ServerSet) -> Result<Option<Unsettled>, Stopped> {
        let mut limit = self.world.now() + self.world.plan().liveness_limit();
        let pause = Span::from_duration(self.world.plan().config.heartbeat_timeout).part(2);
        let mut applied = self.world.applied_in_total(core);
        let mut extensions = 0;
        loop {
            let Some(why) = self.world.unsettled(core) else { return Ok(None) };
            if limit <= self.world.now() {
                let before = std::mem::replace(&mut applied, self.world.applied_in_total(core));
                if applied <= before || extensions == EXTENSIONS_MAX || !may_be_slow(why) {
                    return Ok(Some(why));
                }
                extensions += 1;
                limit = self.world.now() + self.world.plan().liveness_limit();
            }
            if !self.run_for(pause) {
                return Err(Stopped);
            }
        }
    }

    /// Isolates a voter that does not lead for two election timeouts, so that the voter campaigns alone.
    /// Without pre-vote, the voter returns with a higher term. The other servers must accept the voter again.
    /// Returns the progress that the servers did not make; `None` if the servers agree.
    fn lone(&mut self, core: ServerSet) -> Result<Option<Unsettled>, Stopped> {
        let mut stream = Stream::new(self.world.plan().seed, Domain::Heal, 3, 0);
        let leader = self.world.leader_among(core);
        let follows = |idx: &ServerIdx| Some(*idx) != leader && self.world.has_a_vote(*idx);
        let members: Vec<ServerIdx> = core.iter().filter(follows).collect();
        if members.is_empty() {
            return Ok(None);
        }
        self.world.isolate(stream.one_of(&members));
        if !self.run_for(self.world.plan().election_timeout().times(2)) {
            return Err(Stopped);
        }
        self.world.heal_all();
        let unsettled = self.until_something_new(core)?;
        if unsettled.is_some() { Ok(unsettled) } else { self.until_settled(core) }
    }

    /// Isolates a member while the other members compact their logs. When the isolated member returns, the
    /// leader must send a snapshot to this member. Returns the progress that the servers did not make; `None` if the
    /// servers agree.
    fn compact(&mut self, core: ServerSet) -> Result<Option<Unsettled>, Stopped> {
        let mut stream = Stream::new(self.world.plan().seed, Domain::Heal, 1, 0);
        let config = self.world.plan().config.clone();
        let members: Vec<ServerIdx> = core.iter().collect();
        let away = stream.one_of(&members);
        self.world.isolate(away);
        for idx in core.iter() {
            self.world.call(idx, Call::Reload(compact_everything(&config)));
            self.world.call(idx, Call::Barrier);
            self.world.call(idx, Call::Snapshot);
        }
        if !self.run_for(Span::from_duration(config.election_timeout).times(stream.from_to(1, 8))) {
            return Err(Stopped);
        }
        for idx in core.iter() {
            self.world.call(idx, Call::Snapshot);
        }
        if !self.run_for(Span::from_duration(config.heartbeat_timeout)) {
            return Err(Stopped);
        }
        self.world.heal_all();
        self.until_settled(core)
    }

    /// Cuts all links except the links of one server, the hub. One server must be able to lead: the hub, or a
    /// server that reaches a majority over the hub. Returns the progress that the servers did not make; `None` if the
    /// servers agree.
    fn hub(&mut self, core: ServerSet) -> Result<Option<Unsettled>, Stopped> {
        let mut stream = Stream::new(self.world.plan().seed, Domain::Heal, 2, 0);
        let members: Vec<ServerIdx> = core.iter().filter(|&idx| self.world.has_a_vote(idx)).collect();
        if members.is_empty() {
            return Ok(None);
        }
        let rim = core.without(stream.one_of(&members));
        for idx in rim.iter() {
            self.world.cut_one_way(ServerSet::only(idx), rim.without(idx));
        }
        let unsettled = self.until_something_new(core)?;
        self.world.heal_all();
        if unsettled.is_some() { Ok(unsettled) } else { self.until_settled(core) }
    }

    /// Waits until the leader has committed a new entry, or until the time limit is reached. Returns the
    /// missing progress at the time limit. Returns `None` after the commit, or if the servers do not show
    /// whether they agree.
    fn until_something_new(&mut self, core: ServerSet) -> Result<Option<Unsettled>, Stopped> {
        if !self.world.shows_agreement() {
            return Ok(None);
        }
        let limit = self.world.now() + self.world.plan().liveness_limit();
        let pause = Span::from_duration(self.world.plan().config.heartbeat_timeout).part(2);
        let mut asked = Vec::new();
        while self.world.now() < limit {
            let leader = self.world.leader_among(core);
            // The leader may change while a call waits. So every round calls the present leader again.
            asked.extend(leader.map(|leader| self.world.call(leader, Call::Barrier)));
            if !self.run_for(pause) {
                return Err(Stopped);
            }
            if asked.iter().any(|&call| self.world.outcome(call).is_some_and(Result::is_ok)) {
                return Ok(None);
            }
        }
        let leader = self.world.leader_among(core);
        let without_leader = || self.world.without_leader(core);
        Ok(Some(leader.map_or_else(without_leader, |leader| Unsettled::NothingNew { leader })))
    }
}

fn compact_everything(config: &Config) -> Reloadable {
    Reloadable {
        trailing_logs: 0,
        snapshot_interval: config.snapshot_interval,
        snapshot_threshold: 1,
        heartbeat_timeout: config.heartbeat_timeout,
        election_timeout: config.election_timeout,
    }
}

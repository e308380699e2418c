//! Everything of a run, in numbers: a plan can be printed, edited, sent, shrunk and run again.
//!
//! A plan decides nothing by itself. The rooms that do (network, disk, nemesis) take their part of
//! it; [`storm`](crate::plan::storm) draws whole plans from a seed. A part that is `None`, or an act that
//! is not in the list, is off.

pub mod fault_id;
pub mod fault_kind;
pub mod judge_level;
pub(crate) mod named;
pub mod rng;
pub mod server_set;
pub mod storm;
mod validate;

pub(crate) mod fields;

use crate::plan::fault_id::FaultId;
use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::rng::{Ratio, Spans};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{Config, ReadPath, Span};

/// A run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What every random decision is drawn from.
    pub seed: u64,
    /// How many servers found the cluster, all of them voters.
    pub servers: u8,
    /// How many blank servers stand by, to be added by an operator.
    pub spares: u8,
    /// How the cluster comes to be.
    pub birth: InitialState,
    /// How every server behaves; its name is filled in.
    pub config: Config,
    /// The links among servers.
    pub links: LinkPlan,
    /// The disks.
    pub disks: DiskPlan,
    /// The state machines.
    pub machines: MachinePlan,
    /// A server that has stopped by its own decision is started again that much later.
    pub supervised: Option<Span>,
    /// The clocks.
    pub clocks: ClockPlan,
    /// The clients.
    pub clients: ClientPlan,
    /// What goes wrong, and when.
    pub nemesis: NemesisPlan,
    /// Of all that would go wrong among servers and their links, only this; `None` for all of it.
    #[serde(default)]
    pub fault_ids: Option<BTreeSet<FaultId>>,
    /// How long it goes wrong.
    pub chaos: Span,
    /// What comes after.
    pub heal: HealPlan,
    /// How much is judged. The run is the same, up to the first verdict.
    #[serde(default)]
    pub judges: JudgeLevel,
}

/// How a cluster comes to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum InitialState {
    /// Every founder starts with the same first configuration on its disk.
    Bootstrapped,
    /// Every server starts blank, and an operator bootstraps the first one.
    Blank,
}

/// An event that happens with a chance, and by how much.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomDelay {
    /// How often.
    pub chance: Ratio,
    /// By how much.
    pub by: Spans,
}

/// The links among servers, each direction on its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPlan {
    /// How long a message is under way.
    pub delay: Spans,
    /// Some links are longer than others, always by the same.
    pub far: Option<RandomDelay>,
    /// A message is overtaken by those behind it.
    pub reorder: Option<RandomDelay>,
    /// A message is very late: up to several election timeouts.
    pub late: Option<RandomDelay>,
    /// A message is lost.
    pub loss: Option<Ratio>,
    /// A message comes again, that much later.
    pub duplicate: Option<RandomDelay>,
    /// A message is kept and comes out that much later, or earlier if the nemesis finds that it
    /// hurts more. One half of them also comes at once.
    pub hold: Option<RandomDelay>,
    /// When a server crashes or a link is cut, what is under way there is lost too, but for what
    /// is held.
    pub on_way: Option<Ratio>,
    /// Bits of a message flip under way. Whoever receives it notices by its checksum, and drops it.
    #[serde(default)]
    pub corrupt: Option<Ratio>,
}

/// The disks.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskPlan {
    /// How long a sync takes.
    pub sync: Spans,
    /// How long a read, or the write of a piece of a snapshot, takes.
    pub read: Spans,
    /// A sync takes that much longer: up to several election timeouts.
    pub stall: Option<RandomDelay>,
    /// A write fails; what is on the disk then is not known.
    pub fail: Option<Ratio>,
    /// What was read is handed over that much later, and other work goes on meanwhile.
    #[serde(default)]
    pub late_read: Option<RandomDelay>,
}

/// The state machines.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachinePlan {
    /// How long a batch takes.
    pub apply: Spans,
    /// How long a snapshot takes, either way.
    pub snapshot: Spans,
    /// Either takes that much longer.
    #[serde(default)]
    pub stall: Option<RandomDelay>,
}

/// The clocks.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockPlan {
    /// What a clock shows at the start.
    pub start: Spans,
    /// How much faster or slower than the world a clock may run, in parts per million.
    pub drift_ppm: u32,
}

/// The clients. What they say is the workload's; how many they are, how often they speak and how
/// their words travel is said here.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientPlan {
    /// How many.
    pub count: u16,
    /// How long a client rests between operations.
    pub think: Spans,
    /// How long it waits for an answer.
    pub patience: Span,
    /// How many things they contend for.
    pub keys: u16,
    /// How many of their operations are writes.
    pub writes: Ratio,
    /// How the others read.
    pub reads: Vec<ReadPath>,
    /// How long a message between a client and a server is under way.
    pub delay: Spans,
    /// It is lost.
    pub loss: Option<Ratio>,
    /// How long a server gathers commands before it takes them in, all at once; `None` if it
    /// takes each as it comes.
    pub gather: Option<Span>,
}

/// What goes wrong.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NemesisPlan {
    /// At most this many servers are down or standing still at once.
    pub most_down: u8,
    /// A crash falls between any two actions of a step.
    pub crash_between: Option<Ratio>,
    /// What happens by the clock.
    pub scheduled: BTreeMap<Scheduled, Recurrence>,
    /// What happens because of what has just happened, and how often it does.
    pub reactive: BTreeMap<Reactive, Ratio>,
    /// How many servers may be harmed for good.
    #[serde(default)]
    pub budget: Budget,
}

/// How many servers may be lost, or have something on their disks that is not what was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Budget {
    /// So few that the others are a quorum of every membership that may be in force: the cluster must
    /// survive, with all that it has acknowledged.
    #[default]
    Within,
    /// Any: then nothing is demanded but that whoever still answers does not lie.
    Beyond,
}

/// How often something happens, and how long it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// The time from one to the next.
    pub every: Spans,
    /// How long each lasts.
    pub lasts: Spans,
}

/// What comes after the chaos.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the ending, on or off")]
#[serde(deny_unknown_fields)]
pub struct HealPlan {
    /// How long the clients go on.
    pub settle: Span,
    /// As many servers as a quorum can spare stay broken for ever.
    pub leave_broken: bool,
    /// Once all agree, one server is cut off, all compact their logs as far as they can, and it
    /// comes back.
    pub compact: bool,
    /// Once all agree, they reach each other over a single server for a while, and must go on.
    #[serde(default)]
    pub hub: bool,
    /// Once all agree, one of them is cut off until it has campaigned alone, and comes back.
    #[serde(default)]
    pub lone: bool,
}

impl Plan {
    /// How many times the longest election timeout a healed cluster has to agree: elections may
    /// fail a few times, and the one that leads may have much to send.
    pub const LIVENESS_TIMEOUTS: u64 = 40;

    /// A run in which nothing goes wrong: links of 1 to 5 ms, disks that sync in 0.1 to 1 ms,
    /// true clocks, and three clients.
    #[must_use]
    pub fn calm(seed: u64, servers: u8) -> Self {
        Self {
            seed,
            servers,
            spares: 0,
            birth: InitialState::Bootstrapped,
            config: Config {
                heartbeat_timeout: Span::ms(150),
                election_timeout: Span::ms(150),
                leader_lease_timeout: Span::ms(150),
                commit_timeout: Span::ms(5),
                disk_stall_timeout: Span::ms(1_000),
                snapshot_interval: Span::ms(1_000),
                snapshot_threshold: 1_000,
                trailing_logs: 100,
                ..Config::default()
            },
            links: LinkPlan::calm(),
            disks: DiskPlan {
                sync: Spans::us(100, 1_000),
                read: Spans::us(50, 200),
                stall: None,
                fail: None,
                late_read: None,
            },
            machines: MachinePlan { apply: Spans::ZERO, snapshot: Spans::ms(1, 5), stall: None },
            supervised: None,
            clocks: ClockPlan { start: Spans::ZERO, drift_ppm: 0 },
            clients: ClientPlan::calm(),
            nemesis: NemesisPlan::none(),
            fault_ids: None,
            chaos: Span::s(10),
            heal: HealPlan {
                settle: Span::s(1),
                leave_broken: false,
                compact: false,
                hub: false,
                lone: false,
            },
            judges: JudgeLevel::default(),
        }
    }

    /// How many servers the tank holds.
    #[must_use]
    pub fn server_count(&self) -> usize {
        usize::from(self.servers) + usize::from(self.spares)
    }

    /// The longest time that a server waits before it campaigns, or campaigns again.
    #[must_use]
    pub fn election_timeout(&self) -> Span {
        self.config.heartbeat_timeout.max(self.config.election_timeout).times(2)
    }

    /// How long a healed cluster has to agree, clients at rest.
    #[must_use]
    pub fn liveness_limit(&self) -> Span {
        self.election_timeout().times(Self::LIVENESS_TIMEOUTS)
    }
}

impl LinkPlan {
    /// 1 to 5 ms, and nothing goes wrong.
    #[must_use]
    pub const fn calm() -> Self {
        Self {
            delay: Spans::ms(1, 5),
            far: None,
            reorder: None,
            late: None,
            loss: None,
            duplicate: None,
            hold: None,
            on_way: None,
            corrupt: None,
        }
    }
}

impl ClientPlan {
    /// Three, each with an operation every 10 to 50 ms.
    #[must_use]
    pub fn calm() -> Self {
        Self {
            count: 3,
            think: Spans::ms(10, 50),
            patience: Span::ms(1_000),
            keys: 4,
            writes: Ratio::new(1, 2),
            reads: vec![ReadPath::Index],
            delay: Spans::us(100, 1_000),
            loss: None,
            gather: None,
        }
    }
}

impl ClientPlan {
    /// Whether they count on leases, and on nothing else.
    #[must_use]
    pub fn read_under_leases_alone(&self) -> bool {
        self.reads == [ReadPath::Lease]
    }
}

impl NemesisPlan {
    /// Nothing goes wrong.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            most_down: 0,
            crash_between: None,
            scheduled: BTreeMap::new(),
            reactive: BTreeMap::new(),
            budget: Budget::Within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_being_written_down() {
        let plan = Plan::storm(11);
        let text = serde_json::to_string_pretty(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        let foreign = text.replacen("\"seed\"", "\"sead\"", 1);
        assert!(serde_json::from_str::<Plan>(&foreign).is_err());
    }
}

//! A plan: the numbers that determine a run. A plan can be printed, edited, sent, shrunk and run again.
//!
//! A plan makes no decision itself. The network, the disks and the nemesis each read their own part of
//! it. [`storm`] draws whole plans from a seed. A fault is off if its field is `None` or if its list
//! does not name it.

pub mod fault_id;
pub mod fault_kind;
pub mod judge_level;
pub(crate) mod named;
pub mod rng;
pub mod server_set;
pub mod storm;
mod timing;
mod validate;

pub(crate) mod fields;

use crate::plan::fault_id::FaultId;
use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::rng::{Ratio, Spans};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{Config, ReadPath, Span};

/// Everything that determines one run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The seed of every random stream.
    pub seed: u64,
    /// How many servers found the cluster, all of them voters.
    pub servers: u8,
    /// How many blank servers stand by, to be added by an operator.
    pub spares: u8,
    /// Whether the founders start bootstrapped or blank.
    pub birth: InitialState,
    /// The configuration of every server. `local_id` is filled in for each.
    pub config: Config,
    /// Delays and faults of the links among servers.
    pub links: LinkPlan,
    /// Durations and faults of the disks.
    pub disks: DiskPlan,
    /// Durations and faults of the state machines.
    pub machines: MachinePlan,
    /// The delay after which a supervisor restarts a server that stopped itself; `None` for never.
    pub supervised: Option<Span>,
    /// Start and drift of the clocks.
    pub clocks: ClockPlan,
    /// Number and pace of the clients.
    pub clients: ClientPlan,
    /// Faults of servers and of the network as a whole.
    pub nemesis: NemesisPlan,
    /// If set, only these faults of servers and links happen; `None` allows all that are drawn.
    #[serde(default)]
    pub fault_ids: Option<BTreeSet<FaultId>>,
    /// For how long faults are injected.
    pub chaos: Span,
    /// What happens after the faults have ended.
    pub heal: HealPlan,
    /// Which judges run. They change nothing of the run, up to the first verdict.
    #[serde(default)]
    pub judges: JudgeLevel,
}

/// What the servers have on their disks at the start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum InitialState {
    /// Every founder starts with the same first configuration on its disk.
    Bootstrapped,
    /// Every server starts blank, and an operator bootstraps the first one.
    Blank,
}

/// A delay that is added with a chance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomDelay {
    /// The chance that the delay is added.
    pub chance: Ratio,
    /// The range that the delay is drawn from.
    pub by: Spans,
}

/// Delays and faults of the links among servers. Each direction of a link has its own streams.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPlan {
    /// How long a message takes.
    pub delay: Spans,
    /// Some links are slower than others, by the same delay for every message.
    pub far: Option<RandomDelay>,
    /// A message is overtaken by those behind it.
    pub reorder: Option<RandomDelay>,
    /// A message is very late: up to several election timeouts.
    pub late: Option<RandomDelay>,
    /// A message is lost.
    pub loss: Option<Ratio>,
    /// A message is delivered a second time, that much later.
    pub duplicate: Option<RandomDelay>,
    /// The network holds a message back and delivers it that much later, or earlier if the nemesis
    /// releases it. For one half of these messages a copy also arrives at once.
    pub hold: Option<RandomDelay>,
    /// When a server crashes or a link is cut, the messages in flight there are lost too. Held
    /// messages are not.
    pub on_way: Option<Ratio>,
    /// Bits of a message flip in flight. The receiver notices it by the checksum and drops the message.
    #[serde(default)]
    pub corrupt: Option<Ratio>,
}

/// Durations and faults of the disks.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskPlan {
    /// How long a sync takes.
    pub sync: Spans,
    /// How long a read, or the write of a piece of a snapshot, takes.
    pub read: Spans,
    /// A sync takes that much longer, up to several election timeouts.
    pub stall: Option<RandomDelay>,
    /// A write fails; an unknown part of it is on the disk.
    pub fail: Option<Ratio>,
    /// The result of a read is delivered that much later; the disk does other work meanwhile.
    #[serde(default)]
    pub late_read: Option<RandomDelay>,
}

/// Durations and faults of the state machines.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachinePlan {
    /// How long applying a batch takes.
    pub apply: Spans,
    /// How long taking or restoring a snapshot takes.
    pub snapshot: Spans,
    /// Either of these takes that much longer.
    #[serde(default)]
    pub stall: Option<RandomDelay>,
}

/// Start and drift of the clocks.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockPlan {
    /// The range of a clock's first reading.
    pub start: Spans,
    /// How much faster or slower than virtual time a clock may run, in parts per million.
    pub drift_ppm: u32,
}

/// Number, pace and links of the clients. The workload decides which operations they send.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientPlan {
    /// How many clients there are.
    pub count: u16,
    /// How long a client pauses between operations.
    pub think: Spans,
    /// How long it waits for an answer.
    pub patience: Span,
    /// How many keys they contend for.
    pub keys: u16,
    /// Which share of their operations are writes.
    pub writes: Ratio,
    /// The read paths, of which each read draws one.
    pub reads: Vec<ReadPath>,
    /// How long a message between a client and a server takes.
    pub delay: Spans,
    /// A message between a client and a server is lost.
    pub loss: Option<Ratio>,
    /// For how long a server collects commands into one batch; `None` if it takes each command as
    /// it arrives.
    pub gather: Option<Span>,
}

/// Faults of servers, clocks, disks and the network as a whole.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NemesisPlan {
    /// At most this many servers are down or paused at once.
    pub most_down: u8,
    /// A server crashes between two actions of a step.
    pub crash_between: Option<Ratio>,
    /// Faults that recur at drawn times.
    pub scheduled: BTreeMap<Scheduled, Recurrence>,
    /// Faults that answer a step of a server, and the chance of each when its trigger is met.
    pub reactive: BTreeMap<Reactive, Ratio>,
    /// How many servers may be lost or damaged permanently.
    #[serde(default)]
    pub budget: Budget,
}

/// How many servers may be lost, or have disks whose content differs from what was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Budget {
    /// So few that the others are a quorum of every configuration that may be in force: the cluster
    /// must survive, with everything that it has acknowledged.
    #[default]
    Within,
    /// Any number. The remaining servers may stop answering; they must never answer wrongly.
    Beyond,
}

/// How often a fault recurs, and how long it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// The time from one fault to the next.
    pub every: Spans,
    /// How long each fault lasts.
    pub lasts: Spans,
}

/// What happens after the faults have ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each switches one phase of the end on or off")]
#[serde(deny_unknown_fields)]
pub struct HealPlan {
    /// How long the clients continue.
    pub settle: Span,
    /// As many servers as a quorum can spare stay down for ever.
    pub leave_broken: bool,
    /// Once all agree, one server is isolated, the others compact their logs as far as they can, and
    /// the server is reconnected.
    pub compact: bool,
    /// Once all agree, they reach each other only through a single server for a while, and must make
    /// progress.
    #[serde(default)]
    pub hub: bool,
    /// Once all agree, one of them is isolated until it has campaigned alone, and is then reconnected.
    #[serde(default)]
    pub lone: bool,
}

impl Plan {
    /// How many times the longest election timeout a healed cluster has to agree: elections may
    /// fail a few times, and the leader may have much to send.
    pub const LIVENESS_TIMEOUTS: u64 = 40;

    /// A run without faults: links of 1 to 5 ms, disks that sync in 0.1 to 1 ms,
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

    /// How long a healed cluster has to agree once the clients have stopped.
    #[must_use]
    pub fn liveness_limit(&self) -> Span {
        self.election_timeout().times(Self::LIVENESS_TIMEOUTS)
    }
}

impl LinkPlan {
    /// Delays of 1 to 5 ms, and no faults.
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
    /// Three clients, each with an operation every 10 to 50 ms.
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
    /// Whether all reads use the lease path.
    #[must_use]
    pub fn read_under_leases_alone(&self) -> bool {
        self.reads == [ReadPath::Lease]
    }
}

impl NemesisPlan {
    /// No faults.
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
    fn a_plan_is_read_as_it_was_written() {
        let plan = Plan::storm(11);
        let text = serde_json::to_string_pretty(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        let unknown_field = text.replacen("\"seed\"", "\"sead\"", 1);
        assert!(serde_json::from_str::<Plan>(&unknown_field).is_err());
    }
}

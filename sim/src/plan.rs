//! A plan: the numbers that determine a run. A plan can be printed, edited, sent, shrunk and run again. All
//! spans in a plan are in microseconds of virtual time.
//!
//! A plan itself makes no decision. The network, the disks and the nemesis each read their own part of the
//! plan. [`storm`] draws whole plans from a seed. A fault with its own field is off if the field is `None`. A
//! scheduled or reactive fault is off if the map of these faults does not contain the fault.

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
use crate::schedule::EventOrder;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use wavetank_raft::{Config, ReadPath, Span};

/// All values that determine one run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The seed of all random streams.
    pub seed: u64,
    /// The number of servers in the first configuration. All these servers are voters.
    pub servers: u8,
    /// The number of blank servers outside the first configuration. An operator may add these servers later.
    pub spares: u8,
    /// The state in which the servers of the first configuration start: bootstrapped or blank.
    pub birth: InitialState,
    /// The settings of every server. The world sets `local_id` for each server.
    pub config: Config,
    /// Delays and faults of the links between servers.
    pub links: LinkPlan,
    /// Durations and faults of the disk operations.
    pub disks: DiskPlan,
    /// Durations and faults of the state machine operations.
    pub machines: MachinePlan,
    /// The time in microseconds after which a supervisor restarts a server that has stopped itself or has
    /// refused to start. `None`: no supervisor restarts the server.
    pub supervised: Option<Span>,
    /// The first readings and the drift of the clocks.
    pub clocks: ClockPlan,
    /// The number of clients, their timing and their links.
    pub clients: ClientPlan,
    /// The faults of servers, and the faults of the whole network.
    pub nemesis: NemesisPlan,
    /// The only faults of servers and links that may happen. `None`: all drawn faults happen.
    #[serde(default)]
    pub fault_ids: Option<BTreeSet<FaultId>>,
    /// The source of the order of events: random streams or a schedule.
    #[serde(default)]
    pub order: EventOrder,
    /// The length of the chaos phase, in microseconds. The chaos phase begins at the start of the run. The
    /// nemesis injects faults only in the chaos phase.
    pub chaos: Span,
    /// The phases after the faults have ended.
    pub heal: HealPlan,
    /// The judges that examine the run. The judges do not change the run, but the first violation ends the
    /// run.
    #[serde(default)]
    pub judges: JudgeLevel,
}

/// The content of the servers' disks at the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum InitialState {
    /// Every server of the first configuration has this configuration on its disk.
    Bootstrapped,
    /// All disks are blank. An operator bootstraps the first server.
    Blank,
}

/// A delay that happens with a given probability.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomDelay {
    /// The probability of the delay.
    pub chance: Ratio,
    /// The range of the delay's length.
    pub by: Spans,
}

/// Delays and faults of the links between servers. Each direction of a link has its own random streams.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPlan {
    /// The delivery time of a message without faults.
    pub delay: Spans,
    /// Makes some links slower. Each slower link draws one additional delay for the whole run, and every message
    /// on the link has this delay. `None`: no link is slower.
    pub far: Option<RandomDelay>,
    /// Delays a message so that later messages overtake the message. `None`: no message has this delay.
    pub reorder: Option<RandomDelay>,
    /// Delays a message by up to several election timeouts. `None`: no message has this delay.
    pub late: Option<RandomDelay>,
    /// The probability that a message is lost. `None`: no message is lost by chance.
    pub loss: Option<Ratio>,
    /// Delivers a message twice. The delay is the time from the first copy to the second. `None`: no message
    /// is delivered twice.
    pub duplicate: Option<RandomDelay>,
    /// The network holds a message back for this delay. The network delivers the message earlier if the
    /// nemesis releases the message. For half of these messages, a copy also arrives without the delay.
    /// `None`: the network holds no message back.
    pub hold: Option<RandomDelay>,
    /// The probability that messages in flight are lost at a crash or a cut: the messages from a server that
    /// crashes, or the messages on links that are cut. Messages that the network holds back are not lost.
    /// `None`: no messages in flight are lost.
    pub on_way: Option<Ratio>,
    /// The probability that bits of a message flip in flight. The receiver detects the change with the
    /// checksum and drops the message. `None`: no bits flip.
    #[serde(default)]
    pub corrupt: Option<Ratio>,
}

/// The durations of the jobs of the disks, and the faults of the disks.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskPlan {
    /// The duration of a sync without faults.
    pub sync: Spans,
    /// The duration of a read, or of writing a snapshot piece, without faults.
    pub read: Spans,
    /// Makes some syncs longer, by up to several election timeouts. `None`: no sync is longer.
    pub stall: Option<RandomDelay>,
    /// The probability that a write fails. After a failed write, any part of the write may be on the disk.
    /// `None`: no write fails by chance.
    pub fail: Option<Ratio>,
    /// Delays the result of a read. The disk does other work during the delay. `None`: no result is delayed.
    #[serde(default)]
    pub late_read: Option<RandomDelay>,
}

/// Durations and faults of the state machine operations.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachinePlan {
    /// The time to apply a batch of entries.
    pub apply: Spans,
    /// The time to capture or restore a snapshot.
    pub snapshot: Spans,
    /// Makes some operations of the state machine longer. `None`: no operation is longer.
    #[serde(default)]
    pub stall: Option<RandomDelay>,
}

/// The first readings and the drift of the clocks.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockPlan {
    /// The range of the first reading of each clock.
    pub start: Spans,
    /// The maximum difference between the speed of a clock and the speed of virtual time, in parts per
    /// million.
    pub drift_ppm: u32,
}

/// The number of clients, their timing and their links. The workload decides which operations the clients
/// send.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientPlan {
    /// The number of clients.
    pub count: u16,
    /// The pause between two operations of a client. Each pause is drawn anew.
    pub think: Spans,
    /// The time in microseconds that a client waits for an answer before the client gives up.
    pub patience: Span,
    /// The number of keys that the clients share.
    pub keys: u16,
    /// The share of writes among the clients' operations.
    pub writes: Ratio,
    /// The read paths that clients use. Each read draws one of these paths.
    pub reads: Vec<ReadPath>,
    /// The delivery time of a message between a client and a server.
    pub delay: Spans,
    /// The probability that a message between a client and a server is lost. `None`: no such message is lost.
    pub loss: Option<Ratio>,
    /// The time in microseconds that a server waits to collect commands into one batch. `None`: a server
    /// handles each command when the command arrives.
    pub gather: Option<Span>,
    /// The share of commands that clients send with extensions (additional bytes beside the command). `None`:
    /// no command has extensions.
    #[serde(default)]
    pub extended: Option<Ratio>,
    /// The operations that clients send in place of drawn operations. A shrink adds such operations to
    /// simplify commands and queries. Only the clients of a typed state machine use this list.
    #[serde(default)]
    pub replaced: Vec<ReplacedOperation>,
    /// The encoded command that the clients send in place of every drawn command. `None`: the clients draw
    /// their commands. A shrink sets this command to test whether one command is enough for the violation.
    /// Only the clients of a typed state machine use this command.
    #[serde(default)]
    pub command: Option<Vec<u8>>,
}

/// A command or a query that a client sends in place of the drawn operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplacedOperation {
    /// The number of the client.
    pub client: u16,
    /// The number of the operation among the operations of this client, from 1.
    pub number: u32,
    /// The encoded command or query. If these bytes cannot be decoded, the client sends the drawn operation.
    pub bytes: Vec<u8>,
}

/// Faults of servers, clocks, disks and the network as a whole.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NemesisPlan {
    /// The maximum number of servers that are down or paused at the same time.
    pub most_down: u8,
    /// The probability that a server crashes between two actions of a step. `None`: no such crash happens.
    pub crash_between: Option<Ratio>,
    /// Faults that recur at drawn times, with their timing.
    pub scheduled: BTreeMap<Scheduled, Recurrence>,
    /// Faults that follow a step of a server. The ratio is the probability of the fault after its
    /// trigger.
    pub reactive: BTreeMap<Reactive, Ratio>,
    /// The number of servers that may be lost or damaged permanently.
    #[serde(default)]
    pub budget: Budget,
}

/// The number of servers that may be lost, or whose disks may be damaged. The content of a damaged disk
/// differs from the content that the server wrote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Budget {
    /// The faults always leave a quorum of every configuration that a server may use. The cluster must survive,
    /// and keep everything that the cluster has acknowledged.
    #[default]
    Within,
    /// Any number of servers may be lost or damaged. Then the other servers may stop answering. Servers must never
    /// give a wrong answer.
    Beyond,
}

/// The timing of a fault that recurs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// The time from the start of one fault to the start of the next fault of the same kind.
    pub every: Spans,
    /// The duration of each fault.
    pub lasts: Spans,
}

/// The phases after the faults have ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each field switches one phase on or off")]
#[serde(deny_unknown_fields)]
pub struct HealPlan {
    /// The time in microseconds from the end of the faults until the clients stop sending operations.
    pub settle: Span,
    /// If true, servers without damage may also stay down until the end of the run. The other servers are
    /// always a quorum of every configuration.
    pub leave_broken: bool,
    /// If true, one server is isolated after all servers have agreed. The other servers compact their logs as
    /// far as possible. Then the isolated server is reconnected.
    pub compact: bool,
    /// If true, all links except the links of one server, the hub, are cut after all servers have agreed. The
    /// cluster must still make progress. Then the links are restored.
    #[serde(default)]
    pub hub: bool,
    /// If true, one voter is isolated after all servers have agreed. The isolated voter campaigns alone, and
    /// is reconnected after two election timeouts.
    #[serde(default)]
    pub lone: bool,
}

impl Plan {
    /// The time limit for the servers of a healed cluster to agree, as a multiple of the longest election
    /// timeout. Some elections may fail first, and the leader may have many entries to send.
    pub const LIVENESS_TIMEOUTS: u64 = 40;

    /// A plan without faults: messages arrive after 1 to 5 ms, a sync lasts 0.1 to 1 ms, clocks do not drift,
    /// and there are three clients.
    #[must_use]
    pub fn calm(seed: u64, servers: u8) -> Self {
        Self {
            seed,
            servers,
            spares: 0,
            birth: InitialState::Bootstrapped,
            config: Config {
                heartbeat_timeout: Duration::from_millis(150),
                election_timeout: Duration::from_millis(150),
                leader_lease_timeout: Duration::from_millis(150),
                commit_timeout: Duration::from_millis(5),
                disk_stall_timeout: Duration::from_millis(1_000),
                snapshot_interval: Duration::from_millis(1_000),
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
            order: EventOrder::Drawn,
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

    /// Returns the number of servers in the tank, spare servers included.
    #[must_use]
    pub fn server_count(&self) -> usize {
        usize::from(self.servers) + usize::from(self.spares)
    }

    /// Returns the longest time in microseconds that a server waits before its first campaign or its next
    /// campaign.
    #[must_use]
    pub fn election_timeout(&self) -> Span {
        Span::from_duration(self.config.heartbeat_timeout.max(self.config.election_timeout)).times(2)
    }

    /// Returns the time limit for the servers of a healed cluster to agree, in microseconds from the moment
    /// at which the clients stop.
    #[must_use]
    pub fn liveness_limit(&self) -> Span {
        self.election_timeout().times(Self::LIVENESS_TIMEOUTS)
    }
}

impl LinkPlan {
    /// Links without faults. A message arrives after 1 to 5 ms.
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
    /// Returns a plan of three clients. Each client pauses for 10 to 50 ms between its operations.
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
            extended: None,
            replaced: Vec::new(),
            command: None,
        }
    }
}

impl ClientPlan {
    /// True if all reads use the lease path.
    #[must_use]
    pub fn read_under_leases_alone(&self) -> bool {
        self.reads == [ReadPath::Lease]
    }
}

impl NemesisPlan {
    /// A plan of the nemesis without faults.
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

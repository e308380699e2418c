//! The arguments of `wavetank explore` as values.

use super::shares::Jobs;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use wavetank_sim::JudgeLevel;
use wavetank_sim::explore::{Bounds, DiskModel};

#[derive(Args, Debug)]
pub(crate) struct ExploreArguments {
    #[command(flatten)]
    pub(crate) bounds: BoundsArguments,
    /// The maximum number of moves in a schedule [default: no limit]
    #[arg(long, value_name = "D", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) depth: Option<usize>,
    /// If states differ only in the names of servers, explore only one of the states
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub(crate) symmetry: OnOff,
    /// Drop messages that cannot have an effect any more, and make writes durable immediately when no more
    /// crash can happen
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub(crate) reduction: OnOff,
    /// The number of threads [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<Jobs>,
    /// Stop after this many seconds
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time: Option<u64>,
    /// Stop when the states use this much memory, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 8_192, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) memory: u64,
    /// The file for the schedule that violates a property
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The events that may happen in an exploration, and the maximum number of each kind of event.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct BoundsArguments {
    /// The number of voters in the first configuration
    #[arg(long, value_name = "N", default_value_t = 3)]
    nodes: u8,
    /// The number of servers that can be added to the cluster
    #[arg(long, value_name = "N", default_value_t = 0)]
    spares: u8,
    /// The number of terms in which an election can begin
    #[arg(long, value_name = "T", default_value_t = 2)]
    terms: u8,
    /// The number of commands that clients propose
    #[arg(long, value_name = "E", default_value_t = 2)]
    entries: u8,
    /// The maximum number of crashes
    #[arg(long, value_name = "C", default_value_t = 1)]
    crashes: u8,
    /// The maximum number of membership changes
    #[arg(long, value_name = "M", default_value_t = 0)]
    changes: u8,
    /// The maximum number of heartbeats and announcements of commits. The leader sends each heartbeat or
    /// announcement to all followers. If this number is 0, a lost message is not sent again
    #[arg(long, value_name = "N", default_value_t = 0)]
    beats: u8,
    /// The maximum number of messages that are delivered twice
    #[arg(long, value_name = "N", default_value_t = 0)]
    duplicates: u8,
    /// The maximum number of messages that are lost. Any message may be delayed for ever, so lost messages
    /// add states but no new behaviour
    #[arg(long, value_name = "N", default_value_t = 0)]
    drops: u8,
    /// The maximum number of entries in a message
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: u8,
    /// The maximum number of messages that carry entries and that one follower has not answered yet
    #[arg(long, value_name = "N", default_value_t = 1)]
    window: u8,
    /// The model of a disk: when the writes of a server become durable
    #[arg(long, value_name = "WHEN", default_value = "hang")]
    disks: DiskModelArgument,
    /// The judges that examine the states
    #[arg(long, value_name = "WHAT", default_value = "steps")]
    judge: JudgeLevelArgument,
}

impl BoundsArguments {
    /// Returns the bounds that these arguments set.
    pub(crate) fn bounds(self) -> Bounds {
        let Self { nodes, spares, terms, entries, crashes, changes, beats, duplicates, drops, .. } = self;
        let Self { batch, window, disks, judge, .. } = self;
        Bounds {
            nodes,
            spares,
            terms,
            entries,
            crashes,
            changes,
            beats,
            duplicates,
            drops,
            batch,
            window,
            disks: match disks {
                DiskModelArgument::Hang => DiskModel::Hang,
                DiskModelArgument::Late => DiskModel::Late,
                DiskModelArgument::Quick => DiskModel::Quick,
            },
            judged: match judge {
                JudgeLevelArgument::Outcomes => JudgeLevel::Outcomes,
                JudgeLevelArgument::History => JudgeLevel::History,
                JudgeLevelArgument::Steps => JudgeLevel::Steps,
            },
        }
    }
}

/// A setting that is on or off.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnOff {
    /// Enabled
    On,
    /// Disabled
    Off,
}

/// The time at which writes become durable.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DiskModelArgument {
    /// Each write becomes durable in the step that requests the write, until the disk hangs. After that, no
    /// write becomes durable, and the server crashes later
    Hang,
    /// Each write becomes durable at any later time, or never
    Late,
    /// Each write becomes durable in the step that requests the write
    Quick,
}

/// The judges that examine the states.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JudgeLevelArgument {
    /// Only the judges of violations that a client can see, such as two leaders or two values
    Outcomes,
    /// The judges of `outcomes`, and the judges that compare a state with earlier states
    History,
    /// The judges of `history`, and the judges that check every rule of the protocol at every step
    Steps,
}

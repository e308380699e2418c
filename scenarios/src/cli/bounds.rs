//! The arguments of `wavetank explore` as values.

use super::args::Jobs;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use wavetank_sim::JudgeLevel;
use wavetank_sim::explore::{Bounds, DiskModel};

#[derive(Args, Debug)]
pub(crate) struct ExploreArguments {
    #[command(flatten)]
    pub(crate) bounds: BoundsArguments,
    /// Look no further than so many moves
    #[arg(long, value_name = "D", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) depth: Option<usize>,
    /// Of states that differ only in who is called what, look at one
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub(crate) symmetry: OnOff,
    /// Throw messages away that can do nothing any more, and have writes on disk at once where
    /// no crash can come
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub(crate) reduction: OnOff,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<Jobs>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time: Option<u64>,
    /// Stop when states take so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 8_192, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) memory: u64,
    /// Keep what is found in a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// JudgeLevelArgument may happen, and how often.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct BoundsArguments {
    /// Voters of the first membership
    #[arg(long, value_name = "N", default_value_t = 3)]
    nodes: u8,
    /// Servers that can be added to it
    #[arg(long, value_name = "N", default_value_t = 0)]
    spares: u8,
    /// Terms in which an election can begin
    #[arg(long, value_name = "T", default_value_t = 2)]
    terms: u8,
    /// Commands of clients
    #[arg(long, value_name = "E", default_value_t = 2)]
    entries: u8,
    /// Crashes
    #[arg(long, value_name = "C", default_value_t = 1)]
    crashes: u8,
    /// Changes of membership
    #[arg(long, value_name = "M", default_value_t = 0)]
    changes: u8,
    /// Heartbeats and news of commits, each to all followers; without them what is lost is not sent
    /// again
    #[arg(long, value_name = "N", default_value_t = 0)]
    beats: u8,
    /// Messages that arrive once more
    #[arg(long, value_name = "N", default_value_t = 0)]
    duplicates: u8,
    /// Messages that are thrown away. Any may wait for ever: this adds states, and nothing that can
    /// happen
    #[arg(long, value_name = "N", default_value_t = 0)]
    drops: u8,
    /// Entries per message
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: u8,
    /// Unanswered messages with entries per follower
    #[arg(long, value_name = "N", default_value_t = 1)]
    window: u8,
    /// DiskModelArgument writes are on disk
    #[arg(long, value_name = "WHEN", default_value = "hang")]
    disks: DiskModelArgument,
    /// JudgeLevelArgument is judged
    #[arg(long, value_name = "WHAT", default_value = "steps")]
    judge: JudgeLevelArgument,
}

impl BoundsArguments {
    /// The bounds.
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

/// On or off.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnOff {
    /// It is done
    On,
    /// It is not
    Off,
}

/// DiskModelArgument writes are on disk.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DiskModelArgument {
    /// In the step that asked for them, or, from some step of a server on, never: then it crashes
    Hang,
    /// Each at a time of its own, or never
    Late,
    /// In the step that asked for them
    Quick,
}

/// JudgeLevelArgument is judged.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JudgeLevelArgument {
    /// JudgeLevelArgument anybody could see: two leaders, two truths
    Outcomes,
    /// And what a memory of the past shows
    History,
    /// And every rule, step by step
    Steps,
}

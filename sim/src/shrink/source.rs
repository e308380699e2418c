//! A plan as Rust source: how it differs from a calm one, line by line.

use crate::mishap::Mishap;
use crate::plan::{Late, Plan, Rhythm};
use crate::rng::{Ratio, Spans};
use crate::slot::Slot;
use std::fmt::Write as _;
use wavetank_raft::{ReadPath, Span};

/// Something that can be written as Rust.
trait Rust {
    fn rust(&self) -> String;
}

macro_rules! as_debugged {
    ($($kind:ty),*) => { $(impl Rust for $kind { fn rust(&self) -> String { format!("{self:?}") } })* };
}
as_debugged!(u8, u16, u32, u64, bool);

impl Rust for Span {
    fn rust(&self) -> String {
        match self.0 {
            us if us % 1_000_000 == 0 && 0 < us => format!("Span::s({})", us / 1_000_000),
            us if us % 1_000 == 0 && 0 < us => format!("Span::ms({})", us / 1_000),
            us => format!("Span::us({us})"),
        }
    }
}

impl Rust for Spans {
    fn rust(&self) -> String {
        let (min, max) = (self.min.0, self.max.0);
        match (min % 1_000, max % 1_000) {
            (0, 0) => format!("Spans::ms({}, {})", min / 1_000, max / 1_000),
            (_, _) => format!("Spans::us({min}, {max})"),
        }
    }
}

impl Rust for Ratio {
    fn rust(&self) -> String {
        format!("Ratio::new({}, {})", self.n, self.d)
    }
}

impl Rust for Late {
    fn rust(&self) -> String {
        format!("Late {{ chance: {}, by: {} }}", self.chance.rust(), self.by.rust())
    }
}

impl Rust for Rhythm {
    fn rust(&self) -> String {
        format!("Rhythm {{ every: {}, lasts: {} }}", self.every.rust(), self.lasts.rust())
    }
}

impl Rust for ReadPath {
    fn rust(&self) -> String {
        format!("ReadPath::{self:?}")
    }
}

impl<T: Rust> Rust for Option<T> {
    fn rust(&self) -> String {
        self.as_ref().map_or_else(|| "None".to_owned(), |value| format!("Some({})", value.rust()))
    }
}

impl<T: Rust> Rust for Vec<T> {
    fn rust(&self) -> String {
        format!("vec![{}]", self.iter().map(Rust::rust).collect::<Vec<_>>().join(", "))
    }
}

impl Rust for Slot {
    fn rust(&self) -> String {
        format!("Slot({})", self.0)
    }
}

impl Rust for Mishap {
    fn rust(&self) -> String {
        match self {
            Self::Scheduled(kind, place) => format!("Mishap::Scheduled(Scheduled::{kind:?}, {place})"),
            Self::Occasion(occasion, place) => format!("Mishap::Occasion(Occasion::{occasion:?}, {place})"),
            Self::OnWay(of, place) => format!("Mishap::OnWay({of}, {place})"),
            Self::Between(slot, place) => format!("Mishap::Between({}, {place})", slot.rust()),
            Self::Message(astray, from, to, place) => {
                let (from, to) = (from.rust(), to.rust());
                format!("Mishap::Message(Astray::{astray:?}, {from}, {to}, {place})")
            }
        }
    }
}

/// The plan.
#[expect(clippy::too_many_lines, reason = "a line a field, and nothing else")]
pub(super) fn of(plan: &Plan) -> String {
    let calm = Plan::calm(plan.seed, plan.servers);
    let mut text = format!("let mut plan = Plan::calm({}, {});\n", plan.seed, plan.servers);
    macro_rules! say {
        ($($($field:ident).+),* $(,)?) => {
            $(if plan.$($field).+ != calm.$($field).+ {
                let name = [$(stringify!($field)),+].join(".");
                let _ = writeln!(text, "plan.{name} = {};", plan.$($field).+.rust());
            })*
        };
    }
    say!(
        spares,
        links.delay,
        links.far,
        links.reorder,
        links.late,
        links.loss,
        links.duplicate,
        links.hold,
        links.on_way,
        links.corrupt,
        disks.sync,
        disks.read,
        disks.stall,
        disks.fail,
        machines.apply,
        machines.snapshot,
        supervised,
        clocks.start,
        clocks.drift_ppm,
        clients.count,
        clients.think,
        clients.patience,
        clients.keys,
        clients.writes,
        clients.reads,
        clients.delay,
        clients.loss,
        clients.gather,
        config.heartbeat_timeout,
        config.election_timeout,
        config.leader_lease_timeout,
        config.commit_timeout,
        config.max_append_entries,
        config.max_append_bytes,
        config.max_inflight,
        config.shutdown_on_remove,
        config.trailing_logs,
        config.snapshot_interval,
        config.snapshot_threshold,
        config.pre_vote_disabled,
        config.no_snapshot_restore_on_start,
        config.log_cache_capacity,
        config.disk_stall_timeout,
        config.lease_clock_drift_ppm,
        config.max_catch_up_rounds,
        config.snapshot_chunk_bytes,
        config.protocol_version,
        nemesis.most_down,
        nemesis.crash_between,
        chaos,
        heal.settle,
        heal.leave_broken,
        heal.compact,
        heal.hub,
    );
    if plan.judges != calm.judges {
        let _ = writeln!(text, "plan.judges = Column::{:?};", plan.judges);
    }
    if plan.birth != calm.birth {
        let _ = writeln!(text, "plan.birth = Birth::{:?};", plan.birth);
    }
    if plan.nemesis.budget != calm.nemesis.budget {
        let _ = writeln!(text, "plan.nemesis.budget = Budget::{:?};", plan.nemesis.budget);
    }
    for (kind, rhythm) in &plan.nemesis.scheduled {
        let _ = writeln!(text, "plan.nemesis.scheduled.insert(Scheduled::{kind:?}, {});", rhythm.rust());
    }
    for (occasion, chance) in &plan.nemesis.occasions {
        let _ = writeln!(text, "plan.nemesis.occasions.insert(Occasion::{occasion:?}, {});", chance.rust());
    }
    if let Some(mishaps) = &plan.mishaps {
        let _ = writeln!(text, "plan.mishaps = Some(BTreeSet::from([");
        for mishap in mishaps {
            let _ = writeln!(text, "    {},", mishap.rust());
        }
        let _ = writeln!(text, "]));");
    }
    text
}

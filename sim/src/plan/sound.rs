//! Whether a plan that somebody has edited can be run at all, and within a lifetime.

use super::{Late, Plan};
use crate::rng::{Ratio, Spans};
use crate::slot::Slot;
use wavetank_raft::{Config, Settings, Span};

/// Nothing in a plan lasts longer.
const LONGEST: Span = Span::s(3_600);

impl Plan {
    /// Whether a world can be made of it.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn sound(&self) -> Result<(), String> {
        let slots = self.slots();
        if self.servers == 0 || Slot::MOST < slots {
            return Err(format!("a tank holds 1 to {} servers, not {slots}", Slot::MOST));
        }
        let config = Config { local_id: Slot(0).id(), ..self.config.clone() };
        Settings::new(config).map_err(|error| format!("config.{error}"))?;
        let config = &self.config;
        let whole = [
            ("chaos", self.chaos),
            ("heal.settle", self.heal.settle),
            ("config.heartbeat_timeout", config.heartbeat_timeout),
            ("config.election_timeout", config.election_timeout),
            ("config.snapshot_interval", config.snapshot_interval),
            ("config.disk_stall_timeout", config.disk_stall_timeout),
            ("clients.patience", self.clients.patience),
        ];
        if let Some((name, span)) = whole.into_iter().find(|&(_, span)| LONGEST < span) {
            return Err(format!("{name} is {span}, and nothing lasts longer than {LONGEST}"));
        }
        self.ranges_are_sound()?;
        self.chances_are_sound()?;
        self.clients_are_sound()
    }

    fn ranges_are_sound(&self) -> Result<(), String> {
        let late = |late: Option<Late>| late.map_or(Spans::ZERO, |late| late.by);
        let Self { links, disks, machines, clients, .. } = self;
        let ranges = [
            ("links.delay", links.delay),
            ("links.far", late(links.far)),
            ("links.reorder", late(links.reorder)),
            ("links.late", late(links.late)),
            ("links.duplicate", late(links.duplicate)),
            ("links.hold", late(links.hold)),
            ("disks.sync", disks.sync),
            ("disks.read", disks.read),
            ("disks.stall", late(disks.stall)),
            ("disks.late_read", late(disks.late_read)),
            ("machines.apply", machines.apply),
            ("machines.snapshot", machines.snapshot),
            ("machines.stall", late(machines.stall)),
            ("clocks.start", self.clocks.start),
            ("clients.think", clients.think),
            ("clients.delay", clients.delay),
        ];
        let rhythms = self
            .nemesis
            .scheduled
            .iter()
            .flat_map(|(kind, rhythm)| [(kind.name(), rhythm.every), (kind.name(), rhythm.lasts)]);
        let is_bad = |spans: &Spans| spans.max < spans.min || LONGEST < spans.max;
        match ranges.into_iter().chain(rhythms).find(|(_, spans)| is_bad(spans)) {
            Some((name, spans)) => Err(format!("{name} goes from {} to {}", spans.min, spans.max)),
            None => Ok(()),
        }
    }

    fn chances_are_sound(&self) -> Result<(), String> {
        let late = |late: Option<Late>| late.map(|late| late.chance);
        let Self { links, disks, machines, clients, nemesis, .. } = self;
        let chances = [
            ("links.far", late(links.far)),
            ("links.reorder", late(links.reorder)),
            ("links.late", late(links.late)),
            ("links.loss", links.loss),
            ("links.duplicate", late(links.duplicate)),
            ("links.hold", late(links.hold)),
            ("links.on_way", links.on_way),
            ("links.corrupt", links.corrupt),
            ("disks.stall", late(disks.stall)),
            ("disks.fail", disks.fail),
            ("disks.late_read", late(disks.late_read)),
            ("machines.stall", late(machines.stall)),
            ("clients.writes", Some(clients.writes)),
            ("clients.loss", clients.loss),
            ("nemesis.crash_between", nemesis.crash_between),
        ];
        let occasions = nemesis.occasions.iter().map(|(occasion, &chance)| (occasion.name(), Some(chance)));
        let is_bad = |chance: &Ratio| chance.d == 0 || chance.d < chance.n;
        let bad = chances.into_iter().chain(occasions).find_map(|(name, chance)| {
            chance.filter(is_bad).map(|chance| format!("{name} has a chance of {chance}"))
        });
        bad.map_or(Ok(()), Err)
    }

    fn clients_are_sound(&self) -> Result<(), String> {
        let shortest = Span::ms(1);
        let clients = &self.clients;
        if clients.keys == 0 || clients.reads.is_empty() {
            return Err("clients need a key and a way to read".to_owned());
        }
        if clients.think.max < shortest || clients.patience < shortest {
            return Err("clients think and wait for at least a millisecond".to_owned());
        }
        let hasty = self.nemesis.scheduled.iter().find(|(_, rhythm)| rhythm.every.max < shortest);
        match hasty {
            Some((kind, _)) => Err(format!("{} comes more than once in a millisecond", kind.name())),
            None if 1_000_000 <= self.clocks.drift_ppm => Err("clocks.drift_ppm is below 1000000".to_owned()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_storm_is_sound() {
        for seed in 0..500 {
            assert_eq!(Plan::storm(seed).sound(), Ok(()), "seed {seed}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        let broken = |edit: fn(&mut Plan)| {
            let mut plan = Plan::storm(1);
            edit(&mut plan);
            plan.sound().unwrap_err()
        };
        assert!(broken(|plan| plan.servers = 0).contains("1 to 16"));
        assert!(broken(|plan| plan.spares = 200).contains("1 to 16"));
        assert!(broken(|plan| plan.config.max_inflight = 0).contains("max_inflight"));
        assert!(broken(|plan| plan.chaos = Span(u64::MAX)).contains("chaos"));
        assert!(broken(|plan| plan.links.loss = Some(Ratio { n: 1, d: 0 })).contains("links.loss"));
        assert!(broken(|plan| plan.disks.sync.max = Span::ZERO).contains("disks.sync"));
        assert!(broken(|plan| plan.clients.keys = 0).contains("key"));
    }
}

//! A server takes an event.

use super::World;
use crate::engine::host::Timer;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::{Happening, Letter};
use crate::nemesis::Noticed;
use crate::observe::observer::Watch;
use crate::observe::{Seen, digest};
use crate::plan::server_set::Slot;
use tracing::{Level, debug, enabled};
use wavetank_raft::{Event, Index, RoleName, Server, Term};

/// What of a server may be different after a step.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Standing {
    role: RoleName,
    term: Term,
    commit: Index,
}

impl Standing {
    fn of(server: &Server) -> Self {
        let node = server.node();
        Self { role: node.role(), term: node.term(), commit: node.commit() }
    }

    /// What a step that led from this to that shows.
    fn became(self, after: Self) -> Noticed {
        let leads = after.role == RoleName::Leader;
        let elected = leads && !self.is_as(after);
        let facts = [
            (elected, Noticed::ELECTED),
            (self.term < after.term, Noticed::NEW_TERM),
            (leads && self.commit < after.commit, Noticed::COMMITTED),
        ];
        facts.into_iter().filter(|(holds, _)| *holds).fold(Noticed::NOTHING, |all, (_, fact)| all.or(fact))
    }

    fn is_as(self, other: Self) -> bool {
        self.role == other.role && self.term == other.term
    }
}

impl<F: TankFsm, V: Watch> World<F, V> {
    /// Hands an event to a server, if it runs, and carries out what it wants.
    pub(super) fn give(&mut self, slot: Slot, event: Event) {
        let host = &mut self.hosts[slot.at()];
        let Some(process) = &mut host.process else { return };
        let server = &mut process.server;
        let before = Standing::of(server);
        let kind = digest::kind(&event);
        let mut actions = std::mem::take(&mut self.actions);

        let clock = host.clock.reads(self.eye.now);
        self.eye.see(Seen::Stepping { slot, event: &event, server, clock });
        server.step_with(clock, event, &mut self.effects, &mut actions);
        self.eye.see(Seen::Stepped { slot, server, actions: &actions });

        self.digest.take_step((self.eye.now, slot, kind), server, actions.len());
        if self.is_deep {
            self.digest.take_state(server);
        }
        let after = Standing::of(server);
        let mut noticed = before.became(after);
        if noticed.meets(Noticed::ELECTED.or(Noticed::COMMITTED)) {
            let was_fresh = std::mem::replace(&mut process.is_fresh, noticed.meets(Noticed::ELECTED));
            if was_fresh && noticed.meets(Noticed::COMMITTED) {
                noticed = noticed.or(Noticed::FIRST_COMMIT);
            }
        }
        if !before.is_as(after) {
            self.trace_standing(slot, after);
        }

        let away = self.all().minus(self.awake);
        let crash = self.nemesis.as_mut().and_then(|it| it.crash_between(slot, actions.len(), away));
        if let Some((carried, _)) = crash {
            actions.truncate(carried);
        }
        for action in actions.drain(..) {
            noticed = noticed.or(Noticed::of(&action));
            self.carry_out(slot, action);
        }
        self.actions = actions;
        if self.hosts[slot.at()].disk.is_piled() {
            noticed = noticed.or(Noticed::PILED);
        }
        match crash {
            Some((_, away)) => self.crash_for(slot, away),
            None => self.after_step(slot, noticed),
        }
    }

    fn after_step(&mut self, slot: Slot, noticed: Noticed) {
        self.expect_timer(slot);
        if self.nemesis.as_ref().is_some_and(|nemesis| nemesis.is_interested(noticed)) {
            self.on_occasion(slot, noticed);
        }
    }

    /// Puts the server's deadline on the agenda if it comes before the timer that is there. A
    /// deadline that has moved away finds its timer early, and moves it then.
    pub(super) fn expect_timer(&mut self, slot: Slot) {
        let host = &mut self.hosts[slot.at()];
        let Some(process) = &mut host.process else { return };
        let at = host.clock.when(process.server.deadline().at).max(self.eye.now);
        if at < process.timer.at {
            let serial = self.agenda.put(at, Happening::Timer(slot));
            process.timer = Timer { at, serial };
        }
    }

    pub(super) fn on_timer(&mut self, slot: Slot, serial: u64) {
        let host = &mut self.hosts[slot.at()];
        let process = host.process.as_mut().expect("who is awake runs");
        if process.timer.serial != serial {
            return;
        }
        process.timer = Timer::NONE;
        if process.server.deadline().at <= host.clock.reads(self.eye.now) {
            self.give(slot, Event::Timer);
        } else {
            self.expect_timer(slot);
        }
    }

    pub(super) fn on_letter(&mut self, letter: Letter) {
        if self.network.lost_on_way(letter.from, letter.to, letter.number) {
            return;
        }
        let from = self.hosts[letter.from.at()].node;
        self.give(letter.to, letter.parcel.into_event(from, letter.rpc));
    }

    /// A message that was held arrives, unless the nemesis has let it go before.
    pub(super) fn on_let_go(&mut self, number: u64) {
        if let Some(place) = self.held.iter().position(|&(held, _)| held == number) {
            let (_, letter) = self.held.remove(place).expect("it was just found there");
            self.agenda.put(self.eye.now, Happening::Arrive(letter));
        }
    }

    fn trace_standing(&self, slot: Slot, now: Standing) {
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.eye.now, %slot, role = %now.role, term = %now.term, "became");
        }
    }
}

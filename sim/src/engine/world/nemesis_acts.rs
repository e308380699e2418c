//! The nemesis is asked, and what it wants is done.

use super::World;
use crate::engine::host::Caller;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::Happening;
use crate::nemesis::{Act, Noticed, Sight};
use crate::observe::NetworkChange;
use crate::observe::observer::Watch;
use crate::plan::Budget;
use crate::plan::fault_kind::Scheduled;
use crate::plan::server_set::{Slot, Slots};
use wavetank_raft::Span;

impl<F: TankFsm, V: Watch> World<F, V> {
    pub(super) fn on_act(&mut self, kind: Scheduled) {
        let Some(mut nemesis) = self.nemesis.take() else { return };
        let expendable = if kind.is_for_good() { self.expendable() } else { Slots::NONE };
        if let Some((act, again)) = nemesis.act(kind, &Sight { expendable, ..self.sight() }) {
            self.agenda.put(self.eye.now + again, Happening::Act(kind));
            self.nemesis = Some(nemesis);
            self.do_act(act);
        }
    }

    pub(super) fn on_occasion(&mut self, slot: Slot, noticed: Noticed) {
        let Some(mut nemesis) = self.nemesis.take() else { return };
        let act = nemesis.occasion(slot, noticed, &self.sight());
        self.nemesis = Some(nemesis);
        self.do_act(act);
    }

    /// How the nemesis wanted the network to go on is nothing any more once it is gone.
    pub(super) fn on_change(&mut self, change: &NetworkChange) {
        if self.nemesis.is_some() {
            self.change_network(change);
        }
    }

    pub(super) fn on_restart(&mut self, slot: Slot) {
        if !self.broken.contains(slot) {
            self.restart(slot);
        }
    }

    fn do_act(&mut self, act: Act) {
        let now = self.eye.now;
        match act {
            Act::Nothing => {}
            Act::Crash(slot, away) => self.crash_for(slot, away),
            Act::Pause(slot, lasts) => {
                self.pause(slot);
                self.agenda.put(now + lasts, Happening::Resume(slot));
            }
            Act::Network(change, lasts, back) => self.change_for(&change, lasts, back),
            Act::Flap(a, b, each) => {
                for turn in 0..6 {
                    let change =
                        if turn % 2 == 0 { NetworkChange::Cut(a, b) } else { NetworkChange::Mend(a, b) };
                    self.agenda.put(now + each.times(turn), Happening::Change(change));
                }
            }
            Act::Call(slot, call) => {
                self.call_as(Caller::Nemesis, slot, call);
            }
            Act::Jump(slot, by) => self.jump_clock(slot, by),
            Act::Forget(slots, change, lasts, back) => {
                self.change_for(&change, lasts, back);
                slots.iter().for_each(|slot| self.crash_for(slot, Span::ZERO));
            }
            Act::LetGo => {
                self.let_go();
            }
            Act::LetGoAll => while self.let_go() {},
            Act::Harm(slot, blow, draw) => self.harm(slot, blow, draw),
            Act::Fill(slot, lasts) => {
                self.fill_disk(slot);
                self.agenda.put(now + lasts, Happening::Room(slot));
            }
            Act::Lose(slot) => self.lose(slot),
            Act::Freeze(slot, lasts) => self.freeze_clock(slot, lasts),
            Act::Stall(slot, lasts) => self.stall_machine(slot, lasts),
            Act::Outpace(slot, change, lasts, back) => {
                self.outpace(slot);
                self.change_for(&change, lasts, back);
            }
        }
    }

    /// Those that the budget of the plan can do without, each for itself.
    fn expendable(&self) -> Slots {
        let whole = self.all().minus(self.hurt());
        match self.plan.nemesis.budget {
            Budget::Beyond => whole,
            Budget::Within => whole.iter().filter(|&slot| self.is_viable(whole.without(slot))).collect(),
        }
    }

    /// A clock goes as slowly as the plan lets it, and all others as fast.
    fn outpace(&mut self, slow: Slot) {
        let most = i32::try_from(self.plan.clocks.drift_ppm).expect("below a million");
        for slot in self.all().iter() {
            self.drift_clock(slot, if slot == slow { -most } else { most });
        }
    }

    fn change_for(&mut self, change: &NetworkChange, lasts: Span, back: NetworkChange) {
        self.change_network(change);
        self.agenda.put(self.eye.now + lasts, Happening::Change(back));
    }

    fn sight(&self) -> Sight<'_> {
        let leader = self.leader();
        let server = leader.and_then(|leader| self.server(leader));
        let membership = server.and_then(|server| server.node().configuration());
        Sight {
            now: self.eye.now,
            all: self.all(),
            awake: self.awake,
            lost: self.lost.or(self.refused),
            expendable: Slots::NONE,
            leader,
            membership: membership.map(|(index, configuration)| (index, &**configuration)),
        }
    }
}

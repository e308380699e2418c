//! Asks the nemesis for acts and executes these acts.

use super::World;
use crate::engine::host::Caller;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::SimEvent;
use crate::nemesis::{Act, NemesisView, Restart, Trigger};
use crate::observe::NetworkChange;
use crate::observe::observer::Observer;
use crate::plan::Budget;
use crate::plan::fault_kind::Scheduled;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::Subject;
use wavetank_raft::{Call, Change, Configuration, Index, Server, Span, Term};

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    pub(super) fn on_act(&mut self, kind: Scheduled) {
        let Some(mut nemesis) = self.nemesis.take() else { return };
        let expendable = if kind.is_permanent() { self.expendable() } else { ServerSet::NONE };
        let (removed, blank) = if kind == Scheduled::NewDisk {
            (self.removed(), self.with_blank_new_disks())
        } else {
            (ServerSet::NONE, ServerSet::NONE)
        };
        let view = NemesisView { expendable, removed, blank, ..self.view() };
        if let Some((act, again)) = nemesis.act(kind, &view) {
            self.pending.put(self.recorder.now + again, SimEvent::Act(kind));
            self.nemesis = Some(nemesis);
            self.do_act(act);
        }
    }

    pub(super) fn on_trigger(&mut self, idx: ServerIdx, trigger: Trigger) {
        let Some(mut nemesis) = self.nemesis.take() else { return };
        let act = nemesis.reactive(idx, trigger, &self.view());
        self.nemesis = Some(nemesis);
        self.do_act(act);
    }

    /// Executes a change of the network that the nemesis scheduled. The change is ignored after the
    /// nemesis has ended.
    pub(super) fn on_change(&mut self, change: &NetworkChange) {
        if self.nemesis.is_some() {
            self.change_network(change);
        }
    }

    pub(super) fn on_restart(&mut self, idx: ServerIdx) {
        if self.broken.contains(idx) {
            return;
        }
        if let (true, Some(after)) = (self.stays_removed(idx), self.plan.supervised) {
            self.pending.put(self.recorder.now + after, SimEvent::Restart(idx));
            return;
        }
        self.restart(idx);
    }

    /// True if all faults have ended, the server stopped after its removal was committed, and no running
    /// server knows a later configuration that names the removed server. The supervisor does not restart such
    /// a server. Otherwise the server would start again and again: after each start, the server does not know
    /// that its removal is committed. After each start, the server could campaign and win before a member with a
    /// slow clock campaigns, and then stop again. The cluster would have no lasting leader.
    fn stays_removed(&self, idx: ServerIdx) -> bool {
        let names = |index, server| {
            let later = self.configuration(server).filter(|(later, _)| index < *later);
            later.is_some_and(|(_, members)| members.server(idx.node()).is_some())
        };
        let removed_at = self.hosts[idx.at()].removed_at.filter(|_| self.is_healed);
        removed_at.is_some_and(|index| !self.all().iter().any(|server| names(index, server)))
    }

    fn do_act(&mut self, act: Act) {
        let now = self.recorder.now;
        match act {
            Act::Nothing => {}
            Act::Crash(idx, away) => self.crash_for(idx, away),
            Act::Pause(idx, lasts) => {
                self.pause(idx);
                self.pending.put(now + lasts, SimEvent::Resume(idx));
            }
            Act::Network(change, lasts, back) => self.change_for(&change, lasts, back),
            Act::Flap(a, b, each) => {
                for turn in 0..6 {
                    let change =
                        if turn % 2 == 0 { NetworkChange::Cut(a, b) } else { NetworkChange::Mend(a, b) };
                    self.pending.put(now + each.times(turn), SimEvent::Change(change));
                }
            }
            Act::Jump(idx, by) => self.jump_clock(idx, by),
            Act::RestartUnderChange(servers, change, lasts, back) => {
                self.change_for(&change, lasts, back);
                servers.iter().for_each(|idx| self.crash_for(idx, Span::ZERO));
            }
            Act::ReleaseHeld => {
                self.release_held();
            }
            Act::ReleaseAllHeld => while self.release_held() {},
            Act::Damage(idx, fault, draw) => self.damage(idx, fault, draw),
            Act::BreakMachine(idx, fault) => self.break_machine(idx, fault),
            Act::Fill(idx, lasts) => {
                self.fill_disk(idx);
                self.pending.put(now + lasts, SimEvent::FreeSpace(idx));
            }
            Act::Lose(idx) => self.lose(idx),
            Act::NewDisk(idx, away) => {
                self.give_new_disk(idx);
                self.pending.put(now + away, SimEvent::Restart(idx));
            }
            Act::Freeze(idx, lasts) => self.freeze_clock(idx, lasts),
            Act::Stall(idx, lasts) => self.stall_machine(idx, lasts),
            Act::SkewClocks(idx, change, lasts, back) => {
                self.skew_clocks(idx);
                self.change_for(&change, lasts, back);
            }
            operator => self.do_as_operator(operator),
        }
    }

    /// Executes an act of an operator: calls to servers, and moves of servers to other addresses.
    fn do_as_operator(&mut self, act: Act) {
        match act {
            Act::Call(idx, call) => {
                self.call_as(Caller::Nemesis, idx, call);
            }
            Act::CallTwice(idx, first, second) => {
                self.call_as(Caller::Nemesis, idx, first);
                self.call_as(Caller::Nemesis, idx, second);
            }
            Act::Bootstrap(idx) if self.has_forgotten(idx) => {}
            Act::Bootstrap(idx) => {
                self.call_as(Caller::Nemesis, idx, Call::Bootstrap(self.founders()));
            }
            Act::Restore(idx) => self.restore_backup(idx),
            Act::Shutdown(idx) => {
                self.call_as(Caller::Nemesis, idx, Call::Shutdown);
            }
            Act::Move(idx, restart) => {
                self.move_to_new_address(idx);
                if restart == Restart::AtOnce {
                    self.crash_for(idx, Span::ZERO);
                }
                self.correct_addresses();
            }
            Act::ExchangeAddresses(one, other) => {
                self.exchange_addresses(one, other);
                self.correct_addresses();
            }
            Act::CorrectAddresses => self.correct_addresses(),
            other => unreachable!("{other:?} is not an operator's action"),
        }
    }

    /// Asks the leader to change the addresses of the members to the addresses at which the members listen. If
    /// two members have exchanged their addresses, one change of the whole membership must correct both
    /// addresses.
    fn correct_addresses(&mut self) {
        let Some(leader) = self.leader() else { return };
        let latest = self.configuration(leader);
        let Some((_, latest)) = latest else { return };
        let mut members = latest.servers().to_vec();
        let mut wrong = Vec::new();
        for member in &mut members {
            let address = ServerIdx::of(member.id.node()).map(|idx| self.addresses.of(idx));
            if let Some(address) = address.filter(|address| *address != member.address) {
                member.address = address;
                wrong.push(member.clone());
            }
        }
        let change = match &wrong[..] {
            [] => return,
            // A member keeps its suffrage.
            [member] => Change::AddNonvoter(member.id.clone(), member.address.clone()),
            _ => Change::Members(members),
        };
        self.call_as(Caller::Nemesis, leader, Call::Change { change, prev_index: None });
    }

    /// Takes a backup of a server's state machine, and calls the server to restore this backup. Does nothing
    /// if the server is down or makes no backup.
    fn restore_backup(&mut self, idx: ServerIdx) {
        if let Some(state) = self.fsm(idx).and_then(TankFsm::backup) {
            self.call_as(Caller::Nemesis, idx, Call::Restore(state));
        }
    }

    /// Returns the servers that the nemesis may lose or damage next under the plan's budget. Each of these
    /// servers is allowed alone, not together with another server.
    fn expendable(&self) -> ServerSet {
        let whole = self.all().minus(self.lost_or_damaged());
        match self.plan.nemesis.budget {
            Budget::Beyond => whole,
            Budget::Within => whole.iter().filter(|&idx| self.is_viable(whole.without(idx))).collect(),
        }
    }

    /// Returns the removed servers whose removal is known to every other server. The newest configurations of
    /// the other servers, in memory and on disk, are not older than the removal. No leader, running or paused,
    /// calls the removed server any more (docs/names.md).
    pub(super) fn removed(&self) -> ServerSet {
        let Some(leader) = self.leader() else { return ServerSet::NONE };
        let whole = self.all().minus(self.lost);
        let of_leader = self.hosts[leader.at()].disk.memberships();
        let names = |members: &Configuration, idx: ServerIdx| members.server(idx.node()).is_some();
        let removed_at = |idx: ServerIdx| {
            let since = of_leader.iter().take_while(|(_, members)| !names(members, idx));
            since.last().map(|&(at, _)| at)
        };
        let knows = |other: ServerIdx, idx: ServerIdx, removed_at: Index| {
            // Nobody can read from a damaged disk what its server knows (storm 630000814).
            if self.hosts[other.at()].disk.is_damaged() {
                return false;
            }
            let running = self.configuration(other);
            let stored = self.hosts[other.at()].disk.memberships();
            // A server without entries that has heard of a term may have stored the position of a leader from before
            // the removal. It may then campaign with the old configuration (storm 1000258174).
            if running.is_none() && stored.is_empty() {
                let heard = self.server(other).map(|server| server.view().term.unwrap_or_default());
                return heard == Some(Term(0));
            }
            // A server that stopped before the removed server was added will still get the old configuration.
            let is_newer = |(at, members): (Index, &Configuration)| removed_at <= at && !names(members, idx);
            let running = running.map(|(at, members)| (at, &**members));
            let stored = stored.first().map(|(at, members)| (*at, &**members));
            running.into_iter().chain(stored).all(is_newer)
        };
        // A leader calls a removed server for a while, with positions from before the removal. A paused leader calls
        // it after the pause. Another subject does not show the servers that its leader calls.
        let calls = |caller: ServerIdx, idx: ServerIdx| {
            let node = self.server(caller).and_then(S::server).map(Server::node);
            node.is_some_and(|node| node.followers().any(|(peer, _)| peer == idx.node()))
        };
        let is_called = |idx: ServerIdx| whole.iter().any(|caller| calls(caller, idx));
        let is_removed = |idx: &ServerIdx| {
            let all_know = |at| whole.without(*idx).iter().all(|other| knows(other, *idx, at));
            *idx != leader && !is_called(*idx) && removed_at(*idx).is_some_and(all_know)
        };
        whole.iter().filter(is_removed).collect()
    }

    /// Returns the servers that got a new disk and have stored no configuration on this disk.
    fn with_blank_new_disks(&self) -> ServerSet {
        let is_blank = |idx: &ServerIdx| self.hosts[idx.at()].disk.memberships().is_empty();
        self.renewed.iter().filter(is_blank).collect()
    }

    /// True if a server lost the content of its disk and knows no configuration. A bootstrap of this server
    /// begins a second cluster with the same servers. No protocol can distinguish the two clusters.
    fn has_forgotten(&self, idx: ServerIdx) -> bool {
        let knows = self.configuration(idx).is_some();
        self.hosts[idx.at()].disk.was_wiped() && !knows
    }

    /// Sets one clock to the slowest rate that the plan allows, and all other clocks to the fastest rate.
    fn skew_clocks(&mut self, slow: ServerIdx) {
        let most = i32::try_from(self.plan.clocks.drift_ppm)
            .expect("the drift is less than a million parts per million");
        for idx in self.all().iter() {
            self.drift_clock(idx, if idx == slow { -most } else { most });
        }
    }

    fn change_for(&mut self, change: &NetworkChange, lasts: Span, back: NetworkChange) {
        self.change_network(change);
        self.pending.put(self.recorder.now + lasts, SimEvent::Change(back));
    }

    fn view(&self) -> NemesisView<'_> {
        let leader = self.leader();
        let membership = leader.and_then(|leader| self.configuration(leader));
        NemesisView {
            now: self.recorder.now,
            all: self.all(),
            awake: self.awake,
            addresses: &self.addresses,
            lost: self.lost.or(self.refused),
            expendable: ServerSet::NONE,
            removed: ServerSet::NONE,
            blank: ServerSet::NONE,
            leader,
            membership: membership.map(|(index, configuration)| (index, &**configuration)),
        }
    }
}

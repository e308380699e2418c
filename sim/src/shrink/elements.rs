//! Shrinks the schedule of a failing run. The search leaves out elements until the failure needs every
//! remaining element.
//!
//! When elements are left out, terms, numbers and times of the remaining elements change. Therefore an
//! element of a shorter schedule may take a similar object ([`Fit::Similar`]). The run of the shorter
//! schedule records an exact schedule, and the search keeps the exact schedule.

use super::Shrinker;
use super::edits;
use crate::observe::report::{Class, Verdict};
use crate::plan::Plan;
use crate::plan::server_set::ServerSet;
use crate::schedule::{Choice, Element, EventOrder, Fit};
use std::collections::BTreeSet;
use wavetank_raft::{Span, Time};

/// All elements of one client, of one server or of one kind. The search tries to leave out a whole group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Group {
    Client(u16),
    Server(u8),
    Verb(&'static str),
}

impl Shrinker<'_, '_> {
    /// The maximum number of rounds of the search for a shorter schedule.
    const SCHEDULE_ROUNDS: usize = 64;

    /// Shrinks the schedule of the best plan. Returns false if a run of the recorded schedule does not fail in
    /// the same way.
    pub(super) fn search_schedule(&mut self) -> bool {
        if !self.attempt_order(EventOrder::Recorded) {
            return false;
        }
        // A schedule decides when the faults end.
        self.attempt(Plan { chaos: Plan::calm(0, 1).chaos, ..self.best.plan.clone() });
        self.attempt_elements(Vec::new());
        if self.class == Class::Liveness {
            // Each attempt runs until the time limit, so simple plans come first: their runs are shorter.
            self.simplify(&edits::off(), 0);
            self.simplify(&edits::fewer(), 0);
        }
        for _ in 0..Self::SCHEDULE_ROUNDS {
            let before = self.best.plan.clone();
            self.remove_servers();
            self.remove_groups();
            self.remove_chunks();
            self.simplify(&edits::off(), 0);
            self.simplify(&edits::fewer(), 0);
            self.elect_without_pre_vote();
            self.bring_forward();
            if before == self.best.plan {
                self.is_minimal = !self.is_over;
                break;
            }
        }
        true
    }

    fn elements(&self) -> &[Element] {
        self.best.plan.order.elements()
    }

    /// Makes the order of events from a schedule. For a violation of liveness, the order has the elements
    /// before the end of the faults.
    pub(super) fn order(&self, fit: Fit, mut elements: Vec<Element>) -> EventOrder {
        if self.class == Class::Safety {
            return EventOrder::Scheduled(fit, elements);
        }
        let heal = elements.iter().position(|element| matches!(element.choice, Choice::Heal(_)));
        elements.truncate(heal.unwrap_or(elements.len()));
        EventOrder::HealedAfter(fit, elements)
    }

    /// Runs the best plan with this order of events. Keeps the recorded schedule if the run fails in the same
    /// way and the schedule is not longer than the best schedule. Returns whether the schedule was kept.
    fn attempt_order(&mut self, order: EventOrder) -> bool {
        let plan = Plan { order, ..self.best.plan.clone() };
        self.attempt_valid(plan, |size, best| size.steps <= best.steps)
    }

    fn attempt_elements(&mut self, elements: Vec<Element>) -> bool {
        elements.len() <= self.elements().len()
            && !self.is_over
            && self.attempt_order(self.order(Fit::Similar, elements))
    }

    /// Tries to leave out each server, with its elements. The remaining servers have the numbers of a smaller
    /// cluster, and need smaller quorums.
    fn remove_servers(&mut self) {
        for idx in
            ServerSet::first(self.best.plan.server_count()).iter().collect::<Vec<_>>().into_iter().rev()
        {
            let elements = self.elements().iter().filter_map(|element| element.without_server(idx)).collect();
            let mut plan = Plan { order: self.order(Fit::Similar, elements), ..self.best.plan.clone() };
            if idx.0 < plan.servers {
                plan.servers -= 1;
            } else {
                plan.spares -= 1;
            }
            self.attempt(plan);
        }
    }

    /// Tries to disable pre-votes, because an election without pre-votes has fewer elements.
    fn elect_without_pre_vote(&mut self) {
        let mut plan = self.best.plan.clone();
        plan.config.pre_vote_disabled = true;
        plan.order = self.order(Fit::Similar, self.elements().to_vec());
        self.attempt_if(plan, |size, best| size.steps < best.steps);
    }

    /// Tries to leave out all elements of a client, of a server or of a kind, one group after another.
    fn remove_groups(&mut self) {
        let groups: BTreeSet<Group> = self.elements().iter().flat_map(groups_of).collect();
        for group in groups {
            let is_other = |element: &&Element| groups_of(element).iter().all(|other| *other != group);
            let left: Vec<Element> = self.elements().iter().filter(is_other).cloned().collect();
            if left.len() < self.elements().len() {
                self.attempt_elements(left);
            }
        }
    }

    /// Tries to leave out neighbouring elements: first half of the schedule, then smaller and smaller parts.
    /// Ends when the failure needs every single element (Zeller's ddmin).
    fn remove_chunks(&mut self) {
        let mut width = self.elements().len() / 2;
        while 0 < width && !self.is_over {
            let has_removed = self.remove_chunks_of(width);
            if !has_removed || 1 < width {
                width = if has_removed { width.min(self.elements().len()) } else { width } / 2;
            }
        }
    }

    fn remove_chunks_of(&mut self, width: usize) -> bool {
        let before = self.elements().len();
        let mut end = before;
        while 0 < end && !self.is_over {
            let start = end.saturating_sub(width);
            let mut left = self.elements().to_vec();
            left.drain(start..end);
            self.attempt_elements(left);
            end = start.min(self.elements().len());
        }
        self.elements().len() < before
    }

    /// Moves elements to earlier times. First tries the earliest possible times for all elements together. If
    /// this attempt fails, tries to remove the time before each element, one element after another.
    fn bring_forward(&mut self) {
        let mut times: Vec<Element> = self.elements().to_vec();
        times.iter_mut().for_each(|element| element.at = Time(0));
        if self.attempt_elements(times) {
            return;
        }
        let mut at = 1;
        // An attempt that is kept may leave out elements.
        while at < self.elements().len() {
            let mut times = self.elements().to_vec();
            let gap = times[at].at.since(times[at - 1].at);
            if gap != Span::ZERO {
                times[at..].iter_mut().for_each(|element| element.at = Time(element.at.0 - gap.0));
                self.attempt_elements(times);
            }
            at += 1;
        }
    }
}

/// Returns the class of a failure with this verdict. A panic counts as a violation of safety, because a panic
/// is a wrong event, not a missing event.
pub(super) const fn class_of(verdict: &Verdict) -> Class {
    match verdict {
        Verdict::Violated(violation) => violation.class,
        Verdict::Held | Verdict::Vacuous(_) | Verdict::Panicked(_) => Class::Safety,
    }
}

fn groups_of(element: &Element) -> Vec<Group> {
    let of_servers = |servers: &[u8]| servers.iter().map(|&idx| Group::Server(idx)).collect::<Vec<_>>();
    let (mut groups, verb) = match &element.choice {
        Choice::Deliver { message, .. } => (of_servers(&[message.call.from.0, message.call.to.0]), "deliver"),
        Choice::Ask(ask) | Choice::Reply(ask) => (vec![Group::Client(ask.client)], "ask"),
        Choice::Network(_) => (Vec::new(), "network"),
        Choice::Heal(_) | Choice::Rest => (Vec::new(), "heal"),
        choice => {
            let verb = match choice {
                Choice::Pause(_) | Choice::Resume(_) => "pause",
                Choice::Jump(..) | Choice::Freeze(..) | Choice::Drift(..) => "clock",
                Choice::Damage(..) | Choice::FreeSpace(_) | Choice::BreakMachine(..) => "damage",
                Choice::Move(_) | Choice::ExchangeAddresses(..) => "address",
                Choice::Call(..) => "call",
                Choice::Interrupt(..) => "interrupt",
                _ => "event",
            };
            (of_servers(&choice.server().map(|idx| idx.0).into_iter().collect::<Vec<_>>()), verb)
        }
    };
    groups.push(Group::Verb(verb));
    groups
}

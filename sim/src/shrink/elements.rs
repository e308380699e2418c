//! Shrinks the schedule of a failing run. The search leaves out elements until the failure needs every
//! remaining element.
//!
//! When elements are left out, terms, numbers and times of the remaining elements change. Therefore the run
//! of a shorter schedule may use similar objects ([`Fit::Similar`]). This run records an exact schedule, and
//! the search keeps the exact schedule.

use super::edits;
use super::parts::{Pass, groups, groups_of, intervals, without_gap, without_index};
use super::{Best, Shrinker};
use crate::observe::report::{Class, Verdict};
use crate::plan::Plan;
use crate::plan::server_set::ServerIdx;
use crate::schedule::{Choice, Element, EventOrder, Fit};
use std::ops::Range;
use wavetank_raft::{Span, Time};

impl Shrinker<'_, '_> {
    /// The maximum number of rounds of the search for a shorter schedule.
    const SCHEDULE_ROUNDS: usize = 64;
    /// The search for intervals ends after this number of failed attempts in a row.
    const INTERVALS_MAX: usize = 32;
    /// A schedule is long if it has more elements than this number.
    const LONG: usize = 200;
    /// A schedule is short if it has at most this number of elements. The search looks for no other minimum
    /// of a short schedule.
    const SHORT: usize = 25;
    /// The maximum work to leave out parts of the recorded run. The unit is the work to handle one event.
    const WORK_OF_PARTS: u64 = 3_000_000;
    /// The maximum work for small storms. The unit is the work to handle one event.
    const WORK_OF_SMALL_STORMS: u64 = 3_000_000;
    /// The maximum work for another minimum. The unit is the work to handle one event.
    const WORK_OF_ANOTHER: u64 = 2_000_000;
    /// The maximum work for another minimum whose search begins with the recorded run. The unit is the work to
    /// handle one event.
    const WORK_FROM_THE_START: u64 = 4_000_000;

    /// Shrinks the schedule of the best plan. Returns false if a run of the recorded schedule does not fail in
    /// the same way.
    pub(super) fn search_schedule(&mut self) -> bool {
        let storm = self.best.plan.clone();
        // The size of a drawn run counts events, so it cannot be compared with the size of a schedule.
        let recorded = match storm.order.elements() {
            [] => Plan { order: EventOrder::Recorded, ..storm.clone() },
            // The run of a schedule records the schedule, too.
            _ => storm.clone(),
        };
        if !self.attempt_valid(recorded, |_, _| true) {
            return false;
        }
        self.attempt_elements(Vec::new());
        if self.class == Class::Liveness {
            // Each attempt runs until the time limit, so simple plans come first: their runs are shorter.
            self.simplify(&edits::off(), 0);
            self.simplify(&edits::fewer(), 0);
        }
        let recorded = self.best.clone();
        self.work_left = Some(Self::WORK_OF_PARTS);
        self.remove_parts();
        self.end_limit();
        self.take_small_storm(&storm);
        let start = self.best.clone();
        self.search_minimum(&[Pass::Kinds, Pass::Backward]);
        for passes in [&[Pass::Backward][..], &[Pass::Forward]] {
            self.search_another(&start, Self::WORK_OF_ANOTHER, |search| search.search_minimum(passes));
        }
        self.search_another(&recorded, Self::WORK_FROM_THE_START, |search| {
            search.remove_intervals();
            search.search_minimum(&[Pass::Kinds, Pass::Backward]);
        });
        true
    }

    /// If the schedule is long, replaces the schedule with the shorter schedule of a small storm that fails
    /// in the same way. The parts of a long schedule often do not fail alone.
    fn take_small_storm(&mut self, storm: &Plan) {
        let mut small_storms = small_storms(storm);
        self.work_left = Some(Self::WORK_OF_SMALL_STORMS);
        while Self::LONG < self.elements().len() && !self.is_over {
            let small = small_storms.next().expect("there is a storm for every seed");
            if self.attempt_if(small, |size, best| size.steps < best.steps) {
                let left = self.work_left.take();
                self.remove_parts();
                self.work_left = left;
            }
        }
        self.end_limit();
    }

    /// Searches for another minimum, because another order of the attempts can give a shorter schedule. The
    /// search begins with the schedule of `start`. Keeps the minimum with fewer elements. Gives up after this
    /// amount of work.
    fn search_another(&mut self, start: &Best, work: u64, search: impl FnOnce(&mut Self)) {
        if self.is_over || self.elements().len() <= Self::SHORT {
            return;
        }
        self.work_left = Some(work);
        self.shortest = Some(std::mem::replace(&mut self.best, start.clone()));
        search(self);
        self.end_limit();
        if let Some(found) = self.shortest.take()
            && (found.size.steps <= self.best.size.steps || !self.best.is_minimal)
        {
            self.best = found;
        }
    }

    /// Removes the limit of the work.
    const fn end_limit(&mut self) {
        self.work_left = None;
        self.is_over = self.is_stopped;
    }

    /// Leaves out elements with these passes until the failure needs every single element.
    fn search_minimum(&mut self, passes: &[Pass]) {
        for _ in 0..Self::SCHEDULE_ROUNDS {
            let before = self.best.plan.clone();
            // A schedule decides when the faults end, so the length of the chaos phase has no effect.
            self.attempt(Plan { chaos: Plan::calm(0, 1).chaos, ..before.clone() });
            self.remove_parts();
            passes.iter().for_each(|pass| self.remove_in(*pass));
            self.simplify(&edits::off(), 0);
            self.simplify(&edits::fewer(), 0);
            self.elect_without_pre_vote();
            self.bring_forward();
            if before == self.best.plan {
                self.best.is_minimal = !self.is_over;
                return;
            }
        }
    }

    fn elements(&self) -> &[Element] {
        self.best.plan.order.elements()
    }

    /// Makes the order of events from a schedule. If the failure is a violation of liveness, the order has
    /// only the elements before the end of the faults.
    pub(super) fn order(&self, fit: Fit, mut elements: Vec<Element>) -> EventOrder {
        if self.class == Class::Safety {
            return EventOrder::Scheduled(fit, elements);
        }
        let heal = elements.iter().position(|element| matches!(element.choice, Choice::Heal(_)));
        elements.truncate(heal.unwrap_or(elements.len()));
        EventOrder::HealedAfter(fit, elements)
    }

    /// Runs the best plan with this order of events. Keeps the recorded schedule if the run fails in the same
    /// way and the schedule is not longer than the best schedule. Returns true if the schedule was kept.
    fn attempt_order(&mut self, order: EventOrder) -> bool {
        let plan = Plan { order, ..self.best.plan.clone() };
        self.attempt_valid(plan, |size, best| size.steps <= best.steps)
    }

    fn attempt_elements(&mut self, elements: Vec<Element>) -> bool {
        self.attempt_fit(Fit::Similar, elements)
    }

    fn attempt_fit(&mut self, fit: Fit, elements: Vec<Element>) -> bool {
        elements.len() <= self.elements().len()
            && !self.is_over
            && self.attempt_order(self.order(fit, elements))
    }

    /// Tries to remove each server together with the elements of the server. The remaining servers get the
    /// numbers of a smaller cluster, and need smaller quorums. Then tries to remove each pair of servers,
    /// because a failure may need an even number of servers.
    fn remove_servers(&mut self) {
        let all = |it: &Self| (0..it.best.plan.server_count()).rev().collect::<Vec<_>>();
        for idx in all(self) {
            self.remove_these_servers(&[idx]);
        }
        for idx in all(self) {
            for other in (0..idx).rev() {
                self.remove_these_servers(&[idx, other]);
            }
        }
    }

    /// Tries to remove the servers with the numbers in `places`. The largest number must come first.
    fn remove_these_servers(&mut self, places: &[usize]) {
        let mut plan = self.best.plan.clone();
        let mut elements = self.elements().to_vec();
        for &place in places {
            if plan.server_count() <= place {
                return;
            }
            let gone = ServerIdx(u8::try_from(place).expect("the number of a server fits into 8 bits"));
            elements = elements.iter().filter_map(|element| element.without_server(gone)).collect();
            if place < usize::from(plan.servers) {
                plan.servers -= 1;
            } else {
                plan.spares -= 1;
            }
        }
        plan.order = self.order(Fit::Similar, elements);
        self.attempt(plan);
    }

    /// Tries to remove the expected index of the configuration from membership changes: first from all
    /// changes, then from one change after another. With the expected index, a change is refused if entries
    /// before the change are left out.
    fn free_changes(&mut self) {
        let freed =
            |(place, element): (usize, &Element), all: Option<usize>| match without_index(&element.choice) {
                Some(choice) if all.is_none_or(|only| only == place) => Element { at: element.at, choice },
                _ => element.clone(),
            };
        let has_index = |element: &Element| without_index(&element.choice).is_some();
        let places: Vec<usize> =
            self.elements().iter().enumerate().filter(|it| has_index(it.1)).map(|it| it.0).collect();
        if places.is_empty() {
            return;
        }
        let all = self.elements().iter().enumerate().map(|it| freed(it, None)).collect();
        if !self.attempt_elements(all) {
            for place in places.into_iter().rev() {
                let one = self.elements().iter().enumerate().map(|it| freed(it, Some(place))).collect();
                self.attempt_elements(one);
            }
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
        for group in groups(self.elements()) {
            let is_other = |element: &&Element| !groups_of(element).contains(&group);
            let left: Vec<Element> = self.elements().iter().filter(is_other).cloned().collect();
            if left.len() < self.elements().len() {
                self.attempt_elements(left);
            }
        }
    }

    /// Leaves out servers, groups, and the elements between two acts or timers. Repeats these attempts until
    /// a round removes less than an eighth of the elements.
    fn remove_parts(&mut self) {
        let mut before = usize::MAX;
        while self.elements().len() < before - before / 8 && !self.is_over {
            before = self.elements().len();
            self.free_changes();
            self.remove_servers();
            self.remove_in(Pass::Acts);
            self.remove_groups();
            self.remove_in(Pass::Timers);
        }
    }

    /// Tries to leave out the elements between two moments with the same state of the cluster, the longest
    /// interval first. The run after the interval then begins in the same state.
    pub(super) fn remove_intervals(&mut self) {
        let mut has_removed = true;
        while has_removed && !self.is_over {
            let found = intervals(&self.best.states[..self.elements().len()]);
            has_removed = found.into_iter().take(Self::INTERVALS_MAX).any(|gone| {
                let mut left = self.elements().to_vec();
                left.drain(gone.clone());
                self.attempt_fit(Fit::Punctual, without_gap(self.elements(), &gone, left))
            });
        }
    }

    /// Tries to leave out neighbouring units (Zeller's ddmin). Each try first leaves out a half of all units. Later
    /// tries leave out smaller and smaller parts.
    fn remove_in(&mut self, pass: Pass) {
        let mut width = pass.count(self.elements()) / 2;
        while 0 < width && pass.count(self.elements()).div_ceil(width) <= pass.parts_max() && !self.is_over {
            let before = self.elements().len();
            if pass == Pass::Forward {
                self.remove_forward(width, pass);
            } else {
                self.remove_backward(width, pass);
            }
            let has_removed = self.elements().len() < before;
            if !has_removed || 1 < width {
                width = if has_removed { width.min(pass.count(self.elements())) } else { width } / 2;
            }
        }
    }

    fn remove_backward(&mut self, width: usize, pass: Pass) {
        let mut end = usize::MAX;
        while 0 < end && !self.is_over {
            end = end.min(pass.count(self.elements()));
            let start = end.saturating_sub(width);
            self.attempt_without(start..end, pass);
            end = start;
        }
    }

    fn remove_forward(&mut self, width: usize, pass: Pass) {
        let mut start = 0;
        while start < pass.count(self.elements()) && !self.is_over {
            let before = self.elements().len();
            self.attempt_without(start..start + width, pass);
            if before <= self.elements().len() {
                start += width;
            }
        }
    }

    /// Tries to leave out the elements of these units.
    fn attempt_without(&mut self, gone: Range<usize>, pass: Pass) {
        let units = pass.units(self.elements());
        let elements = self.elements().iter().zip(units);
        let left: Vec<Element> =
            elements.filter(|(_, unit)| !gone.contains(unit)).map(|(element, _)| element.clone()).collect();
        if left.len() == self.elements().len() {
            return;
        }
        if pass.is_in_order() {
            // If the time of the units is also removed, no leader loses its lease in that time.
            let earlier = pass.without_time(self.elements(), gone, left.clone());
            if self.attempt_fit(Fit::Punctual, earlier) || pass == Pass::Forward {
                return;
            }
        }
        self.attempt_elements(left);
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

/// Returns storms with fewer servers, a shorter chaos phase and other seeds.
fn small_storms(storm: &Plan) -> impl Iterator<Item = Plan> {
    const SIZES: [(u8, u64); 6] = [(3, 16), (3, 8), (5, 16), (3, 4), (5, 8), (5, 4)];
    (0..).flat_map(move |seed| {
        SIZES.map(|(servers, part)| Plan {
            seed,
            servers: storm.servers.min(servers),
            chaos: Span(storm.chaos.0 / part),
            order: EventOrder::Recorded,
            ..storm.clone()
        })
    })
}

/// Returns the class of a failure with this verdict. A panic counts as a violation of safety, because a panic
/// is a wrong event, not a missing event.
pub(super) const fn class_of(verdict: &Verdict) -> Class {
    match verdict {
        Verdict::Violated(violation) => violation.class,
        Verdict::Held | Verdict::Vacuous(_) | Verdict::Panicked(_) => Class::Safety,
    }
}

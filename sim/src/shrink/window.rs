//! Finds a window: a part of a schedule that the servers can repeat for ever without a commit. A window
//! explains a failure in which healed servers make no progress.
//!
//! The candidates are parts of the run after the end of all faults. There, every message arrives and every
//! timer fires. A candidate begins when the timer of a server fires, and ends before the same timer fires
//! again. The search plays each candidate twenty times in a row. The candidate is a window if the servers
//! commit nothing and the repetitions are fair: all messages arrive, and no timer of another server is due.
//! The deadlines of elections are random. So a repetition may skip some elements, because the objects of
//! these elements do not exist.

use super::{Shrinker, size::many};
use crate::observe::refusals::Refusal;
use crate::observe::report::{Class, Verdict};
use crate::plan::Plan;
use crate::plan::server_set::ServerSet;
use crate::runner::Run;
use crate::schedule::{Choice, Element, EventOrder, Fit};
use std::collections::BTreeMap;
use std::fmt;
use std::mem::discriminant;
use wavetank_raft::{Span, Time};

/// A part of a run that the servers can repeat without progress.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// The elements before the window. All faults end before the window begins.
    pub before: Vec<Element>,
    /// The elements of the window.
    pub elements: Vec<Element>,
    /// The time between the beginnings of two consecutive repetitions, in microseconds.
    pub lasts: Span,
    /// The message of the check about the missing progress, after the last repetition.
    pub why: String,
    /// True if candidates win elections during the repetitions. The new leaders commit nothing.
    pub elects: bool,
    /// The refusals in all repetitions, in groups of one kind. Each pair has the number of refusals in the
    /// group, and the first refusal of the group.
    pub refusals: Vec<(u64, Refusal)>,
}

impl Window {
    /// The number of times that the window was repeated.
    pub const REPEATS: u64 = 20;

    /// Returns the elements before the window and all repetitions of the window.
    #[must_use]
    pub fn schedule(&self) -> Vec<Element> {
        self.repeated(Self::REPEATS)
    }

    fn repeated(&self, repeats: u64) -> Vec<Element> {
        let shifted = |round: u64, element: &Element| Element {
            at: Time(element.at.0 + round * self.lasts.0),
            choice: element.choice.clone(),
        };
        let rounds = (0..repeats).flat_map(|round| self.elements.iter().map(move |it| shifted(round, it)));
        self.before.iter().cloned().chain(rounds).collect()
    }

    /// True if the repetitions are fair. `none`, `one` and `all` are the runs without a repetition, with one
    /// repetition, and with all repetitions.
    fn is_fair(&self, none: &Run<()>, one: &Run<()>, all: &Run<()>) -> bool {
        let played = all.schedule.len().saturating_sub(none.schedule.len()) as u64;
        let expected = Self::REPEATS * self.elements.len() as u64;
        let sent = |more: &Run<()>, less: &Run<()>| more.report.messages.saturating_sub(less.report.messages);
        // Servers that stay down get no messages. Then each repetition must send the same number of messages.
        let is_same = played == expected && sent(all, one) == (Self::REPEATS - 1) * sent(one, none);
        is_same || (expected <= played + played / 4 && waiting(all) <= waiting(one))
    }

    /// Returns the servers whose timers fire in the window.
    fn firing(&self) -> ServerSet {
        self.elements
            .iter()
            .filter_map(|element| match element.choice {
                Choice::Fire(idx, _) => Some(idx),
                _ => None,
            })
            .collect()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (times, result) = (
            Self::REPEATS,
            if self.elects { "candidates win elections" } else { "no candidate wins an election" },
        );
        writeln!(
            f,
            "The window below was repeated {times} times. In these repetitions, {result}, and no entry is \
             committed: {}.",
            self.why
        )?;
        for (count, refusal) in &self.refusals {
            writeln!(f, "{count} times: {refusal}")?;
        }
        if self.refusals.is_empty() {
            writeln!(f, "No server refuses a request.")?;
        }
        writeln!(f, "\n{} before the window:", many(self.before.len() as u64, "element"))?;
        self.before.iter().try_for_each(|element| writeln!(f, "    {element}"))?;
        let elements = many(self.elements.len() as u64, "element");
        writeln!(f, "\n{elements} in the window of {} ms:", self.lasts.0 / 1_000)?;
        self.elements.iter().try_for_each(|element| writeln!(f, "    {element}"))
    }
}

impl Shrinker<'_, '_> {
    /// The number of timers that can begin or end a candidate: the first timers after the clients have
    /// stopped, and equally many timers at the end of the run.
    const TIMERS: usize = 100;
    /// The maximum number of candidates between the first timers. The limit between the last timers is the
    /// same.
    const CANDIDATES: usize = 60;
    /// The maximum number of candidates with the same number of elements.
    const OF_A_WIDTH: usize = 3;

    /// Finds a window of the best plan: the first candidate that the servers can repeat without a commit.
    /// Returns `None` if there is no such candidate, or if the failure is not a lack of progress after the
    /// faults.
    pub(super) fn find_window(&mut self) -> Option<Window> {
        if self.class != Class::Liveness || !matches!(self.best.plan.order, EventOrder::HealedAfter(..)) {
            return None;
        }
        let schedule = self.play(self.best.plan.clone()).schedule;
        let found = candidates(&schedule).into_iter().find_map(|candidate| self.checked(candidate))?;
        Some(self.with_less_before(found))
    }

    /// Repeats a candidate. If the candidate is a window, returns the candidate with the data of the
    /// repetitions. Otherwise returns `None`.
    fn checked(&mut self, candidate: Window) -> Option<Window> {
        let all = self.repeat(&candidate, Window::REPEATS)?;
        let Verdict::Violated(violation) = &all.report.verdict else { return None };
        if violation.class != Class::Liveness || !all.overdue.minus(candidate.firing()).is_empty() {
            return None;
        }
        let (none, one) = (self.repeat(&candidate, 0)?, self.repeat(&candidate, 1)?);
        if all.report.commits != none.report.commits || !candidate.is_fair(&none, &one, &all) {
            return None;
        }
        let begins = candidate.elements.first()?.at;
        let mut before = all.schedule;
        before.truncate(none.schedule.len());
        Some(Window {
            before,
            why: violation.what.clone(),
            elects: all.report.elections != none.report.elections,
            refusals: counted(all.refusals.into_iter().filter(|refusal| begins <= refusal.at)),
            ..candidate
        })
    }

    /// Runs the best plan with the elements before a window and some repetitions of the window. Returns `None`
    /// if the search is over.
    fn repeat(&mut self, window: &Window, repeats: u64) -> Option<Run<()>> {
        let order = EventOrder::Scheduled(Fit::Repeating, window.repeated(repeats));
        (!self.is_over).then(|| self.play(Plan { order, ..self.best.plan.clone() }))
    }

    /// Removes elements before a window: first all elements that are not needed to end the faults, then
    /// smaller and smaller parts. Keeps a removal if the candidate is still a window.
    fn with_less_before(&mut self, mut best: Window) -> Window {
        let is_end = |element: &Element| matches!(element.choice, Choice::Heal(_) | Choice::Rest);
        let mut width = best.before.len();
        while 0 < width && !self.is_over {
            let mut end = best.before.len();
            while 0 < end {
                let start = end.saturating_sub(width);
                let mut before = best.before.clone();
                let kept: Vec<Element> = before.drain(start..end).filter(is_end).collect();
                before.splice(start..start, kept);
                if before.len() < best.before.len()
                    && let Some(less) = self.checked(Window { before, ..best.clone() })
                {
                    best = less;
                }
                end = start.min(best.before.len());
            }
            width /= 2;
        }
        best
    }
}

/// Returns the number of messages of a run that have not arrived.
fn waiting(run: &Run<()>) -> u64 {
    let arrived = run.schedule.iter().filter(|element| matches!(element.choice, Choice::Deliver { .. }));
    run.report.messages.saturating_sub(arrived.count() as u64)
}

/// Returns the candidates in a schedule. The first candidates begin soon after the clients have stopped, so
/// few elements come before these candidates. The last candidates are at the end of the run.
fn candidates(schedule: &[Element]) -> Vec<Window> {
    let rest = schedule.iter().rposition(|element| element.choice == Choice::Rest).unwrap_or(schedule.len());
    let is_timer = |at: &usize| matches!(schedule[*at].choice, Choice::Fire(..));
    let timers = rest..schedule.len();
    let first: Vec<usize> = timers.clone().filter(is_timer).take(Shrinker::TIMERS).collect();
    let last: Vec<usize> = timers.rev().filter(is_timer).take(Shrinker::TIMERS).collect();
    let window = |(start, end): (usize, usize)| Window {
        before: schedule[..start].to_vec(),
        elements: schedule[start..end].to_vec(),
        lasts: schedule[end].at.since(schedule[start].at),
        why: String::new(),
        elects: false,
        refusals: Vec::new(),
    };
    [first, last].iter().flat_map(|timers| pairs(schedule, timers)).map(window).collect()
}

/// Returns the candidates between these timers, the shortest candidate first. Each pair has the position of
/// the first element in the schedule, and the position after the last element. Returns at most three
/// candidates with the same number of elements.
fn pairs(schedule: &[Element], timers: &[usize]) -> Vec<(usize, usize)> {
    let mut pairs: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for (place, &one) in timers.iter().enumerate() {
        for &other in &timers[place + 1..] {
            let of_width = pairs.entry(one.abs_diff(other)).or_default();
            if schedule[one].choice == schedule[other].choice && of_width.len() < Shrinker::OF_A_WIDTH {
                of_width.push((one.min(other), one.max(other)));
            }
        }
    }
    pairs.into_values().flatten().take(Shrinker::CANDIDATES).collect()
}

/// Groups refusals by the two servers, the kind of the request and the kind of the reason. Returns the number
/// of refusals and the first refusal of each group, in the order of the first refusals.
fn counted(refusals: impl Iterator<Item = Refusal>) -> Vec<(u64, Refusal)> {
    let mut groups: Vec<(u64, Refusal)> = Vec::new();
    for refusal in refusals {
        let kind = |it: &Refusal| (it.by, it.of, it.what, discriminant(&it.reason));
        match groups.iter_mut().find(|(_, first)| kind(first) == kind(&refusal)) {
            Some((count, _)) => *count += 1,
            None => groups.push((1, refusal)),
        }
    }
    groups
}

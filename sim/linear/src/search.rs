//! The search for an order of the operations that explains every output (Wing and Gong 1993, Lowe 2017).
//!
//! A step of the search linearizes one operation that may come next, or backtracks if no operation may come
//! next. An operation may come next if its invocation was before the first completion among the remaining
//! operations. The whole state of the search is in flat lists, so that backtracking restores the state
//! exactly.

use super::list::Lists;
use super::memo::Memo;
use super::problem::Problem;
use super::unreachable::Unreachable;
use super::{Effect, NEVER};

/// A search for a linearizable order. The search can be interrupted and resumed.
#[derive(Debug)]
pub(super) struct OrderSearch {
    problem: Problem,
    by_invocation: Lists,
    by_completion: Lists,
    /// The groups of operations with equal effects. Each list is one group, in the order of the completions.
    equal: Lists,
    /// One bit for each operation. A bit is 1 if the operation is linearized.
    linearized: Vec<u64>,
    /// For each completed operation, the number of completed operations that were invoked before the
    /// completion of this operation.
    reach: Vec<u32>,
    state: u32,
    unreachable: Unreachable,
    /// The linearized operations, in the order in which the search linearized the operations.
    order: Vec<u32>,
    frames: Vec<Frame>,
    memo: Memo,
    key: Vec<u64>,
    verdict: Option<bool>,
}

/// A point to which the search can backtrack.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// The length of the order before the last operation was added.
    order: usize,
    /// The state before the last operation was added.
    state: u32,
    /// The operation that is tried next.
    next: u32,
}

impl OrderSearch {
    pub(super) fn new(mut problem: Problem) -> Self {
        let (all, completed) = (problem.operations.len(), problem.completed);
        let ended = |at: &u32| problem.operations[*at as usize].returned;
        let mut by_end = (0..completed as u32).collect::<Vec<_>>();
        by_end.sort_unstable_by_key(ended);
        let began_before =
            |end| problem.operations[..completed].partition_point(|it| it.invoked < end) as u32;
        let unreachable = problem.unreachable.take();
        let mut search = Self {
            verdict: unreachable.is_none().then_some(false),
            unreachable: unreachable.unwrap_or_default(),
            reach: problem.operations[..completed].iter().map(|it| began_before(it.returned)).collect(),
            by_invocation: Lists::new(
                all,
                [(0..completed as u32).collect(), (completed as u32..all as u32).collect()],
            ),
            by_completion: Lists::new(all, [by_end]),
            equal: Lists::new(all, equal(&problem)),
            linearized: vec![0; completed.div_ceil(64) + (all - completed).div_ceil(64)],
            state: problem.initial,
            order: Vec::with_capacity(all),
            frames: Vec::new(),
            memo: Memo::default(),
            key: Vec::new(),
            problem,
        };
        if search.verdict.is_none() {
            search.start();
        }
        search
    }

    fn start(&mut self) {
        self.linearize_reads();
        if !self.can_succeed() {
            self.verdict = Some(false);
        }
        self.frames.push(Frame { order: 0, state: self.state, next: self.by_invocation.first(self.all()) });
    }

    /// Continues the search for at most `steps` steps. Returns true if the history is linearizable, false if
    /// the history is not linearizable, and `None` if the verdict is not known yet.
    pub(super) fn run(&mut self, steps: u64) -> Option<bool> {
        for _ in 0..steps {
            if self.verdict.is_some() {
                break;
            }
            if self.by_completion.first(self.all()) == self.all() {
                self.verdict = Some(true);
                break;
            }
            self.step();
        }
        self.verdict
    }

    /// Returns the numbers of the linearized operations in the searched part of the history, in the order in
    /// which the search linearized the operations. If the history is linearizable, the order explains every
    /// output.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|&at| self.problem.operations[at as usize].id as usize)
    }

    /// Tries one operation, or backtracks if no operation may come next.
    fn step(&mut self) {
        let Some(candidate) = self.candidate() else {
            return self.backtrack();
        };
        let frame = self.frames.last_mut().expect("the first frame is removed last");
        frame.next = self.by_invocation.next[candidate as usize];
        if self.is_second_choice(candidate) {
            return;
        }
        let Some(state) = self.outcome(candidate) else { return };
        let back = Frame { order: self.order.len(), state: self.state, next: 0 };
        self.linearize(candidate);
        self.state = state;
        self.linearize_reads();
        if self.can_succeed() && self.is_new() {
            self.frames.push(Frame { next: self.by_invocation.first(self.all()), ..back });
        } else {
            self.undo(back);
        }
    }

    /// Returns the operation that the last frame tries next; `None` if no such operation is left.
    fn candidate(&mut self) -> Option<u32> {
        let (all, completed, first_end) = (self.all(), self.problem.completed as u32, self.first_end());
        let may_come = |at: u32| at < all && self.problem.operations[at as usize].invoked < first_end;
        let frame = self.frames.last_mut()?;
        let is_completed = frame.next < completed || frame.next == all;
        if is_completed && !may_come(frame.next) {
            // All completed operations were tried; now the pending operations follow.
            frame.next = self.by_invocation.first(all + 1);
        }
        may_come(frame.next).then_some(frame.next)
    }

    /// True if another operation has the same effect, may also come next, and completes earlier. The search
    /// need not try `at` then: in every order with `at` first, the two operations can be exchanged.
    fn is_second_choice(&self, at: u32) -> bool {
        let (all, first_end) = (self.all(), self.first_end());
        let mut other = self.equal.previous[at as usize];
        while other < all && first_end <= self.problem.operations[other as usize].invoked {
            other = self.equal.previous[other as usize];
        }
        other < all && other != at
    }

    fn backtrack(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.undo(frame);
        }
        if self.frames.is_empty() {
            self.verdict = Some(false);
        }
    }

    /// Returns the state after an operation; `None` if the output of the operation does not fit the current
    /// state.
    fn outcome(&mut self, at: u32) -> Option<u32> {
        let state = self.state;
        match self.problem.operations[at as usize].effect {
            Effect::Nothing => Some(state),
            Effect::Read(value) => (state == value).then_some(state),
            Effect::Mismatch(value) => (state != value).then_some(state),
            Effect::Write(value) => Some(value),
            Effect::Cas(expected, new) => (state == expected).then_some(new),
            Effect::Append(element) => {
                let states =
                    self.problem.states.as_mut().expect("append states exist if an operation appends");
                Some(states.append(state, element))
            }
        }
    }

    /// Linearizes every read and every failed `cas` that fits the current state. Such an operation changes
    /// nothing, so the search misses no order.
    fn linearize_reads(&mut self) {
        let mut at = self.by_invocation.first(self.all());
        while at < self.all() && self.problem.operations[at as usize].invoked < self.first_end() {
            let next = self.by_invocation.next[at as usize];
            let is_read_only = self.problem.operations[at as usize].effect.is_read_only();
            if is_read_only && self.outcome(at).is_some() {
                self.linearize(at);
            }
            at = next;
        }
    }

    fn linearize(&mut self, at: u32) {
        self.by_invocation.lift(at);
        self.equal.lift(at);
        if (at as usize) < self.problem.completed {
            self.by_completion.lift(at);
        }
        self.flip(at);
        self.order.push(at);
        self.unreachable.lift(at, self.problem.operations[at as usize].reads());
    }

    fn undo(&mut self, to: Frame) {
        while to.order < self.order.len() {
            let at = self.order.pop().expect("an order that is longer than `to.order` is not empty");
            self.unreachable.unlift(at, self.problem.operations[at as usize].reads());
            self.flip(at);
            if (at as usize) < self.problem.completed {
                self.by_completion.unlift(at);
            }
            self.equal.unlift(at);
            self.by_invocation.unlift(at);
        }
        self.state = to.state;
    }

    /// True if appends to the current state can make every value of `unreachable`. These are the values that
    /// must still be read, and that no remaining operation can produce.
    fn can_succeed(&self) -> bool {
        let leads_to = |later: u32| match &self.problem.states {
            Some(states) => states.leads_to(self.state, later),
            None => self.state == later,
        };
        self.unreachable.iter().all(leads_to)
    }

    /// Adds a key to the memo. The key is the set of the linearized operations, and the state. Returns true
    /// if the memo did not contain the key. The key leaves out the bits of two groups of operations, because
    /// these bits are known: all operations before the first remaining operation are linearized, and no
    /// operation that was invoked after the first remaining completion is linearized.
    fn is_new(&mut self) -> bool {
        let first = self.by_invocation.first(self.all());
        let Some(&reach) = self.reach.get(self.by_completion.first(self.all()) as usize) else { return true };
        let (from, to) = (first as usize / 64, (reach as usize).div_ceil(64));
        let pending = self.problem.completed.div_ceil(64);
        self.key.clear();
        self.key.push((from as u64) << 32 | u64::from(self.state));
        self.key.extend_from_slice(&self.linearized[from..to]);
        self.key.extend_from_slice(&self.linearized[pending..]);
        self.memo.insert(&self.key)
    }

    const fn all(&self) -> u32 {
        self.problem.operations.len() as u32
    }

    /// Returns the moment of the first completion among the remaining operations; `NEVER` if no completed
    /// operation remains.
    fn first_end(&self) -> u32 {
        self.problem
            .operations
            .get(self.by_completion.first(self.all()) as usize)
            .map_or(NEVER, |it| it.returned)
    }

    fn flip(&mut self, at: u32) {
        let (at, completed) = (at as usize, self.problem.completed);
        let bit = if at < completed { at } else { 64 * completed.div_ceil(64) + at - completed };
        self.linearized[bit / 64] ^= 1 << (bit % 64);
    }
}

/// Returns the groups of two or more operations with equal effects. In each group, the completed operations
/// come first, in the order of the completions.
fn equal(problem: &Problem) -> Vec<Vec<u32>> {
    let mut sorted = (0..problem.operations.len() as u32).collect::<Vec<_>>();
    let of = |at: u32| problem.operations[at as usize];
    sorted.sort_unstable_by_key(|&at| (of(at).effect, of(at).returned, at));
    let chunks = sorted.chunk_by(|&a, &b| of(a).effect == of(b).effect);
    chunks.filter(|chunk| 1 < chunk.len()).map(<[u32]>::to_vec).collect()
}

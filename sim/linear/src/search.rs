//! The search for an order that explains every answer (Wing and Gong 1993, Lowe 2017).
//!
//! It goes forward by taking one operation that may come next, and back when none may. What may
//! come next began before the first end of those that are left. All that it keeps is in flat
//! lists, so going back is putting things where they were.

use super::Act;
use super::list::Ring;
use super::memo::Cache;
use super::problem::{NEVER, Puzzle};
use super::unreachable::Orphans;

/// A search that can be left and gone on with.
#[derive(Debug)]
pub(super) struct Search {
    puzzle: Puzzle,
    begins: Ring,
    ends: Ring,
    /// Moves that do the same, in the order of their ends.
    alike: Ring,
    /// One bit for each move that was taken.
    taken: Vec<u64>,
    /// For each move that must happen: how many of them began before it ended.
    reach: Vec<u32>,
    state: u32,
    orphans: Orphans,
    /// Moves in the order in which they were taken.
    trail: Vec<u32>,
    frames: Vec<Frame>,
    cache: Cache,
    key: Vec<u64>,
    verdict: Option<bool>,
}

/// A place to come back to.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// How long the trail was, and what the state was, before the move that led here.
    trail: usize,
    state: u32,
    /// The move that is looked at next.
    next: u32,
}

impl Search {
    pub(super) fn new(mut puzzle: Puzzle) -> Self {
        let (all, musts) = (puzzle.moves.len(), puzzle.musts);
        let ended = |at: &u32| puzzle.moves[*at as usize].ended;
        let mut by_end = (0..musts as u32).collect::<Vec<_>>();
        by_end.sort_unstable_by_key(ended);
        let began_before = |end| puzzle.moves[..musts].partition_point(|it| it.begun < end) as u32;
        let counts = puzzle.counts.take();
        let mut search = Self {
            verdict: counts.is_none().then_some(false),
            orphans: Orphans::new(counts),
            reach: puzzle.moves[..musts].iter().map(|it| began_before(it.ended)).collect(),
            begins: Ring::new(all, [(0..musts as u32).collect(), (musts as u32..all as u32).collect()]),
            ends: Ring::new(all, [by_end]),
            alike: Ring::new(all, alike(&puzzle)),
            taken: vec![0; musts.div_ceil(64) + (all - musts).div_ceil(64)],
            state: puzzle.initial,
            trail: Vec::with_capacity(all),
            frames: Vec::new(),
            cache: Cache::default(),
            key: Vec::new(),
            puzzle,
        };
        search.start();
        search
    }

    fn start(&mut self) {
        self.take_neutral();
        if !self.is_hopeful() {
            self.verdict = Some(false);
        }
        self.frames.push(Frame { trail: 0, state: self.state, next: self.begins.first(self.all()) });
    }

    /// Goes on for at most this many steps; says so once it knows.
    pub(super) fn run(&mut self, steps: u64) -> Option<bool> {
        for _ in 0..steps {
            if self.verdict.is_some() {
                break;
            }
            if self.ends.first(self.all()) == self.all() {
                self.verdict = Some(true);
                break;
            }
            self.step();
        }
        self.verdict
    }

    /// Looks at one move.
    fn step(&mut self) {
        let Some(candidate) = self.candidate() else {
            return self.go_back();
        };
        let frame = self.frames.last_mut().expect("the first frame goes last");
        frame.next = self.begins.next[candidate as usize];
        if self.is_second_choice(candidate) {
            return;
        }
        let Some(state) = self.outcome(candidate) else { return };
        let back = Frame { trail: self.trail.len(), state: self.state, next: 0 };
        self.take(candidate);
        self.state = state;
        self.take_neutral();
        if self.is_hopeful() && self.is_new() {
            self.frames.push(Frame { next: self.begins.first(self.all()), ..back });
        } else {
            self.restore(back);
        }
    }

    /// The move that the last frame looks at next, if it has one.
    fn candidate(&mut self) -> Option<u32> {
        let (all, musts, first_end) = (self.all(), self.puzzle.musts as u32, self.first_end());
        let may_come = |at: u32| at < all && self.puzzle.moves[at as usize].begun < first_end;
        let frame = self.frames.last_mut()?;
        let is_must = frame.next < musts || frame.next == all;
        if is_must && !may_come(frame.next) {
            // What must happen is through; now what may.
            frame.next = self.begins.first(all + 1);
        }
        may_come(frame.next).then_some(frame.next)
    }

    /// Whether another move does the same, may come now too, and ends earlier: whatever can be
    /// done with this one now and that one later can be done the other way round.
    fn is_second_choice(&self, at: u32) -> bool {
        let (all, first_end) = (self.all(), self.first_end());
        let mut other = self.alike.previous[at as usize];
        while other < all && first_end <= self.puzzle.moves[other as usize].begun {
            other = self.alike.previous[other as usize];
        }
        other < all && other != at
    }

    fn go_back(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.restore(frame);
        }
        if self.frames.is_empty() {
            self.verdict = Some(false);
        }
    }

    /// The state after a move; `None` if it does not fit the state at hand.
    fn outcome(&mut self, at: u32) -> Option<u32> {
        let state = self.state;
        match self.puzzle.moves[at as usize].act {
            Act::Nothing => Some(state),
            Act::Read(value) => (state == value).then_some(state),
            Act::Not(value) => (state != value).then_some(state),
            Act::Write(value) => Some(value),
            Act::Swap(expected, new) => (state == expected).then_some(new),
            Act::Append(piece) => {
                let strings = self.puzzle.strings.as_mut().expect("there are strings where one appends");
                Some(strings.append(state, piece))
            }
        }
    }

    /// Takes every move that fits and changes nothing. Later it could not do more: taken now, it
    /// is out of the way.
    fn take_neutral(&mut self) {
        let mut at = self.begins.first(self.all());
        while at < self.all() && self.puzzle.moves[at as usize].begun < self.first_end() {
            let next = self.begins.next[at as usize];
            let is_neutral = self.puzzle.moves[at as usize].act.is_neutral();
            if is_neutral && self.outcome(at).is_some() {
                self.take(at);
            }
            at = next;
        }
    }

    fn take(&mut self, at: u32) {
        self.begins.remove(at);
        self.alike.remove(at);
        if (at as usize) < self.puzzle.musts {
            self.ends.remove(at);
        }
        self.flip(at);
        self.trail.push(at);
        self.orphans.take(at, self.puzzle.moves[at as usize].sees());
    }

    fn restore(&mut self, to: Frame) {
        while to.trail < self.trail.len() {
            let at = self.trail.pop().expect("the trail is longer than it should be");
            self.orphans.put_back(at, self.puzzle.moves[at as usize].sees());
            self.flip(at);
            if (at as usize) < self.puzzle.musts {
                self.ends.put_back(at);
            }
            self.alike.put_back(at);
            self.begins.put_back(at);
        }
        self.state = to.state;
    }

    /// Whether every orphan can still grow out of the state.
    fn is_hopeful(&self) -> bool {
        let leads_to = |later: u32| match &self.puzzle.strings {
            Some(strings) => strings.leads_to(self.state, later),
            None => self.state == later,
        };
        self.orphans.iter().all(leads_to)
    }

    /// Whether the search has not been here before: with these moves taken, in this state. All
    /// before the first that is left is taken, and nothing is that began after the first end.
    fn is_new(&mut self) -> bool {
        let first = self.begins.first(self.all());
        let Some(&reach) = self.reach.get(self.ends.first(self.all()) as usize) else { return true };
        let (from, to) = (first as usize / 64, (reach as usize).div_ceil(64));
        let maybes = self.puzzle.musts.div_ceil(64);
        self.key.clear();
        self.key.push((from as u64) << 32 | u64::from(self.state));
        self.key.extend_from_slice(&self.taken[from..to]);
        self.key.extend_from_slice(&self.taken[maybes..]);
        self.cache.insert(&self.key)
    }

    const fn all(&self) -> u32 {
        self.puzzle.moves.len() as u32
    }

    /// When the first of the moves that are left ends.
    fn first_end(&self) -> u32 {
        self.puzzle.moves.get(self.ends.first(self.all()) as usize).map_or(NEVER, |it| it.ended)
    }

    fn flip(&mut self, at: u32) {
        let (at, musts) = (at as usize, self.puzzle.musts);
        let bit = if at < musts { at } else { 64 * musts.div_ceil(64) + at - musts };
        self.taken[bit / 64] ^= 1 << (bit % 64);
    }
}

/// Moves that do the same, those that must happen in the order of their ends, and then those that
/// may.
fn alike(puzzle: &Puzzle) -> Vec<Vec<u32>> {
    let mut sorted = (0..puzzle.moves.len() as u32).collect::<Vec<_>>();
    let of = |at: u32| puzzle.moves[at as usize];
    sorted.sort_unstable_by_key(|&at| (of(at).act, of(at).ended, at));
    let chunks = sorted.chunk_by(|&a, &b| of(a).act == of(b).act);
    chunks.filter(|chunk| 1 < chunk.len()).map(<[u32]>::to_vec).collect()
}

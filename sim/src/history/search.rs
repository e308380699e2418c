//! The search for an order that explains every answer (Wing and Gong 1993, Lowe 2017).
//!
//! It goes forward by taking one operation that may come next, and back when none may. What may
//! come next began before the first end of those that are left. All that it keeps is in flat
//! lists, so going back is putting things where they were.

use super::Act;
use super::cache::Cache;
use super::puzzle::{NEVER, Puzzle};

/// A search that can be left and gone on with.
#[derive(Debug)]
pub(super) struct Search {
    puzzle: Puzzle,
    begins: Ring,
    ends: Ring,
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

/// Lists of moves, linked both ways, whose members can be taken out and put back in reverse order.
/// Behind the moves stand the heads: of those that must happen, and of those that may.
#[derive(Debug)]
struct Ring {
    next: Vec<u32>,
    previous: Vec<u32>,
}

/// Values that somebody must still see and that no move that is left can lead to.
#[derive(Debug)]
struct Orphans {
    values: Vec<u32>,
    /// Where in `values` each is.
    places: Vec<u32>,
    /// How many moves that are left must see each value, and how many can lead to it.
    demand: Vec<u32>,
    supply: Vec<u32>,
}

impl Search {
    pub(super) fn new(puzzle: Puzzle) -> Self {
        let (all, musts) = (puzzle.moves.len(), puzzle.musts);
        let mut by_end = (0..musts as u32).collect::<Vec<_>>();
        by_end.sort_unstable_by_key(|&at| puzzle.moves[at as usize].ended);
        let mut begins = Ring::new(all);
        begins.link(all as u32, 0..musts as u32);
        begins.link(all as u32 + 1, musts as u32..all as u32);
        let mut ends = Ring::new(all);
        ends.link(all as u32, by_end);
        let began_before = |end| puzzle.moves[..musts].partition_point(|it| it.begun < end) as u32;
        let mut search = Self {
            reach: puzzle.moves[..musts].iter().map(|it| began_before(it.ended)).collect(),
            begins,
            ends,
            taken: vec![0; musts.div_ceil(64) + (all - musts).div_ceil(64)],
            state: puzzle.initial,
            orphans: Orphans::new(&puzzle),
            trail: Vec::with_capacity(all),
            frames: Vec::new(),
            cache: Cache::default(),
            key: Vec::new(),
            verdict: None,
            puzzle,
        };
        search.start();
        search
    }

    fn start(&mut self) {
        self.take_neutral();
        self.verdict = (!self.is_hopeful()).then_some(false);
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
        if (at as usize) < self.puzzle.musts {
            self.ends.remove(at);
        }
        self.flip(at);
        self.trail.push(at);
        self.count(at, Orphans::take_demand, Orphans::take_supply);
    }

    fn restore(&mut self, to: Frame) {
        while to.trail < self.trail.len() {
            let at = self.trail.pop().expect("the trail is longer than it should be");
            self.count(at, Orphans::put_demand, Orphans::put_supply);
            self.flip(at);
            if (at as usize) < self.puzzle.musts {
                self.ends.put_back(at);
            }
            self.begins.put_back(at);
        }
        self.state = to.state;
    }

    fn count(&mut self, at: u32, demand: Count, supply: Count) {
        let puzzle = &self.puzzle;
        if !puzzle.is_counted {
            return;
        }
        if (at as usize) < puzzle.musts
            && let Act::Read(value) | Act::Swap(value, _) = puzzle.moves[at as usize].act
        {
            demand(&mut self.orphans, value);
        }
        for &value in puzzle.supplies(at as usize) {
            supply(&mut self.orphans, value);
        }
    }

    /// Whether every orphan can still grow out of the state.
    fn is_hopeful(&self) -> bool {
        let leads_to = |later: u32| match &self.puzzle.strings {
            Some(strings) => strings.leads_to(self.state, later),
            None => self.state == later,
        };
        self.orphans.values.iter().all(|&orphan| leads_to(orphan))
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

impl Ring {
    fn new(moves: usize) -> Self {
        let alone = (0..moves as u32 + 2).collect::<Vec<_>>();
        Self { next: alone.clone(), previous: alone }
    }

    /// Puts moves behind a head, in this order.
    fn link(&mut self, head: u32, moves: impl IntoIterator<Item = u32>) {
        let mut last = head;
        for at in moves {
            self.next[last as usize] = at;
            self.previous[at as usize] = last;
            last = at;
        }
        self.next[last as usize] = head;
        self.previous[head as usize] = last;
    }

    fn first(&self, head: u32) -> u32 {
        self.next[head as usize]
    }

    fn remove(&mut self, at: u32) {
        let (previous, next) = (self.previous[at as usize], self.next[at as usize]);
        self.next[previous as usize] = next;
        self.previous[next as usize] = previous;
    }

    fn put_back(&mut self, at: u32) {
        let (previous, next) = (self.previous[at as usize], self.next[at as usize]);
        self.next[previous as usize] = at;
        self.previous[next as usize] = at;
    }
}

/// A change of what is wanted of a value, or can lead to it.
type Count = fn(&mut Orphans, u32);

impl Orphans {
    fn new(puzzle: &Puzzle) -> Self {
        let demand = puzzle.demand.clone();
        let supply = puzzle.supply.clone();
        let places = vec![0; demand.len()];
        let mut orphans = Self { values: Vec::new(), places, demand, supply };
        for value in 0..orphans.demand.len() as u32 {
            orphans.notice(value, false);
        }
        orphans
    }

    fn is_one(&self, value: u32) -> bool {
        0 < self.demand[value as usize] && self.supply[value as usize] == 0
    }

    /// Puts a value on the list, or takes it off, if it has become, or ceased to be, an orphan.
    fn notice(&mut self, value: u32, was: bool) {
        if was == self.is_one(value) {
            return;
        }
        if was {
            let place = self.places[value as usize];
            self.values.swap_remove(place as usize);
            if let Some(&moved) = self.values.get(place as usize) {
                self.places[moved as usize] = place;
            }
        } else {
            self.places[value as usize] = self.values.len() as u32;
            self.values.push(value);
        }
    }

    fn take_demand(&mut self, value: u32) {
        let was = self.is_one(value);
        self.demand[value as usize] -= 1;
        self.notice(value, was);
    }

    fn put_demand(&mut self, value: u32) {
        let was = self.is_one(value);
        self.demand[value as usize] += 1;
        self.notice(value, was);
    }

    fn take_supply(&mut self, value: u32) {
        let was = self.is_one(value);
        self.supply[value as usize] -= 1;
        self.notice(value, was);
    }

    fn put_supply(&mut self, value: u32) {
        let was = self.is_one(value);
        self.supply[value as usize] += 1;
        self.notice(value, was);
    }
}

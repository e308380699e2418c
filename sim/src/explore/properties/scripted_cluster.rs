//! Three servers, their disks and their post, led to some moment: what the tests of properties look
//! at. What is wrong is two moments put together that do not follow each other.

use crate::explore::Bounds;
use crate::explore::call_id::Name;
use crate::explore::history_vars::Committed;
use crate::explore::server_state::{Around, Local};
use crate::explore::stimulus::{Letter, Stimulus};
use crate::plan::server_set::Slot;
use wavetank_raft::{Index, LogId, Request, Response, Term};

pub(super) const N1: Slot = Slot(0);
pub(super) const N2: Slot = Slot(1);
pub(super) const N3: Slot = Slot(2);

#[derive(Clone)]
pub(super) struct Cast {
    bounds: Bounds,
    servers: Vec<Local>,
    /// All that was ever sent.
    letters: Vec<Letter>,
    /// Which of it is on its way.
    flying: Vec<usize>,
}

impl Cast {
    /// As it was founded, in term 1.
    pub(super) fn founded() -> Self {
        let bounds = Bounds::default();
        let servers = bounds.servers().iter().map(|slot| Local::first(&bounds, slot)).collect();
        Self { bounds, servers, letters: Vec::new(), flying: Vec::new() }
    }

    /// `n1` leads, and what begins its term is on its own disk only.
    pub(super) fn led() -> Self {
        let mut cast = Self::founded();
        cast.elects(N1);
        cast
    }

    /// `n1` leads, all have what begins its term, and it is committed.
    pub(super) fn settled() -> Self {
        let mut cast = Self::led();
        cast.delivers(|_| true);
        cast
    }

    /// A server as it is now.
    pub(super) fn at(&self, slot: Slot) -> &Local {
        &self.servers[slot.at()]
    }

    /// The same, to be meddled with.
    pub(super) fn at_mut(&mut self, slot: Slot) -> &mut Local {
        &mut self.servers[slot.at()]
    }

    /// A server campaigns in the next term, and is voted for by all. What was on its way is lost.
    pub(super) fn elects(&mut self, slot: Slot) {
        self.flying.clear();
        self.does(slot, &Stimulus::TimeOut);
        self.delivers(|letter| match letter {
            Letter::Call { request, .. } => matches!(request, Request::RequestVote(_)),
            Letter::Answer { response, .. } => matches!(response, Response::RequestVote(_)),
        });
    }

    /// A server does this, and what it writes is on its disk.
    pub(super) fn does(&mut self, slot: Slot, stimulus: &Stimulus<'_>) {
        self.steps(slot, stimulus, 0, true);
    }

    /// The same, and what it writes is on its way.
    pub(super) fn begins(&mut self, slot: Slot, stimulus: &Stimulus<'_>) {
        self.steps(slot, stimulus, 0, false);
    }

    /// Everything of this kind arrives, and what comes of it, until there is no more.
    pub(super) fn delivers(&mut self, wanted: impl Fn(&Letter) -> bool) {
        while let Some(at) = self.flying.iter().position(|&number| wanted(&self.letters[number])) {
            let number = self.flying.remove(at);
            let letter = self.letters[number].clone();
            self.steps(letter.to(), &Stimulus::Take(&letter), number, true);
        }
    }

    fn steps(&mut self, slot: Slot, stimulus: &Stimulus<'_>, number: usize, quick: bool) {
        let letter = |number: u32| &self.letters[number as usize];
        let around = Around { bounds: &self.bounds, number: number as u32, letter: &letter, quick };
        let (after, outcome) = self.servers[slot.at()].step(stimulus, &around);
        assert_eq!(outcome.breach, None, "what is played here is legal");
        self.servers[slot.at()] = after;
        for letter in outcome.sent {
            self.flying.push(self.letters.len());
            self.letters.push(letter);
        }
    }
}

/// An entry's place.
pub(super) const fn id(term: u64, index: u64) -> LogId {
    LogId::new(Term(term), Index(index))
}

/// An entry that was first called committed in this term.
pub(super) const fn committed(term: u64, index: u64, during: u64) -> Committed {
    Committed { id: id(term, index), during: Term(during) }
}

/// A server's first call to another in a term.
pub(super) const fn call(from: Slot, to: Slot, term: u64) -> Name {
    Name { from, to, life: 1, term: Term(term), ordinal: 1 }
}

/// What a property says, row by row: what it must say, or nothing.
pub(super) fn says(rows: &[(&str, Option<String>, Option<&str>)]) {
    for (case, said, wanted) in rows {
        assert_eq!(said.as_deref(), *wanted, "{case}");
    }
}

//! Compares the log with a plain list of its entries.

use super::*;
use crate::config::Config;
use crate::configuration::Member;
use alloc::vec;
use proptest::prelude::*;

/// A step on the log. Its numbers are taken modulo the number of entries.
#[derive(Clone, Copy, Debug)]
enum LogStep {
    /// Append an entry; the number is added to the last term.
    Push(u64),
    Truncate(u64),
    Compact(u64),
    Reset(u64, u64),
    /// Evict entries down to a number and a weight, with all but this many entries on disk.
    Evict(u64, u64, u64),
}

fn steps() -> impl Strategy<Value = LogStep> {
    let any = 0_u64..64;
    prop_oneof![
        9 => prop_oneof![3 => Just(0), 1 => 1_u64..3].prop_map(LogStep::Push),
        2 => any.clone().prop_map(LogStep::Truncate),
        2 => any.clone().prop_map(LogStep::Compact),
        1 => (0_u64..3, 0_u64..3).prop_map(|(term, index)| LogStep::Reset(term, index)),
        3 => (0_u64..5, 0_u64..200, any).prop_map(|(entries, bytes, late)| LogStep::Evict(entries, bytes, late)),
    ]
}

/// All entries of the log, and the number of the last entries that are in memory.
struct LogModel {
    base: LogId,
    entries: Vec<Entry>,
    cached: usize,
}

impl LogModel {
    fn last(&self) -> LogId {
        self.entries.last().map_or(self.base, |entry| entry.id)
    }

    fn id_at(&self, index: Index) -> Option<LogId> {
        let ids = self.entries.iter().map(|entry| entry.id);
        core::iter::once(self.base).chain(ids).find(|id| id.index == index)
    }

    fn in_memory(&self) -> &[Entry] {
        &self.entries[self.entries.len() - self.cached..]
    }

    fn exceeds(&self, entries: u64, bytes: u64) -> bool {
        let weight: u64 = self.in_memory().iter().map(Entry::weight).sum();
        entries < self.cached as u64 || (bytes < weight && 1 < self.cached)
    }

    /// An index of an entry.
    fn pick(&self, number: u64) -> Option<Index> {
        let count = self.entries.len() as u64;
        (0 < count).then(|| self.base.index.plus(1 + number % count))
    }

    /// Applies the step to the log and to the model.
    fn apply(&mut self, log: &mut Log, step: LogStep) {
        match step {
            LogStep::Push(terms) => {
                let last = self.last();
                let payload = Payload::Command(vec![0; usize::try_from(terms).expect("a few")].into());
                let entry = Entry::new(Term(last.term.0 + terms), last.index.next(), payload);
                log.push(entry.clone());
                self.entries.push(entry);
                self.cached += 1;
            }
            LogStep::Truncate(number) => {
                let Some(from) = self.pick(number) else { return };
                log.truncate(from);
                let before = self.entries.len();
                self.entries.retain(|entry| entry.id.index < from);
                self.cached = self.cached.saturating_sub(before - self.entries.len());
            }
            LogStep::Compact(number) => {
                let Some(upto) = self.pick(number) else { return };
                log.compact(upto);
                self.base = self.id_at(upto).expect("it was picked from there");
                self.entries.retain(|entry| upto < entry.id.index);
                self.cached = self.cached.min(self.entries.len());
            }
            LogStep::Reset(term, index) => {
                let last = self.last();
                self.base = LogId::new(Term(last.term.0 + term), last.index.plus(index));
                self.entries.clear();
                self.cached = 0;
                log.reset(self.base);
            }
            LogStep::Evict(entries, bytes, late) => {
                let durable = Index(self.last().index.0.saturating_sub(late % 8));
                log.evict(CacheLimits { entries, bytes }, durable);
                while self.exceeds(entries, bytes) && self.in_memory()[0].id.index <= durable {
                    self.cached -= 1;
                }
            }
        }
    }

    /// The image that a server would read at its start.
    fn image(&self, cache: usize) -> LogImage {
        let mut image = LogImage::new(self.base, CacheLimits::entries(cache as u64));
        self.entries.iter().for_each(|entry| image.push(entry.clone()));
        image
    }

    fn check(&self, log: &Log, limits: &Settings) -> Result<(), TestCaseError> {
        prop_assert_eq!((log.base(), log.last()), (self.base, self.last()));
        let around = self.base.index.0.saturating_sub(2)..self.last().index.0 + 3;
        for index in around.clone().map(Index) {
            let id = self.id_at(index);
            prop_assert_eq!(log.id_at(index), id);
            prop_assert_eq!(log.term_at(index), id.map(|id| id.term));
            let in_memory = self.in_memory().iter().find(|entry| entry.id.index == index);
            prop_assert_eq!(log.cached(index), in_memory, "{}", index);
            let taken = log.slice(index, limits).map(|entries| entries.to_vec());
            prop_assert_eq!(taken, self.slice(index, limits), "{}", index);
            for term in self.base.term.0.saturating_sub(1)..self.last().term.0 + 2 {
                let limit = LogId::new(Term(term), index);
                prop_assert_eq!(log.contains(limit), id == Some(limit));
                let below = |id: &LogId| id.index <= index && id.term <= limit.term;
                let expected = self.entries.iter().map(|entry| entry.id).rfind(below).unwrap_or(self.base);
                prop_assert_eq!(log.last_not_above(limit), expected, "{} of {:?}", limit, self.image(0));
            }
        }
        prop_assert_eq!(log.cached_from(), Index(self.last().index.0 + 1 - self.cached as u64));
        // Logs with the same entries are equal, whatever steps made them.
        prop_assert_eq!(log, &Log::restore(self.image(self.cached)));
        Ok(())
    }

    /// The entries of one message: the first entry, then as many entries as the limits allow.
    fn slice(&self, first: Index, limits: &Settings) -> Option<Vec<Entry>> {
        let at = self.in_memory().iter().position(|entry| entry.id.index == first)?;
        let mut taken: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        for entry in &self.in_memory()[at..] {
            bytes += entry.weight();
            let is_full = taken.len() as u64 == limits.max_append_entries;
            if is_full || !taken.is_empty() && limits.max_append_bytes < bytes {
                break;
            }
            taken.push(entry.clone());
        }
        Some(taken)
    }
}

proptest! {
    #[test]
    fn the_log_matches_a_list(
        base in (0_u64..3, 0_u64..3),
        steps in prop::collection::vec(steps(), 1..40),
        max_append_entries in 1_u64..5,
        max_append_bytes in 30_u64..140,
        cache in 0_usize..6,
    ) {
        let config = Config { max_append_entries, max_append_bytes, local_id: "n1".into(), ..Config::default() };
        let limits = Settings::new(config).expect("within the rules");
        let base = LogId::new(Term(base.0), Index(base.1));
        let mut model = LogModel { base, entries: Vec::new(), cached: 0 };
        let mut log = Log::restore(model.image(cache));
        for step in steps {
            model.apply(&mut log, step);
            model.check(&log, &limits)?;
        }
        let image = model.image(cache);
        prop_assert_eq!((image.base(), image.last()), (model.base, model.last()));
        model.cached = model.entries.len().min(cache);
        model.check(&Log::restore(image), &limits)?;
    }
}

#[test]
fn an_image_collects_its_configurations() {
    let members = Arc::new(Configuration::new(vec![Member::voter("n1", "a1")]).expect("one voter"));
    let mut image = LogImage::new(LogId::new(Term(1), Index(4)), CacheLimits::entries(1));
    image.push(Entry::new(Term(1), Index(5), Payload::Noop));
    image.push(Entry::new(Term(2), Index(6), Payload::Configuration(members.clone())));
    assert_eq!(image.configurations(), [(Index(6), members)]);
}

/// An image and a log that end at t2.i5.
fn both() -> (LogImage, Log) {
    let image = LogImage::new(LogId::new(Term(2), Index(5)), CacheLimits::entries(9));
    (image.clone(), Log::restore(image))
}

#[test]
#[should_panic(expected = "cannot follow")]
fn an_image_has_no_gaps() {
    both().0.push(Entry::new(Term(2), Index(7), Payload::Noop));
}

#[test]
#[should_panic(expected = "cannot follow")]
fn in_an_image_terms_never_fall() {
    both().0.push(Entry::new(Term(1), Index(6), Payload::Noop));
}

#[test]
#[should_panic(expected = "cannot follow")]
fn a_log_has_no_gaps() {
    both().1.push(Entry::new(Term(2), Index(7), Payload::Noop));
}

#[test]
#[should_panic(expected = "cannot follow")]
fn in_a_log_terms_never_fall() {
    both().1.push(Entry::new(Term(1), Index(6), Payload::Noop));
}

#[test]
#[should_panic(expected = "cannot truncate at i5")]
fn a_compacted_entry_cannot_be_truncated() {
    let mut log = both().1;
    log.push(Entry::new(Term(2), Index(6), Payload::Noop));
    log.truncate(Index(5));
}

#[test]
#[should_panic(expected = "cannot truncate at i6")]
fn truncation_beyond_the_end_panics() {
    both().1.truncate(Index(6));
}

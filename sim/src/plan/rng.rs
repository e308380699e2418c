//! Random numbers come from streams of random words. Each stream has a name and keys.
//!
//! Every random decision of a run comes from a [`Stream`]. The name of a stream ([`Domain`]) says which
//! decisions the stream makes. The keys of a stream identify the link, the server or the client of these
//! decisions. Each message, write or fault reads a fixed number of words, usually one [`Draw`], even if the
//! result is not used. Therefore a kind of fault can be disabled or added, and the draws of all other streams
//! stay the same.
//!
//! The simulator uses no floats: a chance is a [`Ratio`] of integers, and a length comes from a range of
//! integers.

use rand_chacha::ChaCha8Core;
use rand_chacha::rand_core::SeedableRng;
use rand_chacha::rand_core::block::Generator;
use std::fmt;
use wavetank_raft::Span;

/// The kinds of decisions that are drawn at random. The numbers of the variants determine the random draws of every
/// seed, so a number must never get a second meaning. The doc of each variant names its random streams in
/// parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u64)]
pub enum Domain {
    /// The delivery times of messages on a link (one stream for each pair of sender and receiver).
    Delay = 1,
    /// The messages that later messages overtake (one stream for each pair of sender and receiver).
    Reorder = 2,
    /// The messages that are very late (one stream for each pair of sender and receiver).
    Late = 3,
    /// The messages that are lost (one stream for each pair of sender and receiver).
    Loss = 4,
    /// The messages that are delivered twice (one stream for each pair of sender and receiver).
    Duplicate = 5,
    /// The messages that are held back (one stream for each pair of sender and receiver).
    Hold = 6,
    /// The duration of a sync (one stream for each server).
    Sync = 7,
    /// The stalls of a disk (one stream for each server).
    Stall = 8,
    /// The queued writes that survive a crash (one stream for each server).
    Remains = 9,
    /// The duration of a disk read, or of the write of a snapshot piece (one stream for each server).
    DiskRead = 10,
    /// The durations of the state machine's operations: to apply commands, and to take or restore a snapshot
    /// (one stream for each server).
    Machine = 11,
    /// The seed of a server's timeouts (one stream for each server).
    Entropy = 12,
    /// The first reading of a server's clock, and the rate of the clock (one stream for each server).
    Clock = 13,
    /// The delivery times of a client's messages (one stream for each client).
    Client = 14,
    /// The client messages that are lost (one stream for each client).
    ClientLoss = 15,
    /// The crashes between two actions of a step (one stream for each server).
    Between = 16,
    /// The plan of a storm (one stream for each part of the plan, for example the faults or the clients).
    Storm = 17,
    /// The times at which the nemesis acts, and the servers that the nemesis chooses (one stream for each
    /// scheduled kind of fault).
    Act = 18,
    /// The reactive faults that the nemesis injects when a trigger occurs (one stream for each reactive kind
    /// of fault).
    Reactive = 19,
    /// The choices after the chaos phase, for example the servers that stay down and the server that is
    /// isolated (one stream for each phase).
    Heal = 20,
    /// The writes that fail (one stream for each server).
    WriteFailure = 21,
    /// Reserved for workloads (one stream for each client). The world never draws from this stream.
    Workload = 22,
    /// The losses of messages in flight when a server crashes (one stream for each server) or when links are
    /// cut (one stream, with the number of servers as its key).
    OnWay = 23,
    /// The messages whose bits flip, and the bits (one stream for each pair of sender and receiver).
    Corrupt = 24,
    /// The reads whose results are delivered late (one stream for each server).
    LateRead = 25,
    /// The stalls of a state machine, and the lengths of the stalls (one stream for each server).
    MachineStall = 26,
    /// The choice of the implementation of each server, its subject (one stream for the cluster, and one
    /// stream for each server).
    Subject = 27,
    /// The data that survives a power cut on a simulated device with a cache (one stream for each server).
    Device = 40,
    /// The failures of a simulated device, and the times of the failures (one stream for each server).
    Trouble = 41,
}

/// A chance of `n` in `d`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The numerator.
    pub n: u32,
    /// The denominator, which is not zero.
    pub d: u32,
}

impl Ratio {
    /// The chance of an event that never happens.
    pub const NEVER: Self = Self { n: 0, d: 1 };

    /// A chance of `n` in `d`.
    ///
    /// # Panics
    /// Panics if `d` is zero.
    #[must_use]
    pub const fn new(n: u32, d: u32) -> Self {
        assert!(d != 0, "the denominator of a chance is zero");
        Self { n, d }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.n, self.d)
    }
}

/// A range of spans. Both ends are included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spans {
    /// The shortest span.
    pub min: Span,
    /// The longest span.
    pub max: Span,
}

impl Spans {
    /// The range that contains only the empty span.
    pub const ZERO: Self = Self { min: Span::ZERO, max: Span::ZERO };

    /// The range from `min` to `max`.
    ///
    /// # Panics
    /// Panics if `max` is less than `min`.
    #[must_use]
    pub const fn new(min: Span, max: Span) -> Self {
        assert!(min.0 <= max.0, "the range ends before it begins");
        Self { min, max }
    }

    /// The range from `min` to `max` milliseconds.
    ///
    /// # Panics
    /// Panics if `max` is less than `min`.
    #[must_use]
    pub const fn ms(min: u64, max: u64) -> Self {
        Self::new(Span::ms(min), Span::ms(max))
    }

    /// The range from `min` to `max` microseconds.
    ///
    /// # Panics
    /// Panics if `max` is less than `min`.
    #[must_use]
    pub const fn us(min: u64, max: u64) -> Self {
        Self::new(Span::us(min), Span::us(max))
    }
}

/// One word of a stream, enough for one decision. The lower half decides whether an event happens, and
/// the upper half decides a size.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The draw whose word is zero, for callers that need no randomness. This draw hits every chance above
    /// zero, and [`below`](Self::below) returns 0.
    pub const ZERO: Self = Self(0);

    /// The draw that consists of this word.
    #[must_use]
    pub const fn of_word(word: u64) -> Self {
        Self(word)
    }

    /// The word of the draw.
    #[must_use]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// True with the probability `chance`. Uses the lower half of the random word.
    #[must_use]
    pub const fn hits(self, chance: Ratio) -> bool {
        scaled(self.0 as u32, chance.d as u64) < chance.n as u64
    }

    /// A number below `end`, from the upper half of the word. `end` is at most 2³².
    #[must_use]
    pub const fn below(self, end: u64) -> u64 {
        scaled((self.0 >> 32) as u32, end)
    }

    /// A span within the range, from the upper half of the word.
    #[must_use]
    pub const fn within(self, spans: Spans) -> Span {
        Span(spans.min.0 + self.below(spans.max.0.saturating_sub(spans.min.0) + 1))
    }
}

/// Scales half a word down to `0..end`.
const fn scaled(half: u32, end: u64) -> u64 {
    ((half as u128 * end as u128) >> 32) as u64
}

/// A stream of random words.
///
/// Words are generated in blocks and buffered.
#[derive(Clone)]
pub struct Stream {
    core: ChaCha8Core,
    words: [u64; Self::AT_ONCE],
    /// The number of words of the buffer that have been read.
    used: usize,
    /// The number of words that were generated.
    generated: u64,
}

impl Stream {
    /// The number of words that are generated together: four blocks of the cipher.
    const AT_ONCE: usize = 32;

    /// Creates the stream for the decisions of `domain`, with the keys `a` and `b`. The creation takes little
    /// time: no word is generated before the first draw.
    #[must_use]
    pub fn new(seed: u64, domain: Domain, a: u64, b: u64) -> Self {
        let core = ChaCha8Core::from_seed(key([seed, domain as u64, a, b]));
        Self { core, words: [0; Self::AT_ONCE], used: Self::AT_ONCE, generated: 0 }
    }

    /// The next word, which has 64 bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        if self.used == Self::AT_ONCE {
            self.generate();
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    #[cold]
    fn generate(&mut self) {
        let mut halves = [0; 2 * Self::AT_ONCE];
        self.core.generate(&mut halves);
        let (pairs, _) = halves.as_chunks::<2>();
        for (word, [low, high]) in self.words.iter_mut().zip(pairs) {
            *word = u64::from(*high) << 32 | u64::from(*low);
        }
        self.used = 0;
        self.generated += Self::AT_ONCE as u64;
    }

    /// Reads the next word as a decision.
    #[inline]
    pub fn draw(&mut self) -> Draw {
        Draw(self.word())
    }

    /// True if an event with this chance happens. Reads one word.
    pub fn hits(&mut self, chance: Ratio) -> bool {
        self.draw().hits(chance)
    }

    /// True if an event with a chance of `n` in `d` happens. Reads one word.
    pub fn chance(&mut self, n: u32, d: u32) -> bool {
        self.hits(Ratio::new(n, d))
    }

    /// A number below `end`. `end` is from 1 to 2³². Reads one word.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw().below(end)
    }

    /// A number from `min` to `max`, both included. `min` must not be greater than `max`. Reads one word.
    pub fn from_to(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max - min + 1)
    }

    /// A span within the range. Reads one word.
    pub fn within(&mut self, spans: Spans) -> Span {
        self.draw().within(spans)
    }

    /// Draws one element of `from`. Reads one word.
    ///
    /// # Panics
    /// Panics if `from` is empty.
    pub fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        assert!(!from.is_empty(), "cannot draw an element of an empty slice");
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).expect("an index into a slice fits into usize")]
    }
}

fn key(words: [u64; 4]) -> [u8; 32] {
    let mut key = [0; 32];
    for (part, word) in key.chunks_exact_mut(8).zip(words) {
        part.copy_from_slice(&word.to_le_bytes());
    }
    key
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream(at {})", self.generated - (Self::AT_ONCE - self.used) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::Rng;

    #[test]
    fn a_stream_depends_on_its_domain_and_keys() {
        let words = |seed, domain, a, b| {
            let mut stream = Stream::new(seed, domain, a, b);
            [stream.word(), stream.word()]
        };
        let this = words(7, Domain::Loss, 1, 2);
        assert_eq!(this, words(7, Domain::Loss, 1, 2));
        for other in [(8, Domain::Loss, 1, 2), (7, Domain::Late, 1, 2), (7, Domain::Loss, 2, 1)] {
            assert_ne!(this, words(other.0, other.1, other.2, other.3));
        }
    }

    #[test]
    fn the_words_are_the_same_on_every_machine() {
        let mut stream = Stream::new(1, Domain::Delay, 0, 0);
        let words = [stream.word(), stream.word(), stream.word()];
        assert_eq!(words, WORDS, "a change here changes the meaning of every seed");
    }

    const WORDS: [u64; 3] =
        [4_344_717_217_939_160_907, 15_305_578_173_110_765_368, 9_084_237_482_523_225_113];

    #[test]
    fn a_stream_is_the_cipher_and_knows_where_it_is() {
        let mut cipher = ChaCha8Rng::from_seed(key([9, Domain::Hold as u64, 3, 4]));
        let mut stream = Stream::new(9, Domain::Hold, 3, 4);
        assert_eq!(format!("{stream:?}"), "Stream(at 0)");
        assert!((0..100).all(|_| stream.word() == cipher.next_u64()));
        assert_eq!(format!("{stream:?}"), "Stream(at 100)");
    }

    #[test]
    fn draws_stay_in_their_ranges_and_reach_both_ends() {
        let mut stream = Stream::new(3, Domain::Sync, 0, 0);
        let spans = Spans::us(10, 13);
        let drawn: std::collections::BTreeSet<_> = (0..200).map(|_| stream.within(spans).0).collect();
        assert_eq!(drawn, (10..=13).collect());
        assert_eq!(stream.within(Spans::us(5, 5)), Span::us(5));
    }

    #[test]
    fn a_chance_is_hit_about_as_often_as_it_says() {
        let mut stream = Stream::new(4, Domain::Loss, 0, 0);
        let hits = (0..10_000).filter(|_| stream.chance(1, 10)).count();
        assert!((900..1_100).contains(&hits), "{hits} of 10000 at 1/10");
        assert!((0..1_000).all(|_| !stream.hits(Ratio::NEVER)));
        assert!((0..1_000).all(|_| stream.chance(3, 3)));
    }
}

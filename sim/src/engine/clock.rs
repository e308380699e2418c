//! A server's clock: a monotone map from virtual time to the time that the server reads.

use crate::plan::ClockPlan;
use crate::plan::rng::{Domain, Stream};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Span, Time};

/// A clock that runs at its own, steady rate.
///
/// 1. It never goes back.
/// 2. [`Clock::when`] is the first moment at which [`Clock::reads`] is as late as asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    since: Time,
    /// For how long after `since` it stands still.
    frozen: Span,
    reading: Time,
    rate: u64,
}

/// The rate of a true clock: microseconds per second.
const EXACT_RATE: u64 = 1_000_000;

impl Clock {
    /// A clock that shows virtual time.
    #[must_use]
    pub const fn exact() -> Self {
        Self { since: Time(0), frozen: Span::ZERO, reading: Time(0), rate: EXACT_RATE }
    }

    /// The clock of a server according to the plan.
    #[must_use]
    pub fn of(seed: u64, idx: ServerIdx, plan: &ClockPlan) -> Self {
        let mut stream = Stream::new(seed, Domain::Clock, u64::from(idx.0), 0);
        let reading = Time(stream.within(plan.start).0);
        let drift = u64::from(plan.drift_ppm);
        assert!(drift < EXACT_RATE, "a clock {drift} ppm slower than the world stands still");
        // Bounds that are too wide show only between clocks that are as far apart as they may be.
        let offset = match stream.below(3) {
            0 => 0,
            1 => 2 * drift,
            _ => stream.below(2 * drift + 1),
        };
        let rate = EXACT_RATE - drift + offset;
        Self { since: Time(0), frozen: Span::ZERO, reading, rate }
    }

    /// What the clock shows at `now`.
    #[must_use]
    pub fn reads(&self, now: Time) -> Time {
        self.reading + self.to_local(now.since(self.since + self.frozen))
    }

    /// The virtual time at which the clock shows this.
    #[must_use]
    pub fn when(&self, reads: Time) -> Time {
        if reads == Time::NEVER {
            return Time::NEVER;
        }
        if reads <= self.reading {
            return self.since;
        }
        self.since + self.frozen + self.to_world(reads.since(self.reading))
    }

    /// Runs from now on `ppm` parts per million faster than virtual time, or slower if negative.
    pub fn drift(&mut self, now: Time, ppm: i32) {
        let rate = i64::try_from(EXACT_RATE).expect("a million") + i64::from(ppm);
        *self = Self {
            since: now,
            frozen: (self.since + self.frozen).since(now),
            reading: self.reads(now),
            rate: u64::try_from(rate).expect("a clock goes forward"),
        };
    }

    /// Stands still for that long from now on.
    pub fn freeze(&mut self, now: Time, by: Span) {
        *self = Self { since: now, frozen: by, reading: self.reads(now), rate: self.rate };
    }

    /// Jumps forward.
    pub fn jump(&mut self, by: Span) {
        self.reading = self.reading + by;
    }

    fn to_local(self, span: Span) -> Span {
        if self.rate == EXACT_RATE { span } else { scaled(span, self.rate, EXACT_RATE, 0) }
    }

    fn to_world(self, span: Span) -> Span {
        if self.rate == EXACT_RATE { span } else { scaled(span, EXACT_RATE, self.rate, self.rate - 1) }
    }
}

fn scaled(span: Span, by: u64, per: u64, round_up: u64) -> Span {
    // Half a year fits into 64 bits, and is divided many times faster there.
    let narrow = span.0.checked_mul(by).and_then(|product| product.checked_add(round_up));
    if let Some(product) = narrow {
        return Span(product / per);
    }
    let product = u128::from(span.0) * u128::from(by) + u128::from(round_up);
    Span(u64::try_from(product / u128::from(per)).expect("a run ends before the clocks overflow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_moment_at_which_it_reads_as_late() {
        for ppm in [-900_000, -100_000, -333, 0, 7, 500, 99_999, 1_500_000] {
            let mut clock = Clock::exact();
            clock.jump(Span::us(77));
            clock.drift(Time(1_000), ppm);
            for reads in [1_078, 1_079, 2_000, 123_456, 9_999_999].map(Time) {
                let when = clock.when(reads);
                assert!(reads <= clock.reads(when), "{ppm}: {when} is too early for {reads}");
                assert!(clock.reads(Time(when.0 - 1)) < reads, "{ppm}: {when} is late for {reads}");
            }
        }
        assert_eq!(Clock::exact().when(Time::NEVER), Time::NEVER);
    }

    #[test]
    fn it_freezes_and_continues() {
        let mut clock = Clock::exact();
        clock.freeze(Time(1_000), Span::us(500));
        assert_eq!(
            [900, 1_000, 1_500, 1_501].map(|now| clock.reads(Time(now))),
            [1_000, 1_000, 1_000, 1_001].map(Time)
        );
        assert_eq!(clock.when(Time(1_001)), Time(1_501));
        assert!(clock.when(Time(1_000)) <= Time(1_000), "it shows that already");
    }

    #[test]
    fn it_never_goes_back() {
        let plan = ClockPlan { start: crate::plan::rng::Spans::ms(0, 50), drift_ppm: 1_000 };
        let mut clock = Clock::of(3, ServerIdx(2), &plan);
        let mut last = clock.reads(Time(0));
        for at in (0..50_000).step_by(37).map(Time) {
            match at.0 % 5 {
                0 => clock.drift(at, i32::try_from(at.0 % 700).unwrap() - 350),
                1 => clock.jump(Span::us(at.0 % 11)),
                2 => clock.freeze(at, Span::us(at.0 % 97)),
                _ => {}
            }
            let reads = clock.reads(at);
            assert!(last <= reads, "{reads} after {last}");
            last = reads;
        }
    }
}

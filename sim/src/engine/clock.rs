//! A server's clock. The clock maps virtual time to the time that the server reads. The clock never goes
//! back.

use crate::plan::ClockPlan;
use crate::plan::rng::{Domain, Stream};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Span, Time};

/// A clock that runs at a constant rate until a fault changes the rate.
///
/// 1. The clock never goes back.
/// 2. [`Clock::when`] returns the first virtual time at which [`Clock::reads`] returns the given time or a
///    later time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    since: Time,
    /// The length of the time after `since` in which the clock stands still, in microseconds.
    frozen: Span,
    reading: Time,
    rate: u64,
}

/// The rate of an exact clock, in microseconds of clock time per second of virtual time.
const EXACT_RATE: u64 = 1_000_000;

impl Clock {
    /// Creates a clock that shows virtual time.
    #[must_use]
    pub const fn exact() -> Self {
        Self { since: Time(0), frozen: Span::ZERO, reading: Time(0), rate: EXACT_RATE }
    }

    /// Creates the clock of a server according to the plan.
    ///
    /// # Panics
    /// Panics if the drift of the plan is not less than a million parts per million.
    #[must_use]
    pub fn of(seed: u64, idx: ServerIdx, plan: &ClockPlan) -> Self {
        let mut stream = Stream::new(seed, Domain::Clock, u64::from(idx.0), 0);
        let reading = Time(stream.within(plan.start).0);
        let drift = u64::from(plan.drift_ppm);
        assert!(drift < EXACT_RATE, "a clock that is {drift} ppm slower than virtual time does not advance");
        // A wrong bound on drift (for example, of a lease) is found only if two clocks differ as much
        // as the plan allows. So one clock in three is the slowest and one in three is the fastest.
        let offset = match stream.below(3) {
            0 => 0,
            1 => 2 * drift,
            _ => stream.below(2 * drift + 1),
        };
        let rate = EXACT_RATE - drift + offset;
        Self { since: Time(0), frozen: Span::ZERO, reading, rate }
    }

    /// Returns the time that the clock shows at virtual time `now`.
    #[must_use]
    pub fn reads(&self, now: Time) -> Time {
        self.reading + self.to_local(now.since(self.since + self.frozen))
    }

    /// Returns the first virtual time at which the clock shows `reads` or a later time.
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

    /// Sets the rate of the clock from the virtual time `now` on. The clock runs `ppm` parts per million
    /// faster than virtual time, or slower if `ppm` is negative.
    ///
    /// # Panics
    /// Panics if `ppm` is less than minus a million: a clock never goes back.
    pub fn drift(&mut self, now: Time, ppm: i32) {
        let rate = i64::try_from(EXACT_RATE).expect("a million fits into an i64") + i64::from(ppm);
        *self = Self {
            since: now,
            frozen: (self.since + self.frozen).since(now),
            reading: self.reads(now),
            rate: u64::try_from(rate)
                .unwrap_or_else(|_| panic!("a clock never goes back, but the drift is {ppm} ppm")),
        };
    }

    /// Stops the clock from the virtual time `now` on, for `by` microseconds. Then the clock runs at its rate
    /// again.
    pub fn freeze(&mut self, now: Time, by: Span) {
        *self = Self { since: now, frozen: by, reading: self.reads(now), rate: self.rate };
    }

    /// Sets the clock forward by `by` microseconds.
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
    // The product for half a year fits into 64 bits, and a division in 64 bits is many times faster.
    let narrow = span.0.checked_mul(by).and_then(|product| product.checked_add(round_up));
    if let Some(product) = narrow {
        return Span(product / per);
    }
    let product = u128::from(span.0) * u128::from(by) + u128::from(round_up);
    Span(u64::try_from(product / u128::from(per)).expect("a run ends before a clock overflows"))
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
                assert!(
                    reads <= clock.reads(when),
                    "{ppm} ppm: at {when} the clock does not show {reads} yet"
                );
                assert!(
                    clock.reads(Time(when.0 - 1)) < reads,
                    "{ppm} ppm: the clock shows {reads} before {when}"
                );
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
        assert!(clock.when(Time(1_000)) <= Time(1_000), "the clock shows this time already");
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
            assert!(last <= reads, "the clock went back from {last} to {reads}");
            last = reads;
        }
    }
}

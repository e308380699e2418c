//! The timer of the driver.

use super::status::StatusPublisher;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Sleep, sleep};
use wavetank_raft::Time;

/// The only timer of the driver. [`Alarm::set`] can only move the timer to an earlier time. If the deadline
/// of the server moves to a later time, the timer rings too early, and the driver sets the timer again.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Time,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(sleep(Duration::ZERO)), at: Time::NEVER }
    }

    pub(super) fn set(&mut self, at: Time, status: &StatusPublisher) {
        const LONGEST: Duration = Duration::from_secs(3600);
        if at < self.at {
            self.at = at;
            let longest = tokio::time::Instant::now() + LONGEST;
            let moment = status.numbers.moment(at).map_or(longest, |moment| moment.min(longest));
            self.sleep.as_mut().reset(moment);
        }
    }

    pub(super) async fn rings(&mut self) {
        if self.at == Time::NEVER {
            return std::future::pending().await;
        }
        self.sleep.as_mut().await;
        self.at = Time::NEVER;
    }
}

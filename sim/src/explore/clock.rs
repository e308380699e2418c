//! The times of the steps of an exploration. The search has no clock: the search chooses the step in which a
//! timer fires. Nothing else depends on the time.
//!
//! Each kind of step has a fixed time. Because of these fixed times, every comparison of times in the core
//! has the same result in every history. Therefore a [fingerprint](super::fingerprint) may leave out times.

use super::bounds::Bounds;
use super::stimulus::{ModelMessage, Stimulus};
use wavetank_raft::{Node, Request, RoleName, Span, Time};

/// The length of the election timeout, of the heartbeat timeout and of the leader lease. A leader sends ten
/// heartbeats in this span.
pub const TIMEOUT: Span = Span::s(1_000);

/// The time of every step that does not depend on a timer.
pub const QUIET_AT: Time = Time(Span::s(1_000_000).0);

/// The time of a step in which the leader's lease has expired: no quorum has answered the leader during the
/// lease.
const LEASE_EXPIRED_AT: Time = Time(Span::s(2_000_000).0);

/// Returns the time at which a server handles this stimulus. `node` is the core of the server before the
/// step.
#[must_use]
pub fn time_of(stimulus: &Stimulus<'_>, node: &Node) -> Time {
    match stimulus {
        Stimulus::TimeOut => node.deadline().at,
        // This time is slightly after the deadline, so that every unanswered message of the last heartbeat is
        // overdue.
        Stimulus::Beat => node.deadline().at + Span::us(1),
        Stimulus::Resign => LEASE_EXPIRED_AT,
        // A voter that has just heard from its leader refuses the request, and a refusal has the same effect
        // as silence. Therefore the request arrives at the end of the voter's election timeout.
        Stimulus::Deliver(ModelMessage::Request { request: Request::RequestVote(_), .. })
            if node.role() != RoleName::Leader =>
        {
            node.deadline().at
        }
        _ => QUIET_AT,
    }
}

// A lease is as long as ten heartbeat intervals. It must be longer than all heartbeats that the bounds allow.
const _: () = assert!(Bounds::BEATS_MAX as u64 + 2 <= 10);

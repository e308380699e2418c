//! Time, modelled away: a timer may fire whenever the exploration says so, and nothing else depends
//! on when it happens.
//!
//! Each kind of step has a time of its own, chosen so that every comparison the core makes with a
//! clock comes out the same whatever came before. So a [fingerprint](super::fingerprint) may leave
//! times out.

use super::bounds::Bounds;
use super::stimulus::{ModelMessage, Stimulus};
use wavetank_raft::{Node, Request, RoleName, Span, Time};

/// The election timeout, the heartbeat timeout and the lease: a leader's heartbeats come ten times
/// as often.
pub const TIMEOUT: Span = Span::s(1_000);

/// When everything happens that is not about time.
pub const QUIET_AT: Time = Time(Span::s(1_000_000).0);

/// So late that a leader has not heard from anybody for a lease.
const LEASE_EXPIRED_AT: Time = Time(Span::s(2_000_000).0);

/// The time at which a server takes this.
#[must_use]
pub fn time_of(stimulus: &Stimulus<'_>, node: &Node) -> Time {
    match stimulus {
        Stimulus::TimeOut => node.deadline().at,
        // A little late: what was sent with the last beat and not answered since is overdue, always.
        Stimulus::Beat => node.deadline().at + Span::us(1),
        Stimulus::Resign => LEASE_EXPIRED_AT,
        // A voter that has just heard its leader would refuse, and refusing is the same as silence:
        // the request that matters comes when its patience is over.
        Stimulus::Take(ModelMessage::Request { request: Request::RequestVote(_), .. })
            if node.role() != RoleName::Leader =>
        {
            node.deadline().at
        }
        _ => QUIET_AT,
    }
}

// Beats come an interval apart; the lease must outlast all that an exploration may have.
const _: () = assert!(Bounds::BEATS_MAX as u64 + 2 <= 10);

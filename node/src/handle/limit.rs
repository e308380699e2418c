//! The limit of a call: the conditions for the end of a call that has no answer yet.

use crate::driver::pending_calls::OnNoQuorum;
use std::time::Duration;

/// The limit of a call. A [`Duration`] is a limit, too: the timeout of the call.
///
/// A leader without a quorum cannot commit an entry. If the voters do not answer, the leader steps down only
/// after the lease timeout. If the voters answer but have lost entries, the leader does not step down. In both
/// cases, a call with the limit [`CallLimit::or_no_quorum`] ends before its timeout, with
/// [`CallError::NoQuorum`](crate::CallError::NoQuorum). The error names the voters that do not answer, and the
/// voters that have lost entries.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
/// # fn main() -> Done { run(async |raft| {
/// use wavetank_node::CallLimit;
///
/// let limit = CallLimit::after(TIMEOUT).or_no_quorum();
/// // The new voter does not run, so this change is not committed.
/// let added = raft.add_voter("n2", "n2", ANY, limit).await.expect_err("n2 does not answer");
/// assert!(matches!(added, CallError::NoQuorum { .. }));
/// let error = raft.apply(*b"40", limit).await.expect_err("n2 has a vote now");
/// assert_eq!(error.to_string(), "no quorum: n2 does not answer; nothing was done");
/// # Ok(()) }) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CallLimit {
    pub(super) timeout: Duration,
    pub(super) on_no_quorum: OnNoQuorum,
}

impl CallLimit {
    /// No limit: the caller waits until the server answers or stops.
    pub const NONE: Self = Self { timeout: Duration::ZERO, on_no_quorum: OnNoQuorum::Wait };

    /// Limits the time of the whole call; zero means no limit.
    #[must_use]
    pub const fn after(timeout: Duration) -> Self {
        Self { timeout, ..Self::NONE }
    }

    /// Adds a condition to this limit: the call also ends if there is no quorum, because too many voters do not
    /// answer the server or have lost entries. A call that needs no quorum, such as
    /// [`Raft::snapshot`](crate::Raft::snapshot), ignores this condition.
    #[must_use]
    pub const fn or_no_quorum(self) -> Self {
        Self { on_no_quorum: OnNoQuorum::End, ..self }
    }
}

impl From<Duration> for CallLimit {
    fn from(timeout: Duration) -> Self {
        Self::after(timeout)
    }
}

//! The status of the other members, as a leader knows it: the protocol of each member, and the reason why a
//! member lags.

use super::Driver;
use std::fmt;
use std::time::Duration;
use wavetank_raft::{Dialect, Flow, Index, LogId, Member, Progress, ServerId, Time};

/// The status of another member, as a leader knows it. The text form is, for example, `n2 (HashiCorp) is behind
/// by 12 entries`.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
/// # fn main() -> Done { run(async |raft| {
/// raft.add_nonvoter("n2", "n2", ANY, TIMEOUT).await?;
/// let stats = raft.stats().await?;
/// // n2 does not run in this example.
/// assert_eq!(stats.peers[0].dialect, None);
/// assert_eq!(stats.peers[0].lag, wavetank_node::Lag::Probing);
/// # Ok(()) }) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct PeerStatus {
    /// The name of the member.
    pub id: ServerId,
    /// The protocol of the member's answers. `None` if the member has not answered since this server started.
    pub dialect: Option<Dialect>,
    /// The last index up to which the member's log is known to match the leader's log.
    pub matched: Index,
    /// The time since the leader sent the newest call that the member has answered. If the member has not
    /// answered this leader yet, the value is the time since the election of the leader, or since the member was
    /// added or got another address, whichever is later.
    pub last_contact: Duration,
    /// The reason why the member does not have all entries of the leader; [`Lag::None`] if the member has all
    /// entries.
    pub lag: Lag,
}

/// The reason why a member does not have all entries of the leader, or [`Lag::None`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Lag {
    /// The member has all entries.
    None,
    /// The member has not answered for longer than the heartbeat timeout. The value is
    /// [`PeerStatus::last_contact`].
    Unreachable(Duration),
    /// The member is a voter and has lost entries that the member had acknowledged. The member's copies of
    /// entries do not count for a commit. Remove the member and add the member again.
    LostEntries,
    /// The leader sends a snapshot, because the log no longer has the entries that the member needs.
    Snapshot {
        /// The number of bytes that the member has stored.
        stored: u64,
        /// The size of the snapshot in bytes; `None` if the leader has not read the snapshot yet.
        size: Option<u64>,
    },
    /// The member is a server of HashiCorp Raft and does not understand the entry with this id, which is a
    /// restore or a joint configuration. The leader takes a snapshot that includes the entry.
    NeedsSnapshot(LogId),
    /// The leader does not know yet up to which index the member's log matches the leader's log.
    Probing,
    /// The member lacks this number of entries, and the leader sends these entries.
    Entries(u64),
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("has all entries"),
            Self::Unreachable(since) => write!(f, "has not answered for {} ms", since.as_millis()),
            Self::LostEntries => f.write_str("has lost entries: remove the member and add it again"),
            Self::Snapshot { stored, size: Some(size) } => {
                write!(f, "receives a snapshot: {stored} of {size} bytes")
            }
            Self::Snapshot { size: None, .. } => f.write_str("receives a snapshot"),
            Self::NeedsSnapshot(past) => write!(f, "needs a snapshot that includes entry {past}"),
            Self::Probing => f.write_str("has a log that the leader does not know yet"),
            Self::Entries(1) => f.write_str("is behind by 1 entry"),
            Self::Entries(entries) => write!(f, "is behind by {entries} entries"),
        }
    }
}

impl fmt::Display for PeerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speaks = match self.dialect {
            Some(Dialect::Wavetank) => "Wavetank",
            Some(Dialect::HashiCorp) => "HashiCorp",
            None => "unknown protocol",
        };
        write!(f, "{} ({speaks}) {}", self.id, self.lag)
    }
}

impl Driver {
    /// Returns the status of every other member. Returns an empty list if this server does not lead.
    pub(super) fn peer_status(&self, now: Time) -> Vec<PeerStatus> {
        let node = self.server.node();
        let members = node.configuration().into_iter().flat_map(|(_, latest)| latest.members());
        let status = |member: &Member| {
            let id = member.id.node();
            let (_, progress) = node.followers().find(|(follower, _)| *follower == id)?;
            Some(PeerStatus {
                id: member.id.clone(),
                dialect: node.dialect(id),
                matched: progress.matched(),
                last_contact: now.since(progress.last_contact()).into(),
                lag: self.lag(member, progress, now),
            })
        };
        members.filter_map(status).collect()
    }

    fn lag(&self, member: &Member, progress: &Progress, now: Time) -> Lag {
        let matched = progress.matched();
        let missing = self.server.node().log().last().index.since(matched);
        let needs = |(peer, past): &&(_, LogId)| *peer == member.id.node() && matched < past.index;
        match progress.flow() {
            _ if progress.is_silent() => Lag::Unreachable(now.since(progress.last_contact()).into()),
            _ if progress.has_lost_entries() => Lag::LostEntries,
            Flow::Snapshot(sending) => {
                let size = sending.meta.as_ref().map(|meta| meta.size);
                Lag::Snapshot { stored: sending.offset, size }
            }
            Flow::Probe { .. } | Flow::Replicate { .. } if missing == 0 => Lag::None,
            Flow::Probe { .. } | Flow::Replicate { .. } => {
                match self.contacts.needs_snapshot.iter().find(needs) {
                    Some(&(_, past)) => Lag::NeedsSnapshot(past),
                    None if matched == Index::ZERO => Lag::Probing,
                    None => Lag::Entries(missing),
                }
            }
        }
    }
}

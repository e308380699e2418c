//! The bounds of an exploration: the maximum number of events of each bounded kind.

use super::fingerprint::SERVERS_MAX;
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::{ServerIdx, ServerSet};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use wavetank_raft::{Config, Configuration, Member, Settings, Term};

/// The size of the cluster, and the maximum numbers of events of each bounded kind. The numbers of all other
/// events are not limited. [`Bounds::sound`] tests the limits of the fields. The search tries all events at
/// all times and in all orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The number of voters in the first configuration.
    pub nodes: u8,
    /// The number of blank servers that may be added to the cluster.
    pub spares: u8,
    /// The number of terms after term 1. The cluster is bootstrapped in term 1. An election may begin in each
    /// of the later terms.
    pub terms: u8,
    /// The maximum number of commands that clients propose.
    pub entries: u8,
    /// The maximum number of crashes. A crashed server restarts immediately, because a long outage has the
    /// same effect as long delays of messages.
    pub crashes: u8,
    /// The maximum number of membership changes.
    pub changes: u8,
    /// The maximum number of times that timers of leaders fire, for all leaders together. Each time, the leader
    /// sends a heartbeat or a commit announcement to all its followers.
    pub beats: u8,
    /// The maximum number of messages that are delivered a second time.
    pub duplicates: u8,
    /// The maximum number of messages that are lost. Any message may be delayed for ever, so a loss adds
    /// states but no new behaviour. This bound exists to show that losses add no new behaviour.
    pub drops: u8,
    /// The maximum number of entries in one message.
    pub batch: u8,
    /// The maximum number of unanswered messages with entries that a leader sends to one follower.
    pub window: u8,
    /// The moment at which the writes of a disk become durable.
    pub disks: DiskModel,
    /// The level of the judges. The level selects the properties that are tested.
    pub judged: JudgeLevel,
}

/// The moment at which a write becomes durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskModel {
    /// A write becomes durable in the step that requests the write, or never. A disk that hangs makes no
    /// write durable until the server crashes. Each hang counts as a crash. No write becomes durable late in
    /// this model, because a late write has almost the same effect as a late message.
    Hang,
    /// A write becomes durable at any time after the step that requests the write, or never.
    Late,
    /// A write becomes durable in the step that requests the write.
    Quick,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            nodes: 3,
            spares: 0,
            terms: 2,
            entries: 2,
            crashes: 1,
            changes: 0,
            beats: 0,
            duplicates: 0,
            drops: 0,
            batch: 1,
            window: 1,
            disks: DiskModel::Hang,
            judged: JudgeLevel::Steps,
        }
    }
}

impl Bounds {
    /// The maximum of [`Bounds::beats`]. If a leader could send more heartbeats, the lease of an isolated
    /// leader would expire without a move of the search. The search must choose the moment at which a lease
    /// expires.
    pub const BEATS_MAX: u8 = 8;

    /// The maximum of [`Bounds::window`]. One integer contains one bit for each open call of a server, so the
    /// number of open calls is limited.
    pub const WINDOW_MAX: u8 = 8;

    /// Tests whether the bounds can be explored.
    ///
    /// # Errors
    /// Returns an error that names the invalid bound in one line.
    pub fn sound(&self) -> Result<(), String> {
        let all = usize::from(self.nodes) + usize::from(self.spares);
        if self.nodes == 0 || SERVERS_MAX < all {
            return Err(format!(
                "nodes must be at least 1, and nodes plus spares at most {SERVERS_MAX}, but they are {} and {}",
                self.nodes, self.spares
            ));
        }
        if self.terms == 0 {
            return Err("terms must be at least 1: without a further term, no election can begin".to_owned());
        }
        if self.batch == 0 || self.window == 0 {
            return Err("batch and window must each be at least 1".to_owned());
        }
        if 0 < self.spares && self.changes == 0 {
            return Err("spares need at least one membership change: a spare joins the cluster by a change"
                .to_owned());
        }
        for (what, most, of) in [
            ("terms", 16, self.terms),
            ("entries", 16, self.entries),
            ("crashes", 16, self.crashes),
            ("changes", 16, self.changes),
            ("beats", Self::BEATS_MAX, self.beats),
            ("duplicates", 16, self.duplicates),
            ("drops", 16, self.drops),
            ("batch (entries in a message)", 16, self.batch),
            ("window (unanswered messages)", Self::WINDOW_MAX, self.window),
        ] {
            if most < of {
                return Err(format!("{what} must be at most {most}, not {of}"));
            }
        }
        Ok(())
    }

    /// Returns the servers: voters and spares.
    #[must_use]
    pub fn servers(&self) -> ServerSet {
        ServerSet::first(usize::from(self.nodes + self.spares))
    }

    /// Returns the last term in which an election can begin.
    #[must_use]
    pub fn last_term(&self) -> Term {
        Term(1 + u64::from(self.terms))
    }

    /// Returns the first configuration of the cluster.
    ///
    /// # Panics
    /// Never panics: the names and addresses of different servers differ.
    #[must_use]
    pub fn founders(&self) -> Configuration {
        let voters = ServerSet::first(usize::from(self.nodes));
        let members = voters.iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
        Configuration::new(members).expect("the servers of the configuration are distinct")
    }

    /// Returns the settings of a server. The election timeout, the heartbeat timeout and the leader lease
    /// have the same length: see [`clock`](super::clock). Pre-vote is disabled, because pre-vote hides bugs
    /// in the election rules.
    ///
    /// # Panics
    /// Never panics: the values satisfy every rule.
    #[must_use]
    pub fn settings(&self, idx: ServerIdx) -> Settings {
        let config = Config {
            local_id: idx.id(),
            heartbeat_timeout: super::clock::TIMEOUT.into(),
            election_timeout: super::clock::TIMEOUT.into(),
            leader_lease_timeout: super::clock::TIMEOUT.into(),
            commit_timeout: Duration::from_millis(1),
            disk_stall_timeout: Duration::from_secs(1_000_000_000),
            max_append_entries: u64::from(self.batch),
            max_inflight: u64::from(self.window),
            pre_vote_disabled: true,
            shutdown_on_remove: false,
            ..Config::default()
        };
        Settings::new(config).expect("the settings satisfy every rule")
    }
}

impl fmt::Display for Bounds {
    /// Writes the number of nodes, the maximum number of terms, and each other maximum that is not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nodes {}, terms {}", self.nodes, self.terms)?;
        let others = [
            ("spares", self.spares),
            ("entries", self.entries),
            ("crashes", self.crashes),
            ("changes", self.changes),
            ("beats", self.beats),
            ("duplicates", self.duplicates),
            ("drops", self.drops),
        ];
        others.iter().filter(|(_, of)| 0 < *of).try_for_each(|(what, of)| write!(f, ", {what} {of}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bounds_are_refused_with_the_reason() {
        let one = Bounds::default();
        for (bounds, why) in [
            (Bounds { nodes: 0, ..one }, "nodes must be at least 1"),
            (Bounds { nodes: 6, ..one }, "at most 5, but they are 6 and 0"),
            (Bounds { nodes: 0, spares: 3, changes: 1, ..one }, "they are 0 and 3"),
            (Bounds { nodes: 4, spares: 2, changes: 2, ..one }, "they are 4 and 2"),
            (Bounds { nodes: 255, spares: 255, changes: 1, ..one }, "they are 255 and 255"),
            (Bounds { terms: 0, ..one }, "no election can begin"),
            (Bounds { terms: 17, ..one }, "terms must be at most 16, not 17"),
            (Bounds { entries: 17, ..one }, "entries must be at most 16, not 17"),
            (Bounds { crashes: 255, ..one }, "crashes must be at most 16, not 255"),
            (Bounds { changes: 17, ..one }, "changes must be at most 16, not 17"),
            (Bounds { beats: 9, ..one }, "beats must be at most 8, not 9"),
            (Bounds { duplicates: 17, ..one }, "duplicates must be at most 16, not 17"),
            (Bounds { drops: 17, ..one }, "drops must be at most 16, not 17"),
            (Bounds { spares: 1, changes: 0, ..one }, "at least one membership change"),
            (Bounds { batch: 0, ..one }, "each be at least 1"),
            (Bounds { batch: 17, ..one }, "batch (entries in a message) must be at most 16, not 17"),
            (Bounds { window: 0, ..one }, "each be at least 1"),
            (Bounds { window: 9, ..one }, "window (unanswered messages) must be at most 8, not 9"),
        ] {
            let said = bounds.sound().expect_err(why);
            assert!(said.contains(why) && !said.contains('\n'), "{said}");
        }
        let most = Bounds { nodes: 5, terms: 16, entries: 16, crashes: 16, beats: 8, window: 8, ..one };
        for bounds in
            [one, Bounds { nodes: 1, terms: 1, ..one }, Bounds { spares: 2, changes: 1, ..one }, most]
        {
            assert_eq!(bounds.sound(), Ok(()), "{bounds}");
        }
    }
}

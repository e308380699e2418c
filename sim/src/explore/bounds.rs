//! The bounds of an exploration: which events may happen, and how often.

use super::fingerprint::SERVERS_MAX;
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::{ServerIdx, ServerSet};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use wavetank_raft::{Config, Configuration, Member, Settings, Term};

/// Which events may happen, and how often. Events without a bound may happen at any time, in any order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Voters of the first membership.
    pub nodes: u8,
    /// Blank servers that may be added to the cluster.
    pub spares: u8,
    /// Terms after the first, in which the cluster is bootstrapped. Each allows elections to begin.
    pub terms: u8,
    /// Commands of clients.
    pub entries: u8,
    /// Crashes. A crashed server restarts at once: a long outage is the same as a long silence.
    pub crashes: u8,
    /// Changes of membership.
    pub changes: u8,
    /// Heartbeats and other messages that a leader sends by itself, each to all its followers.
    pub beats: u8,
    /// Messages that are delivered a second time.
    pub duplicates: u8,
    /// Messages that are lost. Any message may be delayed for ever, so this adds states but no new
    /// behaviour; it exists to show exactly that.
    pub drops: u8,
    /// Entries per message.
    pub batch: u8,
    /// Unanswered messages with entries per follower.
    pub window: u8,
    /// When writes reach the disk.
    pub disks: DiskModel,
    /// Which levels of judges look at the run.
    pub judged: JudgeLevel,
}

/// When a write reaches the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskModel {
    /// In the step that requested it, or never. A disk that hangs stays so until its server crashes, and
    /// the hang counts as one of the crashes. A late write differs from a late message only in what the
    /// server itself believes meanwhile.
    Hang,
    /// At any time after the step that requested it, or never.
    Late,
    /// In the step that requested it.
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
    /// The largest number of heartbeats. After more of them, an isolated leader would step down by
    /// itself, and the exploration wants to choose that step.
    pub const BEATS_MAX: u8 = 8;

    /// The largest window: a server's open calls are the bits of one integer.
    pub const WINDOW_MAX: u8 = 8;

    /// Checks that the bounds can be explored.
    ///
    /// # Errors
    /// Says in one line which bound is invalid.
    pub fn sound(&self) -> Result<(), String> {
        let all = usize::from(self.nodes) + usize::from(self.spares);
        if self.nodes == 0 || SERVERS_MAX < all {
            return Err(format!(
                "1 to {SERVERS_MAX} servers can be explored, not {all} of which {} vote",
                self.nodes
            ));
        }
        if self.terms == 0 {
            return Err("terms must be at least one: without a further term no election can begin".to_owned());
        }
        if self.batch == 0 || self.window == 0 {
            return Err("batch and window must each be at least one".to_owned());
        }
        if 0 < self.spares && self.changes == 0 {
            return Err("spares join only by changes of membership, and there are no changes".to_owned());
        }
        for (what, most, of) in [
            ("terms", 16, self.terms),
            ("entries", 16, self.entries),
            ("crashes", 16, self.crashes),
            ("changes", 16, self.changes),
            ("beats", Self::BEATS_MAX, self.beats),
            ("duplicates", 16, self.duplicates),
            ("drops", 16, self.drops),
            ("entries per message", 16, self.batch),
            ("unanswered messages", Self::WINDOW_MAX, self.window),
        ] {
            if most < of {
                return Err(format!("{of} {what} are too many: at most {most}"));
            }
        }
        Ok(())
    }

    /// All servers.
    #[must_use]
    pub fn servers(&self) -> ServerSet {
        ServerSet::first(usize::from(self.nodes + self.spares))
    }

    /// The last term in which an election can begin.
    #[must_use]
    pub fn last_term(&self) -> Term {
        Term(1 + u64::from(self.terms))
    }

    /// The configuration that the cluster is bootstrapped with.
    ///
    /// # Panics
    /// Never: the names and addresses of different servers differ.
    #[must_use]
    pub fn founders(&self) -> Configuration {
        let voters = ServerSet::first(usize::from(self.nodes));
        let members = voters.iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
        Configuration::new(members).expect("the configuration has distinct servers")
    }

    /// The settings of a server. The timeouts are far apart, so that the time of a step decides which of
    /// them has expired: see [`clock`](super::clock). Pre-vote is disabled, because it would hide bugs
    /// in the election rules.
    ///
    /// # Panics
    /// Never: the values satisfy every rule.
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
    /// Lists the bounds that are not zero.
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
            (Bounds { nodes: 0, ..one }, "1 to 5 servers"),
            (Bounds { nodes: 6, ..one }, "1 to 5 servers"),
            (Bounds { nodes: 0, spares: 3, changes: 1, ..one }, "of which 0 vote"),
            (Bounds { nodes: 4, spares: 2, changes: 2, ..one }, "not 6"),
            (Bounds { nodes: 255, spares: 255, changes: 1, ..one }, "not 510"),
            (Bounds { terms: 0, ..one }, "no election can begin"),
            (Bounds { terms: 17, ..one }, "17 terms are too many: at most 16"),
            (Bounds { entries: 17, ..one }, "17 entries are too many"),
            (Bounds { crashes: 255, ..one }, "255 crashes are too many"),
            (Bounds { changes: 17, ..one }, "17 changes are too many"),
            (Bounds { beats: 9, ..one }, "9 beats are too many: at most 8"),
            (Bounds { duplicates: 17, ..one }, "17 duplicates are too many"),
            (Bounds { drops: 17, ..one }, "17 drops are too many"),
            (Bounds { spares: 1, changes: 0, ..one }, "there are no changes"),
            (Bounds { batch: 0, ..one }, "each be at least one"),
            (Bounds { batch: 17, ..one }, "17 entries per message are too many"),
            (Bounds { window: 0, ..one }, "each be at least one"),
            (Bounds { window: 9, ..one }, "9 unanswered messages are too many: at most 8"),
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

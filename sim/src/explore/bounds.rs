//! How far an exploration goes: what may happen, and how often.

use super::fingerprint::SERVERS_MAX;
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::{ServerIdx, ServerSet};
use serde::{Deserialize, Serialize};
use std::fmt;
use wavetank_raft::{Config, Configuration, Member, Settings, Span, Term};

/// What may happen, and how often. Everything else may happen at any time, in any order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Voters of the first membership.
    pub nodes: u8,
    /// Blank servers that may be added to it.
    pub spares: u8,
    /// Terms after the first, in which the cluster is founded: as many elections can begin.
    pub terms: u8,
    /// Commands of clients.
    pub entries: u8,
    /// Crashes. Whoever crashes is back at once: being down for long is being silent for long.
    pub crashes: u8,
    /// Changes of membership.
    pub changes: u8,
    /// Heartbeats and other words of a leader that nobody calls_made for, each to all its followers.
    pub beats: u8,
    /// Messages that arrive once more.
    pub duplicates: u8,
    /// Messages that are lost for good. Any message may wait for ever, so this adds nothing but
    /// states; it is there to show just that.
    pub drops: u8,
    /// Entries per message.
    pub batch: u8,
    /// Unanswered messages with entries per follower.
    pub window: u8,
    /// When writes reach the disk.
    pub disks: DiskModel,
    /// How much is judged.
    pub judged: JudgeLevel,
}

/// When a write reaches the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskModel {
    /// In the step that calls_made for it, or never: a disk that hangs does so until its server crashes,
    /// and that is one of the crashes. What was written late could as well have been said late, but
    /// for what the server itself thinks of it meanwhile.
    Hang,
    /// At any time after the step that calls_made for it, or never.
    Late,
    /// In the step that calls_made for it.
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
    /// The most heartbeats: with more of them a leader that nobody answers would give up, on which
    /// the exploration decides by itself.
    pub const BEATS_MAX: u8 = 8;

    /// The most unanswered messages with entries: a server's open calls are the bits of a word.
    pub const WINDOW_MAX: u8 = 8;

    /// Whether they can be.
    ///
    /// # Errors
    /// Says in one line what cannot be.
    pub fn sound(&self) -> Result<(), String> {
        let all = usize::from(self.nodes) + usize::from(self.spares);
        if self.nodes == 0 || SERVERS_MAX < all {
            return Err(format!(
                "1 to {SERVERS_MAX} servers can be explored, not {all} of which {} vote",
                self.nodes
            ));
        }
        if self.terms == 0 {
            return Err("without a further term nobody ever leads: at least one".to_owned());
        }
        if self.batch == 0 || self.window == 0 {
            return Err("a message carries at least one entry, and at least one is unanswered".to_owned());
        }
        if 0 < self.spares && self.changes == 0 {
            return Err("only a change of membership takes spares in, and there are no changes".to_owned());
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

    /// The membership that the cluster is founded with.
    ///
    /// # Panics
    /// Never: names and addresses of different servers differ.
    #[must_use]
    pub fn founders(&self) -> Configuration {
        let voters = ServerSet::first(usize::from(self.nodes));
        let members = voters.iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
        Configuration::new(members).expect("there are servers, and they differ")
    }

    /// How a server is set up. Timeouts are far apart, so that a step's time decides which of them
    /// has passed: see [`clock`](super::clock). Without pre-vote, a guard behind which others' errors
    /// would hide.
    ///
    /// # Panics
    /// Never: the values keep to the rules.
    #[must_use]
    pub fn settings(&self, idx: ServerIdx) -> Settings {
        let config = Config {
            local_id: idx.id(),
            heartbeat_timeout: super::clock::TIMEOUT,
            election_timeout: super::clock::TIMEOUT,
            leader_lease_timeout: super::clock::TIMEOUT,
            commit_timeout: Span::ms(1),
            disk_stall_timeout: Span::s(1_000_000_000),
            max_append_entries: u64::from(self.batch),
            max_inflight: u64::from(self.window),
            pre_vote_disabled: true,
            shutdown_on_remove: false,
            ..Config::default()
        };
        Settings::new(config).expect("every rule holds of these")
    }
}

impl fmt::Display for Bounds {
    /// What is not bounded by zero.
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
    fn bounds_that_cannot_be_are_refused_with_the_reason() {
        let one = Bounds::default();
        for (bounds, why) in [
            (Bounds { nodes: 0, ..one }, "1 to 5 servers"),
            (Bounds { nodes: 6, ..one }, "1 to 5 servers"),
            (Bounds { nodes: 0, spares: 3, changes: 1, ..one }, "of which 0 vote"),
            (Bounds { nodes: 4, spares: 2, changes: 2, ..one }, "not 6"),
            (Bounds { nodes: 255, spares: 255, changes: 1, ..one }, "not 510"),
            (Bounds { terms: 0, ..one }, "nobody ever leads"),
            (Bounds { terms: 17, ..one }, "17 terms are too many: at most 16"),
            (Bounds { entries: 17, ..one }, "17 entries are too many"),
            (Bounds { crashes: 255, ..one }, "255 crashes are too many"),
            (Bounds { changes: 17, ..one }, "17 changes are too many"),
            (Bounds { beats: 9, ..one }, "9 beats are too many: at most 8"),
            (Bounds { duplicates: 17, ..one }, "17 duplicates are too many"),
            (Bounds { drops: 17, ..one }, "17 drops are too many"),
            (Bounds { spares: 1, changes: 0, ..one }, "there are no changes"),
            (Bounds { batch: 0, ..one }, "at least one entry"),
            (Bounds { batch: 17, ..one }, "17 entries per message are too many"),
            (Bounds { window: 0, ..one }, "at least one is unanswered"),
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

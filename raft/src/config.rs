//! The settings of a server, with HashiCorp's names and defaults. [`Settings::new`] refuses settings that
//! cannot work.

use crate::types::{ServerId, Span};
use core::fmt;
use core::time::Duration;

/// The settings of a server. Start from [`Config::default`] and set `local_id`. [`Settings::new`] checks the
/// values.
///
/// Each duration is a whole number of microseconds, at most 36500 days. In JSON, a duration is a number of
/// microseconds.
///
/// The struct is not `#[non_exhaustive]`, so that a program can write
/// `Config { local_id, ..Config::default() }`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// The protocol version that the server speaks: 2 or 3. Version 1 is HashiCorp's protocol before 2017;
    /// this library does not support version 1.
    pub protocol_version: u8,
    /// The base of a follower's election timer (at least 5 ms). A follower that does not hear from the leader
    /// campaigns after a random time between this value and twice this value. The time between two heartbeats
    /// of a leader is a tenth of this value.
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub heartbeat_timeout: Duration,
    /// The base of a candidate's election timer (at least 5 ms and not below `heartbeat_timeout`). If a
    /// candidate has not won, the candidate campaigns again after a random time between this value and twice
    /// this value. A leadership transfer fails if the transfer does not end within this time.
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub election_timeout: Duration,
    /// The time that the leader waits after a commit (at least 1 ms). Then the leader sends the commit index
    /// in a request without entries. Requests with new entries also carry the commit index, so this extra
    /// request is often not needed.
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub commit_timeout: Duration,
    /// The maximum number of entries in an AppendEntries request and in a batch for the state machine (1 to
    /// 1024).
    pub max_append_entries: u64,
    /// The maximum sum of the [`weight`](crate::Entry::weight)s of the entries in an AppendEntries request, in
    /// bytes (at least 1). An entry that is larger than this limit is sent alone. HashiCorp limits only the
    /// number of entries; etcd calls this setting `MaxSizePerMsg`.
    pub max_append_bytes: u64,
    /// The maximum size of a command with its extensions, and of the state in a restore, in bytes (at least
    /// 1). The leader refuses a larger command or state. All servers must have the same value. HashiCorp Raft
    /// has no limit and suggests 512 KiB (`SuggestedMaxDataSize`).
    pub max_command_bytes: u64,
    /// The maximum number of AppendEntries requests that carry entries and that one follower has not answered
    /// yet (at least 1). In HashiCorp Raft, this setting is `MaxRPCsInFlight`.
    pub max_inflight: u64,
    /// True if a leader shuts down after the commit of a configuration in which this leader has no vote.
    pub shutdown_on_remove: bool,
    /// The number of entries that stay in the log after a snapshot, for slow followers (0 is allowed).
    pub trailing_logs: u64,
    /// A server checks at intervals whether a snapshot is due. This value is the minimum interval (at least 5
    /// ms). The server draws each interval at random, between this value and twice this value.
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub snapshot_interval: Duration,
    /// A new snapshot is due when the log has grown by at least this number of entries since the last
    /// snapshot.
    pub snapshot_threshold: u64,
    /// A leader steps down if no quorum has answered the leader for this time (at least 5 ms and not above
    /// `heartbeat_timeout`). Reads under a lease rely on this time. Therefore all servers must have the same
    /// value.
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub leader_lease_timeout: Duration,
    /// The id of this server. The id must not be empty.
    pub local_id: ServerId,
    /// True if the server starts without loading the newest snapshot into the state machine.
    pub no_snapshot_restore_on_start: bool,
    /// True if candidates start an election without a pre-vote (thesis §9.6).
    pub pre_vote_disabled: bool,
    /// The maximum number of entries at the end of the log that are kept in memory (at least 1). Older entries
    /// are read from the store. HashiCorp users wrap the store in a `LogCache` of this capacity.
    pub log_cache_capacity: u64,
    /// The maximum sum of the [`weight`](crate::Entry::weight)s of the entries in memory, in bytes (at least
    /// `max_append_bytes`). Entries that are not durable yet stay in memory even above this limit.
    pub log_cache_bytes: u64,
    /// The time after which a write that is not durable counts as stalled (at least `heartbeat_timeout`). A
    /// leader with a stalled write steps down. A server with a stalled write does not campaign. A leader of
    /// HashiCorp Raft hangs when its write stalls (HashiCorp Raft issues #503 and #614).
    #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
    pub disk_stall_timeout: Duration,
    /// The maximum difference between the rates of the clocks of two servers, in parts per million (below
    /// 1000000). Reads under the leader's lease rely on this difference (thesis §6.4.1). The leader shortens
    /// its lease by this fraction. A read under the lease is refused after the end of the shortened lease.
    pub lease_clock_drift_ppm: u64,
    /// The maximum number of rounds in which a staged non-voter may catch up (at least 1). A non-voter that
    /// needs more rounds is reported as too slow. Thesis §4.2.1 suggests 10 rounds.
    pub max_catch_up_rounds: u64,
    /// The maximum number of snapshot bytes in one InstallSnapshot request (at least 1).
    pub snapshot_chunk_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol_version: 3,
            heartbeat_timeout: Duration::from_secs(1),
            election_timeout: Duration::from_secs(1),
            commit_timeout: Duration::from_millis(50),
            max_append_entries: 64,
            max_append_bytes: 1 << 20,
            max_command_bytes: 32 << 20,
            max_inflight: 16,
            shutdown_on_remove: true,
            trailing_logs: 10_240,
            snapshot_interval: Duration::from_secs(120),
            snapshot_threshold: 8_192,
            leader_lease_timeout: Duration::from_millis(500),
            local_id: ServerId::from(""),
            no_snapshot_restore_on_start: false,
            pre_vote_disabled: false,
            log_cache_capacity: 1_024,
            log_cache_bytes: 64 << 20,
            disk_stall_timeout: Duration::from_secs(5),
            lease_clock_drift_ppm: 500,
            max_catch_up_rounds: 10,
            snapshot_chunk_bytes: 256 << 10,
        }
    }
}

impl Config {
    /// Checks that each duration is a whole number of microseconds, and at most 36500 days.
    fn check_durations(&self) -> Result<(), ConfigError> {
        const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);
        let durations = [
            ("heartbeat_timeout", self.heartbeat_timeout),
            ("election_timeout", self.election_timeout),
            ("commit_timeout", self.commit_timeout),
            ("snapshot_interval", self.snapshot_interval),
            ("leader_lease_timeout", self.leader_lease_timeout),
            ("disk_stall_timeout", self.disk_stall_timeout),
        ];
        for (field, duration) in durations {
            if LONGEST < duration {
                return Err(ConfigError { field, rule: "must be at most 36500 days" });
            }
            if Duration::from(Span::from_duration(duration)) != duration {
                return Err(ConfigError { field, rule: "must be a whole number of microseconds" });
            }
        }
        Ok(())
    }
}

/// Checked settings. Each value is in the range that the docs of its field in [`Config`] state.
///
/// A program can read the fields of the [`Config`] through this type. The methods return the durations as
/// [`Span`]s.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Config", into = "Config"))]
pub struct Settings(Config);

impl TryFrom<Config> for Settings {
    type Error = ConfigError;

    fn try_from(config: Config) -> Result<Self, ConfigError> {
        Self::new(config)
    }
}

impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        settings.0
    }
}

/// The first rule that the values of a [`Config`] break.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConfigError {
    /// The name of the field of [`Config`] whose value breaks the rule.
    pub field: &'static str,
    /// The rule that the value of the field must satisfy.
    pub rule: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.rule)
    }
}

impl core::error::Error for ConfigError {}

impl Settings {
    /// Checks the values of a [`Config`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use wavetank_raft::{Config, Settings};
    /// let config = Config { local_id: "n1".into(), ..Config::default() };
    /// assert!(Settings::new(config.clone()).is_ok());
    /// let hasty = Config { election_timeout: Duration::from_millis(10), ..config };
    /// assert_eq!(Settings::new(hasty).unwrap_err().field, "election_timeout");
    /// ```
    ///
    /// # Errors
    /// Returns the first field that breaks a rule, and the rule.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        const SHORTEST: Duration = Duration::from_millis(5);
        let c = &config;
        c.check_durations()?;
        let rules = [
            ("protocol_version", (2..=3).contains(&c.protocol_version), "must be 2 or 3"),
            ("local_id", !c.local_id.as_str().is_empty(), "must not be empty"),
            ("heartbeat_timeout", SHORTEST <= c.heartbeat_timeout, "must be at least 5ms"),
            ("election_timeout", SHORTEST <= c.election_timeout, "must be at least 5ms"),
            (
                "election_timeout",
                c.heartbeat_timeout <= c.election_timeout,
                "must not be below heartbeat_timeout",
            ),
            ("commit_timeout", Duration::from_millis(1) <= c.commit_timeout, "must be at least 1ms"),
            ("max_append_entries", (1..=1024).contains(&c.max_append_entries), "must be 1 to 1024"),
            ("max_append_bytes", 1 <= c.max_append_bytes, "must be at least 1"),
            ("max_command_bytes", 1 <= c.max_command_bytes, "must be at least 1"),
            ("max_inflight", 1 <= c.max_inflight, "must be at least 1"),
            ("snapshot_interval", SHORTEST <= c.snapshot_interval, "must be at least 5ms"),
            ("leader_lease_timeout", SHORTEST <= c.leader_lease_timeout, "must be at least 5ms"),
            (
                "leader_lease_timeout",
                c.leader_lease_timeout <= c.heartbeat_timeout,
                "must not be above heartbeat_timeout",
            ),
            ("log_cache_capacity", 1 <= c.log_cache_capacity, "must be at least 1"),
            (
                "log_cache_bytes",
                c.max_append_bytes <= c.log_cache_bytes,
                "must not be below max_append_bytes",
            ),
            (
                "disk_stall_timeout",
                c.heartbeat_timeout <= c.disk_stall_timeout,
                "must not be below heartbeat_timeout",
            ),
            (
                "lease_clock_drift_ppm",
                c.lease_clock_drift_ppm < 1_000_000,
                "must be below 1000000 ppm (a lease that is shortened by 1000000 ppm has no length)",
            ),
            ("max_catch_up_rounds", 1 <= c.max_catch_up_rounds, "must be at least 1"),
            ("snapshot_chunk_bytes", 1 <= c.snapshot_chunk_bytes, "must be at least 1"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, rule)) => Err(ConfigError { field, rule }),
            None => Ok(Self(config)),
        }
    }

    /// Returns [`Config::heartbeat_timeout`].
    #[must_use]
    pub const fn heartbeat_timeout(&self) -> Span {
        Span::from_duration(self.0.heartbeat_timeout)
    }

    /// Returns [`Config::election_timeout`].
    #[must_use]
    pub const fn election_timeout(&self) -> Span {
        Span::from_duration(self.0.election_timeout)
    }

    /// Returns [`Config::commit_timeout`].
    #[must_use]
    pub const fn commit_timeout(&self) -> Span {
        Span::from_duration(self.0.commit_timeout)
    }

    /// Returns [`Config::snapshot_interval`].
    #[must_use]
    pub const fn snapshot_interval(&self) -> Span {
        Span::from_duration(self.0.snapshot_interval)
    }

    /// Returns [`Config::leader_lease_timeout`].
    #[must_use]
    pub const fn leader_lease_timeout(&self) -> Span {
        Span::from_duration(self.0.leader_lease_timeout)
    }

    /// Returns [`Config::disk_stall_timeout`].
    #[must_use]
    pub const fn disk_stall_timeout(&self) -> Span {
        Span::from_duration(self.0.disk_stall_timeout)
    }

    /// Returns the limits for the log entries that are kept in memory.
    #[must_use]
    pub const fn cache_limits(&self) -> CacheLimits {
        CacheLimits { entries: self.0.log_cache_capacity, bytes: self.0.log_cache_bytes }
    }

    /// Returns the time between two heartbeats of a leader: a tenth of `heartbeat_timeout`.
    #[must_use]
    pub fn heartbeat_interval(&self) -> Span {
        self.heartbeat_timeout().part(10).max(Span::us(1))
    }

    /// Returns the length of the lease. The lease begins when the leader sends a heartbeat, if a quorum
    /// answers the heartbeat. During the lease, the leader may read without asking the followers (thesis
    /// §6.4.1). After a heartbeat, a follower grants no vote during its own `heartbeat_timeout`. A reload can
    /// change `heartbeat_timeout`, but never below `leader_lease_timeout`. A reload cannot change
    /// `leader_lease_timeout`. Therefore the lease is `leader_lease_timeout`, minus the allowed drift of the
    /// clocks.
    #[must_use]
    pub fn lease(&self) -> Span {
        let (timeout, ppm) = (self.leader_lease_timeout().0, self.0.lease_clock_drift_ppm);
        // The product of the two can exceed 64 bits, so the seconds and the rest are multiplied apart.
        let drift = timeout / 1_000_000 * ppm + timeout % 1_000_000 * ppm / 1_000_000;
        Span(timeout - drift)
    }
}

impl core::ops::Deref for Settings {
    type Target = Config;
    fn deref(&self) -> &Config {
        &self.0
    }
}

/// The limits for the log entries that are kept in memory. Older entries are read from the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CacheLimits {
    /// The maximum number of entries.
    pub entries: u64,
    /// The maximum sum of the [`weight`](crate::Entry::weight)s of the entries, in bytes. The last entry
    /// stays in memory even if the weight of this entry is above the limit.
    pub bytes: u64,
}

impl CacheLimits {
    /// Makes limits that allow this number of entries, and any number of bytes.
    #[must_use]
    pub const fn entries(entries: u64) -> Self {
        Self { entries, bytes: u64::MAX }
    }

    pub(crate) const fn hold(self, entries: usize, bytes: u64) -> bool {
        entries as u64 <= self.entries && (bytes <= self.bytes || entries <= 1)
    }
}

#[cfg(test)]
mod tests;

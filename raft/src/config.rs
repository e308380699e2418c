//! The configuration, under HashiCorp's names and with its defaults. Values that cannot work are
//! refused.

use crate::types::{ServerId, Span};
use core::fmt;

/// How a server behaves. Starts from [`Config::default`]; becomes [`Settings`] when checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Config {
    /// The protocol version spoken, 2 or 3. 1 is HashiCorp's pre-2017 protocol and is not spoken.
    pub protocol_version: u8,
    /// How long a follower waits for the leader before it campaigns: one to two times this (≥ 5
    /// ms). A leader sends heartbeats every tenth of it.
    pub heartbeat_timeout: Span,
    /// How long a candidate waits before it tries again: one to two times this (≥ 5 ms and not
    /// below `heartbeat_timeout`). Also the budget of a leadership transfer.
    pub election_timeout: Span,
    /// After a commit, how long a leader waits for something to send along before it tells the
    /// followers anyway (≥ 1 ms).
    pub commit_timeout: Span,
    /// Entries per AppendEntries and per batch for the state machine (1 to 1024).
    pub max_append_entries: u64,
    /// Bytes per AppendEntries; an entry larger than this travels alone (≥ 1). HashiCorp bounds
    /// by count only; etcd calls this `MaxSizePerMsg`.
    pub max_append_bytes: u64,
    /// Unanswered AppendEntries with entries per follower (≥ 1). HashiCorp: `MaxRPCsInFlight`.
    pub max_inflight: u64,
    /// Whether a leader that commits a configuration without its own vote shuts down.
    pub shutdown_on_remove: bool,
    /// Entries kept behind the snapshot for slow followers (0 is allowed).
    pub trailing_logs: u64,
    /// How often to look whether a snapshot is due: one to two times this (≥ 5 ms).
    pub snapshot_interval: Span,
    /// Entries since the last snapshot that make one due.
    pub snapshot_threshold: u64,
    /// A leader that has not heard from a quorum for this long steps down (≥ 5 ms and not above
    /// `heartbeat_timeout`). Reads under a lease rely on it: the same on all servers.
    pub leader_lease_timeout: Span,
    /// This server's name; not empty.
    pub local_id: ServerId,
    /// Whether to start without loading the newest snapshot into the state machine.
    pub no_snapshot_restore_on_start: bool,
    /// Whether candidates go straight to the election (thesis §9.6 is then off).
    pub pre_vote_disabled: bool,
    /// Entries kept in memory behind the last one; older ones are read from the store (≥ 1).
    /// HashiCorp users wrap the store in a `LogCache` of this capacity.
    pub log_cache_capacity: u64,
    /// A leader steps down, and a follower does not campaign, while a write has not become
    /// durable for this long (≥ `heartbeat_timeout`). HashiCorp's leaders hang (#503, #614).
    pub disk_stall_timeout: Span,
    /// How much faster one clock may run than another, in parts per million, for reads under the
    /// leader's lease (thesis §6.4.1). A read is refused once the lease, shortened by this much,
    /// cannot be shown.
    pub lease_clock_drift_ppm: u64,
    /// Rounds of catching up before a staged voter is reported as too slow (thesis §4.2.1: 10).
    pub max_catch_up_rounds: u64,
    /// Bytes of a snapshot per InstallSnapshot call (≥ 1).
    pub snapshot_chunk_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol_version: 3,
            heartbeat_timeout: Span::ms(1_000),
            election_timeout: Span::ms(1_000),
            commit_timeout: Span::ms(50),
            max_append_entries: 64,
            max_append_bytes: 1 << 20,
            max_inflight: 16,
            shutdown_on_remove: true,
            trailing_logs: 10_240,
            snapshot_interval: Span::s(120),
            snapshot_threshold: 8_192,
            leader_lease_timeout: Span::ms(500),
            local_id: ServerId::from(""),
            no_snapshot_restore_on_start: false,
            pre_vote_disabled: false,
            log_cache_capacity: 1_024,
            disk_stall_timeout: Span::ms(5_000),
            lease_clock_drift_ppm: 500,
            max_catch_up_rounds: 10,
            snapshot_chunk_bytes: 256 << 10,
        }
    }
}

/// A checked configuration: every rule in the docs of the fields holds.
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

/// The first rule that a configuration breaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// What must hold of it.
    pub rule: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.rule)
    }
}

impl core::error::Error for ConfigError {}

impl Settings {
    /// Checks a configuration.
    ///
    /// ```
    /// use wavetank_raft::{Config, Settings, Span};
    /// let config = Config { local_id: "n1".into(), ..Config::default() };
    /// assert!(Settings::new(config.clone()).is_ok());
    /// let hasty = Config { election_timeout: Span::ms(10), ..config };
    /// assert_eq!(Settings::new(hasty).unwrap_err().field, "election_timeout");
    /// ```
    ///
    /// # Errors
    /// Names the first field whose rule does not hold.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        const SHORTEST: Span = Span::ms(5);
        let c = &config;
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
            ("commit_timeout", Span::ms(1) <= c.commit_timeout, "must be at least 1ms"),
            ("max_append_entries", (1..=1024).contains(&c.max_append_entries), "must be 1 to 1024"),
            ("max_append_bytes", 1 <= c.max_append_bytes, "must be at least 1"),
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
                "disk_stall_timeout",
                c.heartbeat_timeout <= c.disk_stall_timeout,
                "must not be below heartbeat_timeout",
            ),
            (
                "lease_clock_drift_ppm",
                c.lease_clock_drift_ppm < 1_000_000,
                "must be below 1000000 (a clock at half speed or less shows no lease)",
            ),
            ("max_catch_up_rounds", 1 <= c.max_catch_up_rounds, "must be at least 1"),
            ("snapshot_chunk_bytes", 1 <= c.snapshot_chunk_bytes, "must be at least 1"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, rule)) => Err(ConfigError { field, rule }),
            None => Ok(Self(config)),
        }
    }

    /// How often a leader sends heartbeats.
    #[must_use]
    pub fn heartbeat_interval(&self) -> Span {
        self.0.heartbeat_timeout.part(10).max(Span::us(1))
    }

    /// The length of the lease: how long the leader may read without asking, from the sending of a
    /// heartbeat that a quorum answered (thesis §6.4.1). Followers grant no vote for their own
    /// `heartbeat_timeout`. A reload can change that, but never below `leader_lease_timeout`, which
    /// cannot be reloaded. So the lease is the latter, less the allowed drift of the clocks.
    #[must_use]
    pub fn lease(&self) -> Span {
        let timeout = self.0.leader_lease_timeout.0;
        Span(timeout - timeout * self.0.lease_clock_drift_ppm / 1_000_000)
    }
}

impl core::ops::Deref for Settings {
    type Target = Config;
    fn deref(&self) -> &Config {
        &self.0
    }
}

#[cfg(test)]
mod tests;

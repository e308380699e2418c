//! Tests each rule at its limit: the last value that it accepts and the first one that it refuses.

use super::*;

/// The smallest value of every field.
fn least() -> Config {
    let shortest = Duration::from_millis(5);
    Config {
        protocol_version: 2,
        heartbeat_timeout: shortest,
        election_timeout: shortest,
        commit_timeout: Duration::from_millis(1),
        max_append_entries: 1,
        max_append_bytes: 1,
        max_command_bytes: 1,
        max_inflight: 1,
        trailing_logs: 0,
        snapshot_interval: shortest,
        snapshot_threshold: 0,
        leader_lease_timeout: shortest,
        local_id: "n".into(),
        log_cache_capacity: 1,
        log_cache_bytes: 1,
        disk_stall_timeout: shortest,
        lease_clock_drift_ppm: 0,
        max_catch_up_rounds: 1,
        snapshot_chunk_bytes: 1,
        ..Config::default()
    }
}

fn most() -> Config {
    Config { protocol_version: 3, max_append_entries: 1_024, lease_clock_drift_ppm: 999_999, ..least() }
}

#[test]
fn limits_themselves_are_accepted() {
    assert!(Settings::new(least()).is_ok());
    assert!(Settings::new(most()).is_ok());
}

#[test]
fn values_just_beyond_a_limit_are_refused() {
    let short = Duration::from_micros(4_999);
    let outside = [
        ("protocol_version", Config { protocol_version: 1, ..least() }),
        ("protocol_version", Config { protocol_version: 4, ..most() }),
        ("local_id", Config { local_id: "".into(), ..least() }),
        ("heartbeat_timeout", Config { heartbeat_timeout: short, leader_lease_timeout: short, ..least() }),
        ("election_timeout", Config { election_timeout: short, ..least() }),
        ("election_timeout", Config { heartbeat_timeout: Duration::from_micros(5_001), ..least() }),
        ("commit_timeout", Config { commit_timeout: Duration::from_micros(999), ..least() }),
        ("max_append_entries", Config { max_append_entries: 0, ..least() }),
        ("max_append_entries", Config { max_append_entries: 1_025, ..most() }),
        ("max_append_bytes", Config { max_append_bytes: 0, ..least() }),
        ("max_command_bytes", Config { max_command_bytes: 0, ..least() }),
        ("log_cache_bytes", Config { max_append_bytes: 2, ..least() }),
        ("max_inflight", Config { max_inflight: 0, ..least() }),
        ("snapshot_interval", Config { snapshot_interval: short, ..least() }),
        ("leader_lease_timeout", Config { leader_lease_timeout: short, ..least() }),
        ("leader_lease_timeout", Config { leader_lease_timeout: Duration::from_micros(5_001), ..least() }),
        ("log_cache_capacity", Config { log_cache_capacity: 0, ..least() }),
        ("disk_stall_timeout", Config { disk_stall_timeout: short, ..least() }),
        ("lease_clock_drift_ppm", Config { lease_clock_drift_ppm: 1_000_000, ..most() }),
        ("max_catch_up_rounds", Config { max_catch_up_rounds: 0, ..least() }),
        ("snapshot_chunk_bytes", Config { snapshot_chunk_bytes: 0, ..least() }),
    ];
    for (field, config) in outside {
        let refused = Settings::new(config.clone()).map_err(|error| error.field);
        assert_eq!(refused, Err(field), "{config:?}");
    }
}

#[test]
fn a_duration_is_whole_microseconds_and_not_endless() {
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let stall = |disk_stall_timeout| Settings::new(Config { disk_stall_timeout, ..least() });
    assert_eq!(stall(days(36_500)).expect("within the rules").disk_stall_timeout(), Span::s(3_153_600_000));
    let refused = [
        (days(36_500) + Duration::from_micros(1), "must be at most 36500 days"),
        (Duration::MAX, "must be at most 36500 days"),
        (Duration::from_nanos(5_000_001), "must be a whole number of microseconds"),
    ];
    for (duration, rule) in refused {
        assert_eq!(stall(duration), Err(ConfigError { field: "disk_stall_timeout", rule }), "{duration:?}");
    }
}

/// The product of the timeout and the drift does not fit into 64 bits.
#[test]
fn the_longest_lease_is_computed_without_overflow() {
    let longest = Duration::from_secs(36_500 * 24 * 60 * 60);
    let config = Config {
        heartbeat_timeout: longest,
        election_timeout: longest,
        leader_lease_timeout: longest,
        disk_stall_timeout: longest,
        lease_clock_drift_ppm: 999_999,
        ..least()
    };
    assert_eq!(Settings::new(config).expect("within the rules").lease(), Span(3_153_600_000));
}

#[test]
fn settings_derive_interval_and_lease() {
    let config = Config { local_id: "n1".into(), lease_clock_drift_ppm: 2_000, ..Config::default() };
    let settings = Settings::new(config.clone()).expect("within the rules");
    // The heartbeat interval is a tenth of one second. The lease is half a second less 2 in 1000.
    assert_eq!((settings.heartbeat_interval(), settings.lease()), (Span::ms(100), Span::ms(499)));
    assert_eq!(Config::from(settings.clone()), config);
    assert_eq!(Settings::try_from(config), Ok(settings));
}

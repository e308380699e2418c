//! What a benchmark counts time by.

use std::sync::LazyLock;
use std::time::Instant;

/// How long this process has had a core for, in seconds, where the system tells: others want it too.
/// Elsewhere the time of the wall.
pub(crate) fn on_core() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let wall = START.elapsed().as_secs_f64();
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|told| told.split_whitespace().next()?.parse::<f64>().ok());
    nanos.map_or(wall, |nanos| nanos / 1e9)
}

//! The memory of this process, for benchmarks.

/// Returns the most memory that this process has had, in KiB, or `None` if the system does not report
/// it.
pub(crate) fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

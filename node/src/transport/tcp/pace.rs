//! The time that a transfer may take. A slow link does not count as broken.
//!
//! A transfer without progress fails. There is no fixed limit on the total time, because large transfers over
//! a slow link always exceed such a limit.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The number of bytes that a peer must transfer within each timeout. In HashiCorp Raft, this setting is
/// `TimeoutScale`.
const SCALE: u64 = 256 << 10;
/// The number of timeouts without progress after which a transfer fails. An operating system reports progress
/// only when a third of the send buffer is free. This third may be more than one MiB.
const STALLS: u32 = 8;

/// Returns the maximum time for a transfer of `bytes` bytes: one `timeout`, and one more `timeout` for each
/// complete 256 KiB. HashiCorp Raft has a similar rule for snapshots.
pub(super) fn patience(timeout: Duration, bytes: u64) -> Duration {
    timeout.saturating_mul(u32::try_from(bytes / SCALE).unwrap_or(u32::MAX).saturating_add(1))
}

/// Returns the maximum time that a transfer of many bytes may spend without progress.
pub(super) const fn stall(timeout: Duration) -> Duration {
    timeout.saturating_mul(STALLS)
}

/// Writes all bytes to `writer`. Returns an error if the writer makes no progress for the time `longest`.
pub(super) async fn write_all<W: AsyncWrite + Unpin>(
    writer: &mut W,
    mut bytes: &[u8],
    longest: Duration,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = timeout(longest, writer.write(bytes)).await??;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    // TLS keeps the last record until the stream is flushed.
    timeout(longest, writer.flush()).await?
}

//! How long a transfer may take: a slow link is not a broken one.
//!
//! A transfer ends when it makes no progress. A total time that does not depend on the size would
//! end every transfer over a slow link, and the next attempt would end the same way.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The bytes that a peer must transfer within each timeout. HashiCorp: `TimeoutScale`.
const SCALE: u64 = 256 << 10;
/// The number of timeouts without progress after which a transfer ends. An operating system reports
/// progress only when a third of its send buffer is free, and that may be more than a MiB.
const STALLS: u32 = 8;

/// The longest time for a transfer of this many bytes: HashiCorp's rule for snapshots, and one
/// timeout more.
pub(super) fn patience(timeout: Duration, bytes: u64) -> Duration {
    timeout.saturating_mul(u32::try_from(bytes / SCALE).unwrap_or(u32::MAX).saturating_add(1))
}

/// The longest time in which a transfer of many bytes may make no progress.
pub(super) const fn stall(timeout: Duration) -> Duration {
    timeout.saturating_mul(STALLS)
}

/// Writes all the bytes, unless `longest` passes without progress.
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
    // TLS keeps the last record until it is flushed.
    timeout(longest, writer.flush()).await?
}

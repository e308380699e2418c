//! CRC-64/XZ, the checksum of HashiCorp's file snapshots, and the check of a snapshot against
//! what was announced.

use crate::message::SnapshotMeta;
use crate::store::{StoreError, StoreErrorKind};
use alloc::format;

const TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// A checksum in the making, for bytes that come in pieces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(u64::MAX)
    }
}

impl Checksum {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let low = self.0.to_le_bytes()[0];
            self.0 = TABLE[usize::from(low ^ byte)] ^ self.0 >> 8;
        }
    }

    /// The checksum of what was taken.
    #[must_use]
    pub const fn finish(self) -> u64 {
        !self.0
    }
}

/// The checksum of these bytes.
///
/// ```
/// assert_eq!(wavetank_raft::checksum::of(b"123456789"), 0x995d_c9bb_df19_39fa);
/// ```
#[must_use]
pub fn of(bytes: &[u8]) -> u64 {
    let mut checksum = Checksum::default();
    checksum.update(bytes);
    checksum.finish()
}

/// The description of a snapshot that turned out to have this size and checksum.
///
/// # Errors
/// When another size or checksum was announced.
pub fn seal(announced: SnapshotMeta, size: u64, checksum: u64) -> Result<SnapshotMeta, StoreError> {
    let damaged = |what| Err(StoreError::new(StoreErrorKind::Corrupt, what));
    if announced.size != 0 && announced.size != size {
        return damaged(format!("snapshot {}: {size} bytes of {}", announced.last, announced.size));
    }
    if announced.checksum != 0 && announced.checksum != checksum {
        return damaged(format!("snapshot {}: CRC mismatch", announced.last));
    }
    Ok(SnapshotMeta { size, checksum, ..announced })
}

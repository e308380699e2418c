//! CRC-64/XZ, the checksum of snapshots in HashiCorp Raft, and the check of a snapshot's size and
//! checksum.

use crate::message::SnapshotMeta;
use crate::store::{StoreError, StoreErrorKind};
use alloc::format;

/// The number of bytes that one step of [`Checksum::update`] handles.
const WIDTH: usize = 16;

/// `TABLES[k][b]` is the contribution of a byte `b` to the checksum if `k` more bytes follow in the same step.
/// The contributions of all bytes are combined with XOR.
static TABLES: [[u64; 256]; WIDTH] = tables();

const fn tables() -> [[u64; 256]; WIDTH] {
    const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;
    let mut tables = [[0; 256]; WIDTH];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut follow = 1;
    while follow < WIDTH {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[follow - 1][byte];
            tables[follow][byte] = tables[0][(before & 0xff) as usize] ^ before >> 8;
            byte += 1;
        }
        follow += 1;
    }
    tables
}

/// A CRC-64/XZ checksum that is computed piece by piece.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(u64::MAX)
    }
}

impl Checksum {
    /// Adds the next bytes to the checksum.
    pub fn update(&mut self, bytes: &[u8]) {
        let (wide, rest) = bytes.as_chunks::<WIDTH>();
        for chunk in wide {
            let before = self.0.to_le_bytes().into_iter().chain([0; 8]);
            let bytes = chunk.iter().zip(before).map(|(byte, before)| byte ^ before);
            self.0 =
                bytes.zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(byte)]);
        }
        for &byte in rest {
            let low = self.0.to_le_bytes()[0];
            self.0 = TABLES[0][usize::from(low ^ byte)] ^ self.0 >> 8;
        }
    }

    /// Returns the checksum of all bytes that were added.
    #[must_use]
    pub const fn finish(self) -> u64 {
        !self.0
    }
}

/// Returns the CRC-64/XZ checksum of `bytes`.
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

/// Compares the `size` (in bytes) and the `checksum` of a snapshot with the values in the description
/// `announced`. A zero in `announced` means that the value is unknown; an unknown value is not checked.
/// Returns `announced` with the given `size` and `checksum`.
///
/// # Errors
/// Returns [`StoreErrorKind::Corrupt`] if the size or the checksum differs.
pub fn verify(announced: SnapshotMeta, size: u64, checksum: u64) -> Result<SnapshotMeta, StoreError> {
    let damaged = |what| Err(StoreError::new(StoreErrorKind::Corrupt, what));
    if announced.size != 0 && announced.size != size {
        return damaged(format!("snapshot {} has {size} bytes, not {}", announced.last, announced.size));
    }
    if announced.checksum != 0 && announced.checksum != checksum {
        return damaged(format!("snapshot {} has a wrong checksum", announced.last));
    }
    Ok(SnapshotMeta { size, checksum, ..announced })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{Configuration, Member};
    use crate::types::{Index, LogId, Term};
    use alloc::vec;
    use alloc::vec::Vec;

    /// The second value is the check value of CRC-64/XZ. Another program computed the third value, from more
    /// bytes than one step of the loop handles.
    #[test]
    fn checksums_are_those_of_other_programs() {
        assert_eq!(of(b""), 0);
        assert_eq!(of(b"123456789"), 0x995d_c9bb_df19_39fa);
        assert_eq!(of(&[b'a'; 40]), 0x4512_af1a_cd77_16eb);
    }

    #[test]
    fn a_snapshot_must_match_its_announced_size_and_checksum() {
        let configuration = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one voter");
        let last = LogId::new(Term(2), Index(5));
        let meta = |size, checksum| {
            let configuration = configuration.clone();
            SnapshotMeta { last, configuration, configuration_index: Index(1), size, checksum }
        };
        let came = Ok(meta(7, 9));
        for announced in [(0, 0), (7, 0), (0, 9), (7, 9)] {
            assert_eq!(verify(meta(announced.0, announced.1), 7, 9), came, "{announced:?}");
        }
        for announced in [(6, 0), (8, 9), (0, 8), (7, 10)] {
            let kind = verify(meta(announced.0, announced.1), 7, 9).map_err(|error| error.kind);
            assert_eq!(kind, Err(StoreErrorKind::Corrupt), "{announced:?}");
        }
    }

    #[test]
    fn wide_and_bytewise_updates_agree() {
        let bytes: Vec<u8> = (0..100_u8).map(|n| n.wrapping_mul(37)).collect();
        for length in 0..bytes.len() {
            let mut slow = Checksum::default();
            for byte in &bytes[..length] {
                slow.update(core::slice::from_ref(byte));
            }
            assert_eq!(of(&bytes[..length]), slow.finish(), "{length} bytes");
        }
    }
}

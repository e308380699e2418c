//! The header and the name of a segment.

use super::super::open_error::OpenFailure;
use super::frame::{HEAD, u32_at, u64_at};
use std::cmp::Ordering;
use wavetank_raft::checksum::Checksum;

/// The file name of a segment that is not complete yet.
pub(super) const TEMPORARY: &str = "next.tmp";
/// The name of the file that a process locks while the process uses the directory.
pub(super) const LOCK: &str = "lock";

const MAGIC: &[u8; 8] = b"wavetank";
/// The format number of the segments. Every change of the format raises the number.
pub(super) const FORMAT: u32 = 1;
const EXTENSION: &str = ".wal";

/// The header of a segment, without the magic bytes, the format number and the checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentHead {
    /// The random number of the directory. All segments of one directory have the same number.
    pub(super) identity: u64,
    pub(super) number: u32,
}

impl SegmentHead {
    pub(super) fn encode(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.identity.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.number.to_le_bytes());
        let checksum = checksum(&bytes);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Decodes the header of a segment. Returns an error if the header is damaged or has another format
    /// number.
    pub(super) fn decode(bytes: &[u8; HEAD]) -> Result<Self, OpenFailure> {
        if bytes[..8] != *MAGIC || u32_at(bytes, 12) != checksum(bytes) {
            return Err(OpenFailure::Damaged("the header of the segment is not valid".to_owned()));
        }
        let (found, known) = (u64::from(u32_at(bytes, 8)), u64::from(FORMAT));
        match found.cmp(&known) {
            Ordering::Less => Err(OpenFailure::Older { found, known }),
            Ordering::Equal => Ok(Self { identity: u64_at(bytes, 16), number: u32_at(bytes, 24) }),
            Ordering::Greater => Err(OpenFailure::Newer { found, known }),
        }
    }
}

pub(super) fn checksum(bytes: &[u8; HEAD]) -> u32 {
    let mut checksum = Checksum::default();
    checksum.update(&bytes[..12]);
    checksum.update(&bytes[16..]);
    (checksum.finish() >> 32) as u32
}

/// Returns the file name of the segment with this number.
pub(super) fn name(number: u32) -> String {
    format!("{number:010}{EXTENSION}")
}

/// Returns the number in the file name of a segment; `None` if `file` is not the name of a segment.
pub(super) fn number(file: &str) -> Option<u32> {
    let number = file.strip_suffix(EXTENSION)?.parse().ok()?;
    (name(number) == file).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_no_changed_bit_does() {
        let head = SegmentHead { identity: 12, number: 34 };
        let bytes = head.encode();
        assert_eq!(SegmentHead::decode(&bytes), Ok(head));
        for bit in 0..HEAD * 8 {
            let mut rotten = bytes;
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHead::decode(&rotten).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn only_names_of_segments_have_a_number() {
        assert_eq!(number("0000000012.wal"), Some(12));
        for other in ["lock", "next.tmp", "12.wal", "+000000012.wal", "0000000012.wal.bak", "9999999999.wal"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }
}

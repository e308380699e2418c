//! The header of a frame, and the check whether a frame is whole, torn or damaged. A frame is a header and a
//! body: the base of a segment, or one group of writes. A frame without a body is the seal of a full segment.

use wavetank_raft::checksum::{self, Checksum};

/// The length of a frame's header, in bytes. Each frame begins at a multiple of this number. Therefore a header
/// never crosses the border of a sector.
pub(super) const HEAD: usize = 32;
/// The number of bytes that a disk writes completely or not at all.
const SECTOR: u64 = 512;

/// The segment to which a frame belongs. `identity` is the random number of the directory, and `segment` is
/// the number of the segment. The checksum of a header covers both numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Origin {
    pub(super) identity: u64,
    pub(super) segment: u32,
}

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The length of the body in bytes; zero for a seal.
    pub(super) length: u32,
    pub(super) sequence: u64,
    /// The number of the oldest segment that the store needs after this frame.
    pub(super) oldest: u32,
    /// The number of sectors in which the frame has only zero bytes.
    blank: u32,
    body_checksum: u64,
}

/// The result of reading a header: only zeros, damaged bytes, or a valid header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HeadSpace {
    Blank,
    Damaged,
    Valid(Head),
}

/// The state of a frame whose header is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameState {
    Whole,
    /// At least one sector was not written.
    Torn,
    /// All sectors were written, but the body is not valid.
    Damaged,
}

impl Head {
    /// Returns the length of the frame in bytes: the header, the body and the padding before the next frame.
    pub(super) const fn frame_length(&self) -> u64 {
        padded(HEAD as u64 + self.length as u64)
    }

    /// Checks the body of a frame against the checksum in this header. `frame` is the header and the body.
    /// `offset` is the position of the frame in the segment, in bytes.
    pub(super) fn state_of(&self, frame: &[u8], offset: u64) -> FrameState {
        if checksum::of(&frame[HEAD..]) == self.body_checksum {
            FrameState::Whole
        } else if self.blank < blank_sectors(frame, offset) {
            FrameState::Torn
        } else {
            FrameState::Damaged
        }
    }
}

/// Rounds a length in bytes up to a multiple of [`HEAD`]. A frame is padded with zeros to this length.
pub(super) const fn padded(length: u64) -> u64 {
    length.next_multiple_of(HEAD as u64)
}

/// Writes the header into the first [`HEAD`] bytes of `frame`. The body follows these bytes. `offset` is the
/// position of the frame in the segment, in bytes. `sequence` is the number of the group, and `oldest` is the
/// number of the oldest segment that the store needs after this frame.
pub(super) fn write_head(frame: &mut [u8], origin: Origin, offset: u64, sequence: u64, oldest: u32) {
    let length = u32::try_from(frame.len() - HEAD).expect("a longer body is refused before");
    let body_checksum = checksum::of(&frame[HEAD..]);
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    frame[8..16].copy_from_slice(&sequence.to_le_bytes());
    frame[16..20].copy_from_slice(&oldest.to_le_bytes());
    // The sequence is not zero, so the first sector never counts as blank.
    let blank = blank_sectors(frame, offset);
    frame[20..24].copy_from_slice(&blank.to_le_bytes());
    frame[24..32].copy_from_slice(&body_checksum.to_le_bytes());
    let checksum = head_checksum(&frame[4..HEAD], origin, offset);
    frame[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// Decodes the bytes at the position `offset` of a segment as the header of a frame.
pub(super) fn read_head(bytes: &[u8; HEAD], origin: Origin, offset: u64) -> HeadSpace {
    if *bytes == [0; HEAD] {
        return HeadSpace::Blank;
    }
    if u32_at(bytes, 0) != head_checksum(&bytes[4..], origin, offset) {
        return HeadSpace::Damaged;
    }
    HeadSpace::Valid(Head {
        length: u32_at(bytes, 4),
        sequence: u64_at(bytes, 8),
        oldest: u32_at(bytes, 16),
        blank: u32_at(bytes, 20),
        body_checksum: u64_at(bytes, 24),
    })
}

pub(super) fn u32_at(bytes: &[u8; HEAD], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("the range has four bytes"))
}

pub(super) fn u64_at(bytes: &[u8; HEAD], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("the range has eight bytes"))
}

fn head_checksum(rest: &[u8], origin: Origin, offset: u64) -> u32 {
    let mut checksum = Checksum::default();
    checksum.update(&origin.identity.to_le_bytes());
    checksum.update(&origin.segment.to_le_bytes());
    checksum.update(&offset.to_le_bytes());
    checksum.update(rest);
    (checksum.finish() >> 32) as u32
}

/// Counts the sectors in which the frame has only zero bytes. `offset` is the position of the frame in the
/// segment, in bytes.
fn blank_sectors(frame: &[u8], offset: u64) -> u32 {
    let first = ((SECTOR - offset % SECTOR) as usize).min(frame.len());
    let (first, rest) = frame.split_at(first);
    let is_blank = |part: &&[u8]| part.iter().all(|byte| *byte == 0);
    std::iter::once(first).chain(rest.chunks(SECTOR as usize)).filter(is_blank).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin { identity: 77, segment: 3 };

    fn frame(body: &[u8], offset: u64) -> (Vec<u8>, Head) {
        let mut frame = vec![0; HEAD];
        frame.extend_from_slice(body);
        write_head(&mut frame, ORIGIN, offset, 9, 2);
        let HeadSpace::Valid(head) = read_head(frame.first_chunk().unwrap(), ORIGIN, offset) else {
            panic!("the header is not valid");
        };
        (frame, head)
    }

    #[test]
    fn a_header_is_valid_only_at_its_own_place() {
        let (frame, head) = frame(b"body", 64);
        assert_eq!((head.length, head.sequence, head.oldest), (4, 9, 2));
        assert_eq!(head.frame_length(), 64);
        assert_eq!(head.state_of(&frame, 64), FrameState::Whole);
        let bytes: &[u8; HEAD] = frame.first_chunk().unwrap();
        for other in [Origin { identity: 78, ..ORIGIN }, Origin { segment: 4, ..ORIGIN }] {
            assert_eq!(read_head(bytes, other, 64), HeadSpace::Damaged);
        }
        assert_eq!(read_head(bytes, ORIGIN, 96), HeadSpace::Damaged);
        for bit in 0..HEAD * 8 {
            let mut rotten = *bytes;
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_head(&rotten, ORIGIN, 64), HeadSpace::Damaged, "bit {bit}");
        }
        assert_eq!(read_head(&[0; HEAD], ORIGIN, 64), HeadSpace::Blank);
    }

    /// A body with sectors of zeros is the hard case: a missing sector must not look like a sector of zeros.
    #[test]
    fn each_missing_sector_makes_a_frame_torn_and_each_changed_bit_makes_it_damaged() {
        let mut body = vec![0; 2000];
        body[700..1300].fill(7);
        body[1999] = 1;
        let offset = 480;
        let (whole, head) = frame(&body, offset);
        let borders = [32, 544, 1056, 1568, 2032];
        for pair in borders.windows(2) {
            let mut torn = whole.clone();
            torn[pair[0]..pair[1]].fill(0);
            let expected = if torn == whole { FrameState::Whole } else { FrameState::Torn };
            assert_eq!(head.state_of(&torn, offset), expected, "{pair:?}");
        }
        for at in HEAD..whole.len() {
            let mut rotten = whole.clone();
            rotten[at] ^= 4;
            assert_eq!(head.state_of(&rotten, offset), FrameState::Damaged, "byte {at}");
        }
    }
}

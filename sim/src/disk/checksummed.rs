//! Values that are encoded as bytes with a checksum in front. Real disks and messages contain values in this
//! form.
//!
//! The simulation encodes a value only if a fault must flip bits of the value. Otherwise the simulation keeps
//! the value in memory without encoding. A fault flips bits in the encoded bytes. The reader decodes these
//! bytes like a real store or transport, and must detect the change.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use wavetank_raft::checksum;

/// A value encoded as bytes, with the checksum of the bytes in front.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checksummed(Vec<u8>);

/// The reason why bytes cannot be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are too few to contain a checksum.
    Short,
    /// The checksum does not match the content.
    Checksum,
    /// The checksum matches, but the content cannot be decoded.
    Malformed,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the bytes are too few to contain a checksum",
            Self::Checksum => "checksum mismatch",
            Self::Malformed => "the content cannot be decoded",
        })
    }
}

const CHECKSUM_LEN: usize = size_of::<u64>();

impl Checksummed {
    /// Encodes a value.
    ///
    /// # Panics
    /// Panics if the value cannot be encoded as JSON. All values that are stored or sent can be
    /// encoded.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        let content = serde_json::to_vec(value).expect("every stored or sent value can be encoded");
        let mut bytes = checksum::of(&content).to_le_bytes().to_vec();
        bytes.extend(content);
        Self(bytes)
    }

    /// Flips one to three bits. `word` selects the bits.
    #[must_use]
    pub fn flipped(mut self, word: u64) -> Self {
        flip(&mut self.0, word);
        self
    }

    /// Verifies the checksum and decodes the value.
    ///
    /// # Errors
    /// Returns an error if the checksum does not match, or if the content cannot be decoded.
    pub fn open<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let (sum, content) = self.0.split_first_chunk::<CHECKSUM_LEN>().ok_or(DecodeError::Short)?;
        if checksum::of(content) != u64::from_le_bytes(*sum) {
            return Err(DecodeError::Checksum);
        }
        serde_json::from_slice(content).map_err(|_| DecodeError::Malformed)
    }
}

/// Flips one to three different bits. `word` selects the bits. Does nothing if `bytes` is empty.
pub fn flip(bytes: &mut [u8], word: u64) {
    let bits = bytes.len() as u64 * 8;
    let many = (1 + word % 3).min(bits);
    for nth in 0..many {
        // Each bit is drawn from a different part of `bytes`. Otherwise two flips could hit the same bit and
        // cancel out.
        let (from, to) = (bits * nth / many, bits * (nth + 1) / many);
        let bit = from + (word >> 8) % (to - from);
        let at = usize::try_from(bit / 8).expect("an index into a slice fits into usize");
        bytes[at] ^= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_bytes_decode_and_changed_bytes_do_not() {
        let value = vec!["some".to_owned(), "words".to_owned()];
        let checksummed = Checksummed::of(&value);
        assert_eq!(checksummed.open::<Vec<String>>(), Ok(value));
        for word in (0..10_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let flipped = checksummed.clone().flipped(word);
            assert_ne!(flipped, checksummed);
            assert_eq!(flipped.open::<Vec<String>>(), Err(DecodeError::Checksum), "{word}");
        }
    }

    #[test]
    fn malformed_bytes_are_an_error() {
        assert_eq!(Checksummed::of(&7).open::<String>(), Err(DecodeError::Malformed));
        assert_eq!(Checksummed(vec![1, 2]).open::<u8>(), Err(DecodeError::Short));
        flip(&mut [], 5);
    }
}

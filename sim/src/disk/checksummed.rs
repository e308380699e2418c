//! Bytes under a seal: what lies on a disk or travels on a link, with its checksum in front.
//!
//! Nothing in the tank is written as bytes as long as nothing befalls it. Where bits are to flip,
//! the value is sealed, the bits flip in its bytes, and who reads it breaks the seal as a real store
//! or transport does: whether the change is noticed is found out, not assumed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use wavetank_raft::checksum;

/// A value as sealed bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checksummed(Vec<u8>);

/// Why sealed bytes cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// There are not even enough for a checksum.
    Short,
    /// They are not what was sealed.
    Checksum,
    /// They are what was sealed, and make no sense.
    Nonsense,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "cut short",
            Self::Checksum => "checksum mismatch",
            Self::Nonsense => "not readable",
        })
    }
}

const SUM: usize = size_of::<u64>();

impl Checksummed {
    /// Seals a value.
    ///
    /// # Panics
    /// When the value cannot be written as JSON, which all that is stored or sent can.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        let content = serde_json::to_vec(value).expect("whatever is stored or sent can be written");
        let mut bytes = checksum::of(&content).to_le_bytes().to_vec();
        bytes.extend(content);
        Self(bytes)
    }

    /// Flips one to three bits, as the word says.
    #[must_use]
    pub fn flipped(mut self, word: u64) -> Self {
        flip(&mut self.0, word);
        self
    }

    /// Breaks the seal.
    ///
    /// # Errors
    /// When the bytes are not what was sealed.
    pub fn open<T: DeserializeOwned>(&self) -> Result<T, Broken> {
        let (sum, content) = self.0.split_first_chunk::<SUM>().ok_or(Broken::Short)?;
        if checksum::of(content) != u64::from_le_bytes(*sum) {
            return Err(Broken::Checksum);
        }
        serde_json::from_slice(content).map_err(|_| Broken::Nonsense)
    }
}

/// Flips one to three different bits of some bytes, as the word says. Nothing if there are none.
pub fn flip(bytes: &mut [u8], word: u64) {
    let bits = bytes.len() as u64 * 8;
    let many = (1 + word % 3).min(bits);
    for nth in 0..many {
        // Three places that are never the same: each in a third of its own.
        let (from, to) = (bits * nth / many, bits * (nth + 1) / many);
        let bit = from + (word >> 8) % (to - from);
        let at = usize::try_from(bit / 8).expect("a place in memory");
        bytes[at] ^= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_read_and_what_was_changed_is_not() {
        let value = vec!["some".to_owned(), "words".to_owned()];
        let checksummed = Checksummed::of(&value);
        assert_eq!(checksummed.open::<Vec<String>>(), Ok(value));
        for word in (0..10_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let flipped = checksummed.clone().flipped(word);
            assert_ne!(flipped, checksummed);
            assert_eq!(flipped.open::<Vec<String>>(), Err(Broken::Checksum), "{word}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_value() {
        assert_eq!(Checksummed::of(&7).open::<String>(), Err(Broken::Nonsense));
        assert_eq!(Checksummed(vec![1, 2]).open::<u8>(), Err(Broken::Short));
        flip(&mut [], 5);
    }
}

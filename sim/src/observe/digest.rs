//! A digest of a run in 64 bits. If two runs differ in any step, their digests almost certainly differ, too.
//!
//! The rolling digest covers a few numbers of every step. The deep digest also covers the whole state of the
//! server that took the step, and needs much more time. Both digests are the same on every machine and at
//! every optimisation level.

use crate::plan::server_set::ServerIdx;
use crate::subject::View;
use std::hash::Hasher;
use wavetank_raft::{Event, RoleName, Time};

/// The digest of the steps that were added so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0x27d4_eb2f_1656_67c5)
    }
}

impl Digest {
    /// Adds a word to the digest.
    pub const fn take(&mut self, word: u64) {
        let mixed = self.0 ^ word.wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(31);
        self.0 = mixed.wrapping_mul(0x9e37_79b1_85eb_ca87).rotate_left(27);
    }

    /// Adds a step: the time, the server, the kind of the event, the state of the server after the step, and
    /// the number of actions.
    #[inline]
    pub fn take_step(&mut self, (now, idx, kind): (Time, ServerIdx, u64), view: &View, actions: usize) {
        let (role, last) = (view.role.unwrap_or(RoleName::Follower), view.last.unwrap_or_default());
        self.take(now.0);
        self.take(u64::from(idx.0) | kind << 8 | (role as u64) << 16 | (actions as u64) << 24);
        self.take(view.term.unwrap_or_default().0);
        self.take(view.commit.unwrap_or_default().0);
        self.take(last.term.0);
        self.take(last.index.0);
    }

    /// Returns the digest as a number.
    #[must_use]
    pub const fn value(self) -> u64 {
        let mixed = (self.0 ^ self.0 >> 29).wrapping_mul(0x1656_67b1_9e37_79f9);
        mixed ^ mixed >> 32
    }
}

/// A hasher for any value that implements `Hash`. The hasher gives the same result on all 64-bit machines.
impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.take(u64::from_le_bytes(word));
        }
        // Zeros pad the last chunk. Without the length, the bytes `[1]` and `[1, 0]` would give the
        // same digest.
        self.take(bytes.len() as u64);
    }

    fn write_u8(&mut self, number: u8) {
        self.take(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.take(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.take(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.take(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.take(number as u64);
    }

    fn finish(&self) -> u64 {
        self.value()
    }
}

/// Returns the number that stands for this kind of event.
pub(crate) const fn kind<Q, R>(event: &Event<Q, R>) -> u64 {
    match event {
        Event::Timer => 1,
        Event::Request { .. } => 2,
        Event::Response { .. } => 3,
        Event::Call { .. } => 4,
        Event::ApplyBatch(_) => 5,
        Event::Persisted(_) => 6,
        Event::Fetched { .. } => 7,
        Event::SnapshotRead { .. } => 8,
        Event::SnapshotWritten { .. } => 9,
        Event::Applied { .. } => 10,
        Event::SnapshotTaken(_) => 11,
        Event::Restored(_) => 12,
        Event::StoreFailed(_) => 13,
        Event::PeerSpeaks { .. } => 14,
    }
}

/// Returns the name of a kind of event, or `?` if no kind has this number.
pub(crate) const fn name(kind: u64) -> &'static str {
    const NAMES: [&str; 15] = [
        "?",
        "timer",
        "request",
        "response",
        "call",
        "calls",
        "written",
        "fetched",
        "snapshot_read",
        "snapshot_written",
        "applied",
        "snapshot_taken",
        "restored",
        "store_failed",
        "peer_speaks",
    ];
    if kind < NAMES.len() as u64 { NAMES[kind as usize] } else { NAMES[0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_every_bit_matter() {
        let digest = |words: &[u64]| {
            let mut digest = Digest::default();
            for &word in words {
                digest.take(word);
            }
            digest.value()
        };
        assert_eq!(digest(&[1, 2, 3]), digest(&[1, 2, 3]));
        assert_ne!(digest(&[1, 2, 3]), digest(&[2, 1, 3]));
        assert_ne!(digest(&[1, 2]), digest(&[1, 2, 0]));
        for bit in 0..64 {
            assert_ne!(digest(&[1 << bit]), digest(&[0]), "bit {bit}");
        }
    }
}

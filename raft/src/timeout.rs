//! Random timeouts. Each timeout is a hash of the seed, the server, the term and a number, so a server needs
//! no random generator in its state.

use crate::types::{NodeId, Span, Term};

/// The seed of a server's random timeouts. The seed is set when the server starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entropy(pub u64);

impl Entropy {
    /// Returns a span of at least `base` and less than `2 × base` (thesis §3.4). The same seed and the same
    /// arguments always give the same span. Another `ordinal` gives another random span in the same term.
    #[must_use]
    pub fn timeout(self, base: Span, node: NodeId, term: Term, ordinal: u64) -> Span {
        let mut hash = mix(self.0 ^ node.0);
        hash = mix(hash ^ term.0);
        hash = mix(hash ^ ordinal);
        Span(base.0 + hash % base.0.max(1))
    }
}

/// Computes a hash of `value`: one step of the generator splitmix64.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values were computed by another program from the published splitmix64.
    #[test]
    fn timeouts_are_the_same_on_every_machine() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        let drawn = |(entropy, base, term, ordinal)| {
            Entropy(entropy).timeout(Span(base), NodeId::of("n1"), Term(term), ordinal).0
        };
        let expected = [
            ((0, 1_000, 0, 0), 1_799),
            ((7, 1_000_000, 3, 1), 1_405_943),
            ((7, 1_000_000, 3, 2), 1_269_100),
            ((7, 1_000_000, 4, 1), 1_163_585),
            ((8, 1_000_000, 3, 1), 1_253_092),
            ((7, 0, 1, 1), 0),
        ];
        for (from, timeout) in expected {
            assert_eq!(drawn(from), timeout, "{from:?}");
        }
    }
}

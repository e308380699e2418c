//! Digests of entries and of whole log prefixes. The functions are fast, and equal inputs always give equal
//! digests. The digests are not secure.

use wavetank_raft::{Configuration, Entry, LogId, Member, Payload};

/// The digest of the empty log.
pub(crate) const EMPTY: u64 = 0;

const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(PRIME);
    hash ^ (hash >> 29)
}

/// Mixes a number into a digest. Returns the new digest.
#[must_use]
pub(crate) const fn mixed(hash: u64, word: u64) -> u64 {
    mix(hash.rotate_left(7), word)
}

/// Returns the digest of a log prefix that ends with this entry. `before` is the digest of the entries before
/// this entry.
#[must_use]
pub(crate) fn prefix(before: u64, entry: &Entry) -> u64 {
    prefix_with(before, entry.id, payload(&entry.payload))
}

/// Returns the digest of a log prefix that ends with an entry. `payload` is the digest of the entry's
/// payload.
#[must_use]
pub(crate) const fn prefix_with(before: u64, id: LogId, payload: u64) -> u64 {
    mix(mix(mix(before.rotate_left(17), id.index.0), id.term.0), payload)
}

/// Returns a digest of the payload of an entry.
#[must_use]
pub(crate) fn payload(payload: &Payload) -> u64 {
    match payload {
        Payload::Noop => 1,
        Payload::Barrier => 2,
        Payload::Command(data) => bytes(3, data),
        Payload::Extended(both) => bytes(bytes(4, &both.data), &both.extensions),
        Payload::Restore(data) => bytes(6, data),
        Payload::Configuration(to) => configuration(to),
    }
}

/// Returns a digest of a configuration. The digest covers the ids, the suffrages, the addresses and the order
/// of the members.
#[must_use]
pub(crate) fn configuration(configuration: &Configuration) -> u64 {
    member_lists(configuration.servers(), configuration.outgoing())
}

/// Returns a digest of a configuration with these lists of new and old members.
#[must_use]
pub(crate) fn member_lists(servers: &[Member], outgoing: &[Member]) -> u64 {
    members(members(5, servers), outgoing)
}

/// Returns a digest of the index and the term of an entry. This digest stands for the log prefix that ends
/// with the entry, if the entries of the prefix are unknown.
#[must_use]
pub(crate) const fn position(last: LogId) -> u64 {
    mix(mix(PRIME, last.index.0), last.term.0)
}

fn members(hash: u64, members: &[Member]) -> u64 {
    members.iter().fold(mix(hash, members.len() as u64), |hash, member| {
        let hash = mix(hash, member.suffrage as u64);
        bytes(bytes(hash, member.id.as_str().as_bytes()), member.address.as_str().as_bytes())
    })
}

fn bytes(hash: u64, bytes: &[u8]) -> u64 {
    let mut hash = mix(hash, bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash =
            mix(hash, u64::from_le_bytes(word.try_into().expect("a chunk of eight bytes has eight bytes")));
    }
    let rest = words.remainder().iter().fold(0, |rest, &byte| rest << 8 | u64::from(byte));
    mix(hash, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::{Index, Term};

    #[test]
    fn a_prefix_tells_content_order_and_place_apart() {
        let entry =
            |term, index, data: &[u8]| Entry::new(Term(term), Index(index), Payload::Command(data.into()));
        let base = prefix(EMPTY, &entry(1, 1, b"a"));
        let others = [
            prefix(EMPTY, &entry(1, 1, b"b")),
            prefix(EMPTY, &entry(2, 1, b"a")),
            prefix(EMPTY, &entry(1, 2, b"a")),
            prefix(EMPTY, &entry(1, 1, b"a\0")),
            prefix(base, &entry(1, 1, b"a")),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}

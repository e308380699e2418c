//! The encoding of log entries in a store. Each encoded entry has a checksum, and the checksum also covers
//! the index of the entry.
//!
//! An encoded entry has the form `checksum(4) kind(1) term(8) rest`. The number in parentheses is a length in
//! bytes, and `rest` is the content of the entry. If the entry has a time, the highest bit of the kind is set,
//! and eight bytes with the time are before the content. The checksum is the upper half of a CRC-64/XZ. The
//! encoded entry does not contain the index. Because the checksum covers the index, the store detects an
//! entry that the disk has written to a wrong place. Numbers are little-endian.

use crate::wire;
use std::sync::Arc;
use wavetank_raft::checksum::Checksum;
use wavetank_raft::store::{StoreError, StoreErrorKind};
use wavetank_raft::{AppendedAt, Entry, Extended, Index, Payload, Term};

const COMMAND: u8 = 0;
const NOOP: u8 = 1;
const BARRIER: u8 = 4;
const CONFIGURATION: u8 = 5;
const EXTENDED: u8 = 6;
const RESTORE: u8 = 7;
/// The bit of the kind that marks an entry with a time. Only leaders of HashiCorp Raft append such entries. An
/// entry without a time is encoded as in version 0.1.0, so this bit does not change the format of a store.
const TIMED: u8 = 0x80;

/// The length of the checksum, in bytes.
const HEAD: usize = 4;

/// Appends the encoded entry to `out`.
pub fn encode(entry: &Entry, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.push(kind_of(&entry.payload) | entry.appended_at.map_or(0, |_| TIMED));
    out.extend_from_slice(&entry.id.term.0.to_le_bytes());
    if let Some(time) = entry.appended_at {
        out.extend_from_slice(&time.unix_nanos().to_le_bytes());
    }
    match &entry.payload {
        Payload::Noop | Payload::Barrier => {}
        Payload::Command(data) | Payload::Restore(data) => out.extend_from_slice(data),
        Payload::Configuration(configuration) => {
            out.extend_from_slice(&wire::encode_configuration(configuration));
        }
        Payload::Extended(both) => {
            out.extend_from_slice(&(both.data.len() as u64).to_le_bytes());
            out.extend_from_slice(&both.data);
            out.extend_from_slice(&both.extensions);
        }
    }
    let checksum = checksum(entry.id.index, &out[begin + HEAD..]);
    out[begin..begin + HEAD].copy_from_slice(&checksum.to_le_bytes());
}

/// Decodes the bytes of the entry at `index`.
///
/// # Errors
/// Returns an error if the bytes are damaged, or if the bytes are the entry at another index.
pub fn decode(index: Index, bytes: &[u8]) -> Result<Entry, StoreError> {
    let damaged = || StoreError::new(StoreErrorKind::Corrupt, format!("log entry {index}"));
    let (head, body) = bytes.split_first_chunk::<HEAD>().ok_or_else(damaged)?;
    if u32::from_le_bytes(*head) != checksum(index, body) {
        return Err(damaged());
    }
    let (kind, body) = body.split_first().ok_or_else(damaged)?;
    let (term, rest) = body.split_first_chunk().ok_or_else(damaged)?;
    let (appended_at, rest) = if kind & TIMED == 0 {
        (None, rest)
    } else {
        let (nanos, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        (AppendedAt::from_unix_nanos(i64::from_le_bytes(*nanos)), rest)
    };
    let payload = payload(kind & !TIMED, rest).ok_or_else(damaged)?;
    Ok(Entry { appended_at, ..Entry::new(Term(u64::from_le_bytes(*term)), index, payload) })
}

const fn kind_of(payload: &Payload) -> u8 {
    match payload {
        Payload::Command(_) => COMMAND,
        Payload::Noop => NOOP,
        Payload::Barrier => BARRIER,
        Payload::Configuration(_) => CONFIGURATION,
        Payload::Extended(_) => EXTENDED,
        Payload::Restore(_) => RESTORE,
    }
}

fn payload(kind: u8, rest: &[u8]) -> Option<Payload> {
    Some(match kind {
        COMMAND => Payload::Command(rest.into()),
        RESTORE => Payload::Restore(rest.into()),
        NOOP => Payload::Noop,
        BARRIER => Payload::Barrier,
        CONFIGURATION => Payload::Configuration(Arc::new(wire::decode_configuration(rest).ok()?)),
        EXTENDED => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let (data, extensions) = rest.split_at_checked(length)?;
            Payload::Extended(Arc::new(Extended { data: data.into(), extensions: extensions.into() }))
        }
        _ => return None,
    })
}

fn checksum(index: Index, body: &[u8]) -> u32 {
    let mut checksum = Checksum::default();
    checksum.update(&index.0.to_le_bytes());
    checksum.update(body);
    (checksum.finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::{Configuration, Member};

    fn payloads() -> [Payload; 6] {
        let one = Configuration::new(vec![Member::voter("n1", "a1")]).unwrap();
        let both = Extended { data: Arc::from(*b"data"), extensions: Arc::from(*b"more") };
        [
            Payload::Noop,
            Payload::Barrier,
            Payload::Command(Arc::from(*b"command")),
            Payload::Restore(Arc::from(*b"state")),
            Payload::Configuration(Arc::new(one)),
            Payload::Extended(Arc::new(both)),
        ]
    }

    #[test]
    fn every_kind_comes_back_and_no_changed_bit_does() {
        let times = [None, AppendedAt::from_unix_nanos(-1)];
        let entries = payloads().into_iter().flat_map(|payload| {
            times.map(|appended_at| Entry { appended_at, ..Entry::new(Term(7), Index(300), payload.clone()) })
        });
        for entry in entries {
            let mut bytes = vec![1, 2, 3];
            encode(&entry, &mut bytes);
            bytes.drain(..3);
            assert_eq!(decode(Index(300), &bytes), Ok(entry));
            assert!(decode(Index(301), &bytes).is_err(), "in another one's place");
            for bit in 0..bytes.len() * 8 {
                let mut rotten = bytes.clone();
                rotten[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(Index(300), &rotten).is_err());
            }
            for length in 0..bytes.len() {
                assert!(decode(Index(300), &bytes[..length]).is_err());
            }
        }
    }
}

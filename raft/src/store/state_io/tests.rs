//! Reads in pieces of every size, and errors on their way through `std::io`.

use super::*;
use crate::store::inmem::InmemSource;
use alloc::string::ToString as _;
use alloc::vec;

/// Gives at most seven bytes at a time, and claims to have `size`.
struct Slow {
    source: InmemSource,
    size: u64,
}

fn slow(bytes: &[u8], size: u64) -> Slow {
    Slow { source: InmemSource::new(bytes.into()), size }
}

impl SnapshotSource for Slow {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, limit: u64) -> Result<Data, StoreError> {
        self.source.read_at(offset, limit.min(7))
    }
}

#[test]
fn every_split_of_the_reads_gives_the_same_bytes() {
    let bytes: Vec<u8> = (0..40).collect();
    for first in 0..=bytes.len() {
        let mut source = slow(&bytes, 40);
        let mut reader = SnapshotReader::new(&mut source);
        let mut begin = vec![0; first];
        reader.read_exact(&mut begin).expect("so many bytes are there");
        assert_eq!(reader.remaining(), 40 - first as u64);
        let rest = reader.read_all().expect("memory does not fail");
        assert_eq!([begin, rest].concat(), bytes);
        assert_eq!((reader.remaining(), reader.read_all()), (0, Ok(vec![])));
    }
}

#[test]
fn a_read_beyond_the_end_is_damage() {
    let mut source = slow(b"seven...", 8);
    let mut reader = SnapshotReader::new(&mut source);
    reader.read_exact(&mut [0; 6]).expect("eight bytes are there");
    let error = reader.read_exact(&mut [0; 3]).expect_err("two bytes are left");
    assert_eq!(error.to_string(), "cannot read 3 bytes at offset 6: the snapshot has only 8 bytes: damaged");
}

#[test]
fn a_store_with_fewer_bytes_than_its_size_is_damaged() {
    let mut source = slow(b"short", 9);
    let error = SnapshotReader::new(&mut source).read_all().expect_err("four bytes are missing");
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
}

#[cfg(feature = "std")]
mod std_io {
    use super::*;
    use crate::store::inmem::InmemSnapshotStore;
    use crate::store::{SnapshotStore, inmem::InmemSink};
    use crate::{Configuration, Index, LogId, Member, SnapshotMeta, Term};
    use std::io::{self, Read, Write};

    fn sink() -> InmemSink {
        let configuration = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one name");
        let last = LogId::new(Term(1), Index(1));
        let meta = SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 };
        InmemSnapshotStore::new(1).create(&meta).expect("memory does not fail")
    }

    #[test]
    fn a_state_is_copied_by_the_traits_of_std() {
        let mut sink = sink();
        let (mut source, mut expected) = (slow(b"sixteen and more", 16), sink.clone());
        expected.write(b"sixteen and more").expect("memory does not fail");
        let copied = io::copy(&mut SnapshotReader::new(&mut source), &mut SnapshotWriter::new(&mut sink));
        assert_eq!((copied.expect("memory does not fail"), sink), (16, expected));
    }

    #[test]
    fn the_error_of_a_store_comes_through_std_unchanged() {
        struct Full;
        impl SnapshotSink for Full {
            fn write(&mut self, _: &[u8]) -> Result<(), StoreError> {
                Err(StoreError::new(StoreErrorKind::Full, "disk"))
            }
        }
        let failed = Write::write_all(&mut SnapshotWriter::new(&mut Full), b"x").expect_err("it is full");
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        assert_eq!(StoreError::from(failed), StoreError::new(StoreErrorKind::Full, "disk"));
    }

    #[test]
    fn an_early_end_is_damage() {
        let mut source = slow(b"abc", 3);
        let mut reader = SnapshotReader::new(&mut source);
        let failed = Read::read_exact(&mut reader, &mut [0; 4]).expect_err("three bytes are there");
        assert_eq!(StoreError::from(failed).kind, StoreErrorKind::Corrupt);
    }
}

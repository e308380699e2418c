//! A list of snapshots as the model of a snapshot store that retains the newest ones.

use proptest::prelude::*;
use wavetank_raft::store::{SnapshotSink, SnapshotSource, SnapshotStore};
use wavetank_raft::{Configuration, Index, LogId, Member, SnapshotMeta, Term};

/// A snapshot that is written and then closed, or dropped.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    last: (u64, u64),
    bytes: Vec<u8>,
    is_closed: bool,
}

pub(crate) fn snapshots() -> impl Strategy<Value = Taken> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    ((1_u64..4, 1_u64..9), bytes, prop::bool::weighted(0.8)).prop_map(|(last, bytes, is_closed)| Taken {
        last,
        bytes,
        is_closed,
    })
}

/// The snapshots, newest first.
pub(crate) struct SnapshotModel {
    retain: usize,
    kept: Vec<(LogId, Vec<u8>)>,
}

impl SnapshotModel {
    pub(crate) const fn new(retain: usize) -> Self {
        Self { retain, kept: Vec::new() }
    }

    /// Applies the step to the model and to the store. There is one snapshot for each position of
    /// the log.
    pub(crate) fn apply(&mut self, store: &mut impl SnapshotStore, taken: &Taken) {
        let last = LogId::new(Term(taken.last.0), Index(taken.last.1));
        if self.kept.iter().any(|(kept, _)| *kept == last) {
            return;
        }
        let configuration = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one voter");
        let meta = SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 };
        let mut sink = store.create(&meta).expect("nothing fails here");
        taken.bytes.chunks(7).for_each(|piece| sink.write(piece).expect("nothing fails here"));
        if taken.is_closed {
            let closed = store.close(sink).expect("nothing fails here");
            assert_eq!((closed.last, closed.size), (last, taken.bytes.len() as u64));
            self.kept.push((last, taken.bytes.clone()));
            self.kept.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
            let oldest = self.kept.get(self.retain - 1).map_or(LogId::ZERO, |(oldest, _)| *oldest);
            // The server loads the snapshot that was closed last, or a newer one, so these must stay.
            self.kept.retain(|(kept, _)| oldest.min(last) <= *kept);
        } else {
            drop(sink);
        }
        self.check(store);
    }

    pub(crate) fn check(&self, store: &impl SnapshotStore) {
        let listed: Vec<LogId> =
            store.list().expect("nothing fails here").iter().map(|meta| meta.last).collect();
        let newest: Vec<LogId> = self.kept.iter().map(|(last, _)| *last).take(listed.len()).collect();
        assert!(self.retain.min(self.kept.len()) <= listed.len());
        assert_eq!(listed, newest);
        for (last, bytes) in &self.kept {
            let (meta, mut source) = store.open(*last).expect("nothing fails here");
            assert_eq!((meta.last, meta.size, source.size()), (*last, source.size(), bytes.len() as u64));
            assert_eq!(&source.read_at(0, 100).expect("nothing fails here")[..], bytes);
            let (from, upto) = (bytes.len().min(3), bytes.len().min(8));
            assert_eq!(&source.read_at(3, 5).expect("nothing fails here")[..], &bytes[from..upto]);
        }
        assert!(store.open(LogId::new(Term(9), Index(9))).is_err());
    }
}

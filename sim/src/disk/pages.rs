//! A file's bytes in a page cache and on the device, and the effect of a power cut on these bytes.

use crate::plan::rng::{Ratio, Stream};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: usize = 4096;
/// The number of bytes that a device writes atomically.
const SECTOR: usize = 512;
/// The probability that the cache writes a dirty page to the device between two writes to the page.
const WRITTEN_BACK: Ratio = Ratio::new(1, 8);

type PageBytes = Box<[u8; PAGE]>;

/// The pages of one file, in the cache and on the device.
///
/// 1. A missing page is full of zeros. The bytes after the end of the file are zeros, too.
/// 2. If a page is not dirty, the device and the cache have the same content of the page.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    pages: BTreeMap<u64, CachedPage>,
    dirty: BTreeSet<u64>,
    length: u64,
    synced_length: u64,
}

#[derive(Clone, Debug)]
struct CachedPage {
    now: PageBytes,
    /// The content of the page on the device while the page is dirty.
    before: PageBytes,
}

/// The effect of a power cut on unsynced data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// All unsynced data is lost.
    All,
    /// All unsynced data survives.
    None,
    /// Some unsynced pages survive. Each page survives completely or not at all.
    Pages,
    /// About half of the unsynced pages are treated as with [`Loss::Pages`]. From each of the other unsynced
    /// pages, a random set of sectors survives.
    Sectors,
}

impl Loss {
    pub(super) const KINDS: [Self; 4] = [Self::All, Self::None, Self::Pages, Self::Sectors];
}

impl Pages {
    pub(super) const fn len(&self) -> u64 {
        self.length
    }

    /// Reads from `offset` until `into` is full or the file ends. Returns the number of bytes that were
    /// read.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = into.len().min(left);
        for (number, within, piece) in pieces(offset, &mut into[..length]) {
            match self.pages.get(&number) {
                Some(page) => piece.copy_from_slice(&page.now[within..within + piece.len()]),
                None => piece.fill(0),
            }
        }
        length
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8], rng: &mut Stream) {
        let mut at = offset;
        let mut left = bytes;
        while !left.is_empty() {
            let within = (at % PAGE as u64) as usize;
            let (piece, rest) = left.split_at(left.len().min(PAGE - within));
            let page = self.touch(at / PAGE as u64, rng);
            page.now[within..within + piece.len()].copy_from_slice(piece);
            at += piece.len() as u64;
            left = rest;
        }
        self.length = self.length.max(at);
    }

    pub(super) fn set_len(&mut self, length: u64, rng: &mut Stream) {
        let cut = length..self.length;
        self.length = length;
        let behind: Vec<u64> =
            self.pages.range(cut.start / PAGE as u64..).map(|(number, _)| *number).collect();
        if cut.is_empty() {
            return;
        }
        for number in behind {
            let kept = length.saturating_sub(number * PAGE as u64).min(PAGE as u64) as usize;
            self.touch(number, rng).now[kept..].fill(0);
        }
    }

    /// Writes all dirty pages to the device.
    pub(super) fn sync(&mut self) {
        for number in std::mem::take(&mut self.dirty) {
            let page = self.pages.get_mut(&number).expect("every dirty page is in the cache");
            page.before.clone_from(&page.now);
        }
        self.settle(self.length);
    }

    /// Simulates a failed sync. The cache drops the pages that the device did not write, as some Linux file
    /// systems do. The next sync then reports success, although the data is lost.
    pub(super) fn drop_unsynced(&mut self, rng: &mut Stream) {
        self.cut_power(Loss::Pages, rng);
    }

    /// Cuts the power: the cache is lost. `loss` selects the unsynced data that the device still wrote.
    /// Returns the number of torn pages.
    pub(super) fn cut_power(&mut self, loss: Loss, rng: &mut Stream) -> u64 {
        let mut torn = 0;
        for number in std::mem::take(&mut self.dirty) {
            let page = self.pages.get_mut(&number).expect("every dirty page is in the cache");
            let sectors = match loss {
                Loss::All => 0,
                Loss::None => u8::MAX,
                Loss::Pages => whole(rng),
                Loss::Sectors if rng.chance(1, 2) => whole(rng),
                Loss::Sectors => rng.below(256) as u8,
            };
            let is_torn = sectors != 0 && sectors != u8::MAX && page.now != page.before;
            torn += u64::from(is_torn);
            for (at, sector) in page.now.chunks_exact_mut(SECTOR).enumerate() {
                if sectors >> at & 1 == 0 {
                    sector.copy_from_slice(&page.before[at * SECTOR..][..SECTOR]);
                }
            }
            page.before.clone_from(&page.now);
        }
        let is_length_kept = match loss {
            Loss::All => false,
            Loss::None => true,
            Loss::Pages | Loss::Sectors => rng.chance(1, 2),
        };
        self.settle(if is_length_kept { self.length } else { self.synced_length });
        torn
    }

    /// True if there is unsynced data.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.length != self.synced_length
    }

    fn settle(&mut self, length: u64) {
        (self.length, self.synced_length) = (length, length);
        self.pages.split_off(&length.div_ceil(PAGE as u64));
        let within = (length % PAGE as u64) as usize;
        // The bytes behind the end become visible again when the file grows.
        if let Some(last) = self.pages.get_mut(&(length / PAGE as u64)) {
            last.now[within..].fill(0);
            last.before[within..].fill(0);
        }
    }

    /// Returns a page and marks it as dirty. Creates the page if the page is missing.
    fn touch(&mut self, number: u64, rng: &mut Stream) -> &mut CachedPage {
        let blank = || Box::new([0; PAGE]);
        let page = self.pages.entry(number).or_insert_with(|| CachedPage { now: blank(), before: blank() });
        if !self.dirty.insert(number) && rng.hits(WRITTEN_BACK) {
            page.before.clone_from(&page.now);
        }
        page
    }
}

fn whole(rng: &mut Stream) -> u8 {
    if rng.chance(1, 2) { u8::MAX } else { 0 }
}

/// Splits a range of bytes at the page boundaries. Each piece has the page's number, the offset in the
/// page, and the bytes.
fn pieces(offset: u64, mut bytes: &mut [u8]) -> impl Iterator<Item = (u64, usize, &mut [u8])> {
    let mut at = offset;
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let (number, within) = (at / PAGE as u64, (at % PAGE as u64) as usize);
        let length = bytes.len().min(PAGE - within);
        let (piece, rest) = std::mem::take(&mut bytes).split_at_mut(length);
        bytes = rest;
        at += length as u64;
        Some((number, within, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rng::Domain;

    fn chance(seed: u64) -> Stream {
        Stream::new(seed, Domain::Device, 0, 0)
    }

    fn content(pages: &Pages) -> Vec<u8> {
        let mut bytes = vec![0xEE; pages.len() as usize];
        assert_eq!(pages.read(0, &mut bytes), bytes.len());
        bytes
    }

    #[test]
    fn a_file_holds_what_was_written() {
        let (mut pages, mut plain, mut rng) = (Pages::default(), Vec::new(), chance(1));
        for round in 0..500 {
            let (at, length) = (rng.below(20_000) as usize, rng.below(9_000) as usize);
            if round % 7 == 0 {
                plain.resize(at, 0);
                pages.set_len(at as u64, &mut rng);
            } else {
                plain.resize(plain.len().max(at + length), 0);
                plain[at..at + length].fill(round as u8);
                pages.write(at as u64, &vec![round as u8; length], &mut rng);
            }
            if round % 5 == 0 {
                pages.sync();
                pages.cut_power(Loss::All, &mut rng);
            }
            assert_eq!(content(&pages), plain, "round {round}");
        }
    }

    #[test]
    fn a_power_cut_leaves_synced_data_and_some_sectors_of_the_rest() {
        let mut torn = 0;
        for seed in 0..200 {
            let mut rng = chance(seed);
            let mut pages = Pages::default();
            pages.write(0, &[1; 3 * PAGE], &mut rng);
            pages.sync();
            pages.write(PAGE as u64, &[2; PAGE], &mut rng);
            torn += pages.cut_power(Loss::Sectors, &mut rng);
            let left = content(&pages);
            assert_eq!(left.len(), 3 * PAGE);
            assert!(left[..PAGE].iter().chain(&left[2 * PAGE..]).all(|byte| *byte == 1));
            assert!(left.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
            assert!(!pages.is_dirty());
        }
        assert!((50..150).contains(&torn), "{torn} of 200 pages are torn");
    }

    #[test]
    fn pages_dropped_by_a_failed_sync_do_not_come_back() {
        let mut rng = chance(3);
        let mut pages = Pages::default();
        pages.write(0, &[1; 64 * PAGE], &mut rng);
        pages.sync();
        pages.write(0, &[2; 64 * PAGE], &mut rng);
        pages.drop_unsynced(&mut rng);
        let left = content(&pages);
        assert!(left.contains(&1) && left.contains(&2));
        pages.sync();
        pages.cut_power(Loss::All, &mut rng);
        assert_eq!(content(&pages), left);
    }
}

//! The changes in the body of a frame, and the state after the changes of all frames.

use super::super::codec;
use std::collections::{BTreeMap, VecDeque};
use wavetank_raft::Entry;

const SET: u8 = 1;
const APPEND: u8 = 2;
const DELETE_FROM: u8 = 3;
const DELETE_UPTO: u8 = 4;
const BASE: u8 = 5;

/// The first index and the last index of the log. Both indexes are zero if the log is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Range {
    pub(super) const fn is_empty(self) -> bool {
        self.last == 0
    }

    pub(super) const fn position(self, index: u64) -> Option<usize> {
        if self.is_empty() || index < self.first || self.last < index {
            return None;
        }
        Some((index - self.first) as usize)
    }

    /// Adds `count` entries at the end of the range. The first added entry has the index `first`.
    fn append(&mut self, first: u64, count: u32) -> Result<(), String> {
        let Some(more) = count.checked_sub(1) else { return Ok(()) };
        if !self.is_empty() && self.last.checked_add(1) != Some(first) {
            return Err(format!("entry i{first} does not follow entry i{}", self.last));
        }
        let last = first.checked_add(u64::from(more)).filter(|_| first != 0);
        let last = last.ok_or_else(|| format!("entry i{first} has an invalid index"))?;
        *self = Self { first: if self.is_empty() { first } else { self.first }, last };
        Ok(())
    }

    fn delete_from(&mut self, index: u64) {
        if index <= self.first {
            *self = Self::default();
        } else {
            self.last = self.last.min(index - 1);
        }
    }

    fn delete_upto(&mut self, index: u64) {
        if self.last <= index {
            *self = Self::default();
        } else {
            self.first = self.first.max(index + 1);
        }
    }
}

/// The place of an encoded entry. `segment` is the number of the segment. `offset` is the position of the
/// entry in the segment, and `length` is the length of the entry, both in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// Stands for the place of an entry in a segment that was not read. No segment has the number zero.
const GONE: Place = Place { segment: 0, offset: 0, length: 0 };

/// The content of the store: the records by key, the indexes of the log, and the places of the entries.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct State {
    pub(super) records: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) range: Range,
    places: VecDeque<Place>,
}

impl State {
    pub(super) fn place(&self, index: u64) -> Option<Place> {
        self.places.get(self.range.position(index)?).copied()
    }

    /// True if the log has an entry in a segment that was not read.
    pub(super) fn has_gone_entries(&self) -> bool {
        self.places.contains(&GONE)
    }

    /// Returns the number of the segment that contains the first entry; `None` if the log is empty.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.places.front().map(|place| place.segment)
    }

    /// Appends the base of a segment to `body`: changes that replace any state by this state. The places of
    /// the entries are not included.
    pub(super) fn encode_base(&self, body: &mut Vec<u8>) {
        body.push(BASE);
        body.extend_from_slice(&self.range.first.to_le_bytes());
        body.extend_from_slice(&self.range.last.to_le_bytes());
        for (key, value) in &self.records {
            encode_set(key, value, body);
        }
    }

    /// Executes the changes in the body of a frame. The body begins at the byte `offset` of the segment with
    /// the number `segment`.
    ///
    /// # Errors
    /// Returns an error if the body contains an invalid change. After an error, the state is not usable.
    pub(super) fn apply(&mut self, body: &[u8], segment: u32, offset: u64) -> Result<(), String> {
        let mut rest = Unread(body);
        while let Some([kind]) = rest.array() {
            self.apply_one(kind, &mut rest, (segment, offset + body.len() as u64))?;
        }
        Ok(())
    }

    fn apply_one(&mut self, kind: u8, rest: &mut Unread<'_>, end: (u32, u64)) -> Result<(), String> {
        match kind {
            SET => {
                let (key, value) = rest.record().ok_or(SHORT)?;
                self.records.insert(key.to_vec(), value.to_vec());
            }
            APPEND => self.append(rest, end)?,
            DELETE_FROM => {
                self.range.delete_from(rest.number().ok_or(SHORT)?);
                self.places.truncate(self.length());
            }
            DELETE_UPTO => {
                self.range.delete_upto(rest.number().ok_or(SHORT)?);
                self.places.drain(..self.places.len() - self.length());
            }
            BASE => {
                let (first, last) = rest.number().zip(rest.number()).ok_or(SHORT)?;
                if last < first || (first == 0) != (last == 0) {
                    return Err(format!("the base has an invalid range of indexes, {first} to {last}"));
                }
                *self = Self { range: Range { first, last }, ..Self::default() };
                self.places.resize(self.length(), GONE);
            }
            _ => return Err(format!("the frame contains a change of the unknown kind {kind}")),
        }
        Ok(())
    }

    fn append(&mut self, rest: &mut Unread<'_>, (segment, end): (u32, u64)) -> Result<(), String> {
        let first = rest.number().ok_or(SHORT)?;
        let count = u32::from_le_bytes(rest.array().ok_or(SHORT)?);
        self.range.append(first, count)?;
        for _ in 0..count {
            let length = u32::from_le_bytes(rest.array().ok_or(SHORT)?);
            let offset = u32::try_from(end - rest.0.len() as u64).map_err(|_| "the segment is too long")?;
            rest.take(length as usize).ok_or(SHORT)?;
            self.places.push_back(Place { segment, offset, length });
        }
        Ok(())
    }

    fn length(&self) -> usize {
        if self.range.is_empty() { 0 } else { (self.range.last - self.range.first + 1) as usize }
    }
}

const SHORT: &str = "the frame ends inside a change";

/// The part of a body that has not been read yet.
struct Unread<'a>(&'a [u8]);

impl<'a> Unread<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn record(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let [key] = self.array()?;
        let value = u32::from_le_bytes(self.array()?);
        self.take(usize::from(key)).zip(self.take(value as usize))
    }
}

/// The changes of a frame that is being encoded.
#[derive(Debug)]
pub(super) struct Group<'a> {
    body: &'a mut Vec<u8>,
    range: Range,
    /// The lowest index that this group appends or deletes at the end of the log; `u64::MAX` if there is no
    /// such index.
    rewritten_from: u64,
}

impl<'a> Group<'a> {
    /// Begins a group of changes at the end of `body`. `range` has the indexes of the log before the group.
    pub(super) const fn new(body: &'a mut Vec<u8>, range: Range) -> Self {
        Self { body, range, rewritten_from: u64::MAX }
    }

    pub(super) const fn range(&self) -> Range {
        self.range
    }

    /// Returns the number of the segment that contains the first entry of the log after this group is
    /// executed. Returns `current`, the number of this group's segment, if the log is empty then.
    pub(super) fn oldest(&self, state: &State, current: u32) -> u32 {
        let is_kept = !self.range.is_empty() && self.range.first < self.rewritten_from;
        let kept = if is_kept { state.place(self.range.first) } else { None };
        kept.map_or(current, |place| place.segment)
    }

    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        if usize::from(u8::MAX) < key.len() || u32::try_from(value.len()).is_err() {
            return Err("a record has a key of more than 255 bytes, or a value of more than 4 GiB".to_owned());
        }
        encode_set(key, value, self.body);
        Ok(())
    }

    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), String> {
        let Some(first) = entries.first().map(|entry| entry.id.index.0) else { return Ok(()) };
        let count = u32::try_from(entries.len()).map_err(|_| "the group has more than 4 billion entries")?;
        self.rewritten_from = self.rewritten_from.min(first);
        self.body.push(APPEND);
        self.body.extend_from_slice(&first.to_le_bytes());
        self.body.extend_from_slice(&count.to_le_bytes());
        for entry in entries {
            self.range.append(entry.id.index.0, 1)?;
            let begin = self.body.len();
            self.body.extend_from_slice(&[0; 4]);
            codec::encode(entry, self.body);
            let length = u32::try_from(self.body.len() - begin - 4);
            let length = length.map_err(|_| format!("entry i{} is too long", entry.id.index.0))?;
            self.body[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
        }
        Ok(())
    }

    pub(super) fn delete_from(&mut self, index: u64) {
        self.rewritten_from = self.rewritten_from.min(index);
        self.range.delete_from(index);
        self.body.push(DELETE_FROM);
        self.body.extend_from_slice(&index.to_le_bytes());
    }

    pub(super) fn delete_upto(&mut self, index: u64) {
        self.range.delete_upto(index);
        self.body.push(DELETE_UPTO);
        self.body.extend_from_slice(&index.to_le_bytes());
    }
}

fn encode_set(key: &[u8], value: &[u8], body: &mut Vec<u8>) {
    body.push(SET);
    body.push(u8::try_from(key.len()).expect("a longer key was refused"));
    body.extend_from_slice(&u32::try_from(value.len()).expect("a longer value was refused").to_le_bytes());
    body.extend_from_slice(key);
    body.extend_from_slice(value);
}

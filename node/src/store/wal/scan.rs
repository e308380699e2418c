//! Reads the frames of a segment in order, up to the end of the valid frames. The first frame is the base of
//! the segment. Each later frame is one group of writes, or the seal of a full segment.

use super::super::files::Files;
use super::super::open_error::{OpenError, OpenFailure};
use super::frame::{FrameState, HEAD, Head, HeadSpace, Origin, read_head};
use super::segment::SegmentHead;
use std::io;
use std::path::Path;

/// The number of bytes in one read from the file. If a frame is longer, one read has the length of the frame.
const PIECE: usize = 256 << 10;

/// A valid frame of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) head: Head,
    pub(super) offset: u64,
}

/// A reader of the frames of one segment.
#[derive(Debug)]
pub(super) struct Scan<'a, F: Files> {
    source: Source<'a, F>,
    origin: Origin,
    path: &'a Path,
    /// The last valid frame that was read, apart from a seal; `None` before the first frame.
    pub(super) last: Option<Frame>,
    /// The offset of the next frame, in bytes.
    pub(super) end: u64,
    pub(super) is_sealed: bool,
}

impl<'a, F: Files> Scan<'a, F> {
    /// Reads the header of the segment with the number `number`. `identity` is the random number of the
    /// directory; `None` if this number is not known yet. Returns an error if the header is damaged, or has
    /// another format number, segment number or random number.
    pub(super) fn open(
        files: &'a F,
        path: &'a Path,
        file: F::File,
        number: u32,
        identity: Option<u64>,
    ) -> Result<Self, OpenError> {
        let length = files.length(&file).map_err(|error| OpenError::io(path, &error))?;
        let mut source = Source { files, file, length, piece: Vec::new(), at: 0 };
        let refused = |failure| Err(OpenError::new(path, failure));
        let bytes = source.bytes(0, HEAD as u64).map_err(|error| OpenError::io(path, &error))?;
        let Some(bytes) = bytes.first_chunk() else {
            return refused(OpenFailure::Damaged(
                "the file ends inside the header of the segment".to_owned(),
            ));
        };
        let head = SegmentHead::decode(bytes).map_err(|failure| OpenError::new(path, failure))?;
        if identity.is_some_and(|identity| identity != head.identity) {
            let what = "the segment belongs to another directory than the newest segment";
            return refused(OpenFailure::Damaged(what.to_owned()));
        }
        if head.number != number {
            let what =
                format!("the file contains segment {}, but has the name of segment {number}", head.number);
            return refused(OpenFailure::Damaged(what));
        }
        let origin = Origin { identity: head.identity, segment: number };
        Ok(Self { source, origin, path, last: None, end: HEAD as u64, is_sealed: false })
    }

    pub(super) const fn identity(&self) -> u64 {
        self.origin.identity
    }

    pub(super) const fn number(&self) -> u32 {
        self.origin.segment
    }

    /// Returns the number of the next group.
    pub(super) fn next_sequence(&self) -> u64 {
        match &self.last {
            None => 0,
            // The base has the number of the first group.
            Some(frame) if frame.offset == HEAD as u64 => frame.head.sequence,
            Some(frame) => frame.head.sequence + 1,
        }
    }

    /// True if the segment has a base, but has no group and no seal.
    pub(super) fn has_only_base(&self) -> bool {
        !self.is_sealed && self.last.is_some_and(|frame| frame.offset == HEAD as u64)
    }

    /// Returns the next valid frame with its body; `None` at the end of the valid frames.
    ///
    /// # Errors
    /// Returns an error if the next frame is damaged, or if a later group follows a frame that is not valid.
    pub(super) fn next_frame(&mut self) -> Result<Option<(Frame, &[u8])>, OpenError> {
        if self.is_sealed {
            return Ok(None);
        }
        let Some(frame) = self.find_frame().map_err(|failure| OpenError::new(self.path, failure))? else {
            return Ok(None);
        };
        self.end = frame.offset + frame.head.frame_length();
        if frame.head.length == 0 {
            self.is_sealed = true;
            return Ok(None);
        }
        self.last = Some(frame);
        let path = self.path;
        let bytes = self.frame_bytes(frame).map_err(|error| OpenError::io(path, &error))?;
        Ok(Some((frame, &bytes[HEAD..])))
    }

    /// Returns the header and the body of a frame.
    fn frame_bytes(&mut self, frame: Frame) -> io::Result<&[u8]> {
        self.source.bytes(frame.offset, HEAD as u64 + u64::from(frame.head.length))
    }

    fn find_frame(&mut self) -> Result<Option<Frame>, OpenFailure> {
        let offset = self.end;
        let damaged = |what: &str| Err(OpenFailure::Damaged(format!("{what} at offset {offset}")));
        let head = self.source.bytes(offset, HEAD as u64).map_err(|error| OpenFailure::of(&error))?;
        let Some(head) = head.first_chunk() else { return damaged("the file ends too early") };
        let head = match read_head(head, self.origin, offset) {
            HeadSpace::Blank if self.last.is_none() => return damaged("there is no base"),
            HeadSpace::Blank => return self.expect_no_later_group(offset).map(|()| None),
            HeadSpace::Damaged => return damaged("the header is damaged or in a wrong place"),
            HeadSpace::Valid(head) => head,
        };
        if self.last.is_some() && head.sequence != self.next_sequence() {
            let what = format!("group {} is in the place of group {}", head.sequence, self.next_sequence());
            return damaged(&what);
        }
        // Space for the next header follows every frame except a seal.
        let next = if head.length == 0 { 0 } else { HEAD as u64 };
        if self.source.length < offset + head.frame_length() + next {
            return damaged("the file ends within the frame");
        }
        let frame = Frame { head, offset };
        let bytes = self.frame_bytes(frame).map_err(|error| OpenFailure::of(&error))?;
        match head.state_of(bytes, offset) {
            FrameState::Whole => Ok(Some(frame)),
            FrameState::Torn if self.last.is_some() => self.expect_no_later_group(offset).map(|()| None),
            FrameState::Torn | FrameState::Damaged => damaged("the content of the frame is damaged"),
        }
    }

    /// Checks that no valid header of a later group follows the invalid group at `offset`. The store writes a
    /// group only after the previous group is durable. Therefore a later group shows that the invalid group
    /// was durable, and is damaged now.
    fn expect_no_later_group(&mut self, offset: u64) -> Result<(), OpenFailure> {
        let (origin, expected) = (self.origin, self.next_sequence());
        let mut at = offset + HEAD as u64;
        while at < self.source.length {
            let bytes = self.source.bytes(at, PIECE as u64).map_err(|error| OpenFailure::of(&error))?;
            for head in bytes.as_chunks::<HEAD>().0 {
                let found = read_head(head, origin, at);
                if matches!(found, HeadSpace::Valid(head) if expected < head.sequence) {
                    let what =
                        format!("group {expected} at offset {offset} is damaged: a later group follows");
                    return Err(OpenFailure::Damaged(what));
                }
                at += HEAD as u64;
            }
            at = if bytes.len() < PIECE { self.source.length } else { at };
        }
        Ok(())
    }

    /// Replaces all bytes after the valid frames by zeros, writes the last frame again, and syncs the file.
    /// Returns the file, and the length of the file in bytes.
    ///
    /// If an earlier sync failed, the page cache may keep pages and never write these pages to the disk. The
    /// second write of the last frame makes the pages of this frame dirty, so the sync includes these pages.
    pub(super) fn repair(mut self) -> io::Result<(F::File, u64)> {
        let mut at = self.end;
        while at < self.source.length {
            let bytes = self.source.bytes(at, PIECE as u64)?;
            let length = bytes.len() as u64;
            if bytes.iter().any(|byte| *byte != 0) {
                let zeros = vec![0; bytes.len()];
                self.source.files.write_at(&mut self.source.file, at, &zeros)?;
            }
            at += length.max(1);
        }
        if let Some(frame) = self.last {
            let bytes = self.frame_bytes(frame)?.to_vec();
            self.source.files.write_at(&mut self.source.file, frame.offset, &bytes)?;
        }
        self.source.files.sync_data(&mut self.source.file)?;
        Ok((self.source.file, self.source.length))
    }
}

/// A file that is read in pieces.
#[derive(Debug)]
struct Source<'a, F: Files> {
    files: &'a F,
    file: F::File,
    length: u64,
    piece: Vec<u8>,
    /// The offset of the piece in the file, in bytes.
    at: u64,
}

impl<F: Files> Source<'_, F> {
    /// Returns `length` bytes from the position `offset` of the file, or fewer bytes at the end of the file.
    /// `length` is at most [`PIECE`], or the length of a frame that lies in the file.
    fn bytes(&mut self, offset: u64, length: u64) -> io::Result<&[u8]> {
        let end = (offset + length).min(self.length);
        let is_there = self.at <= offset && end <= self.at + self.piece.len() as u64;
        if !is_there {
            let wanted = (length as usize).max(PIECE);
            self.piece.resize(wanted, 0);
            let read = self.files.read_at(&mut self.file, offset, &mut self.piece)?;
            self.piece.truncate(read);
            self.at = offset;
        }
        let begin = ((offset - self.at) as usize).min(self.piece.len());
        let length = (length as usize).min(self.piece.len() - begin);
        Ok(&self.piece[begin..begin + length])
    }
}

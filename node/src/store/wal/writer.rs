//! Writes frames at the end of the newest segment, begins new segments, and deletes old segments. A segment
//! begins with its base, and a full segment ends with a seal.

use super::super::codec;
use super::super::files::Files;
use super::super::io_error::io_error;
use super::super::open_error::{OpenError, OpenFailure};
use super::WalOptions;
use super::frame::{HEAD, Origin, padded, write_head};
use super::recovery::{Tail, recover};
use super::segment::{self, LOCK, SegmentHead, TEMPORARY};
use super::state::{Group, Place, State};
use std::io;
use std::path::{Path, PathBuf};
use wavetank_raft::store::{StoreError, StoreErrorKind};
use wavetank_raft::{Entry, Index};

/// The maximum capacity of the buffer for frames between two writes, in bytes. After a longer frame, the
/// store reduces the buffer to this capacity.
const KEPT_BYTES: usize = 1 << 20;
/// The maximum of [`WalOptions::segment_bytes`]. The offset of an entry has four bytes, so a segment must be
/// shorter than 4 GiB.
const SEGMENT_MAX: u64 = 2 << 30;
/// The maximum number of zero bytes in one write.
const PIECE: u64 = 256 << 10;

/// An open directory of segments.
///
/// 1. `state` contains exactly the durable groups.
/// 2. After a failed write, the store refuses all later writes.
#[derive(Debug)]
pub(super) struct Wal<F: Files> {
    files: F,
    directory: PathBuf,
    options: WalOptions,
    identity: u64,
    pub(super) state: State,
    tail: Tail<F::File>,
    /// The number of the oldest segment that was not deleted.
    oldest: u32,
    /// The number and the file of the segment that was read last, apart from the newest segment; `None` if no
    /// file is open.
    open_segment: Option<(u32, F::File)>,
    frame: Vec<u8>,
    has_failed: bool,
    _lock: F::File,
}

impl<F: Files> Wal<F> {
    pub(super) fn open(files: F, directory: &Path, options: WalOptions) -> Result<Self, OpenError> {
        let failed = |error: io::Error| OpenError::io(directory, &error);
        files.make_dir(directory).map_err(failed)?;
        let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        files.sync_dir(parent.unwrap_or_else(|| Path::new("."))).map_err(failed)?;
        let lock = files.try_lock(&directory.join(LOCK)).map_err(failed)?;
        let lock = lock.ok_or_else(|| OpenError::new(directory, OpenFailure::Locked))?;
        let (identity, state, tail, oldest) = match recover(&files, directory)? {
            Some(found) => (found.identity, found.state, found.tail, found.oldest),
            None => {
                let (state, head) = (State::default(), SegmentHead { identity: files.unique(), number: 1 });
                let tail = create_segment(&files, directory, head, &state, (1, &options)).map_err(failed)?;
                (head.identity, state, tail, 1)
            }
        };
        Ok(Self {
            files,
            directory: directory.to_owned(),
            options,
            identity,
            state,
            tail,
            oldest,
            open_segment: None,
            frame: Vec::new(),
            has_failed: false,
            _lock: lock,
        })
    }

    /// Writes the group of changes that `build` makes, with one sync. The store makes all of these
    /// changes or none of them.
    ///
    /// # Errors
    /// Returns an error if the device fails. In that case the content of the disk is unknown. Also returns an
    /// error if `build` fails or if an earlier write has failed. In that case no change of the group is
    /// written.
    pub(super) fn write(
        &mut self,
        build: impl FnOnce(&mut Group<'_>, &State) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(
                self.refused(StoreErrorKind::Io, "an earlier write failed, so nothing more is written")
            );
        }
        if self.options.segment_bytes.min(SEGMENT_MAX) <= self.tail.end {
            self.roll().map_err(|error| self.failed(&error))?;
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        frame.resize(HEAD, 0);
        let mut group = Group::new(&mut frame, self.state.range);
        let built = build(&mut group, &self.state);
        let oldest = group.oldest(&self.state, self.tail.number);
        let written = match built {
            Err(what) => Err(self.refused(StoreErrorKind::Corrupt, &what)),
            Ok(()) if frame.len() == HEAD => Ok(()),
            Ok(()) => self.append(&mut frame, oldest).map_err(|error| self.failed(&error)),
        };
        frame.clear();
        frame.shrink_to(KEPT_BYTES);
        self.frame = frame;
        written
    }

    fn append(&mut self, frame: &mut [u8], oldest: u32) -> io::Result<()> {
        let offset = self.tail.end;
        let end = offset + padded(frame.len() as u64);
        if u64::from(u32::MAX) < end {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a group is longer than 2 GiB"));
        }
        self.reserve(end + HEAD as u64)?;
        write_head(frame, self.origin(), offset, self.tail.sequence, oldest);
        self.files.write_at(&mut self.tail.file, offset, frame)?;
        self.files.sync_data(&mut self.tail.file)?;
        let applied = self.state.apply(&frame[HEAD..], self.tail.number, offset + HEAD as u64);
        applied.expect("the group was checked when it was encoded");
        self.tail.end = end;
        self.tail.sequence += 1;
        self.delete_before(oldest)
    }

    /// Makes the file of the newest segment at least `length` bytes long. The added bytes are durable zeros.
    fn reserve(&mut self, length: u64) -> io::Result<()> {
        if length <= self.tail.length {
            return Ok(());
        }
        let upto = length.max(self.tail.length + self.options.ahead_bytes);
        write_zeros(&self.files, &mut self.tail.file, self.tail.length, upto)?;
        self.files.sync_data(&mut self.tail.file)?;
        self.tail.length = upto;
        Ok(())
    }

    /// Creates the next segment, and then seals the current segment.
    fn roll(&mut self) -> io::Result<()> {
        let number = self.tail.number.checked_add(1).ok_or_else(|| io::Error::other("too many segments"))?;
        let head = SegmentHead { identity: self.identity, number };
        let sequence = self.tail.sequence;
        let next =
            create_segment(&self.files, &self.directory, head, &self.state, (sequence, &self.options))?;
        let mut seal = [0; HEAD];
        write_head(&mut seal, self.origin(), self.tail.end, sequence, self.oldest);
        self.files.write_at(&mut self.tail.file, self.tail.end, &seal)?;
        self.files.sync_data(&mut self.tail.file)?;
        self.tail = next;
        self.delete_before(self.state.oldest().unwrap_or(number))
    }

    fn delete_before(&mut self, oldest: u32) -> io::Result<()> {
        for number in self.oldest..oldest {
            self.open_segment.take_if(|(open, _)| *open == number);
            self.files.remove_file(&self.directory.join(segment::name(number)))?;
        }
        self.oldest = self.oldest.max(oldest);
        Ok(())
    }

    /// Reads the entry at `index`. Returns `None` if the log has no entry at `index`.
    pub(super) fn entry(&mut self, index: Index) -> Result<Option<Entry>, StoreError> {
        let Some(place) = self.state.place(index.0) else { return Ok(None) };
        let mut bytes = vec![0; place.length as usize];
        let read =
            self.read(place, &mut bytes).map_err(|error| io_error(&self.path(place.segment), &error))?;
        codec::decode(index, &bytes[..read]).map(Some)
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<usize> {
        let offset = u64::from(place.offset);
        if place.segment == self.tail.number {
            return self.files.read_at(&mut self.tail.file, offset, into);
        }
        let path = self.path(place.segment);
        let (_, file) = match self.open_segment.take() {
            Some(open) if open.0 == place.segment => self.open_segment.insert(open),
            Some(_) | None => self.open_segment.insert((place.segment, self.files.open(&path)?)),
        };
        self.files.read_at(file, offset, into)
    }

    const fn origin(&self) -> Origin {
        Origin { identity: self.identity, segment: self.tail.number }
    }

    fn path(&self, number: u32) -> PathBuf {
        self.directory.join(segment::name(number))
    }

    pub(super) fn refused(&self, kind: StoreErrorKind, what: &str) -> StoreError {
        StoreError::new(kind, format!("{}: {what}", self.directory.display()))
    }

    fn failed(&mut self, error: &io::Error) -> StoreError {
        self.has_failed = true;
        io_error(&self.path(self.tail.number), error)
    }
}

/// Creates a segment with the base `state`. `sequence` is the number of the segment's first group. The file
/// gets its final name after the content of the file is durable.
fn create_segment<F: Files>(
    files: &F,
    directory: &Path,
    head: SegmentHead,
    state: &State,
    (sequence, options): (u64, &WalOptions),
) -> io::Result<Tail<F::File>> {
    let (temporary, origin) =
        (directory.join(TEMPORARY), Origin { identity: head.identity, segment: head.number });
    let mut base = vec![0; HEAD];
    state.encode_base(&mut base);
    write_head(&mut base, origin, HEAD as u64, sequence, state.oldest().unwrap_or(head.number));
    let mut bytes = head.encode().to_vec();
    bytes.append(&mut base);
    let end = padded(bytes.len() as u64);
    let length = options.ahead_bytes.max(end + HEAD as u64);
    let mut file = files.create(&temporary)?;
    files.write_at(&mut file, 0, &bytes)?;
    write_zeros(files, &mut file, bytes.len() as u64, length)?;
    files.sync_data(&mut file)?;
    files.rename(&temporary, &directory.join(segment::name(head.number)))?;
    files.sync_dir(directory)?;
    Ok(Tail { number: head.number, file, end, length, sequence })
}

fn write_zeros<F: Files>(files: &F, file: &mut F::File, from: u64, upto: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE.min(upto - from) as usize];
    let mut at = from;
    while at < upto {
        let length = (upto - at).min(PIECE);
        files.write_at(file, at, &zeros[..length as usize])?;
        at += length;
    }
    Ok(())
}

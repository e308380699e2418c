//! Reads a directory of segments. Checks that no segment and no group is missing, and repairs the end of the
//! newest segment. A segment begins with its base, and a full segment ends with a seal.

use super::super::files::Files;
use super::super::open_error::{OpenError, OpenFailure};
use super::frame::{HEAD, Origin, write_head};
use super::scan::Scan;
use super::segment::{self, TEMPORARY};
use super::state::State;
use std::path::{Path, PathBuf};

/// The newest segment. The store writes only to this segment.
#[derive(Debug)]
pub(super) struct Tail<T> {
    pub(super) number: u32,
    pub(super) file: T,
    /// The offset of the next frame, in bytes.
    pub(super) end: u64,
    /// The length of the file in bytes. All bytes from `end` to the end of the file are durable zeros.
    pub(super) length: u64,
    /// The number of the next group.
    pub(super) sequence: u64,
}

/// The content of a directory of segments.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub(super) identity: u64,
    pub(super) state: State,
    pub(super) tail: Tail<T>,
    /// The number of the oldest segment that is needed.
    pub(super) oldest: u32,
}

/// A directory with at least one segment.
struct Directory<'a, F> {
    files: &'a F,
    path: &'a Path,
    identity: u64,
    newest: u32,
}

/// A segment before the newest segment.
struct Earlier {
    path: PathBuf,
    is_sealed: bool,
    /// The offset of the seal, in bytes.
    end: u64,
    seal: [u8; HEAD],
    /// The number of the first group in the next segment.
    sequence: u64,
}

/// Reads the segments in a directory. Returns `None` if there is no segment.
///
/// # Errors
/// Returns an error if a segment is missing or damaged, or if the device fails.
pub(super) fn recover<F: Files>(files: &F, path: &Path) -> Result<Option<Found<F::File>>, OpenError> {
    let failed = |error| OpenError::io(path, &error);
    let mut numbers = Vec::new();
    for name in files.file_names(path).map_err(failed)? {
        if name == TEMPORARY {
            files.remove_file(&path.join(&name)).map_err(failed)?;
        }
        numbers.extend(segment::number(&name));
    }
    // The file names that an earlier process made may not be durable yet.
    files.sync_dir(path).map_err(failed)?;
    numbers.sort_unstable();
    let Some(&newest) = numbers.last() else { return Ok(None) };
    let (identity, oldest) = inspect_newest(files, path, newest)?;
    if let Some(missing) = (oldest..newest).find(|number| numbers.binary_search(number).is_err()) {
        return Err(missing_segment(path, missing));
    }
    let found = Directory { files, path, identity, newest }.replay(oldest)?;
    for number in numbers.into_iter().filter(|number| *number < oldest) {
        files.remove_file(&path.join(segment::name(number))).map_err(failed)?;
    }
    Ok(Some(found))
}

/// Returns the identity of the directory, and the number of the oldest segment that is needed.
fn inspect_newest<F: Files>(files: &F, path: &Path, newest: u32) -> Result<(u64, u32), OpenError> {
    let file = path.join(segment::name(newest));
    let opened = files.open(&file).map_err(|error| OpenError::io(&file, &error))?;
    let mut scan = Scan::open(files, &file, opened, newest, None)?;
    while scan.next_frame()?.is_some() {}
    if scan.is_sealed {
        return Err(missing_segment(path, newest.saturating_add(1)));
    }
    let oldest = scan.last.map_or(newest, |frame| frame.head.oldest);
    if newest < oldest {
        return Err(missing_segment(path, oldest));
    }
    Ok((scan.identity(), oldest))
}

fn missing_segment(path: &Path, number: u32) -> OpenError {
    let what = format!("segment {} is missing", segment::name(number));
    OpenError::new(path, OpenFailure::Damaged(what))
}

impl<F: Files> Directory<'_, F> {
    /// Reads all segments from the segment with the number `oldest` to the newest segment, and repairs the end of
    /// the newest segment.
    fn replay(&self, oldest: u32) -> Result<Found<F::File>, OpenError> {
        let mut state = State::default();
        let mut before = None;
        for number in oldest..self.newest {
            let path = self.path.join(segment::name(number));
            let file = self.files.open(&path).map_err(|error| OpenError::io(&path, &error))?;
            let mut scan = Scan::open(self.files, &path, file, number, Some(self.identity))?;
            self.replay_one(&mut scan, &path, &mut state, before.as_ref())?;
            before = Some(self.earlier(&path, &scan));
        }
        let path = self.path.join(segment::name(self.newest));
        let failed = |error| OpenError::io(&path, &error);
        let file = self.files.open_to_write(&path).map_err(failed)?;
        let mut scan = Scan::open(self.files, &path, file, self.newest, Some(self.identity))?;
        self.replay_one(&mut scan, &path, &mut state, before.as_ref())?;
        if state.has_gone_entries() {
            let what =
                "entries of the log are in a segment that a later segment marks as not needed".to_owned();
            return Err(OpenError::new(&path, OpenFailure::Damaged(what)));
        }
        let (end, sequence) = (scan.end, scan.next_sequence());
        let (file, length) = scan.repair().map_err(failed)?;
        let tail = Tail { number: self.newest, file, end, length, sequence };
        Ok(Found { identity: self.identity, state, tail, oldest })
    }

    fn earlier(&self, path: &Path, scan: &Scan<'_, F>) -> Earlier {
        let origin = Origin { identity: self.identity, segment: scan.number() };
        let end = if scan.is_sealed { scan.end - HEAD as u64 } else { scan.end };
        let sequence = scan.next_sequence();
        let oldest = scan.last.map_or_else(|| scan.number(), |frame| frame.head.oldest);
        let mut seal = [0; HEAD];
        write_head(&mut seal, origin, end, sequence, oldest);
        Earlier { path: path.to_owned(), is_sealed: scan.is_sealed, end, seal, sequence }
    }

    /// Reads one segment, and executes the segment's changes on `state`. `before` is the previous segment;
    /// `None` for the oldest segment.
    fn replay_one(
        &self,
        scan: &mut Scan<'_, F>,
        path: &Path,
        state: &mut State,
        before: Option<&Earlier>,
    ) -> Result<(), OpenError> {
        let number = scan.number();
        let damaged = |what: String| OpenError::new(path, OpenFailure::Damaged(what));
        let Some((frame, base)) = scan.next_frame()? else {
            return Err(damaged("the segment has no base".to_owned()));
        };
        match before {
            None => state.apply(base, number, frame.offset + HEAD as u64).map_err(damaged)?,
            Some(before) => {
                let mut expected = Vec::new();
                state.encode_base(&mut expected);
                if before.sequence != frame.head.sequence || expected != base {
                    return Err(damaged("the segment does not continue the previous segment".to_owned()));
                }
            }
        }
        while let Some((frame, body)) = scan.next_frame()? {
            state.apply(body, number, frame.offset + HEAD as u64).map_err(damaged)?;
        }
        match before {
            Some(before) if number == self.newest && scan.has_only_base() => {
                self.seal(before).map_err(|error| OpenError::io(&before.path, &error))
            }
            Some(before) if !before.is_sealed => {
                let what =
                    "the end of the segment is missing: it has no seal, but a later segment has entries"
                        .to_owned();
                Err(OpenError::new(&before.path, OpenFailure::Damaged(what)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Writes the seal of a segment. An earlier process has created the next segment, but may have ended
    /// before the seal was durable. Even if the file contains the seal, the seal may exist only in the page
    /// cache.
    fn seal(&self, segment: &Earlier) -> std::io::Result<()> {
        let mut file = self.files.open_to_write(&segment.path)?;
        self.files.write_at(&mut file, segment.end, &segment.seal)?;
        self.files.sync_data(&mut file)
    }
}

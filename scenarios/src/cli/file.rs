//! Writes files atomically: into a temporary file in the same directory, which is renamed at the end.

use super::CliError;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is being written. If it is dropped before [`AtomicFile::finish`], nothing is left behind.
pub(crate) struct AtomicFile {
    place: PathBuf,
    /// The temporary file; `None` if the target is a device or a pipe, which cannot be replaced.
    beside: Option<PathBuf>,
    writer: BufWriter<File>,
}

impl AtomicFile {
    /// Creates the temporary file, so that an unwritable path is reported before the work begins.
    pub(crate) fn create(place: &Path) -> Result<Self, CliError> {
        let cannot = |error: &dyn std::fmt::Display| {
            CliError::new(format!("cannot write `{}`: {error}", place.display()))
        };
        // A symbolic link is followed: its target is replaced, not the link.
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let is_special = match fs::metadata(&place) {
            Ok(there) if there.is_dir() => return Err(cannot(&"it is a directory")),
            Ok(there) if there.permissions().readonly() => return Err(cannot(&"it is read-only")),
            Ok(there) => !there.is_file(),
            Err(_) => false,
        };
        let beside =
            if is_special { None } else { Some(beside(&place).ok_or_else(|| cannot(&"it has no name"))?) };
        let opened = match &beside {
            Some(beside) => File::create_new(beside),
            None => File::options().write(true).open(&place),
        };
        let writer = BufWriter::new(opened.map_err(|error| cannot(&error))?);
        Ok(Self { place, beside, writer })
    }

    /// The final path.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), CliError> {
        writeln!(self.writer, "{line}").map_err(|error| self.cannot(&error))
    }

    /// Renames the temporary file to the final path.
    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        self.writer.flush().map_err(|error| self.cannot(&error))?;
        if let Some(beside) = &self.beside {
            fs::rename(beside, &self.place).map_err(|error| self.cannot(&error))?;
        }
        self.beside = None;
        Ok(())
    }

    fn cannot(&self, error: &io::Error) -> CliError {
        CliError::new(format!("cannot write `{}`: {error}", self.place.display()))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            let _ = fs::remove_file(beside);
        }
    }
}

/// A unique name for a temporary file in the same directory.
fn beside(place: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(place.file_name()?);
    // Two threads of one process may write the same file at once.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    name.push(format!(".{}-{}.partial", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    Some(place.with_file_name(name))
}

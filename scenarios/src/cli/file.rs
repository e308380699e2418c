//! Writes files atomically: first writes the text to a temporary file in the same directory, then renames
//! that file.

use super::CliError;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is being written. If this value is dropped before [`AtomicFile::finish`], the temporary file
/// is removed.
pub(crate) struct AtomicFile {
    path: PathBuf,
    /// The path of the temporary file; `None` if the target is a device or a pipe, which cannot be replaced.
    temporary: Option<PathBuf>,
    writer: BufWriter<File>,
}

impl AtomicFile {
    /// Creates the temporary file, so that an unwritable path is reported before the work begins.
    pub(crate) fn create(path: &Path) -> Result<Self, CliError> {
        let write_error = |error: &dyn std::fmt::Display| {
            CliError::new(format!("cannot write `{}`: {error}", path.display()))
        };
        // If the path is a symbolic link, the target of the link is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_special = match fs::metadata(&path) {
            Ok(there) if there.is_dir() => return Err(write_error(&"the path is a directory")),
            Ok(there) if there.permissions().readonly() => return Err(write_error(&"the file is read-only")),
            Ok(there) => !there.is_file(),
            Err(_) => false,
        };
        let temporary = if is_special {
            None
        } else {
            Some(temporary(&path).ok_or_else(|| write_error(&"the path has no file name"))?)
        };
        let opened = match &temporary {
            Some(temporary) => File::create_new(temporary),
            None => File::options().write(true).open(&path),
        };
        let writer = BufWriter::new(opened.map_err(|error| write_error(&error))?);
        Ok(Self { path, temporary, writer })
    }

    /// Creates the temporary file, like [`AtomicFile::create`]. Returns an error if `path` is the file `input`:
    /// otherwise, the command would overwrite its input.
    pub(crate) fn create_beside(path: &Path, input: &Path) -> Result<Self, CliError> {
        if let (Ok(path), Ok(input)) = (fs::canonicalize(path), fs::canonicalize(input))
            && path == input
        {
            let named = path.display();
            return Err(CliError::new(format!(
                "cannot write `{named}`: this file is the input of the command; choose another file"
            )));
        }
        Self::create(path)
    }

    /// Returns the final path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the text `line` and a line break.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), CliError> {
        writeln!(self.writer, "{line}").map_err(|error| self.write_error(&error))
    }

    /// Renames the temporary file to the final path.
    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        self.writer.flush().map_err(|error| self.write_error(&error))?;
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.path).map_err(|error| self.write_error(&error))?;
        }
        self.temporary = None;
        Ok(())
    }

    fn write_error(&self, error: &io::Error) -> CliError {
        CliError::new(format!("cannot write `{}`: {error}", self.path.display()))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Returns a unique path for a temporary file in the directory of `path`; `None` if `path` has no file name.
fn temporary(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    // Two threads of one process may write the same file at the same time.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    name.push(format!(".{}-{}.partial", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    Some(path.with_file_name(name))
}

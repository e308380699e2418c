//! The streams of the command. The command writes data to `out` and messages to `err`.
//!
//! A closed pipe is not an error: the rest of the output is dropped, and the exit status stays the same.

use std::io::{self, ErrorKind, Write};

/// The two streams of the command. A flag for each stream says whether the stream is a terminal.
pub struct Streams<'a> {
    /// The stream for data. The same seed gives the same bytes.
    pub out: &'a mut dyn Write,
    /// The stream for messages.
    pub err: &'a mut dyn Write,
    /// True if `out` is a terminal.
    pub out_is_terminal: bool,
    /// True if `err` is a terminal. Without a terminal, no progress bar is drawn.
    pub err_is_terminal: bool,
}

/// A writer that ignores a broken pipe.
pub(crate) struct PipeWriter<'a> {
    inner: &'a mut dyn Write,
    gone: bool,
}

impl<'a> PipeWriter<'a> {
    pub(crate) fn new(inner: &'a mut dyn Write) -> Self {
        Self { inner, gone: false }
    }

    /// Runs the write `act`. Returns `nothing` if the pipe is broken.
    fn unless_gone<T>(
        &mut self,
        nothing: T,
        act: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.gone {
            return Ok(nothing);
        }
        match act(self.inner) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(nothing)
            }
            result => result,
        }
    }
}

impl Write for PipeWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_gone(bytes.len(), |inner| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_gone((), |inner| inner.flush())
    }
}

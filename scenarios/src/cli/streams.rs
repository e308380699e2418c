//! Where the command writes: data on `out`, words on `err`.
//!
//! A reader that has gone away is no failure: what nobody reads is not written, and the verdict
//! still reaches the shell.

use std::io::{self, ErrorKind, Write};

/// The command's two streams, and what they lead to.
pub struct Streams<'a> {
    /// Data: the same bytes for the same seed.
    pub out: &'a mut dyn Write,
    /// Words.
    pub err: &'a mut dyn Write,
    /// Somebody looks at `out`.
    pub out_is_terminal: bool,
    /// Somebody looks at `err`: a bar may be drawn there.
    pub err_is_terminal: bool,
}

/// A writer whose reader may go away.
pub(crate) struct PipeWriter<'a> {
    inner: &'a mut dyn Write,
    gone: bool,
}

impl<'a> PipeWriter<'a> {
    pub(crate) fn new(inner: &'a mut dyn Write) -> Self {
        Self { inner, gone: false }
    }

    /// `Ok(nothing)` in place of a broken pipe, now and from then on.
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

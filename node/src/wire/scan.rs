//! Finds the end of a message. HashiCorp's protocol has no length prefixes, so a scan reads the values one
//! after the other until the message ends. When more bytes arrive, the scan continues at the position where
//! the scan stopped.

use super::Kind;
use super::error::WireError;
use super::unpack::{Head, Unpacker};

/// The maximum number of fields in a message. HashiCorp's longest message has twelve fields.
const FIELDS_MAX: u64 = 64;

/// A scan for the end of a message that is still arriving.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    at: usize,
    pending: u64,
    limit: u64,
    begun: bool,
}

impl Scan {
    /// Makes a scan for a call. A call consists of one byte and one value. A call with more than `limit`
    /// bytes is an error.
    #[must_use]
    pub const fn request(limit: u64) -> Self {
        Self { at: 1, pending: 1, limit, begun: false }
    }

    /// Makes a scan for an answer. An answer consists of an error text and one value. An answer with more
    /// than `limit` bytes is an error.
    #[must_use]
    pub const fn reply(limit: u64) -> Self {
        Self { at: 0, pending: 2, limit, begun: true }
    }

    /// Continues the scan. `bytes` starts with all bytes of the message that have arrived so far. Returns the
    /// length of the message in bytes, or `None` if the message is not complete yet.
    ///
    /// # Errors
    /// Returns an error if the bytes are not MessagePack, or if the message is or will be longer than the
    /// limit.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, WireError> {
        if let Some(kind) = bytes.first().filter(|_| !self.begun) {
            Kind::from_byte(*kind)?;
        }
        while 0 < self.pending {
            let Some(rest) = bytes.get(self.at..) else { return Ok(None) };
            let mut reader = Unpacker::new(rest);
            match reader.head() {
                Ok(head) => self.pass(&head, rest.len() - reader.left())?,
                Err(WireError::Truncated) => {
                    self.check(bytes.len() as u64)?;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(self.at))
    }

    fn pass(&mut self, head: &Head<'_>, length: usize) -> Result<(), WireError> {
        if !self.begun {
            self.begun = true;
            expect_fields(head)?;
        }
        self.at += length;
        self.pending += head.inside();
        self.pending -= 1;
        // Every value that is still to come takes at least a byte.
        self.check(self.at as u64 + self.pending)
    }

    const fn check(&self, length: u64) -> Result<(), WireError> {
        if length <= self.limit {
            Ok(())
        } else {
            Err(WireError::TooLong { what: "the message", length, limit: self.limit })
        }
    }
}

/// Checks that a call is a map or a list, with at most [`FIELDS_MAX`] fields.
const fn expect_fields(head: &Head<'_>) -> Result<(), WireError> {
    match head {
        Head::Map(length) | Head::Array(length) => {
            if *length <= FIELDS_MAX {
                Ok(())
            } else {
                Err(WireError::TooLong { what: "the list of fields", length: *length, limit: FIELDS_MAX })
            }
        }
        Head::Nil | Head::Bool(_) | Head::Uint(_) | Head::Int(_) | Head::Raw(_) | Head::Foreign => {
            Err(head.instead_of("a map"))
        }
    }
}

//! Decodes MessagePack values in the form of the old or the new specification. The decoded bytes are not
//! copied.

use super::error::WireError;
use rmp::Marker;

/// The maximum number of items in a list. HashiCorp limits the number of entries in a call to 1024.
pub(super) const LIST_MAX: u64 = 1024;

/// Reads values from a slice.
#[derive(Clone, Copy)]
pub(super) struct Unpacker<'i> {
    input: &'i [u8],
}

/// The beginning of a value. For a list or a map, the beginning is the length; the items follow. For any
/// other value, the beginning is the whole value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Head<'i> {
    Nil,
    Bool(bool),
    Uint(u64),
    /// A negative integer.
    Int(i64),
    Raw(&'i [u8]),
    Array(u64),
    Map(u64),
    /// A float or an extension. The decoder skips the content of the value.
    Foreign,
}

impl Head<'_> {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Uint(_) | Self::Int(_) => "a number",
            Self::Raw(_) => "bytes",
            Self::Array(_) => "a list",
            Self::Map(_) => "a map",
            Self::Foreign => "a float or an extension",
        }
    }

    pub(super) const fn instead_of(&self, expected: &'static str) -> WireError {
        WireError::Unexpected { expected, found: self.name() }
    }

    /// Returns the number of following values that belong to this value.
    pub(super) const fn inside(&self) -> u64 {
        match self {
            Self::Array(length) => *length,
            Self::Map(length) => 2 * *length,
            Self::Nil | Self::Bool(_) | Self::Uint(_) | Self::Int(_) | Self::Raw(_) | Self::Foreign => 0,
        }
    }
}

impl<'i> Unpacker<'i> {
    pub(super) const fn new(input: &'i [u8]) -> Self {
        Self { input }
    }

    pub(super) const fn left(&self) -> usize {
        self.input.len()
    }

    /// Returns an error if unread bytes remain.
    pub(super) const fn end(&self) -> Result<(), WireError> {
        if self.input.is_empty() { Ok(()) } else { Err(WireError::Trailing(self.input.len())) }
    }

    pub(super) fn head(&mut self) -> Result<Head<'i>, WireError> {
        let [marker] = self.fixed()?;
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Head::Nil,
            Marker::False => Head::Bool(false),
            Marker::True => Head::Bool(true),
            Marker::FixPos(value) => Head::Uint(u64::from(value)),
            Marker::FixNeg(value) => Head::Int(i64::from(value)),
            Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => {
                Head::Uint(self.number(1 << (marker - 0xcc))?)
            }
            Marker::I8 => signed(i64::from(i8::from_be_bytes(self.fixed()?))),
            Marker::I16 => signed(i64::from(i16::from_be_bytes(self.fixed()?))),
            Marker::I32 => signed(i64::from(i32::from_be_bytes(self.fixed()?))),
            Marker::I64 => signed(i64::from_be_bytes(self.fixed()?)),
            Marker::FixStr(length) => Head::Raw(self.take(u64::from(length))?),
            Marker::Str8 | Marker::Bin8 => self.sized(1)?,
            Marker::Str16 | Marker::Bin16 => self.sized(2)?,
            Marker::Str32 | Marker::Bin32 => self.sized(4)?,
            Marker::FixArray(length) => Head::Array(u64::from(length)),
            Marker::Array16 => Head::Array(self.number(2)?),
            Marker::Array32 => Head::Array(self.number(4)?),
            Marker::FixMap(length) => Head::Map(u64::from(length)),
            Marker::Map16 => Head::Map(self.number(2)?),
            Marker::Map32 => Head::Map(self.number(4)?),
            Marker::F32 => self.foreign(4)?,
            Marker::F64 => self.foreign(8)?,
            Marker::FixExt1 | Marker::FixExt2 | Marker::FixExt4 | Marker::FixExt8 | Marker::FixExt16 => {
                self.foreign(1 + (1 << (marker - 0xd4)))?
            }
            Marker::Ext8 | Marker::Ext16 | Marker::Ext32 => {
                let length = self.number(1 << (marker - 0xc7))?;
                self.foreign(1 + length)?
            }
            Marker::Reserved => {
                return Err(WireError::Unexpected { expected: "a value", found: "a reserved byte" });
            }
        })
    }

    /// Skips one value and all values inside this value, at any depth. The function is not recursive.
    pub(super) fn skip(&mut self) -> Result<(), WireError> {
        let mut pending = 1_u64;
        while 0 < pending {
            pending += self.head()?.inside();
            pending -= 1;
        }
        Ok(())
    }

    /// Reads the length of a list. Returns `None` for nil. `what` is the name of the list in the error.
    pub(super) fn list(&mut self, what: &'static str) -> Result<Option<usize>, WireError> {
        match self.head()? {
            Head::Nil => Ok(None),
            Head::Array(length) if length <= LIST_MAX => Ok(Some(length as usize)),
            Head::Array(length) => Err(WireError::TooLong { what, length, limit: LIST_MAX }),
            head @ (Head::Bool(_)
            | Head::Uint(_)
            | Head::Int(_)
            | Head::Raw(_)
            | Head::Map(_)
            | Head::Foreign) => Err(head.instead_of("a list")),
        }
    }

    /// Reads bytes or a string. Returns `None` for nil.
    pub(super) fn raw(&mut self) -> Result<Option<&'i [u8]>, WireError> {
        match self.head()? {
            Head::Nil => Ok(None),
            Head::Raw(bytes) => Ok(Some(bytes)),
            head @ (Head::Bool(_)
            | Head::Uint(_)
            | Head::Int(_)
            | Head::Array(_)
            | Head::Map(_)
            | Head::Foreign) => Err(head.instead_of("bytes")),
        }
    }

    fn sized(&mut self, width: u64) -> Result<Head<'i>, WireError> {
        let length = self.number(width)?;
        Ok(Head::Raw(self.take(length)?))
    }

    fn foreign(&mut self, length: u64) -> Result<Head<'i>, WireError> {
        self.take(length)?;
        Ok(Head::Foreign)
    }

    fn number(&mut self, width: u64) -> Result<u64, WireError> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.input.split_first_chunk().ok_or(WireError::Truncated)?;
        self.input = rest;
        Ok(*head)
    }

    fn take(&mut self, length: u64) -> Result<&'i [u8], WireError> {
        let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
        let (head, rest) = self.input.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.input = rest;
        Ok(head)
    }
}

/// Makes the head for a number that was read in a signed form. A number of zero or more becomes
/// [`Head::Uint`], because HashiCorp's codec writes every signed field in a signed form.
const fn signed(value: i64) -> Head<'static> {
    if value < 0 { Head::Int(value) } else { Head::Uint(value as u64) }
}

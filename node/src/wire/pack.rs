//! Encodes values in the same form of MessagePack as HashiCorp's codec.
//!
//! Strings and bytes both use the raw family of the old specification (never `str8`, never `bin`). Unsigned
//! numbers have the shortest form. Signed numbers above 127 have a signed form.

use rmp::{Marker, encode};

const ROOM: &str = "a write to a vector never fails";

/// Appends values to a buffer.
pub(super) struct Packer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Packer<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn nil(&mut self) {
        encode::write_nil(self.out).expect(ROOM);
    }

    pub(super) fn bool(&mut self, value: bool) {
        encode::write_bool(self.out, value).expect(ROOM);
    }

    pub(super) fn uint(&mut self, value: u64) {
        encode::write_uint(self.out, value).expect(ROOM);
    }

    pub(super) fn int(&mut self, value: i64) {
        if let Ok(value) = i8::try_from(value) {
            match value {
                0.. => encode::write_pfix(self.out, value.unsigned_abs()).expect(ROOM),
                -32..=-1 => encode::write_nfix(self.out, value).expect(ROOM),
                i8::MIN..=-33 => encode::write_i8(self.out, value).expect(ROOM),
            }
        } else if let Ok(value) = i16::try_from(value) {
            encode::write_i16(self.out, value).expect(ROOM);
        } else if let Ok(value) = i32::try_from(value) {
            encode::write_i32(self.out, value).expect(ROOM);
        } else {
            encode::write_i64(self.out, value).expect(ROOM);
        }
    }

    /// Appends a string or bytes. The length must be below 4 GiB.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("every value that is sent is shorter than 4 GiB");
        if length < 32 {
            self.out.push(Marker::FixStr(length as u8).to_u8());
        } else if let Ok(length) = u16::try_from(length) {
            self.out.push(Marker::Str16.to_u8());
            self.out.extend_from_slice(&length.to_be_bytes());
        } else {
            self.out.push(Marker::Str32.to_u8());
            self.out.extend_from_slice(&length.to_be_bytes());
        }
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn array(&mut self, length: usize) {
        let length = u32::try_from(length).expect("every list that is sent has fewer than 4 billion items");
        encode::write_array_len(self.out, length).expect(ROOM);
    }

    pub(super) fn map(&mut self, length: usize) {
        let length =
            u32::try_from(length).expect("every message that is sent has fewer than 4 billion fields");
        encode::write_map_len(self.out, length).expect(ROOM);
    }
}

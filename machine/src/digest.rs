//! The digest of a state: a hash, and the number of bytes that were hashed.
//!
//! A serde serialiser hashes the state. The hashes of the entries of a map are added, so the order of the
//! entries does not matter. The order of the items of a sequence matters. serde serialises a set as a
//! sequence, so the order of the items of a set matters too.

use serde::Serialize;
use serde::ser::{self, SerializeMap};
use std::fmt;

/// The hash of a value, and the approximate number of bytes that were hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    hash: u64,
    bytes: u64,
}

impl Digest {
    /// Hashes a value. If the value contains maps, the order of the entries in the maps does not matter. The
    /// order of the items in sequences and sets matters.
    ///
    /// ```
    /// # use std::collections::{BTreeMap, HashMap};
    /// use wavetank_machine::Digest;
    ///
    /// let hashed: HashMap<_, _> = (0..9).map(|key| (key, "a")).collect();
    /// let sorted: BTreeMap<_, _> = (0..9).map(|key| (key, "a")).collect();
    /// assert_eq!(Digest::of(&hashed).hash(), Digest::of(&sorted).hash());
    /// ```
    ///
    /// # Panics
    /// Panics if the value's own implementation of `Serialize` returns an error.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut hasher = Hasher::new();
        if let Err(error) = value.serialize(&mut hasher) {
            panic!("the value cannot be serialised: {error}");
        }
        Self { hash: hasher.finish(), bytes: hasher.bytes }
    }

    /// Makes a digest from a hash that the state machine keeps up to date. Such a digest costs almost no
    /// time, so the simulator compares such digests more often.
    #[must_use]
    pub const fn from_hash(hash: u64) -> Self {
        Self { hash, bytes: 0 }
    }

    /// Returns the hash of the value, or the argument of [`Digest::from_hash`].
    #[must_use]
    pub const fn hash(self) -> u64 {
        self.hash
    }

    /// Returns the approximate number of bytes that were hashed; zero for a digest of [`Digest::from_hash`].
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.bytes
    }
}

/// A serialiser that computes the hash of a value, and counts the bytes of the value.
struct Hasher {
    state: u64,
    bytes: u64,
}

impl Hasher {
    const fn new() -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, bytes: 0 }
    }

    const fn word(&mut self, word: u64) {
        self.state = (self.state.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Adds a value to the hash. `word` stands for the value, and `bytes` is the size of the value in bytes.
    #[expect(clippy::unnecessary_wraps, reason = "the trait `Serializer` demands a result")]
    const fn value(&mut self, word: u64, bytes: u64) -> Result<(), Failed> {
        self.word(word);
        self.bytes += bytes;
        Ok(())
    }

    fn slice(&mut self, slice: &[u8]) {
        self.word(slice.len() as u64);
        let (words, rest) = slice.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.word(u64::from(*byte)));
        self.bytes += slice.len() as u64;
    }

    /// Returns the hash. Mixes the bits with the finalizer of `SplitMix64`, so that a sum of hashes depends
    /// on all bits of each hash.
    const fn finish(&self) -> u64 {
        let mut hash = self.state;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

/// An error of a value's own implementation of `Serialize`.
#[derive(Debug)]
struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl ser::Error for Failed {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Hashes a map. The hash depends on the number of the entries and on the sum of the hashes of the entries.
struct MapHasher<'a> {
    outer: &'a mut Hasher,
    entry: Hasher,
    sum: u64,
    entries: u64,
}

impl SerializeMap for MapHasher<'_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.entry = Hasher::new();
        key.serialize(&mut self.entry)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        value.serialize(&mut self.entry)?;
        self.sum = self.sum.wrapping_add(self.entry.finish());
        self.entries += 1;
        self.outer.bytes += self.entry.bytes;
        Ok(())
    }

    fn end(self) -> Result<(), Failed> {
        self.outer.word(self.entries);
        self.outer.value(self.sum, 1)
    }
}

/// Implements the methods that hash a number, a `bool` or a `char`.
macro_rules! numbers {
    ($($method:ident($type:ty), $bytes:literal, |$value:ident| $word:expr;)*) => {
        $(fn $method(self, $value: $type) -> Result<(), Failed> {
            self.value($word, $bytes)
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Hasher {
    type Ok = ();
    type Error = Failed;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = MapHasher<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_bool(bool), 1, |value| u64::from(value);
        serialize_i8(i8), 1, |value| i64::from(value).cast_unsigned();
        serialize_i16(i16), 2, |value| i64::from(value).cast_unsigned();
        serialize_i32(i32), 4, |value| i64::from(value).cast_unsigned();
        serialize_i64(i64), 8, |value| value.cast_unsigned();
        serialize_u8(u8), 1, |value| u64::from(value);
        serialize_u16(u16), 2, |value| u64::from(value);
        serialize_u32(u32), 4, |value| u64::from(value);
        serialize_u64(u64), 8, |value| value;
        serialize_f32(f32), 4, |value| u64::from(value.to_bits());
        serialize_f64(f64), 8, |value| value.to_bits();
        serialize_char(char), 4, |value| u64::from(value);
    }

    fn serialize_i128(self, value: i128) -> Result<(), Failed> {
        self.serialize_u128(value.cast_unsigned())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Failed> {
        self.slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Failed> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Failed> {
        self.slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Failed> {
        self.value(0, 1)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failed> {
        self.value(1, 1)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Failed> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Failed> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<(), Failed> {
        self.value(u64::from(variant), 1)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Failed> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Failed> {
        self.value(u64::from(variant), 1)?;
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Failed> {
        self.value(length.map_or(u64::MAX, |length| length as u64), 1)?;
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Failed> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Failed> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Failed> {
        self.value(u64::from(variant), 1)?;
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<MapHasher<'a>, Failed> {
        Ok(MapHasher { outer: self, entry: Hasher::new(), sum: 0, entries: 0 })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Failed> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Failed> {
        self.value(u64::from(variant), 1)?;
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Implements the traits for values that consist of parts in a fixed order, for example sequences and
/// structs.
macro_rules! parts {
    ($($kind:ident: $method:ident($($name:ident: $type:ty)?);)*) => {
        $(impl ser::$kind for &mut Hasher {
            type Ok = ();
            type Error = Failed;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> Result<(), Failed> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Failed> {
                Ok(())
            }
        })*
    };
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(_name: &'static str);
    SerializeStructVariant: serialize_field(_name: &'static str);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap, HashSet};

    fn differ<A: Serialize, B: Serialize>(one: A, other: B) {
        assert_ne!(Digest::of(&one).hash(), Digest::of(&other).hash());
    }

    #[test]
    fn different_values_have_different_digests() {
        differ([1_u8, 2], [2_u8, 1]);
        differ(vec!["ab", "c"], vec!["a", "bc"]);
        differ(BTreeMap::from([(1, 2)]), BTreeMap::from([(2, 1)]));
        differ(BTreeMap::from([(1, 2), (3, 4)]), BTreeMap::from([(1, 4), (3, 2)]));
        differ((Some(0_u8), None::<u8>), (None::<u8>, Some(0_u8)));
        differ(0.0_f64, -0.0_f64);
    }

    #[test]
    fn only_maps_are_without_order() {
        let map = || (0..64).map(|key| (key, key)).collect::<HashMap<u32, u32>>();
        assert_eq!(Digest::of(&map()), Digest::of(&map()));
        let hash = |_| Digest::of(&(0..64).collect::<HashSet<u32>>()).hash();
        assert!(1 < (0..8).map(hash).collect::<HashSet<_>>().len(), "a set is written in its own order");
    }

    #[test]
    fn the_size_is_counted() {
        assert_eq!(Digest::of(&vec![0_u8; 1_000]).bytes(), 1_001);
    }
}

//! Hashes a server's state into 64 bits. The hash leaves out clocks, call numbers and the names of servers,
//! because these values do not change the possible later events.
//!
//! The [`StateHasher`] serialises the state and recognises each kind of number by the name of the number's
//! type. Times are left out, because the [clock](super::clock) gives each kind of step a fixed time. A call
//! is hashed by its `CallId`. A write is hashed by the difference between its token and the token of the last
//! durable write. A server is hashed by the number that a [`Permutation`] gives to the server. The state is
//! hashed once for each permutation. The smallest hash represents the state and its mirror images. A mirror
//! image differs from the state only in the names of servers.

use crate::explore::call_id::CallId;
use crate::plan::server_set::ServerIdx;
use serde::de::value::Error;
use serde::ser::{self, Serialize};
use std::cell::Cell;
use wavetank_raft::{NodeId, RpcId, Token};

/// The maximum number of servers that can be explored.
pub const SERVERS_MAX: usize = 5;

/// A permutation of the servers' numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permutation([u8; SERVERS_MAX]);

impl Permutation {
    /// The permutation that changes nothing.
    pub const NONE: Self = Self([0, 1, 2, 3, 4]);

    /// Returns all permutations of the first `count` servers. The first permutation changes nothing. `count`
    /// is at most [`SERVERS_MAX`].
    #[must_use]
    pub fn all(count: usize) -> Vec<Self> {
        let mut all = vec![Self::NONE];
        for at in 1..count {
            let longer = (0..=at).rev().flat_map(|with| {
                all.iter().map(move |shorter| {
                    let mut places = shorter.0;
                    places.swap(at, with);
                    Self(places)
                })
            });
            all = longer.collect();
        }
        all
    }

    /// Returns the number that the permutation gives to this server.
    #[must_use]
    pub const fn of(&self, idx: ServerIdx) -> u64 {
        self.0[idx.at()] as u64
    }
}

/// Mixes the bits of a value with one step of splitmix64. Similar inputs give very different outputs.
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Hashes several numbers in order.
#[must_use]
pub fn hash_all(values: &[u64]) -> u64 {
    values.iter().fold(values.len() as u64, |hash, value| mix(hash ^ value))
}

/// The data that the hasher needs to interpret the numbers in a server's state.
pub struct HashContext<'a> {
    /// The permutation of the servers.
    pub permutation: &'a Permutation,
    /// The token of the last durable write.
    pub persisted: Token,
    /// The open calls of the server. Each call has the number that the server gave it, and its identity.
    pub calls: &'a [(RpcId, CallId)],
    /// One bit for each call in `calls`, from the lowest bit on. A bit is set if the hashed state contains
    /// the number of the call.
    pub known: Cell<u64>,
    /// Returns the hash of a call that another server made.
    pub others: &'a dyn Fn(RpcId) -> u64,
}

impl HashContext<'_> {
    fn call(&self, rpc: u64) -> u64 {
        match self.calls.iter().position(|(own, _)| own.0 == rpc) {
            Some(at) => {
                self.known.set(self.known.get() | 1 << at);
                self.calls[at].1.hash(self.permutation)
            }
            None => (self.others)(RpcId(rpc)),
        }
    }

    fn server(&self, node: NodeId) -> u64 {
        ServerIdx::of(node).map_or(u64::MAX, |idx| self.permutation.of(idx))
    }
}

/// A serde serialiser that computes the hash of a value.
pub struct StateHasher<'a> {
    context: &'a HashContext<'a>,
    hash: u64,
    kind: NumberKind,
}

/// The kind of the number that is hashed next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NumberKind {
    Plain,
    Server,
    Call,
    Write,
    /// The next value is a list, and the order of the elements does not matter.
    Set,
}

/// The names of the fields that the hash leaves out. Such a field is a counter that only distinguishes one
/// random draw, or one call, from the next.
const IGNORED_FIELDS: [&str; 4] = ["drawn", "last_rpc", "answered", "entropy"];

/// The names of the fields that contain lists in the order of names or arrivals. These lists are hashed as
/// sets.
const SET_FIELDS: [&str; 6] = ["requested", "votes", "peers", "servers", "outgoing", "held"];

impl<'a> StateHasher<'a> {
    /// Returns the hash of a value.
    #[must_use]
    pub fn hash(context: &'a HashContext<'a>, value: &impl Serialize) -> u64 {
        Self::start(context).through(value)
    }

    const fn start(context: &'a HashContext<'a>) -> Self {
        Self { context, hash: 0, kind: NumberKind::Plain }
    }

    fn through(mut self, value: &(impl Serialize + ?Sized)) -> u64 {
        value.serialize(&mut self).expect("hashing cannot fail");
        self.hash
    }

    const fn mix_in(&mut self, value: u64) {
        self.hash = mix(self.hash ^ value);
    }

    fn mix_number(&mut self, number: u64) {
        let value = match std::mem::replace(&mut self.kind, NumberKind::Plain) {
            NumberKind::Plain | NumberKind::Set => number,
            NumberKind::Server => self.context.server(NodeId(number)),
            NumberKind::Call => self.context.call(number),
            NumberKind::Write => number.saturating_sub(self.context.persisted.0),
        };
        self.mix_in(value);
    }

    fn mix_bytes(&mut self, bytes: &[u8]) {
        self.mix_in(bytes.len() as u64);
        bytes.iter().for_each(|byte| self.mix_in(u64::from(*byte)));
    }

    fn with_kind(&mut self, kind: NumberKind, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.kind = kind;
        let result = value.serialize(&mut *self);
        self.kind = NumberKind::Plain;
        result
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty),* $(,)?) => {
        $(fn $method(self, number: $number) -> Result<(), Error> {
            self.mix_number(number.into());
            Ok(())
        })*
    };
}

impl<'w, 'a> ser::Serializer for &'w mut StateHasher<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = CompoundHasher<'w, 'a>;
    type SerializeTuple = CompoundHasher<'w, 'a>;
    type SerializeTupleStruct = CompoundHasher<'w, 'a>;
    type SerializeTupleVariant = CompoundHasher<'w, 'a>;
    type SerializeMap = ser::Impossible<(), Error>;
    type SerializeStruct = CompoundHasher<'w, 'a>;
    type SerializeStructVariant = CompoundHasher<'w, 'a>;

    numbers! {
        serialize_bool: bool,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
    }

    fn serialize_i8(self, number: i8) -> Result<(), Error> {
        self.serialize_i64(i64::from(number))
    }

    fn serialize_i16(self, number: i16) -> Result<(), Error> {
        self.serialize_i64(i64::from(number))
    }

    fn serialize_i32(self, number: i32) -> Result<(), Error> {
        self.serialize_i64(i64::from(number))
    }

    fn serialize_i64(self, number: i64) -> Result<(), Error> {
        self.mix_number(number.cast_unsigned());
        Ok(())
    }

    #[expect(clippy::disallowed_types, reason = "the trait requires this method, but no state holds a float")]
    fn serialize_f32(self, _: f32) -> Result<(), Error> {
        Err(ser::Error::custom("a state contains no fractions"))
    }

    #[expect(clippy::disallowed_types, reason = "the trait requires this method, but no state holds a float")]
    fn serialize_f64(self, _: f64) -> Result<(), Error> {
        Err(ser::Error::custom("a state contains no fractions"))
    }

    fn serialize_char(self, character: char) -> Result<(), Error> {
        self.mix_number(u64::from(character));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        match std::mem::replace(&mut self.kind, NumberKind::Plain) {
            NumberKind::Server => self.mix_in(self.context.server(NodeId::of(text))),
            NumberKind::Plain | NumberKind::Call | NumberKind::Write | NumberKind::Set => {
                self.mix_bytes(text.as_bytes());
            }
        }
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.mix_bytes(bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.mix_in(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.mix_in(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, at: u32, _: &'static str) -> Result<(), Error> {
        self.mix_in(u64::from(at));
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let kind = match name {
            "Time" | "Span" | "Duration" | "Entropy" | "ServerAddress" => return Ok(()),
            "NodeId" | "ServerId" => NumberKind::Server,
            "RpcId" => NumberKind::Call,
            "Token" => NumberKind::Write,
            _ => NumberKind::Plain,
        };
        self.with_kind(kind, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        at: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.mix_in(u64::from(at));
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<CompoundHasher<'w, 'a>, Error> {
        self.mix_in(length.unwrap_or(0) as u64);
        let is_set = std::mem::replace(&mut self.kind, NumberKind::Plain) == NumberKind::Set;
        Ok(CompoundHasher { hasher: self, sum: is_set.then_some(0) })
    }

    fn serialize_tuple(self, _: usize) -> Result<CompoundHasher<'w, 'a>, Error> {
        Ok(CompoundHasher { hasher: self, sum: None })
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<CompoundHasher<'w, 'a>, Error> {
        Ok(CompoundHasher { hasher: self, sum: None })
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        at: u32,
        _: &'static str,
        _: usize,
    ) -> Result<CompoundHasher<'w, 'a>, Error> {
        self.mix_in(u64::from(at));
        Ok(CompoundHasher { hasher: self, sum: None })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Error> {
        Err(ser::Error::custom("a state contains no maps"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<CompoundHasher<'w, 'a>, Error> {
        Ok(CompoundHasher { hasher: self, sum: None })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        at: u32,
        _: &'static str,
        _: usize,
    ) -> Result<CompoundHasher<'w, 'a>, Error> {
        self.mix_in(u64::from(at));
        Ok(CompoundHasher { hasher: self, sum: None })
    }
}

/// Hashes the elements or fields of a compound value.
pub struct CompoundHasher<'w, 'a> {
    hasher: &'w mut StateHasher<'a>,
    /// The sum of the hashes of the elements so far, if the value is a set. `None`: the value is not a set.
    sum: Option<u64>,
}

impl CompoundHasher<'_, '_> {
    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        match &mut self.sum {
            None => value.serialize(&mut *self.hasher),
            Some(sum) => {
                *sum = sum.wrapping_add(mix(StateHasher::start(self.hasher.context).through(value)));
                Ok(())
            }
        }
    }

    fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        if IGNORED_FIELDS.contains(&name) {
            return Ok(());
        }
        self.hasher
            .with_kind(if SET_FIELDS.contains(&name) { NumberKind::Set } else { NumberKind::Plain }, value)
    }

    fn finish(self) {
        if let Some(sum) = self.sum {
            self.hasher.mix_in(sum);
        }
    }
}

macro_rules! elements {
    ($($of:ident: $method:ident),* $(,)?) => {
        $(impl ser::$of for CompoundHasher<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! fields {
    ($($of:ident),* $(,)?) => {
        $(impl ser::$of for CompoundHasher<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

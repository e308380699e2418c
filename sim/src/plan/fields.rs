//! A plan as a tree of values. A struct or a variant in the tree has the same name as in Rust.
//!
//! The `Serialize` implementation of the plan builds the tree, so the tree contains every field.
//! `validate.rs` checks the tree. [`shrink`](crate::shrink) prints the differences between this tree and the
//! tree of a calm plan.

use super::Plan;
use serde::de::value::Error;
use serde::ser::{self, Error as _, Impossible, Serialize};
use wavetank_raft::Span;

/// A value of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    Number(u64),
    /// A truth value or a text, in Rust's notation.
    Plain(String),
    Span(Span),
    /// A duration of the configuration.
    Duration(Span),
    /// A variant or a struct without field names: the name and the fields. A pair of a map has an empty name.
    Named(String, Vec<Self>),
    Struct(&'static str, Vec<(&'static str, Self)>),
    /// A list, a set, or the pairs of a map.
    List(Vec<Self>),
}

impl Value {
    /// Returns the tree of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        plan.serialize(TreeSerializer).expect("a plan is made of structs, lists, maps, numbers and names")
    }

    /// Returns every field with the path of the field. The fields of a struct replace the struct, but a range
    /// (`Spans`) or a chance (`Ratio`) stays one field.
    pub(crate) fn fields(&self, path: &str) -> Vec<(String, &Self)> {
        match self {
            Self::Struct(name, fields) if !matches!(*name, "Spans" | "Ratio") => {
                fields.iter().flat_map(|(name, value)| value.fields(&format!("{path}.{name}"))).collect()
            }
            _ => vec![(path.to_owned(), self)],
        }
    }

    /// Compares `self` with `other`. Returns the path and the value of each field in `self` whose value
    /// differs from the value of the same field in `other`.
    pub(crate) fn differences<'a>(&'a self, other: &Self) -> impl Iterator<Item = (String, &'a Self)> {
        let pairs = self.fields("plan").into_iter().zip(other.fields("plan"));
        pairs.filter(|((_, ours), (_, theirs))| ours != theirs).map(|(ours, _)| ours)
    }

    fn push(&mut self, part: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        let (Self::Named(_, parts) | Self::List(parts)) = self else { return Err(unsupported()) };
        parts.push(part.serialize(TreeSerializer)?);
        Ok(())
    }
}

/// Serialises a value into a [`Value`].
#[derive(Clone, Copy)]
struct TreeSerializer;

fn unsupported() -> Error {
    Error::custom("a plan has no value of this type")
}

macro_rules! numbers {
    ($($method:ident: $number:ty),* $(,)?) => {
        $(fn $method(self, number: $number) -> Result<Value, Error> {
            Ok(Value::Number(number.into()))
        })*
    };
}

macro_rules! unsupported_kinds {
    ($($method:ident($($kind:ty),*) -> $made:ty;)*) => {
        $(fn $method(self, $(_: $kind),*) -> Result<$made, Error> {
            Err(unsupported())
        })*
    };
}

impl ser::Serializer for TreeSerializer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Value;
    type SerializeTuple = Impossible<Value, Error>;
    type SerializeTupleStruct = Impossible<Value, Error>;
    type SerializeTupleVariant = Value;
    type SerializeMap = Value;
    type SerializeStruct = Value;
    type SerializeStructVariant = Impossible<Value, Error>;

    numbers! { serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64 }

    unsupported_kinds! {
        serialize_i8(i8) -> Value;
        serialize_i16(i16) -> Value;
        serialize_i32(i32) -> Value;
        serialize_i64(i64) -> Value;
        serialize_char(char) -> Value;
        serialize_bytes(&[u8]) -> Value;
        serialize_unit() -> Value;
        serialize_unit_struct(&'static str) -> Value;
        serialize_tuple(usize) -> Impossible<Value, Error>;
        serialize_tuple_struct(&'static str, usize) -> Impossible<Value, Error>;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Impossible<Value, Error>;
    }

    #[expect(clippy::disallowed_types, reason = "the trait requires this method, but no plan uses it")]
    fn serialize_f32(self, _: f32) -> Result<Value, Error> {
        Err(unsupported())
    }

    #[expect(clippy::disallowed_types, reason = "the trait requires this method, but no plan uses it")]
    fn serialize_f64(self, _: f64) -> Result<Value, Error> {
        Err(unsupported())
    }

    fn serialize_bool(self, holds: bool) -> Result<Value, Error> {
        Ok(Value::Plain(holds.to_string()))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Error> {
        Ok(Value::Plain(format!("{text:?}")))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Named("None".to_owned(), Vec::new()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        self.serialize_newtype_struct("Some", value)
    }

    fn serialize_unit_variant(self, of: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        Ok(Value::Named(format!("{of}::{variant}"), Vec::new()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(match (name, value.serialize(self)?) {
            ("Span", Value::Number(us)) => Value::Span(Span::us(us)),
            ("Duration", Value::Number(us)) => Value::Duration(Span::us(us)),
            ("ServerId", text) => Value::Named("ServerId::from".to_owned(), vec![text]),
            (_, value) => Value::Named(name.to_owned(), vec![value]),
        })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        of: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(Value::Named(format!("{of}::{variant}"), vec![value.serialize(self)?]))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Value, Error> {
        Ok(Value::List(Vec::new()))
    }

    fn serialize_tuple_variant(
        self,
        of: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Value, Error> {
        Ok(Value::Named(format!("{of}::{variant}"), Vec::new()))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Value, Error> {
        Ok(Value::List(Vec::new()))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Value, Error> {
        Ok(Value::Struct(name, Vec::new()))
    }
}

impl ser::SerializeSeq for Value {
    type Ok = Self;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Error> {
        self.push(element)
    }

    fn end(self) -> Result<Self, Error> {
        Ok(self)
    }
}

impl ser::SerializeTupleVariant for Value {
    type Ok = Self;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), Error> {
        self.push(part)
    }

    fn end(self) -> Result<Self, Error> {
        Ok(self)
    }
}

impl ser::SerializeMap for Value {
    type Ok = Self;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let Self::List(pairs) = self else { return Err(unsupported()) };
        pairs.push(Self::Named(String::new(), vec![key.serialize(TreeSerializer)?]));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let Self::List(pairs) = self else { return Err(unsupported()) };
        pairs.last_mut().ok_or_else(unsupported)?.push(value)
    }

    fn end(self) -> Result<Self, Error> {
        Ok(self)
    }
}

impl ser::SerializeStruct for Value {
    type Ok = Self;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        let Self::Struct(_, fields) = self else { return Err(unsupported()) };
        fields.push((name, value.serialize(TreeSerializer)?));
        Ok(())
    }

    fn end(self) -> Result<Self, Error> {
        Ok(self)
    }
}

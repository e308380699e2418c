//! The encoding of structs. A struct is written as a map with sorted keys. A struct is read from a map with
//! keys in any order, or from a list of fields in the order of Go's declaration.

use super::error::WireError;
use super::pack::Packer;
use super::unpack::{Head, Unpacker};

/// Bytes or a string; `None` for nil.
pub(super) type Raw<'i> = Option<&'i [u8]>;

/// A type that a field of a struct may have. Nil is read as the default value of the type.
pub(super) trait Field<'i>: Default {
    fn put(&self, out: &mut Packer<'_>);
    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError>;
}

impl<'i> Field<'i> for bool {
    fn put(&self, out: &mut Packer<'_>) {
        out.bool(*self);
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        match input.head()? {
            Head::Nil => Ok(false),
            Head::Bool(value) => Ok(value),
            head @ (Head::Uint(_)
            | Head::Int(_)
            | Head::Raw(_)
            | Head::Array(_)
            | Head::Map(_)
            | Head::Foreign) => Err(head.instead_of("a bool")),
        }
    }
}

impl<'i> Field<'i> for u64 {
    fn put(&self, out: &mut Packer<'_>) {
        out.uint(*self);
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        match input.head()? {
            Head::Nil => Ok(0),
            Head::Uint(value) => Ok(value),
            Head::Int(_) => Err(WireError::OutOfRange("an unsigned number")),
            head @ (Head::Bool(_) | Head::Raw(_) | Head::Array(_) | Head::Map(_) | Head::Foreign) => {
                Err(head.instead_of("a number"))
            }
        }
    }
}

impl<'i> Field<'i> for u8 {
    fn put(&self, out: &mut Packer<'_>) {
        out.uint(u64::from(*self));
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        Self::try_from(u64::get(input)?).map_err(|_| WireError::OutOfRange("a byte"))
    }
}

impl<'i> Field<'i> for i64 {
    fn put(&self, out: &mut Packer<'_>) {
        out.int(*self);
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        match input.head()? {
            Head::Nil => Ok(0),
            Head::Uint(value) => Self::try_from(value).map_err(|_| WireError::OutOfRange("a signed number")),
            Head::Int(value) => Ok(value),
            head @ (Head::Bool(_) | Head::Raw(_) | Head::Array(_) | Head::Map(_) | Head::Foreign) => {
                Err(head.instead_of("a number"))
            }
        }
    }
}

impl<'i> Field<'i> for Option<&'i [u8]> {
    fn put(&self, out: &mut Packer<'_>) {
        match self {
            Some(bytes) => out.raw(bytes),
            None => out.nil(),
        }
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        input.raw()
    }
}

/// Defines one of HashiCorp's Go structs. The fields are listed in the order in which the encoder writes the
/// fields. The number of a field is the position of the field in Go's declaration. The fields after `beyond`
/// do not exist in Go. Such a field is written only if the field has a value, and HashiCorp's library skips
/// the field.
macro_rules! go_struct {
    (
        $(#[$doc:meta])*
        $name:ident<$lifetime:lifetime> {
            $($key:literal $field:ident: $kind:ty = $place:literal,)*
        }
        beyond {
            $($extra_key:literal $extra:ident: $extra_kind:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Default)]
        pub(super) struct $name<$lifetime> {
            $(pub(super) $field: $kind,)*
            $(pub(super) $extra: Option<$extra_kind>,)*
        }

        impl<$lifetime> Field<$lifetime> for $name<$lifetime> {
            fn put(&self, out: &mut Packer<'_>) {
                const FIELDS: usize = [$($key),*].len();
                out.map(FIELDS $(+ usize::from(self.$extra.is_some()))*);
                $(
                    out.raw($key.as_bytes());
                    self.$field.put(out);
                )*
                $(
                    if let Some(extra) = &self.$extra {
                        out.raw($extra_key.as_bytes());
                        extra.put(out);
                    }
                )*
            }

            fn get(input: &mut Unpacker<$lifetime>) -> Result<Self, WireError> {
                let mut this = Self::default();
                match StructEncoding::of(input)? {
                    StructEncoding::Nothing => {}
                    StructEncoding::Map(length) => {
                        for _ in 0..length {
                            let key = input.raw()?.unwrap_or_default();
                            match core::str::from_utf8(key) {
                                $(Ok($key) => this.$field = Field::get(input)?,)*
                                $(Ok($extra_key) => this.$extra = Some(Field::get(input)?),)*
                                Ok(_) | Err(_) => input.skip()?,
                            }
                        }
                    }
                    StructEncoding::List(length) => {
                        for place in 0..length {
                            match place {
                                $($place => this.$field = Field::get(input)?,)*
                                _ => input.skip()?,
                            }
                        }
                    }
                }
                Ok(this)
            }
        }
    };
}
pub(super) use go_struct;

/// The encoding of a received struct: nil, a map or a list. The value is the number of fields.
pub(super) enum StructEncoding {
    Nothing,
    Map(u64),
    List(u64),
}

impl StructEncoding {
    pub(super) fn of(input: &mut Unpacker<'_>) -> Result<Self, WireError> {
        match input.head()? {
            Head::Nil => Ok(Self::Nothing),
            Head::Map(length) => Ok(Self::Map(length)),
            Head::Array(length) => Ok(Self::List(length)),
            head @ (Head::Bool(_) | Head::Uint(_) | Head::Int(_) | Head::Raw(_) | Head::Foreign) => {
                Err(head.instead_of("a map"))
            }
        }
    }
}

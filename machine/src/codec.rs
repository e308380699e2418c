//! The encoding of commands, queries and replies: postcard's format.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use wavetank_raft::Data;

/// Encodes a value of any type. The bytes depend on the type of the value. In Rust, an integer without a
/// suffix is an `i32` if the context gives no other type. For the command of a state machine, use
/// [`Replicated::encode_command`](crate::Replicated::encode_command), because the argument of that function
/// has the type that the servers decode.
///
/// ```
/// let bytes = wavetank_machine::encode(&(1_u8, "a"));
/// assert_eq!(wavetank_machine::decode::<(u8, String)>(&bytes), Ok((1, "a".to_owned())));
/// ```
///
/// # Panics
/// Panics if the value's own implementation of `Serialize` returns an error, or writes a sequence without a
/// length.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Data {
    postcard::to_stdvec(value)
        .unwrap_or_else(|error| panic!("the value cannot be serialised: {error}"))
        .into()
}

/// Decodes the bytes that [`encode`] has made.
///
/// # Errors
/// Returns an error if the bytes are not exactly one value of this type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => {
            Err(DecodeError(format!("the value does not end with the bytes: unread bytes: {}", rest.len())))
        }
        Err(error) => Err(DecodeError(error.to_string())),
    }
}

/// The reason why bytes cannot be decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeError(String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_one_value_are_refused() {
        assert_eq!(decode::<u8>(&[]).map_err(|error| error.to_string().is_empty()), Err(false));
        assert_eq!(
            decode::<u8>(&[1, 2]).map_err(|error| error.to_string()),
            Err("the value does not end with the bytes: unread bytes: 1".into())
        );
        assert!(decode::<Option<u8>>(&[7, 1]).is_err());
    }

    #[test]
    fn a_length_beyond_the_bytes_allocates_nothing() {
        // The length is 2^30.
        assert!(decode::<Vec<u64>>(&[0x80, 0x80, 0x80, 0x80, 0x04, 1]).is_err());
        assert!(decode::<String>(&[0x80, 0x80, 0x80, 0x80, 0x04, b'a']).is_err());
    }
}

//! Go's `time.Time`, in the form that HashiCorp's codec writes. An entry keeps the moment, without the time zone.
//! An entry without a time has Go's zero time.

use super::error::WireError;
use super::fields::Field;
use super::pack::Packer;
use super::unpack::{Head, Unpacker};
use wavetank_raft::AppendedAt;

/// The number of seconds from 0001-01-01 to 1970-01-01.
const UNIX: i64 = 62_135_596_800;
/// The value of [`GoTime::zone_minutes`] that means UTC.
const UTC: i16 = -1;
const NANOS: u32 = 1_000_000_000;

/// A point in time with a time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GoTime {
    /// The seconds since 0001-01-01T00:00:00Z.
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    /// The offset of the time zone in minutes east of Greenwich; -1 for UTC.
    pub(super) zone_minutes: i16,
}

impl Default for GoTime {
    fn default() -> Self {
        Self { seconds: 0, nanos: 0, zone_minutes: UTC }
    }
}

impl<'i> Field<'i> for GoTime {
    /// Writes the time in the form of Go's `MarshalBinary`. Every version of HashiCorp's library reads this
    /// form.
    fn put(&self, out: &mut Packer<'_>) {
        let mut bytes = [0; 15];
        bytes[0] = 1;
        bytes[1..9].copy_from_slice(&self.seconds.to_be_bytes());
        bytes[9..13].copy_from_slice(&self.nanos.to_be_bytes());
        bytes[13..].copy_from_slice(&self.zone_minutes.to_be_bytes());
        out.raw(&bytes);
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        match input.head()? {
            // A peer may write a timestamp extension. Such an entry counts as an entry without a time.
            Head::Nil | Head::Foreign => Ok(Self::default()),
            Head::Raw(bytes) => Self::parse(bytes),
            head @ (Head::Bool(_) | Head::Uint(_) | Head::Int(_) | Head::Array(_) | Head::Map(_)) => {
                Err(head.instead_of("a time"))
            }
        }
    }
}

impl GoTime {
    /// Returns the time of an entry, in UTC.
    pub(super) fn of(appended_at: Option<AppendedAt>) -> Self {
        appended_at.map_or_else(Self::default, |time| {
            let nanos = time.unix_nanos().rem_euclid(i64::from(NANOS));
            Self {
                seconds: time.unix_nanos().div_euclid(i64::from(NANOS)) + UNIX,
                nanos: u32::try_from(nanos).expect("a remainder is less than a second"),
                zone_minutes: UTC,
            }
        })
    }

    /// Returns the time of an entry. Returns `None` for the start of 1970, and for a time whose nanoseconds
    /// since 1970 do not fit into an `i64`. Such a time is before September 1677 or after April 2262, for
    /// example Go's zero time.
    pub(super) fn appended_at(self) -> Option<AppendedAt> {
        let seconds = i128::from(self.seconds) - i128::from(UNIX);
        let nanos = i64::try_from(seconds * i128::from(NANOS) + i128::from(self.nanos)).ok()?;
        AppendedAt::from_unix_nanos(nanos)
    }

    fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let (seconds, nanos, zone_minutes) = match bytes.len() {
            4 => (i64::from(u32::from_be_bytes(part(bytes, 0)?)) + UNIX, 0, UTC),
            8 => {
                let both = u64::from_be_bytes(part(bytes, 0)?);
                let seconds = i64::try_from(both & ((1 << 34) - 1)).map_err(|_| WireError::Time)?;
                (seconds + UNIX, u32::try_from(both >> 34).map_err(|_| WireError::Time)?, UTC)
            }
            12 => {
                let seconds = i64::from_be_bytes(part(bytes, 4)?);
                (seconds.wrapping_add(UNIX), u32::from_be_bytes(part(bytes, 0)?), UTC)
            }
            // The second layout has the seconds of the zone's offset in a last byte.
            15 if bytes[0] == 1 => Self::binary(bytes)?,
            16 if bytes[0] == 2 => Self::binary(bytes)?,
            _ => return Err(WireError::Time),
        };
        if nanos < NANOS { Ok(Self { seconds, nanos, zone_minutes }) } else { Err(WireError::Time) }
    }

    fn binary(bytes: &[u8]) -> Result<(i64, u32, i16), WireError> {
        Ok((
            i64::from_be_bytes(part(bytes, 1)?),
            u32::from_be_bytes(part(bytes, 9)?),
            i16::from_be_bytes(part(bytes, 13)?),
        ))
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], WireError> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(WireError::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hex: &str) -> GoTime {
        let bytes = crate::wire::tests::unhex(hex);
        GoTime::get(&mut Unpacker::new(&bytes)).unwrap()
    }

    #[test]
    fn go_writes_the_second_of_january_2006_like_this() {
        let seconds = 1_136_214_245 + UNIX;
        let time = GoTime { seconds, nanos: 0, zone_minutes: UTC };
        let mut out = Vec::new();
        time.put(&mut Packer::new(&mut out));
        assert_eq!(out, crate::wire::tests::unhex("af010000000ebb4b37e500000000ffff"));
        assert_eq!(read("af010000000ebb4b37e500000000ffff"), time);
        assert_eq!(read("af010000000ebb4b37e50000000001a4").zone_minutes, 420);
    }

    #[test]
    fn the_old_and_the_new_layout_name_the_same_moment() {
        let old = read("af010000000eda5aab140e044990ffff");
        assert_eq!(old, read("a83811264062c8b414"));
        assert_eq!(old.nanos, 235_162_000);
        assert_eq!(read("a462c8b414").seconds, old.seconds);
        assert_eq!(read("ac0e0449900000000062c8b414"), old);
        assert_eq!(read("c0"), GoTime::default());
        assert_eq!(read("b0020000000ebb4b37e500000000ffff00").seconds, 1_136_214_245 + UNIX);
    }

    #[test]
    fn an_entry_keeps_the_moment_to_the_nanosecond() {
        let nanos = |hex| read(hex).appended_at().map(AppendedAt::unix_nanos);
        assert_eq!(nanos("af010000000eda5aab140e044990ffff"), Some(1_657_320_468_235_162_000));
        assert_eq!(nanos("af010000000ebb4b37e50000000001a4"), Some(1_136_214_245_000_000_000));
        assert_eq!(nanos("af01000000000000000000000000ffff"), None);
        assert_eq!(GoTime::of(None), GoTime::default());
        for nanos in [1, -1, 1_657_320_468_235_162_000, i64::MAX, i64::MIN] {
            let time = AppendedAt::from_unix_nanos(nanos);
            assert_eq!(GoTime::of(time).appended_at(), time, "{nanos}");
        }
    }

    #[test]
    fn other_lengths_and_a_second_of_two_billion_nanoseconds_are_refused() {
        for hex in ["a0", "a101", "af030000000ebb4b37e500000000ffff", "af010000000ebb4b37e5ffffffffffff"] {
            let bytes = crate::wire::tests::unhex(hex);
            assert_eq!(GoTime::get(&mut Unpacker::new(&bytes)), Err(WireError::Time), "{hex}");
        }
    }
}

//! JSON values with exact numbers.
//!
//! A number is never rounded. Two numbers are compared by their decimal digits and their exponents of ten:
//! `1`, `1.0` and `10e-1` are equal. Two integers above 2⁶⁴ are equal only if all their digits are equal.

use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// A JSON value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// A number as two texts: the text that was read, and the canonical text for comparisons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Number {
    written: String,
    canonical: String,
}

/// The maximum depth of nested arrays and objects. The limit is needed because the reading function calls
/// itself for each level.
const DEPTH_MAX: usize = 128;

impl Json {
    /// Reads one JSON value from a text.
    ///
    /// # Errors
    /// Returns an error that names the defect of the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        Self::of(Some(raw))
    }

    /// Reads the value of a field. The value of an absent field is `null`.
    ///
    /// # Errors
    /// Returns an error that names the defect of the value.
    pub(super) fn of(raw: Option<&RawValue>) -> Result<Self, String> {
        raw.map_or(Ok(Self::Null), |raw| Self::at_depth(raw, 0))
    }

    fn at_depth(raw: &RawValue, depth: usize) -> Result<Self, String> {
        let text = raw.get();
        if depth == DEPTH_MAX && text.starts_with(['[', '{']) {
            return Err(format!("the value is nested deeper than {DEPTH_MAX} levels"));
        }
        let inner = |part: &RawValue| Self::at_depth(part, depth + 1);
        let refuse = |error: serde_json::Error| not_json(&error);
        match text.as_bytes().first() {
            Some(b'n') => Ok(Self::Null),
            Some(b't') => Ok(Self::Bool(true)),
            Some(b'f') => Ok(Self::Bool(false)),
            Some(b'"') => serde_json::from_str(text).map(Self::String).map_err(refuse),
            Some(b'[') => {
                let parts: Vec<&RawValue> = serde_json::from_str(text).map_err(refuse)?;
                parts.into_iter().map(inner).collect::<Result<_, _>>().map(Self::Array)
            }
            Some(b'{') => {
                let parts: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(refuse)?;
                let fields = parts.into_iter().map(|(name, part)| Ok((name, inner(part)?)));
                fields.collect::<Result<_, String>>().map(Self::Object)
            }
            _ => Number::parse(text).map(Self::Number),
        }
    }

    /// Returns the two elements of an array with two elements. Returns `None` for any other value.
    pub(super) fn as_pair(&self) -> Option<(&Self, &Self)> {
        match self {
            Self::Array(parts) => match parts.as_slice() {
                [first, second] => Some((first, second)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns a text that is the same for equal values, and different for different values.
    pub(super) fn canonical(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, |number| &number.canonical).expect("a write to a string cannot fail");
        text
    }

    fn write(&self, f: &mut impl fmt::Write, digits: fn(&Number) -> &str) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(digits(number)),
            Self::String(text) => write_string(f, text),
            Self::Array(parts) => {
                f.write_char('[')?;
                for (at, part) in parts.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    part.write(f, digits)?;
                }
                f.write_char(']')
            }
            Self::Object(fields) => {
                f.write_char('{')?;
                for (at, (name, part)) in fields.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    write_string(f, name)?;
                    f.write_char(':')?;
                    part.write(f, digits)?;
                }
                f.write_char('}')
            }
        }
    }
}

fn write_string(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

/// Prints the value in one line. A number is printed with the text that was read.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, |number| &number.written)
    }
}

impl Number {
    /// Reads a number. The canonical form of a number is the sign, the digits without zeros at either end,
    /// and the exponent of ten. The canonical form is at most a few bytes longer than the text, even if the
    /// exponent is large.
    fn parse(text: &str) -> Result<Self, String> {
        let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self { written: text.to_owned(), canonical: "0".to_owned() });
        }
        let shift = |digits: usize| i64::try_from(digits).ok();
        let exponent = exponent.parse::<i64>().ok();
        let exponent = exponent
            .and_then(|exponent| exponent.checked_add(shift(digits.len() - significant.len())?))
            .and_then(|exponent| exponent.checked_sub(shift(fraction.len())?))
            .ok_or_else(|| format!("number {text}: the exponent does not fit into 64 bits"))?;
        Ok(Self { written: text.to_owned(), canonical: format!("{sign}{significant}e{exponent}") })
    }
}

fn not_json(error: &serde_json::Error) -> String {
    // The error names a position in a part of the line. Such a position would only confuse the user.
    let text = error.to_string();
    format!("not JSON: {}", text.split(" at line ").next().unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Json::parse(text).unwrap().canonical()
    }

    #[test]
    fn equal_numbers_have_one_canonical_form() {
        let groups: [&[&str]; 7] = [
            &["1", "1.0", "10e-1", "0.1E1", "0.01e+2", "1e0", "1e-0", "100e-0002"],
            &["0", "-0", "0.0", "0e5", "-0.000e-7", "0e99999999999999999999999"],
            &["-120", "-1.2e2", "-1200E-1"],
            &["18446744073709551616", "1.8446744073709551616e19"],
            &["18446744073709551617", "184467440737095516170e-1"],
            &["0.1", "1e-1", "100e-3"],
            &["1e1000000000000", "10e999999999999", "0.1e1000000000001"],
        ];
        let all = groups.iter().enumerate().flat_map(|(at, group)| group.iter().map(move |text| (at, text)));
        let all = all.collect::<Vec<_>>();
        for (group, text) in &all {
            for (other_group, other) in &all {
                let are_equal = canonical(text) == canonical(other);
                assert_eq!(are_equal, group == other_group, "{text} and {other}");
            }
        }
    }

    #[test]
    fn every_short_number_equals_its_value() {
        for mantissa in 0..=1_000_i64 {
            for exponent in 0..=3_u32 {
                let plain = canonical(&(mantissa * 10_i64.pow(exponent)).to_string());
                assert_eq!(canonical(&format!("{mantissa}e{exponent}")), plain);
                let point = format!("{}.{:02}e2", mantissa / 100, mantissa % 100);
                assert_eq!(canonical(&point), canonical(&mantissa.to_string()), "{point}");
            }
        }
    }

    #[test]
    fn a_value_is_compared_at_every_depth() {
        assert_eq!(canonical(r#"{"b": [1.0, "\u0061"], "a": null}"#), canonical(r#"{"a":null,"b":[1,"a"]}"#));
        assert_ne!(canonical("[18446744073709551616]"), canonical("[18446744073709551617]"));
        assert_ne!(canonical("[\"1\"]"), canonical("[1]"));
        assert_ne!(canonical("[[1],2]"), canonical("[[1,2]]"));
    }

    #[test]
    fn a_value_is_shown_with_its_numbers_as_written() {
        let shown = Json::parse(r#" { "k" : [ 1.50, -0, 10e-1, true, false, null, "a\"b" ] } "#).unwrap();
        assert_eq!(shown.to_string(), r#"{"k":[1.50,-0,10e-1,true,false,null,"a\"b"]}"#);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let error = |text: &str| Json::parse(text).unwrap_err();
        let huge = "1e9223372036854775808";
        assert_eq!(error(huge), format!("number {huge}: the exponent does not fit into 64 bits"));
        assert_eq!(error("1.5e-9223372036854775808").split(": ").nth(1), error(huge).split(": ").nth(1));
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(error(&nested(DEPTH_MAX + 1)), "the value is nested deeper than 128 levels");
        assert!(error(&nested(1_000_000)).starts_with("the value is nested"), "the stack is not used up");
        assert_eq!(error("1 2"), "not JSON: trailing characters");
        assert_eq!(error(r#""\ud800""#), "not JSON: unexpected end of hex escape");
    }
}

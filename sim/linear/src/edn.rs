//! Reads histories in EDN, as Jepsen writes them into `history.edn`: one map for each invocation and each
//! completion, or one vector of these maps.
//!
//! Each map becomes a line of JSON with the same content. The names of fields, types, operations and
//! processes lose the colon of their keyword. A keyword in a value keeps the colon, so `:x` and `"x"` differ.
//! A record (`#jepsen.history.Op{..}`) is read as the map in the record. A tagged value is read as the value
//! without the tag.

use super::jsonl::BadLine;
use clojure_reader::edn::{self, Edn};
use clojure_reader::error::{Code, Error};
use serde_json::{Map, Value};

/// Returns each map of a history as a line of JSON, with the number of the line in the text. The operations
/// of the nemesis are left out, because their values can have any form. In a vector, the number is the
/// position of the map in the vector, from 1.
pub(super) fn lines(text: &str) -> Result<Vec<(usize, String)>, BadLine> {
    let mut lines = Vec::new();
    let (mut rest, mut number) = (text, 1);
    loop {
        let next = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
        number += line_feeds(rest) - line_feeds(next);
        if next.is_empty() {
            return Ok(lines);
        }
        let (value, behind) = edn::read(next).map_err(|error| not_edn(number, &error))?;
        match untagged(&value) {
            Edn::Vector(values) | Edn::List(values) => {
                for (number, value) in (1..).zip(values) {
                    lines.extend(line(number, value)?);
                }
            }
            value => lines.extend(line(number, value)?),
        }
        number += line_feeds(next) - line_feeds(behind);
        rest = behind;
    }
}

/// Returns one map as a line of JSON; `None` if the process is the nemesis.
fn line(number: usize, value: &Edn<'_>) -> Result<Option<(usize, String)>, BadLine> {
    let Edn::Map(fields) = untagged(value) else {
        return Err(bad(number, format!("expected a map of an operation, not {}", short(value))));
    };
    let is_nemesis = |field: (&Edn<'_>, &Edn<'_>)| field == (&Edn::key("process"), &Edn::key("nemesis"));
    if fields.iter().any(is_nemesis) {
        return Ok(None);
    }
    let mut object = Map::new();
    for (name, value) in fields {
        let Edn::Key(name) = name else { continue };
        let json = match (name.as_ref(), untagged(value)) {
            ("process" | "type" | "f", Edn::Key(word) | Edn::Symbol(word)) => Value::from(word.as_ref()),
            (_, value) => json(value, 0).map_err(|what| bad(number, what))?,
        };
        object.insert(name.to_string(), json);
    }
    Ok(Some((number, Value::Object(object).to_string())))
}

/// The maximum depth of nested values, as in JSON.
const DEPTH_MAX: usize = 128;

fn json(value: &Edn<'_>, depth: usize) -> Result<Value, String> {
    if depth == DEPTH_MAX {
        return Err(format!("the value is nested deeper than {DEPTH_MAX} levels"));
    }
    let inner = |part: &Edn<'_>| json(part, depth + 1);
    Ok(match untagged(value) {
        Edn::Nil => Value::Null,
        Edn::Bool(value) => Value::from(*value),
        Edn::Int(value) => Value::from(*value),
        Edn::Double(value) => Value::from(value.into_inner()),
        Edn::Str(text) | Edn::Symbol(text) => Value::from(text.as_ref()),
        Edn::Vector(parts) | Edn::List(parts) => parts.iter().map(inner).collect::<Result<_, _>>()?,
        Edn::Set(parts) => parts.iter().map(inner).collect::<Result<_, _>>()?,
        Edn::Map(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((plain(name), inner(value)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        other => Value::from(other.to_string()),
    })
}

/// Returns the key of a map as the name of a field.
fn plain(name: &Edn<'_>) -> String {
    match name {
        Edn::Str(text) => text.to_string(),
        other => other.to_string(),
    }
}

fn untagged<'a, 'e>(value: &'a Edn<'e>) -> &'a Edn<'e> {
    let mut value = value;
    while let Edn::Tagged(_, inner) = value {
        value = inner;
    }
    value
}

/// Describes an error of the EDN reader. The reader counts lines from the beginning of the value. The value
/// begins in line `first` of the text.
fn not_edn(first: usize, error: &Error) -> BadLine {
    let what = match &error.code {
        Code::HashMapDuplicateKey => "a key occurs twice in a map".to_owned(),
        Code::SetDuplicateKey => "a value occurs twice in a set".to_owned(),
        Code::InvalidChar => "a character literal is invalid".to_owned(),
        Code::InvalidEscape => "an escape sequence in a string is invalid".to_owned(),
        Code::InvalidKeyword => "a keyword is invalid".to_owned(),
        Code::InvalidNumber => "a number is invalid or does not fit in 64 bits".to_owned(),
        Code::InvalidRadix(_) => "the radix of a number is invalid".to_owned(),
        Code::InvalidTag => "a tag is invalid".to_owned(),
        Code::UnexpectedEOF => "the text ends within a value".to_owned(),
        Code::UnmatchedDelimiter(delimiter) => format!("`{delimiter}` has no opening delimiter"),
        other => format!("{other:?}"),
    };
    let at = match (error.line, error.column) {
        (Some(line), Some(column)) => format!(" (line {}, column {column})", first + line - 1),
        (_, _) => String::new(),
    };
    bad(first, format!("not EDN: {what}{at}"))
}

fn line_feeds(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

fn short(value: &Edn<'_>) -> String {
    value.to_string().chars().take(60).collect()
}

fn bad(line: usize, what: String) -> BadLine {
    BadLine { line, what: what.replace('\n', " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_jepsen_becomes_a_line_of_json() {
        let text = "{:process :nemesis, :type :info, :f :start, :value #{:a}}\n\
                    #jepsen.history.Op{:index 1, :process 3, :type :invoke, :f :cas, :value [5 [1 :x]], :time 9}\n";
        let lines = lines(text).expect("the text is EDN");
        let json = r#"{"f":"cas","index":1,"process":3,"time":9,"type":"invoke","value":[5,[1,":x"]]}"#;
        assert_eq!(lines, [(2, json.to_owned())]);
    }

    #[test]
    fn a_vector_of_maps_is_a_history() {
        let text =
            "[{:process 0, :type :ok, :f :read, :value nil}\n {:process 1, :type :fail, :error \"no\"}]";
        assert_eq!(lines(text).expect("the text is EDN").len(), 2);
    }

    #[test]
    fn a_value_that_is_nested_too_deep_is_refused() {
        let deep = format!("{{:process 0, :value {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(
            lines(&deep).expect_err("the value is too deep").what,
            "the value is nested deeper than 128 levels"
        );
        let open = "[".repeat(100_000);
        assert!(lines(&open).is_err_and(|error| error.what.starts_with("not EDN")));
    }

    #[test]
    fn text_that_is_not_edn_is_refused_with_its_line() {
        for (text, line, what) in [
            ("{:process 0}\n{:process", 2, "not EDN"),
            ("{:process 0}\n\n:word", 3, "expected a map of an operation, not :word"),
            ("}", 1, "not EDN: `}` has no opening delimiter"),
            ("{:process 0}\n{:process 1\n :value 9999999999999999999}", 2, "does not fit in 64 bits (line 3"),
        ] {
            let error = lines(text).expect_err("the text is no history");
            assert_eq!(error.line, line, "{text}");
            assert!(error.what.contains(what) && !error.what.contains('\n'), "{}", error.what);
        }
    }
}

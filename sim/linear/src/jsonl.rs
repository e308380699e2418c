//! Reads histories in lines of JSON with the fields of Jepsen's histories. A history has one line for each
//! invocation and each completion, in the order of the events.

use super::format::{HistoryFormat, OpKind};
use super::json::Json;
use super::{History, Input, Output};
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// The first invalid line of a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// The number of the line; the first line is 1. In a vector of EDN maps, this is the position of the map in
    /// the vector, from 1.
    pub line: usize,
    /// The defect of the line, for a person to read.
    pub what: String,
}

/// The history of one key, with the text of each operation.
#[derive(Debug)]
pub(super) struct Partition {
    /// The key in JSON; `null` if the lines name no key.
    pub(super) key: String,
    pub(super) history: History,
    pub(super) texts: Vec<OperationText>,
}

/// One operation as text, from the lines of the invocation and of the completion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperationText {
    /// The process that invoked the operation.
    pub process: String,
    /// The operation with the arguments, for example `write 3`. For a completed read, the text has the value
    /// that was read, for example `read 3`.
    pub what: String,
    /// The position of the line of the invocation.
    pub invoked: LinePosition,
    /// The position of the line of the completion, and the type of the completion: `ok`, `fail` or `info`.
    /// `None` if the operation did not complete.
    pub completed: Option<(LinePosition, String)>,
}

/// The number of a line in the history, and the time of the event in the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinePosition {
    /// The number of the line; the first line is 1. In a vector of EDN maps, this is the position of the map in
    /// the vector, from 1.
    pub line: usize,
    /// The time of the event in nanoseconds. If the line has no time, the value is the last time in the
    /// earlier lines. If no earlier line has a time, the value is zero.
    pub time: u64,
}

/// The fields of a line. The JSON values in the fields are not parsed yet.
#[derive(Deserialize)]
#[serde(expecting = "struct Line")]
struct RawLine<'a> {
    #[serde(borrow)]
    process: &'a RawValue,
    r#type: String,
    f: Option<String>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    time: Option<serde_json::Value>,
}

/// A parsed line: the invocation or the completion of an operation.
struct HistoryLine {
    process: String,
    r#type: String,
    f: Option<String>,
    /// The key; `None` if the line names no key.
    key: Option<Json>,
    value: Json,
    error: Json,
    position: LinePosition,
}

/// An operation that was invoked and has not completed.
struct Pending {
    key: Json,
    at: usize,
    verb: OpKind,
    value: Json,
    args: Vec<Vec<u8>>,
}

/// Reads all lines of a text. Returns the history of each key, in the order of the canonical texts of the keys.
pub(super) fn read(text: &str, format: &HistoryFormat) -> Result<Vec<Partition>, BadLine> {
    read_lines((1..).zip(text.lines()), format)
}

/// Reads lines with the numbers of the lines. Returns the history of each key, in the same order as [`read`].
pub(super) fn read_lines<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    format: &HistoryFormat,
) -> Result<Vec<Partition>, BadLine> {
    let mut reader = HistoryReader { format, keys: BTreeMap::new(), pending: BTreeMap::new(), time: 0 };
    for (number, line) in lines {
        if !line.trim().is_empty() {
            reader.take(number, line.trim()).map_err(|what| BadLine { line: number, what })?;
        }
    }
    Ok(reader.keys.into_values().collect())
}

struct HistoryReader<'a> {
    format: &'a HistoryFormat,
    /// The history of each key, by the canonical text of the key.
    keys: BTreeMap<String, Partition>,
    /// The pending operation of each process, by the name of the process.
    pending: BTreeMap<String, Pending>,
    time: u64,
}

impl HistoryReader<'_> {
    fn take(&mut self, number: usize, text: &str) -> Result<(), String> {
        let raw: RawLine<'_> = serde_json::from_str(text).map_err(|error| not_a_line(&error))?;
        let process = match Json::of(Some(raw.process))? {
            Json::String(name) if name == "nemesis" => return Ok(()),
            Json::String(name) => name,
            number @ Json::Number(_) => number.to_string(),
            other => return Err(format!("process is {other}: expected a number or a name")),
        };
        let position = LinePosition { line: number, time: self.take_time(raw.time.as_ref())? };
        let (key, value) = self.key_and_value(&raw)?;
        let error = Json::of(raw.error)?;
        let line = HistoryLine { process, r#type: raw.r#type, f: raw.f, key, value, error, position };
        match line.r#type.as_str() {
            "invoke" => self.begin(line),
            "ok" | "fail" | "info" => self.end(line),
            other => Err(format!("unknown type {other:?}: expected invoke, ok, fail or info")),
        }
    }

    fn take_time(&mut self, time: Option<&serde_json::Value>) -> Result<u64, String> {
        if let Some(time) = time {
            let error = || format!("time is {time}: expected a whole number of nanoseconds");
            let time = time.as_u64().ok_or_else(error)?;
            if time < self.time {
                return Err(format!("time is {time}, but the time of an earlier line is {}", self.time));
            }
            self.time = time;
        }
        Ok(self.time)
    }

    /// Returns the key of a line (`None` if the line names no key), and the value of the line without the
    /// key.
    fn key_and_value(&self, raw: &RawLine<'_>) -> Result<(Option<Json>, Json), String> {
        let value = Json::of(raw.value)?;
        let key = raw.key.map(|key| Json::of(Some(key))).transpose()?;
        if !self.format.independent {
            return Ok((key, value));
        }
        if let Some(key) = key {
            return Err(format!(
                "key is {key}: in an independent test the key is given only in the value [key, value]"
            ));
        }
        let may_leave_out = matches!(raw.r#type.as_str(), "fail" | "info");
        match value.as_pair() {
            Some((key, inner)) => Ok((Some(key.clone()), inner.clone())),
            None if may_leave_out && value == Json::Null => Ok((None, value)),
            None => Err(format!("value is {value}: expected [key, value]")),
        }
    }

    fn begin(&mut self, line: HistoryLine) -> Result<(), String> {
        let HistoryLine { process, f, key, value, position, .. } = line;
        if self.pending.contains_key(&process) {
            return Err(format!(
                "process {process} invokes an operation before its previous operation has completed"
            ));
        }
        let model = self.format.model;
        let verb = model.verb(f.as_deref().ok_or("the invocation has no field `f`")?)?;
        let args = model.args(verb, &value)?;
        let input = match (verb, args.as_slice()) {
            (OpKind::Write, [value]) => Input::Write(value),
            (OpKind::Append, [value]) => Input::Append(value),
            (OpKind::Cas, [expected, new]) => Input::Cas { expected, new },
            (OpKind::Read | OpKind::Write | OpKind::Append | OpKind::Cas, _) => Input::Read,
        };
        let key = key.unwrap_or(Json::Null);
        let start = || Partition {
            key: key.to_string(),
            history: History::new(&self.format.initial),
            texts: Vec::new(),
        };
        let partition = self.keys.entry(key.canonical()).or_insert_with(start);
        let at = partition.history.invoke(input);
        let what = match verb {
            OpKind::Read => verb.to_string(),
            OpKind::Write | OpKind::Cas | OpKind::Append => format!("{verb} {value}"),
        };
        let text = OperationText { process: process.clone(), what, invoked: position, completed: None };
        partition.texts.push(text);
        self.pending.insert(process, Pending { key, at, verb, value, args });
        Ok(())
    }

    fn end(&mut self, line: HistoryLine) -> Result<(), String> {
        let process = &line.process;
        let open = self.pending.remove(process);
        let open = open.ok_or_else(|| {
            format!("process {process} completes an operation, but has no pending operation")
        })?;
        open.expect_same(&line, self.format)?;
        let partition = self.keys.get_mut(&open.key.canonical());
        let partition = partition.expect("the key of an open operation has been seen");
        let text = &mut partition.texts[open.at];
        match (line.r#type.as_str(), open.verb) {
            ("ok", OpKind::Read) => {
                let value = self.format.model.value(&line.value)?;
                text.what = format!("{} {}", open.verb, line.value);
                partition.history.complete(open.at, Output::Read(&value));
            }
            ("ok", OpKind::Write | OpKind::Append | OpKind::Cas) => {
                partition.history.complete(open.at, Output::Done);
            }
            ("fail", OpKind::Cas) if self.format.failed_cas.is_mismatch(&line.error) => {
                partition.history.complete(open.at, Output::Mismatch);
            }
            ("fail", OpKind::Read | OpKind::Write | OpKind::Append | OpKind::Cas) => {
                partition.history.complete(open.at, Output::Failed);
            }
            _ => {}
        }
        text.completed = Some((line.position, line.r#type));
        Ok(())
    }
}

impl Pending {
    /// Returns an error if the completion names another operation, another key or other arguments than the
    /// invocation.
    fn expect_same(&self, line: &HistoryLine, format: &HistoryFormat) -> Result<(), String> {
        let verb = self.verb.to_string();
        if let Some(f) = line.f.as_deref().filter(|f| *f != verb) {
            return Err(format!("the completed operation is {f}, but {verb} was invoked"));
        }
        if let Some(key) = line.key.as_ref().filter(|key| key.canonical() != self.key.canonical()) {
            return Err(format!("the operation completes on key {key}, but was invoked on key {}", self.key));
        }
        let is_same = || Ok::<_, String>(format.model.args(self.verb, &line.value)? == self.args);
        if self.verb != OpKind::Read && line.value != Json::Null && !is_same()? {
            return Err(format!(
                "the operation completes with value {}, but was invoked with value {}",
                line.value, self.value
            ));
        }
        Ok(())
    }
}

fn not_a_line(error: &serde_json::Error) -> String {
    // The line number in the error is always 1 here, and would only confuse the user.
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            format!("not JSON: {what} at column {}", error.column())
        }
        Category::Data => what.to_owned(),
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for BadLine {}

impl fmt::Display for OperationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}: {}, line {}", self.process, self.what, self.invoked.line)?;
        match &self.completed {
            Some((place, how)) => {
                write!(f, " to {}: {how} ({} to {} ns)", place.line, self.invoked.time, place.time)
            }
            None => write!(f, ": never completed (from {} ns)", self.invoked.time),
        }
    }
}

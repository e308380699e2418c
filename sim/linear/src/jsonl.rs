//! Histories in lines of JSON, in the shape that Jepsen made common: one line for each
//! invocation and each completion, in the order in which they happened.

use super::{History, Input, Output};
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The type of a key, and the operations that it allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyModel {
    /// Holds any JSON value, `null` at first: `read`, `write`.
    Register,
    /// The same, and `cas`, whose value is `[expected, new]`.
    CasRegister,
    /// Holds a string, empty at first, which `null` is too: `read`, `write`, `cas`, `append`.
    Kv,
}

/// The first invalid line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// Its number, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// The history of one key, and what the lines say of each of its operations.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) history: History,
    pub(super) texts: Vec<OperationText>,
}

/// What the lines say of one operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperationText {
    /// The process that invoked it.
    pub process: String,
    /// What it did: `write 3`.
    pub what: String,
    /// The line of its invocation.
    pub invoked: LinePosition,
    /// The line of its completion, and how it completed: `ok`, `fail`, `info`.
    pub completed: Option<(LinePosition, String)>,
}

/// A line and its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinePosition {
    /// Its number, from 1 on.
    pub line: usize,
    /// The time in nanoseconds.
    pub time: u64,
}

#[derive(Deserialize)]
#[serde(expecting = "struct Line")]
struct HistoryLine {
    process: Value,
    r#type: String,
    f: Option<String>,
    #[serde(default)]
    key: Value,
    #[serde(default)]
    value: Value,
    time: Option<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OpKind {
    Read,
    Write,
    Cas,
    Append,
}

/// An operation that was invoked and has not completed.
struct Pending {
    key: String,
    at: usize,
    verb: OpKind,
    value: Value,
    args: Vec<Vec<u8>>,
}

/// Reads all lines.
pub(super) fn read(text: &str, model: KeyModel) -> Result<BTreeMap<String, Partition>, BadLine> {
    let mut reader = HistoryReader { model, keys: BTreeMap::new(), pending: BTreeMap::new(), time: 0 };
    for (number, line) in (1..).zip(text.lines()) {
        if !line.trim().is_empty() {
            reader.take(number, line.trim()).map_err(|what| BadLine { line: number, what })?;
        }
    }
    Ok(reader.keys)
}

struct HistoryReader {
    model: KeyModel,
    keys: BTreeMap<String, Partition>,
    pending: BTreeMap<String, Pending>,
    time: u64,
}

impl HistoryReader {
    fn take(&mut self, number: usize, text: &str) -> Result<(), String> {
        let line: HistoryLine = serde_json::from_str(text).map_err(|error| not_a_line(&error))?;
        let process = match &line.process {
            Value::Number(number) => number.to_string(),
            Value::String(name) if name == "nemesis" => return Ok(()),
            Value::String(name) => name.clone(),
            other @ (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(format!("process is {other}: expected a number or a name"));
            }
        };
        let place = LinePosition { line: number, time: self.take_time(line.time.as_ref())? };
        match line.r#type.as_str() {
            "invoke" => self.begin(process, line, place),
            "ok" | "fail" | "info" => self.end(process, line, place),
            other => Err(format!("unknown type {other:?}: expected invoke, ok, fail or info")),
        }
    }

    fn take_time(&mut self, time: Option<&Value>) -> Result<u64, String> {
        if let Some(time) = time {
            let error = || format!("time is {time}: expected a whole number of nanoseconds");
            let time = time.as_u64().ok_or_else(error)?;
            if time < self.time {
                return Err(format!("time goes backwards: {time} after {}", self.time));
            }
            self.time = time;
        }
        Ok(self.time)
    }

    fn begin(&mut self, process: String, line: HistoryLine, place: LinePosition) -> Result<(), String> {
        if self.pending.contains_key(&process) {
            return Err(format!("process {process} invokes, and its last operation has not completed"));
        }
        let verb = self.model.verb(line.f.as_deref().ok_or("an invocation without f")?)?;
        let args = self.model.args(verb, &line.value)?;
        let input = match (verb, args.as_slice()) {
            (OpKind::Write, [value]) => Input::Write(value),
            (OpKind::Append, [value]) => Input::Append(value),
            (OpKind::Cas, [expected, new]) => Input::Cas { expected, new },
            (OpKind::Read | OpKind::Write | OpKind::Append | OpKind::Cas, _) => Input::Read,
        };
        let key = line.key.to_string();
        let initial = self.model.initial();
        let start = || Partition { history: History::new(initial), texts: Vec::new() };
        let partition = self.keys.entry(key.clone()).or_insert_with(start);
        let at = partition.history.invoke(input);
        let what = match verb {
            OpKind::Read => verb.to_string(),
            OpKind::Write | OpKind::Cas | OpKind::Append => format!("{verb} {}", line.value),
        };
        partition.texts.push(OperationText {
            process: process.clone(),
            what,
            invoked: place,
            completed: None,
        });
        self.pending.insert(process, Pending { key, at, verb, value: line.value, args });
        Ok(())
    }

    fn end(&mut self, process: String, line: HistoryLine, place: LinePosition) -> Result<(), String> {
        let open = self.pending.remove(&process);
        let open = open.ok_or_else(|| format!("process {process} completes what it has not invoked"))?;
        open.expect_same(&line, self.model)?;
        let partition = self.keys.get_mut(&open.key).expect("an operation is open on a key that was seen");
        let text = &mut partition.texts[open.at];
        match (line.r#type.as_str(), open.verb) {
            ("ok", OpKind::Read) => {
                let value = self.model.value(&line.value)?;
                text.what = format!("{} {}", open.verb, line.value);
                partition.history.complete(open.at, Output::Read(&value));
            }
            ("ok", OpKind::Write | OpKind::Append | OpKind::Cas) => {
                partition.history.complete(open.at, Output::Done);
            }
            ("fail", OpKind::Cas) => partition.history.complete(open.at, Output::Mismatch),
            ("fail", OpKind::Read | OpKind::Write | OpKind::Append) => {
                partition.history.complete(open.at, Output::Failed);
            }
            _ => {}
        }
        text.completed = Some((place, line.r#type));
        Ok(())
    }
}

impl Pending {
    /// Checks that a completion matches its invocation.
    fn expect_same(&self, line: &HistoryLine, model: KeyModel) -> Result<(), String> {
        let verb = self.verb.to_string();
        if let Some(f) = line.f.as_deref().filter(|f| *f != verb) {
            return Err(format!("completes a {f}, and a {verb} was invoked"));
        }
        let key = line.key.to_string();
        if !line.key.is_null() && key != self.key {
            return Err(format!("completes on key {key}, and was invoked on {}", self.key));
        }
        let is_same = || Ok::<_, String>(model.args(self.verb, &line.value)? == self.args);
        if self.verb != OpKind::Read && !line.value.is_null() && !is_same()? {
            return Err(format!("completes with {}, and was invoked with {}", line.value, self.value));
        }
        Ok(())
    }
}

impl KeyModel {
    const fn initial(self) -> &'static [u8] {
        match self {
            Self::Register | Self::CasRegister => b"null",
            Self::Kv => b"",
        }
    }

    fn verb(self, f: &str) -> Result<OpKind, String> {
        let verb = match f {
            "read" => OpKind::Read,
            "write" => OpKind::Write,
            "cas" => OpKind::Cas,
            "append" => OpKind::Append,
            other => return Err(format!("unknown f {other:?}: expected read, write, cas or append")),
        };
        let has = match self {
            Self::Register => matches!(verb, OpKind::Read | OpKind::Write),
            Self::CasRegister => verb != OpKind::Append,
            Self::Kv => true,
        };
        if has { Ok(verb) } else { Err(format!("the {self} model has no {verb}")) }
    }

    /// The arguments of an invocation.
    fn args(self, verb: OpKind, value: &Value) -> Result<Vec<Vec<u8>>, String> {
        match verb {
            OpKind::Read => Ok(Vec::new()),
            OpKind::Write | OpKind::Append => Ok(vec![self.value(value)?]),
            OpKind::Cas => match value.as_array().map(Vec::as_slice) {
                Some([expected, new]) => Ok(vec![self.value(expected)?, self.value(new)?]),
                Some(_) | None => Err(format!("a cas with value {value}: expected [expected, new]")),
            },
        }
    }

    fn value(self, value: &Value) -> Result<Vec<u8>, String> {
        match (self, value) {
            (Self::Register | Self::CasRegister, _) => Ok(value.to_string().into_bytes()),
            (Self::Kv, Value::Null) => Ok(Vec::new()),
            (Self::Kv, Value::String(text)) => Ok(text.clone().into_bytes()),
            (Self::Kv, _) => Err(format!("value {value}: the kv model has strings")),
        }
    }
}

fn not_a_line(error: &serde_json::Error) -> String {
    // Its own line number is always 1 here, and would only confuse.
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            format!("not JSON: {what} at column {}", error.column())
        }
        Category::Data => what.to_owned(),
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Cas => "cas",
            Self::Append => "append",
        })
    }
}

impl fmt::Display for KeyModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "register",
            Self::CasRegister => "cas-register",
            Self::Kv => "kv",
        })
    }
}

impl FromStr for KeyModel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Register, Self::CasRegister, Self::Kv];
        let named = all.into_iter().find(|model| model.to_string() == name);
        named.ok_or_else(|| format!("unknown model {name:?}: expected register, cas-register or kv"))
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

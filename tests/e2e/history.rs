//! What clients wanted and were told, in the lines that `wavetank judge` reads.

use serde_json::{Value, json};
use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

/// Lines, in the order in which things happened.
#[derive(Debug)]
pub(crate) struct History {
    begun: Instant,
    lines: Mutex<Vec<String>>,
}

/// What an operation is.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) process: u64,
    pub(crate) f: &'static str,
    pub(crate) key: String,
    pub(crate) value: Value,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// It was done.
    Ok,
    /// It was not.
    Fail,
    /// Nobody knows.
    Info,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default() }
    }

    /// An operation begins.
    pub(crate) fn invoke(&self, operation: &Operation) {
        self.write("invoke", operation);
    }

    /// It ends; `operation` has the value that was read, if one was.
    pub(crate) fn complete(&self, operation: &Operation, how: How) {
        self.write(&how.to_string(), operation);
    }

    /// The time is taken where the place among the lines is: both say the same.
    fn write(&self, what: &str, Operation { process, f, key, value }: &Operation) {
        let mut lines = self.lines.lock().unwrap();
        let time = u64::try_from(self.begun.elapsed().as_nanos()).unwrap();
        let line = json!({
            "process": process, "type": what, "f": f, "key": key, "value": value, "time": time,
        });
        lines.push(line.to_string());
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        })
    }
}

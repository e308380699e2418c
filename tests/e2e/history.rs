//! The operations of clients and their outcomes, in the lines that `wavetank judge` reads.

use serde_json::{Value, json};
use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

/// The lines of a history, in real-time order.
#[derive(Debug)]
pub(crate) struct History {
    begun: Instant,
    lines: Mutex<Vec<String>>,
}

/// An operation of a client.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) process: u64,
    pub(crate) f: &'static str,
    pub(crate) key: String,
    pub(crate) value: Value,
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It took effect.
    Ok,
    /// It did not take effect.
    Fail,
    /// It is unknown whether it took effect.
    Info,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default() }
    }

    /// Records that an operation begins.
    pub(crate) fn invoke(&self, operation: &Operation) {
        self.write("invoke", operation);
    }

    /// Records that an operation ended. `operation` has the value that was read, if any.
    pub(crate) fn complete(&self, operation: &Operation, outcome: Outcome) {
        self.write(&outcome.to_string(), operation);
    }

    /// Writes a line. It reads the clock while it holds the lock on the lines, so that lines and times
    /// have the same order.
    fn write(&self, what: &str, Operation { process, f, key, value }: &Operation) {
        let mut lines = self.lines.lock().unwrap();
        let time = u64::try_from(self.begun.elapsed().as_nanos()).unwrap();
        let line = json!({
            "process": process, "type": what, "f": f, "key": key, "value": value, "time": time,
        });
        lines.push(line.to_string());
    }

    /// All lines of the history.
    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        })
    }
}

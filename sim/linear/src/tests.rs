//! Known verdicts, and random histories against brute force.

mod known;
mod meanings;
mod random;
mod reader;

use super::{CheckResult, History, Input, Output};

/// One event of a history that is written down: `(operation, what happened)`.
enum HistoryEvent<'a> {
    Invokes(Input<'a>),
    Completes(Output<'a>),
}

use HistoryEvent::{Completes, Invokes};
use Input::{Append, Cas, Read, Write};
use Output::{Done, Failed, Mismatch};

/// Writes a history down, event by event; operations go by the names they are given.
fn history(events: &[(&str, HistoryEvent<'_>)]) -> History {
    let mut history = History::new(b"");
    let mut names = std::collections::BTreeMap::new();
    for (name, event) in events {
        match event {
            Invokes(input) => {
                names.insert(*name, history.invoke(*input));
            }
            Completes(output) => history.complete(names[name], *output),
        }
    }
    history
}

fn verdict(history: &History) -> CheckResult {
    history.check(&mut || true)
}

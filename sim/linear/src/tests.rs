//! Verdicts that are known, and random histories against brute force.

mod known;
mod random;
mod reader;

use super::{CheckResult, History, Input, Output};

/// One moment of a history that is written down: `(operation, what happened)`.
enum Moment<'a> {
    Invokes(Input<'a>),
    Completes(Output<'a>),
}

use Input::{Append, Cas, Read, Write};
use Moment::{Completes, Invokes};
use Output::{Done, Failed, Mismatch};

/// Writes a history down, moment by moment; operations go by the names they are given.
fn history(moments: &[(&str, Moment<'_>)]) -> History {
    let mut history = History::new(b"");
    let mut names = std::collections::BTreeMap::new();
    for (name, moment) in moments {
        match moment {
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

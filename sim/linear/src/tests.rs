//! Verdicts that are known, and random histories against the plain twin.

mod known;
mod random;
mod reader;

use super::{Answer, Came, Deed, History};

/// One moment of a history that is written down: `(operation, what happened)`.
enum Moment<'a> {
    Begins(Deed<'a>),
    Ends(Came<'a>),
}

use Came::{Done, Mismatch, Nothing, Saw};
use Deed::{Append, Cas, Read, Write};
use Moment::{Begins, Ends};

/// Writes a history down, moment by moment; operations go by the names they are given.
fn history(moments: &[(&str, Moment<'_>)]) -> History {
    let mut history = History::new(b"");
    let mut names = std::collections::BTreeMap::new();
    for (name, moment) in moments {
        match moment {
            Begins(deed) => {
                names.insert(*name, history.begin(*deed));
            }
            Ends(came) => history.end(names[name], *came),
        }
    }
    history
}

fn verdict(history: &History) -> Answer {
    history.check(&mut || true)
}

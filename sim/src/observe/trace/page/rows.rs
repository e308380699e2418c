//! The rows of a page: one row for each step, message, fault and client operation.
//!
//! A row is an array. The first three elements are the number of the row's kind, the number of observations
//! since the previous row, and the microseconds since the previous row. An element for a text has the
//! position of the text in the list of texts, because most texts occur many times. [`Kind`] lists the other
//! columns of each kind.
//!
//! A change of a server's state is an object with only the fields that change: `r` role (a letter, `-` for
//! down), `t` term, `v` vote, `k` leader, `c` commit index, `a` applied index, `l` last index, `s` the last
//! index of the snapshot, `g` configuration (a text), `d` the last durable index, `z` true if paused. Three
//! more fields change the log, in this order: `B` removes all entries, and the value of `B` is the index
//! before the next entry; `L` replaces the entries after an index (each entry has a term and a text); `K`
//! removes the entries up to an index.

use super::{CommandText, display};
use crate::subject::Subject;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use wavetank_raft::{Entry, NodeId, RoleName, Time};

/// The kind of a row. The parentheses list the columns after the first three elements of the row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A message was sent (sender, receiver, text, the microseconds until each arrival).
    Sent,
    /// A server handled a message (server, the number of rows back to the row of the message, change).
    Received,
    /// A server handled another event (server, text, change or 0, request if the event is a call).
    Event,
    /// A server returned an action (server, text, 0, request if the action is an answer).
    Action,
    /// Something happened at the disk or the state machine of a server (server, text, change).
    Disk,
    /// A fault happened or ended (server or -1, text, change or 0, text of the links that are cut).
    Fault,
    /// A client began an operation (client, operation, text).
    Invoked,
    /// An operation ended (client, operation, text, 0 ok or 1 failed or 2 unknown). If the text begins with a
    /// colon, the page shows the text of the request before this text.
    Returned,
}

/// The rows, and the list of the texts in the rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Value>,
    texts: Vec<String>,
    places: BTreeMap<String, usize>,
    last: (u64, Time),
}

impl Rows {
    /// Adds a row, and returns the number of the row.
    pub(super) fn add(&mut self, now: (u64, Time), kind: Kind, columns: Vec<Value>) -> usize {
        let last = std::mem::replace(&mut self.last, now);
        let mut row = vec![json!(kind as u8), json!(now.0 - last.0), json!(now.1.0 - last.1.0)];
        row.extend(columns);
        self.rows.push(Value::Array(row));
        self.rows.len() - 1
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the position of a text in the list of texts. Adds the text if the list does not contain the
    /// text.
    pub(super) fn text(&mut self, text: &str) -> usize {
        if let Some(&place) = self.places.get(text) {
            return place;
        }
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), self.texts.len() - 1);
        self.texts.len() - 1
    }

    /// Returns the term of each entry, and the position of the entry's text in the list of texts.
    pub(super) fn entries(&mut self, entries: &[Entry], commands: CommandText) -> Vec<(u64, usize)> {
        let cell = |entry: &Entry| (entry.id.term.0, self.text(&display::payload(&entry.payload, commands)));
        entries.iter().map(cell).collect()
    }

    /// Returns the rows, and the list of the texts in the rows.
    pub(super) fn into_parts(self) -> (Vec<Value>, Vec<String>) {
        (self.rows, self.texts)
    }
}

/// The fields of a server's state, without its log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ServerFields(Map<String, Value>);

impl ServerFields {
    /// Returns the state that a server shows. A part that the server does not show is null; an unknown role
    /// counts as follower, and an unknown term as 0.
    pub(super) fn of<S: Subject>(server: &S, rows: &mut Rows) -> Self {
        let view = server.view();
        let name = |node: Option<Option<NodeId>>| node.flatten().map(|node| node.to_string());
        let role = view.role.map(|role| match role {
            RoleName::Follower => "F",
            RoleName::PreCandidate => "P",
            RoleName::Candidate => "C",
            RoleName::Leader => "L",
        });
        let configuration = server.configuration().flatten();
        let fields = [
            ("r", json!(role.unwrap_or("F"))),
            ("t", json!(view.term.unwrap_or_default().0)),
            ("v", json!(name(view.vote))),
            ("k", json!(name(view.leader))),
            ("c", json!(view.commit.map(|index| index.0))),
            ("a", json!(view.applied.map(|index| index.0))),
            ("l", json!(view.last.map(|last| last.index.0))),
            ("s", json!(view.snapshot.map(|last| last.index.0))),
            ("g", json!(configuration.map(|(_, members)| rows.text(&members.to_string())))),
        ];
        Self(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Returns the fields that differ from an earlier state.
    pub(super) fn changes_from(&self, earlier: &Self) -> Map<String, Value> {
        let differs = |(key, value): &(&String, &Value)| earlier.0.get(*key) != Some(*value);
        self.0.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

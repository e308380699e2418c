//! A trace that shows a run as one page for a browser: lanes of servers and clients, the messages, the
//! faults, and the state of every server at every step.
//!
//! The page loads no other file. The data of the page is one JSON object; [`rows`] describes the rows of this
//! object. The script of the page is in the folder `page`.

mod rows;

use super::{Causes, CommandText, TextTrace, UNKNOWN, display};
use crate::observe::observer::Observer;
use crate::observe::report::{Report, Verdict};
use crate::observe::requests;
use crate::observe::topology::Topology;
use crate::observe::{Fate, MessageRef, NetworkChange, Observation, ObservationKind, OperationEnd};
use crate::plan::server_set::ServerIdx;
use crate::subject::{ActionOf, EventOf, Subject};
use rows::{Kind, Rows, ServerFields};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use wavetank_raft::{Action, Entry, Event, LogOp, Observed, RequestId, RpcId, StoreJob, Time, Write};

/// Collects the data of the page during a run.
#[derive(Clone, Debug)]
pub struct Page {
    servers: usize,
    summary: &'static str,
    commands: CommandText,
    topology: Topology,
    rows: Rows,
    /// The number of the row of each message. The key has four parts: true for a response, the sender, the
    /// receiver, the id of the call.
    sent: BTreeMap<(bool, ServerIdx, ServerIdx, RpcId), usize>,
    shown: [ServerFields; ServerIdx::MAX_SERVERS],
    /// The text of each open operation, by the number of the operation.
    asked: BTreeMap<u64, String>,
    /// The event that a server is handling now; `None` if no server is handling an event.
    handled: Option<Handled>,
    causes: Option<Causes>,
}

/// An event that a server is handling.
#[derive(Clone, Debug)]
struct Handled {
    now: (u64, Time),
    idx: ServerIdx,
    text: String,
    /// The number of the row of the message that arrived; `None` if the event is not a message.
    message: Option<usize>,
    /// The id of the call; `None` if the event is not a call.
    request: Option<RequestId>,
}

impl Page {
    /// Creates the data of a page with one lane for each server. `servers` is the number of servers.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        Self {
            servers,
            summary: "",
            commands: UNKNOWN,
            topology: Topology::new(servers),
            rows: Rows::default(),
            sent: BTreeMap::new(),
            asked: BTreeMap::new(),
            shown: Default::default(),
            handled: None,
            causes: None,
        }
    }

    /// Sets the function that formats the commands of the state machine.
    #[must_use]
    pub fn with_commands(self, commands: CommandText) -> Self {
        Self { commands, ..self }
    }

    /// Sets a text that says what the run shows. The page shows the text beside the verdict of a run that held.
    #[must_use]
    pub fn with_summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// Marks the steps that led to the step with this number.
    #[must_use]
    pub fn with_causes_of(self, step: u64) -> Self {
        Self { causes: Some(Causes::of(step)), ..self }
    }

    /// Returns the page as HTML. `data` is the text that [`TextTrace::take`] returned for this trace, and `report`
    /// is the report of the same run. `named` is the name of the run, and `replay` is the command line that
    /// repeats the run.
    #[must_use]
    pub fn html(data: &str, report: &Report, named: &str, replay: &str) -> String {
        let Report { seed, verdict, virtual_time, .. } = report;
        let head = json!({
            "named": named, "seed": seed.to_string(), "replay": replay, "end": virtual_time.0,
            "verdict": verdict_of(verdict),
        });
        // Both texts are JSON objects. The page needs one object with the fields of both.
        let head = head.to_string();
        let (head, data) = (head.strip_suffix('}'), data.strip_prefix('{'));
        let run = format!("{},{}", head.unwrap_or_default(), data.unwrap_or("}"));
        let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        // A browser ends a script element at the first `</`, even inside a string. So every `<` of the
        // data is escaped.
        include_str!("page/page.html")
            .replace("{{title}}", &text(named))
            .replace("{{style}}", include_str!("page/page.css"))
            .replace("{{script}}", SCRIPT)
            .replace("{{run}}", &run.replace('<', "\\u003c"))
    }

    fn row(&mut self, now: (u64, Time), kind: Kind, columns: Vec<Value>) -> usize {
        self.rows.add(now, kind, columns)
    }

    /// Adds a row with a text and a change of a server's state.
    fn change(&mut self, now: (u64, Time), kind: Kind, idx: ServerIdx, text: &str, delta: Value) {
        let text = self.rows.text(text);
        let mut columns = vec![json!(idx.0), json!(text)];
        columns.extend((!delta.is_null()).then_some(delta));
        self.row(now, kind, columns);
    }

    /// Adds a row about a request. The number of the request has a column of its own, so that two requests
    /// with the same text need only one entry in the list of texts.
    fn call(
        &mut self,
        now: (u64, Time),
        kind: Kind,
        idx: ServerIdx,
        text: &str,
        delta: Value,
        request: RequestId,
    ) {
        let text = self.rows.text(text);
        let delta = if delta.is_null() { json!(0) } else { delta };
        // The number of an operator's request has more bits than a JavaScript number can represent.
        let is_operator = requests::is_operator_request(request);
        let request = if is_operator { json!(requests::name(request)) } else { json!(request.0) };
        self.row(now, kind, vec![json!(idx.0), json!(text), delta, request]);
    }

    fn on_event<S: Subject>(&mut self, now: (u64, Time), idx: ServerIdx, event: &EventOf<S>) {
        let sender = |is_response, from, rpc| {
            let from = ServerIdx::of(from)?;
            self.sent.get(&(is_response, from, idx, rpc)).copied()
        };
        let message = match event {
            Event::Request { from, rpc, .. } => sender(false, *from, *rpc),
            Event::Response { from, rpc, .. } => sender(true, *from, *rpc),
            _ => None,
        };
        let (text, request) = match event {
            Event::Call { request, call } => {
                (format!("call {}", display::call(call, self.commands)), Some(*request))
            }
            event => {
                let (verb, detail) = display::event::<S>(event, self.commands);
                (format!("{verb} {detail}").trim_end().to_owned(), None)
            }
        };
        self.handled = Some(Handled { now, idx, text, message, request });
    }

    fn on_step<S: Subject>(&mut self, now: (u64, Time), idx: ServerIdx, server: &S, actions: &[ActionOf<S>]) {
        let mut delta = self.delta(idx, server);
        for action in actions {
            if let Action::Store(StoreJob::Persist(write)) = action {
                self.add_log(&mut delta, write);
            }
        }
        let delta = if delta.is_empty() { Value::Null } else { Value::Object(delta) };
        match self.handled.take() {
            Some(Handled { message: Some(sent), .. }) => {
                let back = self.rows.len() - sent;
                let mut columns = vec![json!(idx.0), json!(back)];
                columns.extend((!delta.is_null()).then_some(delta));
                self.row(now, Kind::Received, columns);
            }
            Some(Handled { text, request: Some(request), .. }) => {
                self.call(now, Kind::Event, idx, &text, delta, request);
            }
            Some(Handled { text, .. }) => self.change(now, Kind::Event, idx, &text, delta),
            None => self.change(now, Kind::Event, idx, "step", delta),
        }
        for action in actions {
            // A lane shows roles and leaders, and a separate row shows the applied entries.
            let is_shown_elsewhere = matches!(
                action,
                Action::Observe(Observed::State { .. } | Observed::Leader(_)) | Action::Apply(_)
            );
            if let Action::Answer { request, outcome } = action {
                let text = format!("answer {}", display::outcome(outcome));
                self.call(now, Kind::Action, idx, &text, Value::Null, *request);
            } else if !is_shown_elsewhere && let Some((verb, detail)) = display::action(action, self.commands)
            {
                self.change(now, Kind::Action, idx, &format!("{verb} {detail}"), Value::Null);
            }
        }
    }

    /// Returns the fields of a server's state that have changed since the last row of this server.
    fn delta<S: Subject>(&mut self, idx: ServerIdx, server: &S) -> Map<String, Value> {
        let fields = ServerFields::of(server, &mut self.rows);
        let delta = fields.changes_from(&self.shown[idx.at()]);
        self.shown[idx.at()] = fields;
        delta
    }

    /// Adds to `delta` the change of the log that a write makes.
    fn add_log(&mut self, delta: &mut Map<String, Value>, write: &Write) {
        match &write.log {
            LogOp::Append(entries) | LogOp::Replace(entries) => {
                if let Some(first) = entries.first() {
                    let cells = self.rows.entries(entries, self.commands);
                    delta.insert("L".to_owned(), json!([first.id.index.0 - 1, cells]));
                }
            }
            LogOp::Compact(upto) => {
                delta.insert("K".to_owned(), json!(upto.0));
            }
            LogOp::Discard(upto) => {
                delta.insert("B".to_owned(), json!(upto.0));
            }
            LogOp::Keep | LogOp::CatchUp(_) => {}
        }
    }

    fn on_boot<S: Subject>(&mut self, now: (u64, Time), idx: ServerIdx, server: &S, log: &[Entry]) {
        self.shown[idx.at()] = ServerFields::default();
        let mut delta = self.delta(idx, server);
        let base = log
            .first()
            .map_or_else(|| server.view().snapshot.unwrap_or_default().index.0, |first| first.id.index.0 - 1);
        let cells = self.rows.entries(log, self.commands);
        delta.insert("B".to_owned(), json!(base));
        delta.insert("L".to_owned(), json!([base, cells]));
        delta.insert("d".to_owned(), json!(base + log.len() as u64));
        delta.insert("z".to_owned(), json!(false));
        self.change(now, Kind::Fault, idx, "starts", Value::Object(delta));
    }

    fn on_durable(&mut self, now: (u64, Time), idx: ServerIdx, write: &Write, torn: Option<usize>) {
        let upto = match &write.log {
            LogOp::Append(entries) | LogOp::Replace(entries) => {
                let kept = torn.unwrap_or(entries.len()) as u64;
                entries.first().map(|first| first.id.index.0 - 1 + kept)
            }
            LogOp::Discard(upto) => Some(upto.0),
            LogOp::Keep | LogOp::Compact(_) | LogOp::CatchUp(_) => None,
        };
        let torn = torn.map_or_else(String::new, |kept| format!(", torn after {kept} entries"));
        let delta = upto.map_or(Value::Null, |upto| json!({ "d": upto }));
        let text = format!("synced {}{torn}", display::write(write, self.commands));
        self.change(now, Kind::Disk, idx, &text, delta);
    }

    /// Adds a row with a fault of one server. `delta` is the resulting change of the server's state.
    fn fault(&mut self, now: (u64, Time), idx: ServerIdx, text: &str, delta: Value) {
        self.change(now, Kind::Fault, idx, text, delta);
    }

    fn down(&mut self, now: (u64, Time), idx: ServerIdx, text: &str, wiped: bool) {
        let mut delta = json!({ "r": "-", "z": false, "k": null });
        if wiped {
            delta = json!({ "r": "-", "z": false, "k": null, "t": 0, "v": null, "c": 0, "a": 0, "l": 0, "d": 0, "B": 0 });
        }
        self.fault(now, idx, text, delta);
    }

    fn on_sent<S: Subject>(
        &mut self,
        now: (u64, Time),
        from: ServerIdx,
        to: ServerIdx,
        rpc: RpcId,
        carried: MessageRef<'_, S::Protocol>,
        fate: Fate,
    ) {
        let is_response = matches!(carried, MessageRef::Response(_));
        let text = display::message(carried, self.commands);
        let text = self.rows.text(&text);
        let mut columns = vec![json!(from.0), json!(to.0), json!(text)];
        let flight = |arrives: Time| json!(arrives.0 - now.1.0);
        match fate {
            Fate::Arrives(first) => columns.push(flight(first)),
            Fate::ArrivesTwice(first, second) => columns.extend([flight(first), flight(second)]),
            Fate::Lost => {}
        }
        let row = self.row(now, Kind::Sent, columns);
        self.sent.insert((is_response, from, to, rpc), row);
    }

    fn on_network(&mut self, now: (u64, Time), change: &NetworkChange) {
        self.topology.change(change);
        let (verb, detail) = display::network(change);
        let text = self.rows.text(format!("{verb} {detail}").trim_end());
        let band = self.topology.to_string();
        let band = self.rows.text(&band);
        self.row(now, Kind::Fault, vec![json!(-1), json!(text), json!(0), json!(band)]);
    }

    fn on_client(
        &mut self,
        now: (u64, Time),
        client: u16,
        operation: u64,
        what: String,
        end: Option<OperationEnd>,
    ) {
        let what = [format!("c{client} "), format!("#{operation} ")]
            .iter()
            .fold(what.as_str(), |what, prefix| what.strip_prefix(prefix).unwrap_or(what));
        // Most results begin with the text of the request. The page adds this text again.
        let asked = if end.is_some() { self.asked.remove(&operation) } else { None };
        let text = asked.and_then(|asked| what.strip_prefix(&asked)).unwrap_or(what);
        let place = self.rows.text(text);
        if end.is_none() {
            self.asked.insert(operation, what.to_owned());
        }
        let mut columns = vec![json!(client), json!(operation), json!(place)];
        let kind = if end.is_some() { Kind::Returned } else { Kind::Invoked };
        columns.extend(end.map(|end| match end {
            OperationEnd::Ok => json!(0),
            OperationEnd::Failed => json!(1),
            OperationEnd::Unknown => json!(2),
        }));
        self.row(now, kind, columns);
    }
}

/// The script of the page, from several files. Each file comes after the files that it needs.
const SCRIPT: &str = concat!(
    include_str!("page/data.js"),
    include_str!("page/draw.js"),
    include_str!("page/panel.js"),
    include_str!("page/main.js"),
);

fn verdict_of(verdict: &Verdict) -> Value {
    let none = Value::Null;
    match verdict {
        Verdict::Violated(it) => json!({
            "kind": "violated", "check": it.check, "section": it.section, "what": it.what, "at": it.at.0,
            "step": it.step,
        }),
        Verdict::Panicked(message) => json!({
            "kind": "panicked", "check": "panic", "section": none, "what": message, "at": none, "step": none,
        }),
        Verdict::Held | Verdict::Vacuous(_) => {
            let kind = if *verdict == Verdict::Held { "held" } else { "vacuous" };
            let what = verdict.to_string();
            json!({ "kind": kind, "check": none, "section": none, "what": what, "at": none, "step": none })
        }
    }
}

impl TextTrace for Page {
    fn take(&mut self) -> String {
        // The code under test panicked in this event.
        if let Some(Handled { now, idx, text, .. }) = self.handled.take() {
            self.change(now, Kind::Event, idx, &format!("{text} (the server panicked)"), Value::Null);
        }
        let why = self.causes.as_ref().map(Causes::steps).unwrap_or_default();
        let (rows, texts) = std::mem::take(&mut self.rows).into_parts();
        json!({ "servers": self.servers, "summary": self.summary, "why": why, "texts": texts, "rows": rows })
            .to_string()
    }
}

impl<S: Subject> Observer<S> for Page {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        self.causes.on_observation(observation);
        let now = (observation.step, observation.at);
        match observation.kind {
            ObservationKind::Stepping { idx, event, .. } => self.on_event::<S>(now, idx, event),
            ObservationKind::Stepped { idx, server, actions } => self.on_step(now, idx, server, actions),
            ObservationKind::Booted { idx, server, log, .. } => self.on_boot(now, idx, server, log),
            ObservationKind::Crashed { idx, wiped } => {
                self.down(now, idx, if wiped { "crashes, and its disk is lost" } else { "crashes" }, wiped);
            }
            ObservationKind::Halted(idx) => self.down(now, idx, "stops by itself", false),
            ObservationKind::Refused { idx, error } => {
                self.down(now, idx, &format!("refuses to start: {error}"), false);
            }
            ObservationKind::Damaged { idx, damage } => {
                self.fault(now, idx, &format!("disk: {damage}"), Value::Null);
            }
            ObservationKind::Paused(idx) => self.fault(now, idx, "is paused", json!({ "z": true })),
            ObservationKind::Resumed(idx) => self.fault(now, idx, "resumes", json!({ "z": false })),
            ObservationKind::Durable { idx, write, torn } => self.on_durable(now, idx, write, torn),
            ObservationKind::Applied { idx, batch, .. } => {
                let last = batch.entries.last().map(|entry| entry.id.index).unwrap_or_default();
                self.change(now, Kind::Disk, idx, &format!("state machine has applied {last}"), Value::Null);
            }
            ObservationKind::SnapshotTaken { idx, meta, .. } => {
                self.change(
                    now,
                    Kind::Disk,
                    idx,
                    &format!("snapshot up to {} is durable", meta.last),
                    Value::Null,
                );
            }
            ObservationKind::Restored { idx, last, .. } => {
                self.change(
                    now,
                    Kind::Disk,
                    idx,
                    &format!("the state machine is restored up to {last}"),
                    Value::Null,
                );
            }
            ObservationKind::Sent { from, to, rpc, carried, fate } => {
                self.on_sent::<S>(now, from, to, rpc, carried, fate);
            }
            ObservationKind::Invoked { client, operation, what } => {
                self.on_client(now, client, operation, format!("{what:?}"), None);
            }
            ObservationKind::Returned { client, operation, ending, what } => {
                self.on_client(now, client, operation, format!("{what:?}"), Some(ending));
            }
            ObservationKind::Network(change) => self.on_network(now, change),
            ObservationKind::Healed { core } => {
                let text = self.rows.text(&format!("the faults end; intact servers: {}", display::set(core)));
                self.row(now, Kind::Fault, vec![json!(-1), json!(text)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::server_set::ServerSet;

    #[test]
    fn a_cut_has_a_band_that_says_who_is_parted_from_whom() {
        let mut page = Page::new(3);
        let cut = NetworkChange::CutOneWay(ServerSet::only(ServerIdx(0)), ServerSet::first(3));
        let observation: Observation<'_> =
            Observation { at: Time(5), step: 1, kind: ObservationKind::Network(&cut) };
        page.on_observation(&observation);
        assert!(page.take().contains("\"n1 > n2 n3\""));
    }

    #[test]
    fn text_of_a_run_cannot_end_the_data_of_the_page() {
        let report = Report::new("a</script>", 7, Verdict::Panicked("</script><b>".to_owned()));
        let html = Page::html(&Page::new(1).take(), &report, "a</script>", "replay a</script>");
        assert_eq!(html.matches("</script>").count(), 2);
        assert!(html.contains("\"servers\":1"), "{html}");
    }
}

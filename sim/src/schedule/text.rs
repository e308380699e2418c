//! The text of an element: one line with the time in milliseconds, a verb, and the object of the verb.
//!
//! `12.345 deliver n1>n2 t3 vote 1` says that n2 receives the first request for a vote that n1 sent to n2 in
//! term 3. With `answer 1` at the end, the line names the first response to that request.

use super::{AskId, CallId, CallKind, Choice, Element, JobId, Label, MessageId, WorkId};
use crate::disk::fault::{DiskFault, Location, MachineFault};
use crate::plan::rng::Draw;
use crate::plan::server_set::{ServerIdx, ServerSet};
use serde::de::DeserializeOwned;
use std::fmt;
use std::str::{FromStr, SplitWhitespace};
use wavetank_raft::{DeadlineReason, Index, LogId, NodeId, RpcId, Span, Term, Time, Token};

/// The reason why a line is not an element of a schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElementError(String);

impl fmt::Display for ElementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an element of a schedule", self.0)
    }
}

impl std::error::Error for ElementError {}

const CALL_KINDS: [(CallKind, &str); 6] = [
    (CallKind::Append, "append"),
    (CallKind::Heartbeat, "heartbeat"),
    (CallKind::Vote, "vote"),
    (CallKind::PreVote, "pre-vote"),
    (CallKind::Snapshot, "snapshot"),
    (CallKind::TimeoutNow, "timeout-now"),
];

const MACHINE_FAULTS: [(MachineFault, &str); 4] = [
    (MachineFault::FailLoad, "fail-load"),
    (MachineFault::NeverLoad, "never-load"),
    (MachineFault::FailSnapshot, "fail-snapshot"),
    (MachineFault::NeverSnapshot, "never-snapshot"),
];

const TIMERS: [(DeadlineReason, &str); 9] = [
    (DeadlineReason::Election, "election"),
    (DeadlineReason::Ballot, "ballot"),
    (DeadlineReason::Heartbeat, "heartbeat"),
    (DeadlineReason::CommitFlush, "commit-flush"),
    (DeadlineReason::Lease, "lease"),
    (DeadlineReason::Transfer, "transfer"),
    (DeadlineReason::DiskStall, "disk-stall"),
    (DeadlineReason::Snapshot, "snapshot"),
    (DeadlineReason::Idle, "idle"),
];

fn name_of<T: PartialEq + Copy>(table: &[(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(other, _)| *other == value).map_or("?", |(_, name)| name)
}

fn value_of<T: Copy>(table: &[(T, &'static str)], name: &str) -> Option<T> {
    table.iter().find(|(_, other)| *other == name).map(|(value, _)| *value)
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.choice)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver { message, flips: None } => write!(f, "deliver {message}"),
            Self::Deliver { message, flips: Some(word) } => write!(f, "flipped {word} {message}"),
            Self::Fire(idx, timer) => write!(f, "fire {idx} {}", name_of(&TIMERS, *timer)),
            Self::Finish(idx, JobId::Write(token)) => write!(f, "finish {idx} write {}", token.0),
            Self::Finish(idx, JobId::Other(ticket)) => write!(f, "finish {idx} job {}", ticket.0),
            Self::Hear(idx, Some(ticket)) => write!(f, "hear {idx} job {}", ticket.0),
            Self::Hear(idx, None) => write!(f, "hear {idx} failure"),
            Self::Work(idx, WorkId::Apply(upto)) => write!(f, "work {idx} apply {}", upto.0),
            Self::Work(idx, WorkId::TakeSnapshot(last)) => write!(f, "work {idx} snapshot {}", last.0),
            Self::Work(idx, WorkId::Restore(last)) => write!(f, "work {idx} restore {}", last.0),
            Self::Batch(idx) => write!(f, "batch {idx}"),
            Self::Ask(ask) => write!(f, "ask {ask}"),
            Self::Reply(ask) => write!(f, "reply {ask}"),
            Self::Call(idx, call) => write!(f, "call {idx} {}", json(call)?),
            Self::Interrupt(idx, carried) => write!(f, "interrupt {idx} {carried}"),
            Self::Crash(idx) => write!(f, "crash {idx}"),
            Self::Wipe(idx) => write!(f, "wipe {idx}"),
            Self::Lose(idx) => write!(f, "lose {idx}"),
            Self::Start(idx) => write!(f, "start {idx}"),
            Self::Pause(idx) => write!(f, "pause {idx}"),
            Self::Resume(idx) => write!(f, "resume {idx}"),
            Self::Damage(idx, fault, draw) => write!(f, "damage {idx} {} {}", draw.word(), DamageText(fault)),
            Self::FreeSpace(idx) => write!(f, "free-space {idx}"),
            Self::NewDisk(idx) => write!(f, "new-disk {idx}"),
            Self::BreakMachine(idx, fault) => {
                write!(f, "break-machine {idx} {}", name_of(&MACHINE_FAULTS, *fault))
            }
            Self::Move(idx) => write!(f, "move {idx}"),
            Self::ExchangeAddresses(one, other) => write!(f, "exchange-addresses {one} {other}"),
            Self::Network(change) => write!(f, "network {}", json(change)?),
            Self::Jump(idx, by) => write!(f, "jump {idx} {}", by.0),
            Self::Freeze(idx, by) => write!(f, "freeze {idx} {}", by.0),
            Self::Drift(idx, ppm) => write!(f, "drift {idx} {ppm}"),
            Self::Heal(broken) => write!(f, "heal {}", broken.0),
            Self::Rest => write!(f, "rest"),
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, fmt::Error> {
    serde_json::to_string(value).map_err(|_| fmt::Error)
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallId { from, to, term, kind, ordinal } = self.call;
        write!(f, "{from}>{to} t{} ", term.0)?;
        match kind {
            CallKind::Labelled(label) => write!(f, "={label} {ordinal}")?,
            kind => write!(f, "{} {ordinal}", name_of(&CALL_KINDS, kind))?,
        }
        if self.answer == 0 { Ok(()) } else { write!(f, " answer {}", self.answer) }
    }
}

impl fmt::Display for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{} {}", self.client, self.ordinal)
    }
}

struct DamageText<'a>(&'a DiskFault);

impl fmt::Display for DamageText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DiskFault::Rot => write!(f, "rot"),
            DiskFault::RotIn(Location::Record) => write!(f, "rot-in record"),
            DiskFault::RotIn(Location::Entry(index)) => write!(f, "rot-in entry {}", index.0),
            DiskFault::RotIn(Location::Snapshot(last)) => {
                write!(f, "rot-in snapshot {} {}", last.term.0, last.index.0)
            }
            DiskFault::Vanish => write!(f, "vanish"),
            DiskFault::Misdirect => write!(f, "misdirect"),
            DiskFault::DropPages => write!(f, "drop-pages"),
            DiskFault::FailRead => write!(f, "fail-read"),
            DiskFault::Fill => write!(f, "fill"),
        }
    }
}

impl serde::Serialize for Element {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> serde::Deserialize<'de> for Element {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = <String as serde::Deserialize>::deserialize(deserializer)?;
        line.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Element {
    type Err = ElementError;

    fn from_str(line: &str) -> Result<Self, ElementError> {
        let parse = || {
            let (at, rest) = line.trim().split_once(' ')?;
            let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let mut words = Words(rest.split_whitespace());
            let choice = words.choice(verb, rest)?;
            Some(Self { at: time(at)?, choice })
        };
        parse().ok_or_else(|| ElementError(line.to_owned()))
    }
}

fn time(text: &str) -> Option<Time> {
    let (millis, micros) = text.split_once('.')?;
    let micros = (micros.len() == 3).then(|| micros.parse::<u64>().ok())??;
    Some(Time(millis.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(micros)?))
}

/// The words after a verb.
struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn choice(&mut self, verb: &str, rest: &'a str) -> Option<Choice> {
        match verb {
            "call" => {
                let (idx, call) = rest.split_once(' ')?;
                return Some(Choice::Call(server(idx)?, of_json(call)?));
            }
            "network" => return Some(Choice::Network(of_json(rest)?)),
            _ => {}
        }
        let choice = match verb {
            "deliver" => Choice::Deliver { message: self.message()?, flips: None },
            "flipped" => {
                let flips = Some(self.number()?);
                Choice::Deliver { message: self.message()?, flips }
            }
            "fire" => Choice::Fire(self.server()?, value_of(&TIMERS, self.word()?)?),
            "finish" => Choice::Finish(self.server()?, self.job()?),
            "hear" => Choice::Hear(self.server()?, self.heard()?),
            "work" => Choice::Work(self.server()?, self.work()?),
            "ask" => Choice::Ask(self.ask()?),
            "reply" => Choice::Reply(self.ask()?),
            "interrupt" => Choice::Interrupt(self.server()?, self.number()?),
            "damage" => {
                let (idx, draw) = (self.server()?, Draw::of_word(self.number()?));
                Choice::Damage(idx, self.fault()?, draw)
            }
            "break-machine" => Choice::BreakMachine(self.server()?, value_of(&MACHINE_FAULTS, self.word()?)?),
            "exchange-addresses" => Choice::ExchangeAddresses(self.server()?, self.server()?),
            "jump" => Choice::Jump(self.server()?, Span(self.number()?)),
            "freeze" => Choice::Freeze(self.server()?, Span(self.number()?)),
            "drift" => Choice::Drift(self.server()?, self.number()?),
            "heal" => Choice::Heal(ServerSet(self.number()?)),
            "rest" => Choice::Rest,
            verb => self.of_server(verb)?,
        };
        self.0.next().is_none().then_some(choice)
    }

    /// Parses the choices that name only a server. Returns `None` for every other choice.
    fn of_server(&mut self, verb: &str) -> Option<Choice> {
        let of: fn(ServerIdx) -> Choice = match verb {
            "batch" => Choice::Batch,
            "crash" => Choice::Crash,
            "wipe" => Choice::Wipe,
            "lose" => Choice::Lose,
            "start" => Choice::Start,
            "pause" => Choice::Pause,
            "resume" => Choice::Resume,
            "free-space" => Choice::FreeSpace,
            "new-disk" => Choice::NewDisk,
            "move" => Choice::Move,
            _ => return None,
        };
        Some(of(self.server()?))
    }

    fn word(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn number<T: FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }

    fn server(&mut self) -> Option<ServerIdx> {
        server(self.word()?)
    }

    fn message(&mut self) -> Option<MessageId> {
        let (from, to) = self.word()?.split_once('>')?;
        let term = Term(self.word()?.strip_prefix('t')?.parse().ok()?);
        let kind = self.word()?;
        let kind = match kind.strip_prefix('=') {
            Some(label) => CallKind::Labelled(Label::new(label)),
            None => value_of(&CALL_KINDS, kind)?,
        };
        let call = CallId { from: server(from)?, to: server(to)?, term, kind, ordinal: self.number()? };
        let answer = match self.word() {
            None => 0,
            Some("answer") => self.number().filter(|&answer| answer != 0)?,
            Some(_) => return None,
        };
        Some(MessageId { call, answer })
    }

    fn job(&mut self) -> Option<JobId> {
        match self.word()? {
            "write" => Some(JobId::Write(Token(self.number()?))),
            "job" => Some(JobId::Other(RpcId(self.number()?))),
            _ => None,
        }
    }

    fn heard(&mut self) -> Option<Option<RpcId>> {
        match self.word()? {
            "job" => Some(Some(RpcId(self.number()?))),
            "failure" => Some(None),
            _ => None,
        }
    }

    fn work(&mut self) -> Option<WorkId> {
        let of = match self.word()? {
            "apply" => WorkId::Apply,
            "snapshot" => WorkId::TakeSnapshot,
            "restore" => WorkId::Restore,
            _ => return None,
        };
        Some(of(Index(self.number()?)))
    }

    fn ask(&mut self) -> Option<AskId> {
        let client = self.word()?.strip_prefix('c')?.parse().ok()?;
        Some(AskId { client, ordinal: self.number()? })
    }

    fn fault(&mut self) -> Option<DiskFault> {
        Some(match self.word()? {
            "rot" => DiskFault::Rot,
            "rot-in" => DiskFault::RotIn(match self.word()? {
                "record" => Location::Record,
                "entry" => Location::Entry(Index(self.number()?)),
                "snapshot" => {
                    let term = Term(self.number()?);
                    Location::Snapshot(LogId { term, index: Index(self.number()?) })
                }
                _ => return None,
            }),
            "vanish" => DiskFault::Vanish,
            "misdirect" => DiskFault::Misdirect,
            "drop-pages" => DiskFault::DropPages,
            "fail-read" => DiskFault::FailRead,
            "fill" => DiskFault::Fill,
            _ => return None,
        })
    }
}

fn server(text: &str) -> Option<ServerIdx> {
    ServerIdx::of(NodeId::of(text))
}

fn of_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_survives_its_text() {
        let lines = [
            "0.000 start n1",
            "12.345 deliver n1>n2 t3 vote 1",
            "12.345 deliver n1>n2 t3 append 4 answer 2",
            "1.001 flipped 77 n1>n2 t3 heartbeat 1",
            "1.001 deliver n1>n2 t0 =MsgAppend 3",
            "9.000 fire n3 election",
            "9.000 finish n3 write 4",
            "9.000 finish n3 job 12",
            "9.000 hear n3 job 4",
            "9.000 hear n3 failure",
            "9.000 work n16 restore 8",
            "9.000 ask c3 9",
            "9.000 reply c3 9",
            "9.000 interrupt n2 1",
            "9.000 damage n2 9 rot-in snapshot 4 7",
            "9.000 drift n2 -30",
            "9.000 break-machine n2 never-load",
            "9.000 exchange-addresses n2 n3",
            "9.000 heal 5",
            "9.000 rest",
            r#"9.000 call n2 "Barrier""#,
            r#"9.000 network {"Cut":[0,1]}"#,
        ];
        for line in lines {
            let element: Element = line.parse().expect(line);
            assert_eq!(element.to_string(), line);
        }
    }

    #[test]
    fn a_line_that_is_no_element_is_an_error_with_the_line() {
        let lines = ["", "9.000", "9 rest", "9.000 rest n1", "9.000 dance n1", "9.000 fire n17 election"];
        let more =
            ["9.000 deliver n1>n2 t3 vote", "9.000 deliver n1>n2 t3 vote 1 answer 0", "9.000 call n1 {"];
        for line in lines.into_iter().chain(more) {
            let error = line.parse::<Element>().expect_err(line);
            assert_eq!(error.to_string(), format!("`{line}` is not an element of a schedule"));
        }
    }
}

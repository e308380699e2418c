//! The conduct of a subject: the promises of [`Subject`] that do not depend on the protocol.
//!
//! The other checks judge our own server more closely. This check finds the faults of another implementation,
//! or of the adapter of this implementation. A server sends no message to itself, and hands its state machine
//! no batch without entries. The term, the commit index and the applied index in a view never fall while the
//! server runs. A server does not ask again and again for a timer in the past. A voter asks for at least one
//! timer after its start.

use crate::check::ghost::{Facts, Ghost};
use crate::check::violated;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::{EventOf, OURS, Parts, Subject};
use std::fmt;
use wavetank_raft::{Event, Span, Time};

/// The maximum number of timers of one server that may fire at the same virtual time.
const TIMERS_MAX: u32 = 1_000;

/// Judges the conduct of all servers in a run.
#[derive(Clone, Debug)]
pub(super) struct Conduct {
    /// The name of each server's implementation.
    names: [&'static str; ServerIdx::MAX_SERVERS],
    /// The parts of the state that all servers show.
    shown: Parts,
    /// The servers that have not asked for a timer since their start.
    asleep: ServerSet,
    booted: [Time; ServerIdx::MAX_SERVERS],
    /// For each server: the virtual time of its last timer, and the number of its timers that have fired at
    /// this time.
    timers: [(Time, u32); ServerIdx::MAX_SERVERS],
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            names: [OURS; ServerIdx::MAX_SERVERS],
            shown: Parts::ALL,
            asleep: ServerSet::NONE,
            booted: [Time(0); ServerIdx::MAX_SERVERS],
            timers: [(Time(0), 0); ServerIdx::MAX_SERVERS],
        }
    }
}

impl Conduct {
    pub(super) const NAME: &'static str = "conduct";
    pub(super) const SECTION: &'static str = "the trait `Subject`";

    /// Returns the parts of the state that all servers have shown so far.
    pub(super) const fn shown(&self) -> Parts {
        self.shown
    }

    /// Judges a server that is about to handle an event. Returns a message if too many timers of the server
    /// fire at the same virtual time.
    #[inline]
    pub(super) fn stepping<S: Subject>(
        &mut self,
        idx: ServerIdx,
        server: &S,
        event: &EventOf<S>,
        at: Time,
    ) -> Option<String> {
        if self.asleep.contains(idx) && server.deadline().at != Time::NEVER {
            self.asleep = self.asleep.without(idx);
        }
        if matches!(event, Event::Timer) { self.timer(idx, at) } else { None }
    }

    /// Records the start of a server.
    pub(super) fn booted<S: Subject>(&mut self, idx: ServerIdx, server: &S, at: Time) {
        self.names[idx.at()] = server.name();
        self.shown = self.shown.and(Parts::of(server));
        self.booted[idx.at()] = at;
        let sleeps = server.deadline().at == Time::NEVER;
        self.asleep = if sleeps { self.asleep.with(idx) } else { self.asleep.without(idx) };
    }

    fn timer(&mut self, idx: ServerIdx, at: Time) -> Option<String> {
        let (last, count) = &mut self.timers[idx.at()];
        (*last, *count) = (at, if *last == at { *count + 1 } else { 1 });
        if *count <= TIMERS_MAX {
            return None;
        }
        violated(format_args!(
            "{idx} had more than {TIMERS_MAX} timers at the same virtual time: it asks for timers in the past"
        ))
    }

    /// Judges the newest step. Returns a message if a number in the server's view fell, or if an action makes
    /// no sense in any protocol. If the server shows enough parts, the other checks judge the view, too.
    #[inline]
    pub(super) fn stepped(ghost: &Ghost, facts: Facts) -> Option<String> {
        const ODD: Facts = Facts::TERM.or(Facts::COMMIT_ODD).or(Facts::APPLY_ODD).or(Facts::ODD_ACTION);
        if facts.touches(ODD) && !facts.touches(Facts::BOOTED) { misconduct(ghost) } else { None }
    }

    /// Judges the end of the run. Returns the first running voter of the core that has not asked for a timer
    /// since its start, and a message. The core contains the servers that must make progress after all faults
    /// have ended. A server without a timer never starts an election. Returns `None` if there is no such
    /// voter, or if the faults have not ended. Ignores servers that started within the last four election
    /// timeouts. `timeout` is the longest election timeout. If some server shows no configuration, every
    /// server counts as a voter.
    pub(super) fn sleeper(&self, ghost: &Ghost, at: Time, timeout: Span) -> Option<(ServerIdx, String)> {
        let (_, core) = ghost.healed?;
        let votes = |idx: &ServerIdx| {
            let conf = ghost.ghost_server(*idx).conf;
            !self.shown.has(Parts::CONFIGURATION) || conf.is_some_and(|it| it.conf.voters().contains(*idx))
        };
        let has_had_time = |idx: &ServerIdx| timeout.times(4) < at.since(self.booted[idx.at()]);
        let sleeps = core.and(self.asleep).and(ghost.up());
        let idx = sleeps.iter().filter(votes).find(has_had_time)?;
        Some((idx, violated(format_args!("{idx} never asks for a timer"))?))
    }

    /// Adds the name of the implementation to a message about a server, unless the server is our own.
    #[cold]
    pub(super) fn named(&self, idx: ServerIdx, what: String) -> String {
        match self.names[idx.at()] {
            OURS => what,
            name => format!("{what} ({idx} is the subject `{name}`)"),
        }
    }
}

fn misconduct(ghost: &Ghost) -> Option<String> {
    if let Some(what) = ghost.step.odd_action {
        return violated(format_args!("{} {what}", ghost.step.idx));
    }
    let (idx, was, now) = (ghost.step.idx, &ghost.step.was, &ghost.step.now);
    let falls = |part: &str, was: &dyn fmt::Display, now: &dyn fmt::Display| {
        violated(format_args!("{idx} shows a {part} that falls from {was} to {now}"))
    };
    if now.term < was.term {
        falls("term", &was.term, &now.term)
    } else if now.commit < was.commit {
        falls("commit index", &was.commit, &now.commit)
    } else if now.applied < was.applied {
        falls("applied index", &was.applied, &now.applied)
    } else {
        None
    }
}

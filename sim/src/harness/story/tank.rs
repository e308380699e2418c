//! The cluster of a story, with a trait object for the state machine.

use crate::check::Options;
use crate::engine::workload::{NoClients, TankFsm};
use crate::engine::world::World;
use crate::harness::erased::{BoundedChecks, ErasedFsm};
use crate::observe::trace::{CommandText, Story as StoryTrace, TextTrace, WHEN_WIDTH};
use crate::plan::Plan;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::runner::catch_panic::catch_panic;
use crate::runner::observers::{CustomChecks, Observers};
use wavetank_raft::{Call, Data, Outcome, RequestId, Server, Span};

type Tank = World<ErasedFsm, Observers<BoundedChecks, StoryTrace>>;

/// The maximum virtual time of one wait in a story.
const WAIT_MAX: Span = Span::s(5);

/// A cluster in the tank, and the trace of its run so far.
pub(super) struct StoryTank {
    tank: Tank,
    told: String,
}

impl StoryTank {
    pub(super) fn new(
        plan: Plan,
        make: impl FnMut(ServerIdx) -> ErasedFsm + 'static,
        checks: BoundedChecks,
        commands: CommandText,
    ) -> Self {
        let trace = StoryTrace::new(plan.server_count()).with_commands(commands);
        let observers = Observers::new(Options::of(&plan), checks, trace);
        Self { tank: World::new(plan, make, Box::new(NoClients), observers), told: String::new() }
    }

    /// Calls `act` with the tank, and returns the result. Panics if the code under test panics, or if a check
    /// finds a violation. The message of the panic has the trace so far.
    #[track_caller]
    pub(super) fn act<R>(&mut self, act: impl FnOnce(&mut Tank) -> R) -> R {
        let done = catch_panic(|| act(&mut self.tank));
        let violation = self.tank.observer().violation().map(ToString::to_string);
        match (violation, done) {
            (Some(violation), _) => panic!("{violation}\n\n{}", self.told()),
            (None, Err(message)) => panic!("panicked: {message}\n\n{}", self.told()),
            (None, Ok(done)) => done,
        }
    }

    /// Lets virtual time pass until `found` returns a value, and returns this value. `what` names the awaited
    /// event. Panics if the event does not happen within `WAIT_MAX`.
    #[track_caller]
    pub(super) fn until<R>(&mut self, what: &str, found: impl Fn(&Tank) -> Result<R, String>) -> R {
        let limit = self.tank.now() + WAIT_MAX;
        self.act(|tank| {
            tank.run_while(limit, |tank| found(tank).is_err() && tank.observer().violation().is_none())
        });
        match found(&self.tank) {
            Ok(found) => found,
            Err(why) => panic!("{what}: this did not happen within {WAIT_MAX}{why}\n\n{}", self.told()),
        }
    }

    #[track_caller]
    pub(super) fn until_leader(&mut self, other_than: Option<ServerIdx>) -> ServerIdx {
        self.until("a server leads", |tank| {
            let leader = tank.leader().filter(|&idx| Some(idx) != other_than && has_committed(tank, idx));
            leader.ok_or_else(String::new)
        })
    }

    #[track_caller]
    pub(super) fn until_converged(&mut self) {
        self.until("all running servers have applied the same entries", |tank| {
            tank.unsettled(tank.awake()).map_or(Ok(()), |why| Err(format!(": {why}")))
        });
    }

    #[track_caller]
    pub(super) fn call(&mut self, idx: ServerIdx, call: Call) -> RequestId {
        self.act(|tank| tank.call(idx, call))
    }

    #[track_caller]
    pub(super) fn until_answered(&mut self, request: RequestId) -> Outcome {
        self.until("the call is answered", |tank| tank.outcome(request).cloned().ok_or_else(String::new))
    }

    /// Passes a query to the state machine of a server, and returns the reply. Returns `None` if the server
    /// is down.
    #[track_caller]
    pub(super) fn query(&mut self, idx: ServerIdx, query: &Data) -> Option<Data> {
        self.act(|tank| {
            let answer = tank.fsm(idx).map(|fsm| fsm.query(query));
            // The judge has seen the answer, but no observation follows that would show its verdict.
            let now = tank.now();
            tank.observer_mut().custom.end(now);
            answer
        })
    }

    pub(super) fn all(&self) -> ServerSet {
        self.tank.all()
    }

    /// Returns the trace so far, without the columns of the step and the time.
    pub(super) fn told(&mut self) -> String {
        let text = self.tank.observer_mut().trace.take();
        let lines = text.lines().map(|line| line.get(WHEN_WIDTH..).unwrap_or(line).trim_end());
        self.told += &lines.fold(String::new(), |text, line| text + line + "\n");
        self.told.clone()
    }
}

/// True if a leader has committed an entry of the leader's term.
fn has_committed(tank: &Tank, leader: ServerIdx) -> bool {
    let node = tank.server(leader).map(Server::node);
    node.is_some_and(|node| node.log().term_at(node.commit()) == Some(node.term()))
}

//! Stories for a state machine with typed commands. A story is a test that acts on a simulated cluster, step
//! by step.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use wavetank_machine::StateMachine;
//! use wavetank_sim::harness::story::Story;
//!
//! #[derive(Clone, Default, Serialize, Deserialize)]
//! struct Counter(u64);
//!
//! impl StateMachine for Counter {
//!     type Command = u64;
//!     type Query = ();
//!     type Reply = u64;
//!
//!     fn apply(&mut self, amount: u64) -> u64 {
//!         self.0 += amount;
//!         self.0
//!     }
//!
//!     fn query(&self, (): ()) -> u64 {
//!         self.0
//!     }
//! }
//!
//! let mut story = Story::<Counter>::new(3);
//! let leader = story.until_leader();
//! let added = story.apply(leader, 5);
//! assert_eq!(story.until_answered(added), Ok(5));
//! story.until_converged();
//! assert!(story.servers().iter().all(|&idx| story.query(idx, ()) == Some(5)));
//! assert!(story.text().contains("commit"));
//! ```
//!
//! The cluster has no clients: only the story calls the servers. A message arrives after 1 to 5 ms. Faults
//! happen only if the story causes the faults. All checks of the protocol and of the state machine watch
//! every step. The first violation ends the story with a panic. The message of the panic has the trace.

mod tank;

use super::bounds::{Bounds, StepCount};
use super::erased::{BoundedChecks, ErasedFsm};
use crate::clients::machine::{
    CurrentWork, Delivery, Judge, JudgeSettings, JudgedReplica, MachineChecks, MakeMachine, describe,
};
use crate::plan::Plan;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use tank::StoryTank;
use wavetank_machine::{StateMachine, decode, encode};
use wavetank_raft::{Answer, Call, RequestError, RequestId};

/// A simulated cluster on which a test acts. If a method waits longer than five seconds of virtual time, the
/// method panics.
pub struct Story<T: StateMachine> {
    tank: StoryTank,
    machine: PhantomData<T>,
}

/// A command that a story has sent to a server. The answer may come later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingCommand(RequestId);

fn settings<T: StateMachine>(make: MakeMachine<T>) -> JudgeSettings<T> {
    JudgeSettings {
        make,
        invariants: Rc::default(),
        partition: None,
        delivery: Delivery::AtMostOnce,
        leases_hold: true,
        digest_every: 1,
    }
}

const DECODED: &str = "the state machine has encoded these bytes from a value of the same type";

impl<T: StateMachine> Story<T> {
    /// Starts a cluster of `servers` servers. Each state machine starts with the default value of `T`.
    ///
    /// # Panics
    /// Panics in the same cases as [`starting_with`](Self::starting_with).
    #[must_use]
    pub fn new(servers: u8) -> Self
    where
        T: Default,
    {
        Self::starting_with(servers, T::default)
    }

    /// Starts a cluster like [`new`](Self::new) for a state machine with another initial state. `make`
    /// returns the initial state, and must always return the same state.
    ///
    /// # Panics
    /// Panics if the number of servers is zero or more than 16.
    #[must_use]
    pub fn starting_with(servers: u8, make: impl Fn() -> T + 'static) -> Self {
        let (plan, make): (_, MakeMachine<T>) = (Plan::calm(1, servers), Rc::new(make));
        let work = Arc::new(CurrentWork::new::<T>());
        let judge = Rc::new(RefCell::new(Judge::new(settings(make.clone()))));
        let steps = StepCount::new(Bounds::default().steps_max);
        let checks = BoundedChecks::new(Box::new(MachineChecks::new(Rc::clone(&judge))), steps);
        let fsm = move |idx| ErasedFsm::new(JudgedReplica::new(idx, make(), &judge, &work));
        Self { tank: StoryTank::new(plan, fsm, checks, describe::<T>), machine: PhantomData }
    }

    /// Returns all servers of the cluster.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerIdx> {
        self.tank.all().iter().collect()
    }

    /// Waits for a leader that has committed an entry of the leader's term. Returns the leader.
    #[track_caller]
    pub fn until_leader(&mut self) -> ServerIdx {
        self.tank.until_leader(None)
    }

    /// Waits like [`until_leader`](Self::until_leader), but for a leader other than `old`. Returns the new
    /// leader.
    #[track_caller]
    pub fn until_leader_other_than(&mut self, old: ServerIdx) -> ServerIdx {
        self.tank.until_leader(Some(old))
    }

    /// Waits until all running servers have applied the same entries.
    #[track_caller]
    pub fn until_converged(&mut self) {
        self.tank.until_converged();
    }

    /// Sends a command to a server. [`until_answered`](Self::until_answered) waits for the answer.
    #[track_caller]
    pub fn apply(&mut self, to: ServerIdx, command: T::Command) -> PendingCommand {
        PendingCommand(self.tank.call(to, Call::Apply(encode(&command))))
    }

    /// Waits until a command is answered. Returns the reply of the state machine.
    ///
    /// # Errors
    /// Returns the error that the server answered, for example
    /// [`LeadershipLost`](RequestError::LeadershipLost). After an error, the command may still be applied
    /// later.
    #[track_caller]
    pub fn until_answered(&mut self, command: PendingCommand) -> Result<T::Reply, RequestError> {
        match self.tank.until_answered(command.0)? {
            Answer::Applied { response, .. } => Ok(decode(&response).expect(DECODED)),
            other => panic!("the answer to a command must be `Applied`, not {other:?}"),
        }
    }

    /// Passes a query to the state machine of one server, and returns the reply. The state of this state
    /// machine may be older than the committed state. Returns `None` if the server is down.
    #[track_caller]
    pub fn query(&mut self, from: ServerIdx, query: T::Query) -> Option<T::Reply> {
        let answer = self.tank.query(from, &encode(&query))?;
        Some(decode(&answer).expect(DECODED))
    }

    /// Tells a server to take a snapshot and to compact the log. Waits for the answer. A server without new
    /// entries refuses; the story ignores this refusal.
    #[track_caller]
    pub fn snapshot(&mut self, idx: ServerIdx) {
        let request = self.tank.call(idx, Call::Snapshot);
        // A server that has nothing to snapshot refuses, and the story goes on.
        let _ = self.tank.until_answered(request);
    }

    /// Cuts all links between a server and the other servers.
    #[track_caller]
    pub fn isolate(&mut self, idx: ServerIdx) {
        self.tank.act(|tank| tank.isolate(idx));
    }

    /// Cuts all links between these servers and the other servers.
    #[track_caller]
    pub fn partition(&mut self, these: &[ServerIdx]) {
        let these: ServerSet = these.iter().copied().collect();
        let others = self.tank.all().minus(these);
        self.tank.act(|tank| tank.partition(these, others));
    }

    /// Restores all links.
    #[track_caller]
    pub fn heal(&mut self) {
        self.tank.act(|tank| tank.heal_all());
    }

    /// Crashes a server. Unsynced writes may be lost.
    #[track_caller]
    pub fn crash(&mut self, idx: ServerIdx) {
        self.tank.act(|tank| tank.crash(idx));
    }

    /// Starts a crashed server again, with the data on its disk.
    #[track_caller]
    pub fn restart(&mut self, idx: ServerIdx) {
        self.tank.act(|tank| tank.restart(idx));
    }

    /// Returns the trace so far as text: leaders, committed commands and faults. A test can compare the text with
    /// an expected text, for example with `insta`. The text has no times and no step numbers.
    #[must_use]
    pub fn text(&mut self) -> String {
        self.tank.told()
    }
}

impl<T: StateMachine> fmt::Debug for Story<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Story").finish_non_exhaustive()
    }
}

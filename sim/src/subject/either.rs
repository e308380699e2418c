//! Servers of two subjects in one cluster. Both subjects use the same protocol.

use super::{ActionOf, EventOf, Exclusion, Start, Subject, View};
use crate::plan::rng::{Domain, Stream};
use std::hash::Hasher;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Configuration, Deadline, Dialect, Index, Server, Time};

/// A server of one of two subjects that use the same protocol. The probability that a server is of the second
/// subject is 1/4, 1/2 or 3/4, and is the same for all servers of a run. The seed of the run selects this
/// probability and the subject of each server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Either<A, B> {
    /// A server of the first subject.
    First(A),
    /// A server of the second subject.
    Second(B),
}

macro_rules! with_either {
    ($either:expr, $subject:ident => $result:expr) => {
        match $either {
            Either::First($subject) => $result,
            Either::Second($subject) => $result,
        }
    };
}

impl<A: Subject, B: Subject<Protocol = A::Protocol>> Subject for Either<A, B> {
    type Protocol = A::Protocol;
    type Scratch = (A::Scratch, B::Scratch);

    fn name(&self) -> &'static str {
        with_either!(self, subject => subject.name())
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let stream = |part| Stream::new(start.seed, Domain::Subject, part, 0);
        let quarters = stream(0).one_of(&[1, 2, 3]);
        if stream(1 + u64::from(start.idx.0)).chance(quarters, 4) {
            B::start(start).map(Self::Second)
        } else {
            A::start(start).map(Self::First)
        }
    }

    fn step(
        &mut self,
        now: Time,
        event: EventOf<Self>,
        scratch: &mut Self::Scratch,
        actions: &mut Vec<ActionOf<Self>>,
    ) {
        match self {
            Self::First(subject) => subject.step(now, event, &mut scratch.0, actions),
            Self::Second(subject) => subject.step(now, event, &mut scratch.1, actions),
        }
    }

    fn takes_now(&self, event: &EventOf<Self>) -> bool {
        with_either!(self, subject => subject.takes_now(event))
    }

    fn deadline(&self) -> Deadline {
        with_either!(self, subject => subject.deadline())
    }

    fn view(&self) -> View {
        with_either!(self, subject => subject.view())
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        with_either!(self, subject => subject.configuration())
    }

    fn dialect(&self) -> Dialect {
        with_either!(self, subject => subject.dialect())
    }

    fn server(&self) -> Option<&Server> {
        with_either!(self, subject => subject.server())
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        with_either!(self, subject => subject.exclusions())
    }

    fn hash_state<H: Hasher>(&self, hasher: &mut H) {
        with_either!(self, subject => subject.hash_state(hasher));
    }
}

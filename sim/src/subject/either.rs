//! Two subjects with one protocol in one cluster.

use super::{ActionOf, EventOf, Exclusion, Start, Subject, View};
use std::hash::Hasher;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Configuration, Deadline, Index, Server, Time};

/// A cluster of two subjects that share a protocol. The servers n1, n3, n5, … are of the first subject, and
/// n2, n4, n6, … of the second.
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
        if start.idx.0.is_multiple_of(2) {
            A::start(start).map(Self::First)
        } else {
            B::start(start).map(Self::Second)
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

    fn deadline(&self) -> Deadline {
        with_either!(self, subject => subject.deadline())
    }

    fn view(&self) -> View {
        with_either!(self, subject => subject.view())
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        with_either!(self, subject => subject.configuration())
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

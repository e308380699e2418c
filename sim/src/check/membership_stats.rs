//! Counts the membership changes and the results of these changes.
//!
//! A change begins when a leader appends a configuration. The change is committed when the entry of this
//! configuration is committed, and rolled back when another entry is committed at the same index. Some
//! changes are still open when a run ends. A joint change is counted once, when the joint configuration is
//! appended.

use crate::check::ghost::{Ghost, IndexedConf};
use crate::observe::report::ChangeCounts;
use crate::observe::{Observation, ObservationKind};
use crate::plan::named::{Counters, named};
use crate::plan::server_set::ServerIdx;
use crate::subject::Subject;
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{Action, Call, Change, Event, Index, Outcome, RequestError, RequestId, ServerId, Term};

named! {
    /// A kind of membership change.
    ChangeKind {
        /// A new server becomes a voter without catch-up rounds, or a voter gets another address.
        AddVoter = "add_voter",
        /// A new server becomes a non-voter.
        AddNonvoter = "add_nonvoter",
        /// A call stages a server: the server becomes a non-voter, and later a voter when it has caught up.
        /// The second step counts as `promote`.
        Stage = "stage",
        /// A non-voter becomes a voter, because an operator asked for the change or because the non-voter has
        /// caught up. The change counts as refused if the leader refuses the call or gives up the staging.
        Promote = "promote",
        /// A voter becomes a non-voter.
        Demote = "demote",
        /// A server is removed.
        Remove = "remove",
        /// A leader enters a joint configuration to change several voters.
        Joint = "joint",
    }
}

/// Counts of membership changes, and the changes that are still open.
#[derive(Clone, Debug, Default)]
pub struct MembershipStats {
    counts: Counters<ChangeKind, ChangeCounts>,
    /// The id and the kind of the membership change that the event of the current step requests. `None` if
    /// the event requests no change.
    requested: Option<(RequestId, ChangeKind)>,
    /// The calls that stage a server and have no answer yet.
    staged: BTreeSet<RequestId>,
    open: Vec<OpenChange>,
}

/// A configuration that a leader has appended and that is not yet committed or rolled back.
#[derive(Clone, Copy, Debug)]
struct OpenChange {
    index: Index,
    term: Term,
    kind: ChangeKind,
}

impl MembershipStats {
    /// Counts the membership changes in an observation. The caller must record the observation in the ghost
    /// state first.
    pub(crate) fn on_observation<S: Subject>(&mut self, observation: &Observation<'_, S>, ghost: &Ghost) {
        match observation.kind {
            ObservationKind::Stepping { idx, event, .. } => {
                self.requested = change_requested(idx, event, ghost);
            }
            ObservationKind::Stepped { actions, .. } => {
                self.begin(ghost);
                self.on_answers(actions);
                self.settle(ghost);
            }
            _ => {}
        }
    }

    /// Returns the counts of each kind of change, by the name of the kind.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, ChangeCounts> {
        self.counts.named().map(|(name, counts)| (name.to_owned(), counts)).collect()
    }

    /// Counts the configurations that the leader appended in this step.
    fn begin(&mut self, ghost: &Ghost) {
        let step = &ghost.step;
        for (before, placed) in &step.changed {
            let Some(kind) = self.kind(*before) else { continue };
            self.counts[kind].begun += 1;
            self.open.push(OpenChange { index: placed.index, term: step.now.term, kind });
        }
    }

    /// Returns the kind of the change that follows the configuration `before`. A leader makes two kinds of
    /// changes without a request. If the leader leaves a joint configuration, the result is `None`, because
    /// this change is not counted. If the leader makes a staged server a voter, the result is
    /// [`ChangeKind::Promote`].
    fn kind(&self, before: Option<IndexedConf>) -> Option<ChangeKind> {
        let leaves = before.is_some_and(|before| before.conf.is_joint());
        match self.requested {
            Some((_, kind)) => Some(kind),
            None if leaves => None,
            None => Some(ChangeKind::Promote),
        }
    }

    fn on_answers<Q, R>(&mut self, actions: &[Action<Q, R>]) {
        let Some((request, kind)) = self.requested else { return self.on_staged_answers(actions) };
        let outcome = actions.iter().find_map(|action| outcome_of(request, action));
        match outcome {
            Some(Err(_)) => self.counts[kind].refused += 1,
            None if kind == ChangeKind::Stage => {
                self.staged.insert(request);
            }
            Some(Ok(_)) | None => {}
        }
    }

    /// Counts the staged servers that do not become voters.
    fn on_staged_answers<Q, R>(&mut self, actions: &[Action<Q, R>]) {
        if self.staged.is_empty() {
            return;
        }
        for (request, outcome) in actions.iter().filter_map(answer) {
            if self.staged.remove(&request) && matches!(outcome, Err(RequestError::Refused(_))) {
                self.counts[ChangeKind::Promote].refused += 1;
            }
        }
    }

    /// Counts and removes the changes whose index is committed.
    fn settle(&mut self, ghost: &Ghost) {
        let Self { counts, open, .. } = self;
        open.retain(|change| {
            let Some(there) = ghost.history.at(change.index) else { return true };
            let counts = &mut counts[change.kind];
            if there.link.term == change.term {
                counts.committed += 1;
            } else {
                counts.rolled_back += 1;
            }
            false
        });
    }
}

/// Returns the id and the kind of the membership change that an event requests; `None` if the event requests
/// no change.
fn change_requested<Q, R>(
    idx: ServerIdx,
    event: &Event<Q, R>,
    ghost: &Ghost,
) -> Option<(RequestId, ChangeKind)> {
    let Event::Call { request, call } = event else { return None };
    let kind = match call {
        Call::AddVoterStaged { .. } => ChangeKind::Stage,
        Call::Change { change: Change::AddVoter(id, _), .. }
            if is_nonvoter(id, ghost.ghost_server(idx).conf) =>
        {
            ChangeKind::Promote
        }
        Call::Change { change: Change::AddVoter(..), .. } => ChangeKind::AddVoter,
        Call::Change { change: Change::AddNonvoter(..), .. } => ChangeKind::AddNonvoter,
        Call::Change { change: Change::DemoteVoter(_), .. } => ChangeKind::Demote,
        Call::Change { change: Change::RemoveServer(_), .. } => ChangeKind::Remove,
        Call::Change { change: Change::Members(_), .. } => ChangeKind::Joint,
        _ => return None,
    };
    Some((*request, kind))
}

/// True if a server is a non-voter in the configuration `known`.
fn is_nonvoter(id: &ServerId, known: Option<IndexedConf>) -> bool {
    let (Some(idx), Some(IndexedConf { conf, .. })) = (ServerIdx::of(id.node()), known) else { return false };
    conf.members.contains(idx) && !conf.voters().contains(idx)
}

fn outcome_of<Q, R>(wanted: RequestId, action: &Action<Q, R>) -> Option<&Outcome> {
    answer(action).filter(|(request, _)| *request == wanted).map(|(_, outcome)| outcome)
}

fn answer<Q, R>(action: &Action<Q, R>) -> Option<(RequestId, &Outcome)> {
    let Action::Answer { request, outcome } = action else { return None };
    Some((*request, outcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Options;
    use crate::clients::kv::Kv;
    use crate::clients::kv::clients::{Clients, KvPlan};
    use crate::engine::world::World;
    use crate::plan::Plan;
    use crate::plan::server_set::ServerSet;
    use crate::runner::observers::Observers;
    use wavetank_raft::Span;

    type Tank = World<Kv, Observers<(), ()>>;

    fn tank() -> (Tank, ServerIdx) {
        let mut plan = Plan { spares: 2, ..Plan::calm(7, 3) };
        plan.clients.count = 0;
        let no_clients = Clients::new(KvPlan::from(&plan.clients), ServerSet::first(1), plan.seed);
        let observers = Observers::new(Options::of(&plan), (), ());
        let mut tank = World::new(plan, |_| Kv::default(), Box::new(no_clients), observers);
        tank.run_for(Span::s(2));
        let leader = tank.leader().expect("a calm cluster has a leader");
        (tank, leader)
    }

    fn ask(tank: &mut Tank, to: ServerIdx, change: Change) {
        tank.call(to, Call::Change { change, prev_index: None });
    }

    fn counts(tank: &Tank, kind: ChangeKind) -> [u64; 4] {
        tank.observer().changes.counts()[kind.name()].named().map(|(_, count)| count)
    }

    fn add(idx: ServerIdx) -> Change {
        Change::AddVoter(idx.id(), idx.address())
    }

    #[test]
    fn a_change_is_committed_or_refused() {
        let (mut tank, leader) = tank();
        let newcomer = ServerIdx(3);
        ask(&mut tank, leader, Change::AddNonvoter(newcomer.id(), newcomer.address()));
        ask(&mut tank, leader, Change::RemoveServer(newcomer.id()));
        tank.run_for(Span::s(1));
        ask(&mut tank, leader, add(newcomer));
        tank.run_for(Span::s(1));
        assert_eq!(counts(&tank, ChangeKind::AddNonvoter), [1, 1, 0, 0]);
        assert_eq!(counts(&tank, ChangeKind::Remove), [0, 0, 0, 1], "one change at a time");
        assert_eq!(counts(&tank, ChangeKind::Promote), [1, 1, 0, 0]);
    }

    #[test]
    fn a_change_on_a_minority_is_rolled_back() {
        let (mut tank, old) = tank();
        tank.isolate(old);
        ask(&mut tank, old, add(ServerIdx(3)));
        tank.run_for(Span::ms(20));
        assert_eq!(
            counts(&tank, ChangeKind::AddVoter),
            [1, 0, 0, 0],
            "no other entry is committed at its index yet"
        );
        tank.run_for(Span::s(2));
        let new = tank.leader().expect("two of three");
        ask(&mut tank, new, Change::DemoteVoter(old.id()));
        tank.run_for(Span::s(1));
        assert_eq!(counts(&tank, ChangeKind::AddVoter), [1, 0, 1, 0]);
        assert_eq!(counts(&tank, ChangeKind::Demote), [1, 1, 0, 0]);
    }

    #[test]
    fn a_server_that_catches_up_is_promoted_and_a_slow_one_is_refused() {
        let (mut tank, leader) = tank();
        let (good, lost) = (ServerIdx(3), ServerIdx(4));
        tank.isolate(lost);
        for idx in [good, lost] {
            let (id, address) = (idx.id(), idx.address());
            tank.call(leader, Call::AddVoterStaged { id, address, prev_index: None });
            tank.run_for(Span::s(6));
        }
        assert_eq!(counts(&tank, ChangeKind::Stage), [2, 2, 0, 0]);
        assert_eq!(counts(&tank, ChangeKind::Promote), [1, 1, 0, 1]);
    }

    #[test]
    fn a_joint_change_is_one_change() {
        let (mut tank, leader) = tank();
        let members =
            [0, 1, 3, 4].map(ServerIdx).map(|idx| wavetank_raft::Member::voter(idx.id(), idx.address()));
        ask(&mut tank, leader, Change::Members(members.into()));
        tank.run_for(Span::s(1));
        assert_eq!(counts(&tank, ChangeKind::Joint), [1, 1, 0, 0]);
        assert_eq!(
            counts(&tank, ChangeKind::Promote),
            [0, 0, 0, 0],
            "the leader leaves the joint configuration by itself"
        );
    }
}

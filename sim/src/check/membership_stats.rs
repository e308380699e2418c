//! What became of the changes of membership that were wished for: counted from what was seen, by
//! what the ledger knows to be committed.
//!
//! A change is begun when a leader appends its configuration, committed when that entry is, and
//! rolled back when another entry is committed in its place. Some are still open when a run ends.
//! Whoever leaves a joint configuration ends a change that was counted when it was entered.

use crate::check::ghost::{Ghost, Placed};
use crate::observe::report::ChangeCounts;
use crate::observe::{Observation, ObservationKind};
use crate::plan::named::{Counters, named};
use crate::plan::server_set::ServerIdx;
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{Action, Call, Change, Error, Event, Index, Outcome, RequestId, ServerId, Term};

named! {
    /// A family of changes.
    Kind {
        /// A stranger gets a vote at once, or a voter another address.
        AddVoter = "add_voter",
        /// A stranger comes to listen.
        AddNonvoter = "add_nonvoter",
        /// A server comes to listen, and is to have a vote once it has caught up.
        Stage = "stage",
        /// One that listens gets a vote: told by an operator, or because it has caught up. Refused also
        /// when it is too slow, or its leader goes.
        Promote = "promote",
        /// A voter loses its vote.
        Demote = "demote",
        /// A server is left out.
        Remove = "remove",
        /// A joint configuration is entered.
        Joint = "joint",
    }
}

/// Counts, and the changes that are open.
#[derive(Clone, Debug, Default)]
pub struct MembershipStats {
    counts: Counters<Kind, ChangeCounts>,
    /// What the server is asked for in the step that it takes now.
    wish: Option<(RequestId, Kind)>,
    /// Calls whose server is catching up.
    staged: BTreeSet<RequestId>,
    open: Vec<Open>,
}

/// A configuration that a leader has appended, and that is neither committed nor gone.
#[derive(Clone, Copy, Debug)]
struct Open {
    index: Index,
    term: Term,
    kind: Kind,
}

impl MembershipStats {
    /// Looks at an observation that the ledger has just taken.
    pub(crate) fn on_observation(&mut self, observation: &Observation<'_>, ghost: &Ghost) {
        match observation.kind {
            ObservationKind::Stepping { idx, event, .. } => self.wish = wish(idx, event, ghost),
            ObservationKind::Stepped { actions, .. } => {
                self.begin(ghost);
                self.hear(actions);
                self.settle(ghost);
            }
            _ => {}
        }
    }

    /// How often each family came to each end.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, ChangeCounts> {
        self.counts.named().map(|(name, counts)| (name.to_owned(), counts)).collect()
    }

    /// What the leader that has just stepped appended.
    fn begin(&mut self, ghost: &Ghost) {
        let step = &ghost.step;
        for (before, placed) in &step.changed {
            let Some(kind) = self.kind(*before) else { continue };
            self.counts[kind].begun += 1;
            self.open.push(Open { index: placed.index, term: step.now.term, kind });
        }
    }

    /// What was asked for; unasked a leader leaves a joint configuration, or gives the server a
    /// vote that has caught up.
    fn kind(&self, before: Option<Placed>) -> Option<Kind> {
        let leaves = before.is_some_and(|before| before.conf.is_joint());
        match self.wish {
            Some((_, kind)) => Some(kind),
            None if leaves => None,
            None => Some(Kind::Promote),
        }
    }

    fn hear(&mut self, actions: &[Action]) {
        let Some((wish, kind)) = self.wish else { return self.hear_of_staged(actions) };
        let outcome = actions.iter().find_map(|action| outcome_of(wish, action));
        match outcome {
            Some(Err(_)) => self.counts[kind].refused += 1,
            None if kind == Kind::Stage => {
                self.staged.insert(wish);
            }
            Some(Ok(_)) | None => {}
        }
    }

    /// Whether a server that was let in to catch up is turned down after all.
    fn hear_of_staged(&mut self, actions: &[Action]) {
        if self.staged.is_empty() {
            return;
        }
        for (request, outcome) in actions.iter().filter_map(answer) {
            if self.staged.remove(&request) && matches!(outcome, Err(Error::Refused(_))) {
                self.counts[Kind::Promote].refused += 1;
            }
        }
    }

    /// Takes leave of the changes whose places in the log are decided.
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

/// What an event asks of a server, if it asks for another membership.
fn wish(idx: ServerIdx, event: &Event, ghost: &Ghost) -> Option<(RequestId, Kind)> {
    let Event::Call { request, call } = event else { return None };
    let kind = match call {
        Call::AddVoterStaged { .. } => Kind::Stage,
        Call::Change { change: Change::AddVoter(id, _), .. } if listens(id, ghost.ghost_server(idx).conf) => {
            Kind::Promote
        }
        Call::Change { change: Change::AddVoter(..), .. } => Kind::AddVoter,
        Call::Change { change: Change::AddNonvoter(..), .. } => Kind::AddNonvoter,
        Call::Change { change: Change::DemoteVoter(_), .. } => Kind::Demote,
        Call::Change { change: Change::RemoveServer(_), .. } => Kind::Remove,
        Call::Change { change: Change::Members(_), .. } => Kind::Joint,
        _ => return None,
    };
    Some((*request, kind))
}

/// Whether a server is a member without a vote, as far as whoever is asked knows.
fn listens(id: &ServerId, known: Option<Placed>) -> bool {
    let (Some(idx), Some(Placed { conf, .. })) = (ServerIdx::of(id.node()), known) else { return false };
    conf.members.contains(idx) && !conf.voters().contains(idx)
}

fn outcome_of(wanted: RequestId, action: &Action) -> Option<&Outcome> {
    answer(action).filter(|(request, _)| *request == wanted).map(|(_, outcome)| outcome)
}

fn answer(action: &Action) -> Option<(RequestId, &Outcome)> {
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
        let nobody = Clients::new(KvPlan::from(&plan.clients), ServerSet::first(1), plan.seed);
        let observers = Observers::new(Options::of(&plan), (), ());
        let mut tank = World::new(plan, |_| Kv::default(), Box::new(nobody), observers);
        tank.run_for(Span::s(2));
        let leader = tank.leader().expect("a calm sea");
        (tank, leader)
    }

    fn ask(tank: &mut Tank, to: ServerIdx, change: Change) {
        tank.call(to, Call::Change { change, prev_index: Index::ZERO });
    }

    fn counts(tank: &Tank, kind: Kind) -> [u64; 4] {
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
        assert_eq!(counts(&tank, Kind::AddNonvoter), [1, 1, 0, 0]);
        assert_eq!(counts(&tank, Kind::Remove), [0, 0, 0, 1], "one change at a time");
        assert_eq!(counts(&tank, Kind::Promote), [1, 1, 0, 0]);
    }

    #[test]
    fn what_only_a_minority_had_is_rolled_back() {
        let (mut tank, old) = tank();
        tank.isolate(old);
        ask(&mut tank, old, add(ServerIdx(3)));
        tank.run_for(Span::ms(20));
        assert_eq!(counts(&tank, Kind::AddVoter), [1, 0, 0, 0], "nothing stands in its place yet");
        tank.run_for(Span::s(2));
        let new = tank.leader().expect("two of three");
        ask(&mut tank, new, Change::DemoteVoter(old.id()));
        tank.run_for(Span::s(1));
        assert_eq!(counts(&tank, Kind::AddVoter), [1, 0, 1, 0]);
        assert_eq!(counts(&tank, Kind::Demote), [1, 1, 0, 0]);
    }

    #[test]
    fn who_catches_up_is_promoted_and_who_does_not_is_turned_down() {
        let (mut tank, leader) = tank();
        let (good, lost) = (ServerIdx(3), ServerIdx(4));
        tank.isolate(lost);
        for idx in [good, lost] {
            let (id, address) = (idx.id(), idx.address());
            tank.call(leader, Call::AddVoterStaged { id, address, prev_index: Index::ZERO });
            tank.run_for(Span::s(6));
        }
        assert_eq!(counts(&tank, Kind::Stage), [2, 2, 0, 0]);
        assert_eq!(counts(&tank, Kind::Promote), [1, 1, 0, 1]);
    }

    #[test]
    fn a_joint_change_is_one_change() {
        let (mut tank, leader) = tank();
        let members =
            [0, 1, 3, 4].map(ServerIdx).map(|idx| wavetank_raft::Member::voter(idx.id(), idx.address()));
        ask(&mut tank, leader, Change::Members(members.into()));
        tank.run_for(Span::s(1));
        assert_eq!(counts(&tank, Kind::Joint), [1, 1, 0, 0]);
        assert_eq!(counts(&tank, Kind::Promote), [0, 0, 0, 0], "leaving it is nobody's wish");
    }
}

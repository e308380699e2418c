//! How a world calms down, and whether its servers have come to agree.

use super::World;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::Happening;
use crate::observe::Seen;
use crate::observe::observer::Watch;
use crate::plan::server_set::{Slot, Slots};
use std::fmt;
use wavetank_raft::{Configuration, Index, Server};

/// Why a core of servers has not come to agree yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsettled {
    /// Nobody leads.
    NoLeader {
        /// Those that could.
        electable: Slots,
    },
    /// Clients wait for answers.
    ClientsWait,
    /// A server owes somebody an answer, a client who may have gone or an operator.
    Owes {
        /// The server.
        slot: Slot,
        /// How many.
        answers: usize,
    },
    /// Nothing new is committed.
    NothingNew {
        /// Who leads.
        leader: Slot,
    },
    /// The leader's last entry is not committed.
    Uncommitted {
        /// The leader.
        leader: Slot,
        /// What is.
        commit: Index,
        /// Its last entry.
        last: Index,
    },
    /// The leader's membership is joint.
    Joint {
        /// The leader.
        leader: Slot,
    },
    /// The leader has no vote in its membership, which is committed.
    Outside {
        /// The leader.
        leader: Slot,
    },
    /// A member has not applied what the leader has.
    Behind {
        /// The member.
        slot: Slot,
        /// What it has applied; `None` if it does not run.
        applied: Option<Index>,
        /// The leader's last entry.
        last: Index,
    },
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader { electable: Slots::NONE } => {
                write!(f, "nobody leads, and nobody reaches a quorum")
            }
            Self::NoLeader { electable } => write!(f, "nobody leads, and a quorum is reached by {electable}"),
            Self::ClientsWait => write!(f, "clients wait for answers"),
            Self::Owes { slot, answers } => write!(f, "{slot} has not answered {answers} calls"),
            Self::NothingNew { leader } => write!(f, "{leader} leads, and commits nothing that is new"),
            Self::Uncommitted { leader, commit, last } => {
                write!(f, "{leader} leads, and has committed {commit} of {last}")
            }
            Self::Joint { leader } => write!(f, "{leader} leads, and its membership is joint"),
            Self::Outside { leader } => write!(f, "{leader} leads, and has no vote"),
            Self::Behind { slot, applied: Some(applied), last } => {
                write!(f, "{slot} has applied {applied} of {last}")
            }
            Self::Behind { slot, applied: None, last } => write!(f, "{slot} is down at {last}"),
        }
    }
}

impl<F: TankFsm, V: Watch> World<F, V> {
    /// Ends the chaos: links work and lose nothing, disks and machines neither stall nor fail, and
    /// every server runs but for those that stay broken for ever. Clocks keep their rates, and what
    /// is under way stays so. Returns the core from which progress is demanded.
    pub fn heal(&mut self, broken: Slots) -> Slots {
        let core = self.all().minus(broken);
        if let Some(nemesis) = self.nemesis.take() {
            self.counts = nemesis.counts().clone();
            self.mishaps = nemesis.mishaps().taken().to_vec();
        }
        self.broken = broken;
        for slot in broken.iter() {
            self.crash(slot);
        }
        self.heal_all();
        self.network.calm();
        self.lines.iter_mut().for_each(crate::engine::network::ClientLine::calm);
        self.plan.clients.loss = None;
        for slot in core.iter() {
            self.hosts[slot.at()].disk.calm();
            self.hosts[slot.at()].times.calm();
            self.resume(slot);
            self.restart(slot);
        }
        self.eye.see(Seen::Healed { core });
        core
    }

    /// The clients begin nothing more.
    pub fn stop_clients(&mut self) {
        self.workload.stop();
        self.agenda.put(self.eye.now, Happening::Clients);
    }

    /// Whether the servers of a core agree: one of them leads, no client waits, and every one that
    /// is a member has applied the leader's last entry.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn converged(&self, core: Slots) -> Result<(), String> {
        self.unsettled(core).map_or(Ok(()), |why| Err(why.to_string()))
    }

    /// What is missing until [`World::converged`] holds.
    #[must_use]
    pub fn unsettled(&self, core: Slots) -> Option<Unsettled> {
        let Some(leader) = self.leader_among(core.and(self.awake)) else {
            return Some(self.without_leader(core));
        };
        if !self.workload.is_idle() {
            return Some(Unsettled::ClientsWait);
        }
        let node = self.server(leader)?.node();
        let (commit, last) = (node.commit(), node.log().last().index);
        if commit != last {
            return Some(Unsettled::Uncommitted { leader, commit, last });
        }
        let (_, members) = node.configuration()?;
        if members.is_joint() {
            return Some(Unsettled::Joint { leader });
        }
        if !members.voters().contains(leader.node()) {
            return Some(Unsettled::Outside { leader });
        }
        let behind = |slot: &Slot| self.server(*slot).map(Server::applied) != Some(last);
        if let Some(slot) = core.iter().filter(|slot| is_member(members, *slot)).find(behind) {
            return Some(Unsettled::Behind { slot, applied: self.server(slot).map(Server::applied), last });
        }
        core.iter().find_map(|slot| {
            let answers = self.process(slot)?.calls.len();
            (0 < answers).then_some(Unsettled::Owes { slot, answers })
        })
    }

    /// Nobody of a core leads: who of it could, each by the membership that it knows.
    pub(crate) fn without_leader(&self, core: Slots) -> Unsettled {
        let up = core.and(self.awake);
        let could = |slot: &Slot| {
            let membership = self.server(*slot).and_then(|server| server.node().configuration());
            membership.is_some_and(|(_, members)| self.topology.is_electable(*slot, &members.voters(), up))
        };
        Unsettled::NoLeader { electable: up.iter().filter(could).collect() }
    }

    /// Whether anybody of these belongs to a cluster, as far as it knows.
    #[must_use]
    pub fn knows_a_configuration(&self, slots: Slots) -> bool {
        slots.iter().any(|slot| self.server(slot).is_some_and(|it| it.node().configuration().is_some()))
    }

    /// Whether a server has a vote, as whoever leads has it.
    #[must_use]
    pub fn has_a_vote(&self, slot: Slot) -> bool {
        let leader = self.leader().and_then(|leader| self.server(leader)?.node().configuration());
        leader.is_some_and(|(_, members)| members.voters().contains(slot.node()))
    }

    /// Whether `core` can make progress whatever of what any server of it knows comes to be the
    /// membership: it has a quorum of each, and somebody in it knows one. A cluster that has not come
    /// to be yet can spare nobody: whoever has yet to hear of it may be the one it begins with.
    #[must_use]
    pub fn is_viable(&self, core: Slots) -> bool {
        let is_in = |node| Slot::of(node).is_some_and(|slot| core.contains(slot));
        let is_quorum = |members: &Configuration| members.voters().is_quorum(is_in);
        let running = |slot| Some(&**self.server(slot)?.node().configuration()?.1);
        let is_told =
            |slot: Slot| running(slot).is_some() || !self.hosts[slot.at()].disk.memberships().is_empty();
        core.iter().any(is_told)
            && self.all().iter().filter_map(running).all(is_quorum)
            && self.disks_are_viable(is_quorum)
    }

    /// The same for what the disks know: of every log the last membership, and as long as that may
    /// not be committed yet, the one before it.
    fn disks_are_viable(&self, is_quorum: impl Fn(&Configuration) -> bool) -> bool {
        let commit = self.all().iter().filter_map(|slot| Some(self.server(slot)?.node().commit())).max();
        self.hosts.iter().all(|host| {
            let mut may_come = true;
            host.disk
                .memberships()
                .into_iter()
                .take_while(|(index, _)| {
                    std::mem::replace(&mut may_come, commit.is_none_or(|commit| commit < *index))
                })
                .all(|(_, members)| is_quorum(&members))
        })
    }
}

fn is_member(members: &Configuration, slot: Slot) -> bool {
    members.server(slot.node()).is_some()
}

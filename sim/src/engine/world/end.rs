//! Ends the faults of a world, and tests whether the servers agree.

use super::World;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::{Envelope, Message, SimEvent};
use crate::observe::ObservationKind;
use crate::observe::observer::Observer;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::schedule::Choice;
use crate::subject::{Parts, Protocol, Subject};
use std::fmt;
use wavetank_raft::{Change, Configuration, Index, NodeId};

/// The reason why the servers of a core do not agree yet. A core consists of the servers that must make
/// progress after all faults have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsettled {
    /// There is no leader.
    NoLeader {
        /// The servers that could win an election.
        electable: ServerSet,
    },
    /// Clients wait for answers.
    ClientsWait,
    /// A server has not answered all calls of clients and operators.
    Owes {
        /// The server that has not answered.
        idx: ServerIdx,
        /// The number of missing answers.
        answers: usize,
    },
    /// The leader commits no new entry.
    NothingNew {
        /// The server that leads.
        leader: ServerIdx,
    },
    /// The leader's last entry is not committed.
    Uncommitted {
        /// The server that leads.
        leader: ServerIdx,
        /// The leader's commit index.
        commit: Index,
        /// The index of the leader's last entry.
        last: Index,
    },
    /// The leader's configuration is joint.
    Joint {
        /// The server that leads.
        leader: ServerIdx,
    },
    /// The leader is not a voter of its committed configuration.
    Outside {
        /// The server that leads.
        leader: ServerIdx,
    },
    /// A member has not applied all entries of the leader's log.
    Behind {
        /// The member that has not applied all entries.
        idx: ServerIdx,
        /// The index of the last entry that the member has applied; `None` if the member does not run.
        applied: Option<Index>,
        /// The index of the leader's last entry.
        last: Index,
    },
}

impl Unsettled {
    /// The name of the check. The check requires that the servers of the core agree after all faults have
    /// ended.
    pub(crate) const CHECK: &'static str = "agreement";
    /// The parts of a server that the check reads. If a subject does not show all these parts, the check
    /// judges only calls and clients.
    pub(crate) const NEEDS: Parts = Parts::ROLE
        .or(Parts::TERM)
        .or(Parts::COMMIT)
        .or(Parts::APPLIED)
        .or(Parts::LOG)
        .or(Parts::CONFIGURATION);
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader { electable: ServerSet::NONE } => {
                write!(f, "no server leads, and no server reaches a quorum")
            }
            Self::NoLeader { electable } => {
                write!(f, "no server leads, although these servers reach a quorum: {electable}")
            }
            Self::ClientsWait => write!(f, "clients wait for answers"),
            Self::Owes { idx, answers } => write!(f, "{idx} has not answered {answers} calls"),
            Self::NothingNew { leader } => write!(f, "{leader} leads, but commits no new entry"),
            Self::Uncommitted { leader, commit, last } => {
                write!(f, "{leader} leads, but has committed only up to {commit}, not up to {last}")
            }
            Self::Joint { leader } => write!(f, "{leader} leads, but its configuration is joint"),
            Self::Outside { leader } => write!(f, "{leader} leads, but is not a voter of its configuration"),
            Self::Behind { idx, applied: Some(applied), last } => {
                write!(f, "{idx} has applied only up to {applied}, not up to {last}")
            }
            Self::Behind { idx, applied: None, last } => {
                write!(f, "{idx} is down, and has not applied the log up to {last}")
            }
        }
    }
}

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    /// Ends all faults. All links work and lose no messages. Disks and state machines do not stall or fail.
    /// The `broken` servers stay down for ever; all other servers run. Damage on a disk stays, and a state
    /// machine that fails every load of a snapshot still fails. Clocks keep their rates, and messages in
    /// flight stay in flight. Returns the core, which consists of the servers that are not broken. The core
    /// must make progress.
    pub fn heal(&mut self, broken: ServerSet) -> ServerSet {
        let core = self.all().minus(broken);
        self.note_as_one(|| Choice::Heal(broken), |world| world.end_faults(broken, core));
        core
    }

    fn end_faults(&mut self, broken: ServerSet, core: ServerSet) {
        // The report needs the counts and the recorded faults after the nemesis has ended.
        if let Some(nemesis) = self.nemesis.take() {
            self.counts = nemesis.counts().clone();
            self.fault_ids = nemesis.fault_ids().taken().to_vec();
        }
        self.broken = broken;
        for idx in broken.iter() {
            self.crash(idx);
        }
        self.heal_all();
        self.network.calm();
        self.client_links.iter_mut().for_each(crate::engine::network::ClientLink::calm);
        self.plan.clients.loss = None;
        for idx in core.iter() {
            self.hosts[idx.at()].disk.calm();
            self.hosts[idx.at()].times.calm();
            self.hosts[idx.at()].machine_faults.calm();
            self.resume(idx);
            self.restart(idx);
        }
        self.is_healed = true;
        self.recorder.on_observation(ObservationKind::Healed { core });
    }

    /// Stops the clients: the clients begin no more operations.
    pub fn stop_clients(&mut self) {
        self.note(|| Choice::Rest);
        self.workload.stop();
        self.pending.put(self.recorder.now, SimEvent::Clients);
    }

    /// Tests whether the servers of a core agree: a server of the core leads, no client waits, no call is
    /// open, and every server of the core has applied the leader's last entry.
    ///
    /// # Errors
    /// Returns the reason why the servers do not agree.
    pub fn converged(&self, core: ServerSet) -> Result<(), String> {
        self.unsettled(core).map_or(Ok(()), |why| Err(why.to_string()))
    }

    /// Returns the first reason why the servers of a core do not agree (see [`World::converged`]). Returns
    /// `None` if the servers agree.
    #[must_use]
    pub fn unsettled(&self, core: ServerSet) -> Option<Unsettled> {
        let leader = self.leader_among(core.and(self.awake));
        if leader.is_none() && self.shows_agreement() {
            return Some(self.without_leader(core));
        }
        if !self.workload.is_idle() {
            return Some(Unsettled::ClientsWait);
        }
        let apart = leader.filter(|_| self.shows_agreement()).and_then(|it| self.not_agreed(core, it));
        apart.or_else(|| self.owing(core))
    }

    /// True if the servers show all parts that the check of agreement reads ([`Unsettled::NEEDS`]).
    pub(crate) fn shows_agreement(&self) -> bool {
        self.shown.has(Unsettled::NEEDS)
    }

    /// Returns the reason why the core does not agree with this leader. Returns `None` if the core agrees.
    fn not_agreed(&self, core: ServerSet, leader: ServerIdx) -> Option<Unsettled> {
        let view = self.view_of(leader);
        let (commit, last) = (view.commit?, view.last?.index);
        if commit != last {
            return Some(Unsettled::Uncommitted { leader, commit, last });
        }
        let (_, members) = self.configuration(leader)?;
        if members.is_joint() {
            return Some(Unsettled::Joint { leader });
        }
        if !members.voters().contains(leader.node()) {
            return Some(Unsettled::Outside { leader });
        }
        let behind = |idx: &ServerIdx| self.view_of(*idx).applied != Some(last);
        if let Some(idx) = core.iter().filter(|idx| is_member(members, *idx)).find(behind) {
            return Some(Unsettled::Behind { idx, applied: self.view_of(idx).applied, last });
        }
        None
    }

    /// Returns the sum of the applied indexes of the running servers of a core. While the core makes progress,
    /// the sum grows.
    pub(crate) fn applied_in_total(&self, core: ServerSet) -> u64 {
        core.iter().filter_map(|idx| self.view_of(idx).applied).map(|applied| applied.0).sum()
    }

    /// Returns [`Unsettled::Owes`] with the first server of the core that has not answered all calls. Returns
    /// `None` if there is no such server.
    fn owing(&self, core: ServerSet) -> Option<Unsettled> {
        core.iter().find_map(|idx| {
            let answers = self.process(idx)?.calls.len();
            (0 < answers).then_some(Unsettled::Owes { idx, answers })
        })
    }

    /// Returns the reason for a core without a leader. The reason names the servers that could win an
    /// election under the configurations that they know.
    pub(crate) fn without_leader(&self, core: ServerSet) -> Unsettled {
        let up = core.and(self.awake);
        let could = |idx: &ServerIdx| {
            let membership = self.configuration(*idx);
            membership.is_some_and(|(_, members)| self.topology.is_electable(*idx, &members.voters(), up))
        };
        Unsettled::NoLeader { electable: up.iter().filter(could).collect() }
    }

    /// True if a running server of the core can win an election with its log. The log of this server must be
    /// at least as up to date as the logs of a quorum of the server's configuration (thesis §3.6.1). Only
    /// running servers of the core count for the quorum.
    ///
    /// The result can be false although the core is a quorum of every configuration. For example, server A has
    /// an uncommitted entry that makes B a voter. While B was a non-voter, B received entries of a later
    /// leader. This leader is now down. A needs the vote of B, but the log of B is more up to date, and B may
    /// not campaign. A server that has not caught up may not campaign either (docs/names.md).
    #[must_use]
    pub fn has_winning_log(&self, core: ServerSet) -> bool {
        let up = core.and(self.awake);
        let last = |idx| self.view_of(idx).last;
        let has_caught_up = |idx: &ServerIdx| {
            self.server(*idx).and_then(S::server).is_none_or(|server| server.node().has_caught_up())
        };
        up.iter().filter(has_caught_up).any(|idx| {
            let membership = self.configuration(idx);
            let grants = |node| {
                ServerIdx::of(node).is_some_and(|voter| up.contains(voter) && last(voter) <= last(idx))
            };
            membership.is_some_and(|(_, members)| {
                members.voters().contains(idx.node()) && members.voters().is_quorum(grants)
            })
        })
    }

    /// True if any of these servers runs and knows a configuration.
    #[must_use]
    pub fn knows_a_configuration(&self, servers: ServerSet) -> bool {
        servers.iter().any(|idx| self.configuration(idx).is_some())
    }

    /// True if there is a leader, and the server is a voter of the leader's configuration.
    #[must_use]
    pub fn has_a_vote(&self, idx: ServerIdx) -> bool {
        let leader = self.leader().and_then(|leader| self.configuration(leader));
        leader.is_some_and(|(_, members)| members.voters().contains(idx.node()))
    }

    /// True if `core` can make progress under each configuration that may come into force. `core` must be a
    /// quorum of five kinds of configurations: the configurations that servers know, the last configurations
    /// on the disks, the configurations in writes that are not durable yet, the configurations in messages in
    /// flight, and the configurations that a leader enters without a further call. At least one server of the
    /// core must know a configuration. Otherwise the server that bootstraps the cluster could be missing.
    #[must_use]
    pub fn is_viable(&self, core: ServerSet) -> bool {
        let is_in = |node| ServerIdx::of(node).is_some_and(|idx| core.contains(idx));
        let is_quorum = |members: &Configuration| members.voters().is_quorum(is_in);
        let running = |idx| Some(&**self.configuration(idx)?.1);
        let is_told =
            |idx: ServerIdx| running(idx).is_some() || !self.hosts[idx.at()].disk.memberships().is_empty();
        core.iter().any(is_told)
            && self.all().iter().filter_map(running).all(is_quorum)
            && self.promotions().iter().all(is_quorum)
            && self.in_flight().all(|envelope| self.may_bring(envelope).into_iter().all(is_quorum))
            && self.queued_memberships().all(is_quorum)
            && self.disks_are_viable(is_quorum)
    }

    /// Returns the configurations in the writes that are not durable yet. Some servers use a configuration only
    /// after they apply its entry. Until then, only the write shows the configuration.
    fn queued_memberships(&self) -> impl Iterator<Item = &Configuration> {
        self.hosts.iter().flat_map(|host| host.disk.queued_memberships())
    }

    /// Returns the messages that have not arrived. The result includes the messages that the network holds
    /// back and the messages that wait for a paused server.
    fn in_flight(&self) -> impl Iterator<Item = &Envelope<S::Protocol>> {
        let paused = |idx: ServerIdx| self.process(idx)?.waiting.as_ref();
        let waiting = self.all().iter().filter_map(paused).flatten();
        let arriving = self.pending.iter().chain(waiting).filter_map(|event| match event {
            SimEvent::Arrive(envelope) => Some(envelope),
            _ => None,
        });
        let is_lost = |it: &&Envelope<S::Protocol>| self.network.is_lost_in_flight(it.from, it.to, it.number);
        self.held.iter().map(|(_, envelope)| envelope).chain(arriving.filter(move |it| !is_lost(it)))
    }

    /// Returns the configurations that the receiver may enter because of this message. These configurations
    /// may exist only in the message, because the sender may have lost these configurations in a crash. A
    /// receiver ignores a message of an older term, and keeps its own committed entries.
    fn may_bring<'a>(&self, envelope: &'a Envelope<S::Protocol>) -> Vec<&'a Configuration> {
        let Message::Request(request) = &envelope.message else { return Vec::new() };
        let view = self.view_of(envelope.to);
        if S::Protocol::term(request) < view.term {
            return Vec::new();
        }
        S::Protocol::configurations(request, view.commit)
    }

    /// Returns the configurations that leaders enter when a staged server has caught up. The last response of
    /// the staged server may be in flight. Therefore the promotion can begin even after the staged server has
    /// failed.
    fn promotions(&self) -> Vec<Configuration> {
        let of = |idx| {
            let (_, latest) = self.configuration(idx)?;
            let stages = self.process(idx)?.calls.iter().filter_map(|call| call.stages);
            Some(stages.filter_map(|node| promoted(latest, node)).collect::<Vec<_>>())
        };
        self.all().iter().filter_map(of).flatten().collect()
    }

    /// True if the configurations on all disks pass the test `is_quorum`. On each disk, the last configuration
    /// must pass the test. If a configuration may be uncommitted, the previous configuration on this disk must
    /// pass the test too.
    fn disks_are_viable(&self, is_quorum: impl Fn(&Configuration) -> bool) -> bool {
        let commit = self.all().iter().filter_map(|idx| self.view_of(idx).commit).max();
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

/// Returns the configuration after a server has become a voter. Returns `None` if the server is not a member.
/// If `latest` is joint, the cluster leaves the joint configuration before the promotion.
fn promoted(latest: &Configuration, node: NodeId) -> Option<Configuration> {
    let left = latest.is_joint().then(|| latest.next(&Change::LeaveJoint).ok()).flatten();
    let latest = left.as_ref().unwrap_or(latest);
    let member = latest.server(node)?;
    latest.next(&Change::AddVoter(member.id.clone(), member.address.clone())).ok()
}

fn is_member(members: &Configuration, idx: ServerIdx) -> bool {
    members.server(idx.node()).is_some()
}

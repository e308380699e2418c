//! Records the calls that a server has not answered, and the answers to these calls.
//!
//! Most calls are plain commands and reads of clients. This module does not record these calls, because other
//! checks judge these calls.

use super::{ChainLink, Conf, Facts, Ghost, GhostServer, IndexedConf, hash};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{
    Call, Change, Configuration, Data, Extended, Index, LogId, Member, Outcome, Payload, RequestError,
    RequestId, ServerAddress, ServerId, Suffrage, Term,
};

/// The content of a call, reduced to the parts that the checks need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// The call appends an entry with extensions. The number is the digest of the entry's payload.
    Entry(u64),
    /// The call is a barrier.
    Barrier,
    /// The call restores the state machine. The number is the digest of the payload of the call's entry.
    Restore(u64),
    /// The call changes the membership. `to` is the digest of the resulting configuration; `None` if the
    /// change is illegal. `condition` is the index that the latest configuration must have; `None` if the
    /// call has no such condition. `staged` is the server that the call stages; `None` if the call stages no
    /// server of the tank.
    Change { to: Option<u64>, condition: Option<Index>, staged: Option<ServerIdx> },
    /// The call bootstraps the cluster. `to` is the digest of the configuration. `is_voter` is true if the
    /// server is a voter in this configuration.
    Bootstrap { to: u64, is_voter: bool },
}

/// A call that is not answered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PendingCall {
    pub(crate) request: RequestId,
    pub(crate) asked: Asked,
    /// The greatest index that any server had committed at the time of the call.
    pub(crate) committed: Index,
    /// The index and the link of the entry that the server appended for the call. `None` if the server
    /// appended no entry.
    pub(crate) entry: Option<(Index, ChainLink)>,
    /// The response of the state machine to the entry of the call. `None` before the state machine has
    /// applied the entry.
    pub(crate) response: Option<Data>,
}

/// A call that the server received in this step, and the state of the server before the step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ReceivedCall {
    pub(crate) request: RequestId,
    pub(crate) asked: Asked,
    /// True if the server had no vote, no entry and no snapshot, and its term was at most 1.
    pub(crate) was_blank: bool,
    /// True if the server led and had not answered a call for a transfer of leadership.
    pub(crate) in_transfer: bool,
}

/// A call that was answered in this step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AnsweredCall {
    pub(crate) call: PendingCall,
    pub(crate) outcome: Outcome,
}

impl Asked {
    /// Returns the digest of the payload that the call's entry must have. Returns `None` if the call must be
    /// refused.
    pub(crate) fn payload(self) -> Option<u64> {
        match self {
            Self::Entry(payload) | Self::Restore(payload) | Self::Bootstrap { to: payload, .. } => {
                Some(payload)
            }
            Self::Barrier => Some(hash::payload(&Payload::Barrier)),
            Self::Change { to, .. } => to,
        }
    }
}

impl AnsweredCall {
    /// Returns the error of a failed call. Returns `None` if the call succeeded.
    pub(crate) fn error(&self) -> Option<&RequestError> {
        self.outcome.as_ref().err()
    }
}

impl Ghost {
    /// Records a call before the server handles the call.
    pub(super) fn note_call(&mut self, idx: ServerIdx, request: RequestId, call: &Call) {
        let committed = self.history.committed();
        let ghost_server = &mut self.ghost_servers[idx.at()];
        let Some(asked) = asked(idx, call, ghost_server.configuration.as_deref()) else { return };
        let view = &ghost_server.view;
        let (no_log, no_snapshot) = (view.last == LogId::ZERO, view.snapshot == LogId::ZERO);
        let was_blank = view.term <= Term(1) && view.vote.is_none() && no_log && no_snapshot;
        let in_transfer = view.leads() && !ghost_server.transfers.is_empty();
        self.step.received = Some(ReceivedCall { request, asked, was_blank, in_transfer });
        let call = PendingCall { request, asked, committed, entry: None, response: None };
        ghost_server.pending_calls.push(call);
    }

    /// Records the responses of the state machine to the entries of pending calls.
    pub(super) fn note_responses(&mut self, idx: ServerIdx, responses: &[(Index, Data)]) {
        for call in &mut self.ghost_servers[idx.at()].pending_calls {
            let Some((index, _)) = call.entry else { continue };
            if let Some((_, response)) = responses.iter().find(|(at, _)| *at == index) {
                call.response = Some(response.clone());
            }
        }
    }

    /// Records the answer to a call.
    pub(super) fn note_answer(
        &mut self,
        idx: ServerIdx,
        request: RequestId,
        outcome: &Outcome,
        facts: &mut Facts,
    ) {
        let pending = &mut self.ghost_servers[idx.at()].pending_calls;
        if let Some(at) = pending.iter().position(|call| call.request == request) {
            let call = pending.swap_remove(at);
            self.step.answered.push(AnsweredCall { call, outcome: outcome.clone() });
            facts.add(Facts::ANSWERED);
        }
    }

    /// Records the entry that the server appended for the call of this step.
    pub(super) fn note_received(&mut self, idx: ServerIdx, facts: &mut Facts) {
        let Some(received) = self.step.received else { return };
        facts.add(Facts::CALLED);
        let Some((first, _)) = self.step.appended else { return };
        let GhostServer { log, pending_calls, .. } = &mut self.ghost_servers[idx.at()];
        let call = pending_calls.iter_mut().find(|call| call.request == received.request);
        if let (Some(call), Some(link)) = (call, log.link(first)) {
            call.entry = Some((first, link));
        }
    }

    /// Returns `Some(true)` if the log of a server has an entry with this payload at this index, and
    /// `Some(false)` if the entry at this index differs. Returns `None` if the log does not contain the index
    /// or the index before it.
    pub(crate) fn has_payload(&self, idx: ServerIdx, index: Index, payload: u64) -> Option<bool> {
        let log = &self.ghost_server(idx).log;
        let (before, link) = (log.link(index.back())?, log.link(index)?);
        Some(link.prefix == hash::prefix_with(before.prefix, LogId::new(link.term, index), payload))
    }
}

/// Reduces a call to the parts that the checks need. Returns `None` for calls that other checks judge.
fn asked(idx: ServerIdx, call: &Call, latest: Option<&Configuration>) -> Option<Asked> {
    let change = |change: &Change, condition, staged| Asked::Change {
        to: latest.and_then(|latest| changed(latest, change)),
        condition,
        staged,
    };
    Some(match call {
        Call::ApplyLog { data, extensions } => {
            let (data, extensions) = (data.clone(), extensions.clone());
            Asked::Entry(hash::payload(&Payload::Extended(Extended { data, extensions }.into())))
        }
        Call::Barrier => Asked::Barrier,
        Call::Restore(state) => Asked::Restore(hash::payload(&Payload::Restore(state.clone()))),
        Call::Bootstrap(to) => {
            let is_voter = Conf::of(to).incoming.contains(idx);
            Asked::Bootstrap { to: hash::configuration(to), is_voter }
        }
        Call::Change { change: to, prev_index } => change(to, *prev_index, None),
        Call::AddVoterStaged { id, address, prev_index } => {
            let to = Change::AddNonvoter(id.clone(), address.clone());
            change(&to, *prev_index, ServerIdx::of(id.node()))
        }
        _ => return None,
    })
}

/// Returns the digest of the configuration after a change, by the rules of HashiCorp Raft. Returns `None` if
/// the change is illegal.
fn changed(from: &Configuration, change: &Change) -> Option<u64> {
    if from.is_joint() {
        return None;
    }
    let before = from.servers();
    let others = |id: &ServerId| before.iter().filter(|member| member.id != *id).cloned().collect();
    let after = match change {
        Change::AddVoter(id, address) => put(before, id, address, |_| Suffrage::Voter),
        Change::AddNonvoter(id, address) => put(before, id, address, |was| was.unwrap_or(Suffrage::Nonvoter)),
        Change::DemoteVoter(id) => match before.iter().find(|member| member.id == *id) {
            Some(member) => put(before, id, &member.address, |_| Suffrage::Nonvoter),
            None => before.to_vec(),
        },
        Change::RemoveServer(id) => others(id),
        Change::Members(members) => {
            return is_legal(members).then(|| hash::member_lists(members, before));
        }
        Change::LeaveJoint => return None,
    };
    is_legal(&after).then(|| hash::member_lists(&after, &[]))
}

/// Returns the members after one member is added or changed. A changed member keeps its place in the list.
/// `suffrage` maps the old suffrage to the new suffrage; the old suffrage of a new member is `None`.
fn put(
    before: &[Member],
    id: &ServerId,
    address: &ServerAddress,
    suffrage: impl Fn(Option<Suffrage>) -> Suffrage,
) -> Vec<Member> {
    let mut after = before.to_vec();
    let at = before.iter().position(|member| member.id == *id);
    let suffrage = suffrage(at.map(|at| before[at].suffrage));
    let member = Member { suffrage, id: id.clone(), address: address.clone() };
    match at {
        Some(at) => after[at] = member,
        None => after.push(member),
    }
    after
}

/// True if a list of members has at least one voter, and no id and no address occurs twice.
fn is_legal(members: &[Member]) -> bool {
    let is_new = |at: usize| {
        let member = &members[at];
        members[..at].iter().all(|other| other.id != member.id && other.address != member.address)
    };
    (0..members.len()).all(is_new) && members.iter().any(|member| member.suffrage == Suffrage::Voter)
}

/// Returns the index of a configuration. Returns zero if no configuration is given.
pub(crate) fn index_of(placed: Option<IndexedConf>) -> Index {
    placed.map_or(Index::ZERO, |placed| placed.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N4, voters};

    /// A change leads to the configuration that the server computes.
    #[test]
    fn the_rules_are_those_of_the_server() {
        let mut members = voters(&[N1, N2]).servers().to_vec();
        members.push(Member::nonvoter("n3", "tank:3"));
        let from = Configuration::new(members).expect("three names, three addresses");
        let (id, address) = (|number: u8| ServerIdx(number - 1).id(), |of: u8| ServerIdx(of - 1).address());
        let mut changes = vec![Change::LeaveJoint, Change::Members(Vec::new())];
        changes.push(Change::Members(vec![Member::voter("n4", "tank:4"), Member::nonvoter("n1", "tank:1")]));
        for member in 1..=4 {
            changes.extend([Change::DemoteVoter(id(member)), Change::RemoveServer(id(member))]);
            for at in 1..=5 {
                changes.push(Change::AddVoter(id(member), address(at)));
                changes.push(Change::AddNonvoter(id(member), address(at)));
            }
        }
        let alone = voters(&[N4]).as_ref().clone();
        for from in [from, alone] {
            for change in &changes {
                let server = from.next(change).ok().map(|next| hash::configuration(&next));
                assert_eq!(changed(&from, change), server, "{change:?} of {from}");
            }
        }
    }
}

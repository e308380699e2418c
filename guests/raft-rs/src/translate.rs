//! Translates entries and configurations between the vocabulary of the tank and that of raft-rs.
//!
//! raft-rs stores a change of the membership as the difference to the configuration before it. The tank stores
//! the whole configuration after it, with addresses. The context of a change carries that configuration, as
//! the documentation of raft-rs suggests for addresses. A restart makes the difference again from two
//! configurations.

use protobuf::Message as _;
use raft::eraftpb::{
    ConfChange, ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState,
    Entry as RaftEntry, EntryType,
};
use std::sync::Arc;
use wavetank_raft::{Configuration, Entry, Extended, Index, Member, Payload, Suffrage, Term};

/// The way in which a cluster leaves a joint configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leave {
    /// raft-rs leaves it (`ConfChangeTransition::Implicit`).
    Implicit,
    /// The application leaves it (`ConfChangeTransition::Explicit`).
    Explicit,
}

/// A change of the membership in one of the two forms of raft-rs.
pub(crate) enum AnyChange {
    /// A change of one server.
    V1(ConfChange),
    /// A change of any number of servers, or the end of a joint configuration.
    V2(ConfChangeV2),
    /// The first configuration of a cluster, which founders have before it is committed.
    First(Arc<Configuration>),
}

/// The kinds of normal entries. The context of an entry begins with its kind. The first entry of a leader has
/// no context.
const COMMAND: u8 = b'c';
const EXTENDED: u8 = b'x';
const BARRIER: u8 = b'b';
const RESTORE: u8 = b'r';

/// Returns the context and the data of a normal entry.
///
/// # Panics
/// Panics for a configuration, which is not a normal entry.
pub(crate) fn normal(payload: &Payload) -> (Vec<u8>, Vec<u8>) {
    match payload {
        Payload::Noop => (Vec::new(), Vec::new()),
        Payload::Command(data) => (vec![COMMAND], data.to_vec()),
        Payload::Extended(both) => ([&[EXTENDED], &both.extensions[..]].concat(), both.data.to_vec()),
        Payload::Barrier => (vec![BARRIER], Vec::new()),
        Payload::Restore(data) => (vec![RESTORE], data.to_vec()),
        Payload::Configuration(_) => panic!("a configuration is not a normal entry"),
    }
}

/// Returns the entry of the tank for an entry of raft-rs. `before` is the configuration before the entry.
pub(crate) fn from_raft(entry: &RaftEntry, before: Option<&Arc<Configuration>>) -> Entry {
    let payload = match entry.get_entry_type() {
        EntryType::EntryNormal => match entry.context.split_first() {
            None => Payload::Noop,
            Some((&COMMAND, _)) => Payload::Command(entry.data[..].into()),
            Some((&BARRIER, _)) => Payload::Barrier,
            Some((&RESTORE, _)) => Payload::Restore(entry.data[..].into()),
            Some((_, extensions)) => Payload::Extended(Arc::new(Extended {
                data: entry.data[..].into(),
                extensions: extensions.into(),
            })),
        },
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => {
            Payload::Configuration(Arc::new(after(entry, before)))
        }
    };
    Entry::new(Term(entry.term), Index(entry.index), payload)
}

/// Returns the configuration after an entry with a change. A change without a context ends a joint
/// configuration.
fn after(entry: &RaftEntry, before: Option<&Arc<Configuration>>) -> Configuration {
    if entry.context.is_empty() {
        let joint = before.expect("a joint configuration is entered before it is left");
        return left(joint);
    }
    serde_json::from_slice(&entry.context).expect("the context of a change is a configuration")
}

/// Returns the configuration after the end of a joint configuration.
pub(crate) fn left(joint: &Configuration) -> Configuration {
    Configuration::new(joint.servers().to_vec()).expect("the new list of a joint configuration is valid")
}

/// Returns the entry of raft-rs for an entry of the tank. `before` is the configuration before the entry.
pub(crate) fn to_raft(entry: &Entry, before: Option<&Arc<Configuration>>, leave: Leave) -> RaftEntry {
    let mut made = RaftEntry::default();
    (made.term, made.index) = (entry.id.term.0, entry.id.index.0);
    if let Payload::Configuration(next) = &entry.payload {
        let made_of = before.map_or_else(|| AnyChange::First(next.clone()), |it| change(it, next, leave));
        let (kind, data) = match made_of {
            AnyChange::First(_) => (EntryType::EntryConfChangeV2, ConfChangeV2::default().write_to_bytes()),
            AnyChange::V1(change) => (EntryType::EntryConfChange, change.write_to_bytes()),
            AnyChange::V2(change) => (EntryType::EntryConfChangeV2, change.write_to_bytes()),
        };
        made.set_entry_type(kind);
        made.data = data.expect("a change can be encoded").into();
        made.context = context(next).into();
    } else {
        let (context, data) = normal(&entry.payload);
        (made.context, made.data) = (context.into(), data.into());
    }
    made
}

/// Returns the changes that lead from no configuration to this one.
pub(crate) fn additions(first: &Configuration) -> Vec<ConfChange> {
    let add = |member: &Member| {
        let single = added(member);
        let mut change = ConfChange::default();
        change.set_change_type(single.get_change_type());
        change.node_id = single.node_id;
        change
    };
    first.servers().iter().map(add).collect()
}

/// Returns the context of a change to this configuration.
pub(crate) fn context(next: &Configuration) -> Vec<u8> {
    serde_json::to_vec(next).expect("a configuration can be encoded")
}

/// Returns the change from one configuration to the next.
pub(crate) fn change(before: &Configuration, next: &Configuration, leave: Leave) -> AnyChange {
    if before.is_joint() {
        return AnyChange::V2(ConfChangeV2::default());
    }
    let mut singles = differences(before.servers(), next.servers());
    if singles.is_empty() {
        // Only an address changes. raft-rs takes the change for the end of a joint configuration if it is
        // empty, so the change repeats what a member is already.
        singles.extend(next.servers().first().map(added));
    }
    if !next.is_joint() {
        assert!(singles.len() == 1, "a change without a joint configuration changes one server");
        let single = &singles[0];
        if single.get_change_type() == ConfChangeType::AddNode {
            let mut change = ConfChange::default();
            change.set_change_type(single.get_change_type());
            change.node_id = single.node_id;
            return AnyChange::V1(change);
        }
    }
    let mut change = ConfChangeV2::default();
    change.set_changes(singles.into());
    change.set_transition(match (next.is_joint(), leave) {
        (false, _) => ConfChangeTransition::Auto,
        (true, Leave::Implicit) => ConfChangeTransition::Implicit,
        (true, Leave::Explicit) => ConfChangeTransition::Explicit,
    });
    AnyChange::V2(change)
}

fn differences(old: &[Member], new: &[Member]) -> Vec<ConfChangeSingle> {
    let had = |member: &Member| old.iter().any(|it| (&it.id, it.suffrage) == (&member.id, member.suffrage));
    let is_gone = |member: &&Member| new.iter().all(|it| it.id != member.id);
    let removed = |member: &Member| single(member, ConfChangeType::RemoveNode);
    let changed = new.iter().filter(|member| !had(member)).map(added);
    changed.chain(old.iter().filter(is_gone).map(removed)).collect()
}

fn added(member: &Member) -> ConfChangeSingle {
    single(
        member,
        match member.suffrage {
            Suffrage::Voter => ConfChangeType::AddNode,
            Suffrage::Nonvoter => ConfChangeType::AddLearnerNode,
        },
    )
}

fn single(member: &Member, kind: ConfChangeType) -> ConfChangeSingle {
    let node_id = member.id.node().0;
    let mut single = ConfChangeSingle { node_id, ..ConfChangeSingle::default() };
    single.set_change_type(kind);
    single
}

/// Returns the state of raft-rs for a configuration, with sorted lists.
pub(crate) fn conf_state(configuration: Option<&Configuration>, leave: Leave) -> ConfState {
    let mut state = ConfState::default();
    let Some(configuration) = configuration else { return state };
    let is_voter = |member: &&Member| member.suffrage == Suffrage::Voter;
    let ids = |members: Vec<&Member>| {
        let mut ids: Vec<u64> = members.iter().map(|member| member.id.node().0).collect();
        ids.sort_unstable();
        ids
    };
    let (new, old) = (configuration.servers(), configuration.outgoing());
    let outgoing: Vec<&Member> = old.iter().filter(is_voter).collect();
    let votes_still = |member: &&&Member| outgoing.iter().any(|it| it.id == member.id);
    let nonvoters: Vec<&Member> = new.iter().filter(|member| !is_voter(member)).collect();
    state.voters = ids(new.iter().filter(is_voter).collect());
    state.learners_next = ids(nonvoters.iter().filter(votes_still).copied().collect());
    state.learners = ids(nonvoters.iter().filter(|member| !votes_still(member)).copied().collect());
    state.voters_outgoing = ids(outgoing);
    state.auto_leave = configuration.is_joint() && leave == Leave::Implicit;
    state
}

/// Returns the state with sorted lists, so that two states can be compared.
pub(crate) fn sorted(mut state: ConfState) -> ConfState {
    state.voters.sort_unstable();
    state.learners.sort_unstable();
    state.voters_outgoing.sort_unstable();
    state.learners_next.sort_unstable();
    state
}

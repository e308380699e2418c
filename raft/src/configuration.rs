//! The membership of a cluster as a value, and the changes of a membership.
//!
//! The rules for changes are the rules of HashiCorp Raft. A change may lead to an identical configuration, for
//! example if the change removes a server that is not a member. A configuration has a second list of servers
//! for joint consensus (thesis §4.3). This module does not know whether a configuration is committed.

use crate::quorum::Voters;
use crate::types::{NodeId, ServerAddress, ServerId};
use alloc::vec::Vec;
use core::fmt;

/// The right of a server to vote. The numbers of the variants are the numbers of HashiCorp Raft and are
/// stored on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Suffrage {
    /// The server has a vote, and its copies of entries count for a commit.
    Voter = 0,
    /// The server receives the log, but has no vote, and its copies of entries do not count for a commit.
    Nonvoter = 1,
}

/// A member of the cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Member {
    /// The suffrage of the member.
    pub suffrage: Suffrage,
    /// The id of the member.
    pub id: ServerId,
    /// The network address of the member.
    pub address: ServerAddress,
}

impl Member {
    /// Makes a member with a vote.
    pub fn voter(id: impl Into<ServerId>, address: impl Into<ServerAddress>) -> Self {
        Self { suffrage: Suffrage::Voter, id: id.into(), address: address.into() }
    }

    /// Makes a member without a vote.
    pub fn nonvoter(id: impl Into<ServerId>, address: impl Into<ServerAddress>) -> Self {
        Self { suffrage: Suffrage::Nonvoter, id: id.into(), address: address.into() }
    }
}

/// The members of a cluster. Every configuration obeys three rules:
///
/// 1. In `servers`, and also in `outgoing`, no id and no address is empty or occurs twice. No two ids in one of
///    the lists have the same [`NodeId`].
/// 2. `servers` has at least one voter. In a joint configuration, `outgoing` has at least one voter, too.
/// 3. `outgoing` has the old members in a joint configuration, and is empty otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "UncheckedConfiguration", into = "UncheckedConfiguration"))]
pub struct Configuration {
    servers: Vec<Member>,
    outgoing: Vec<Member>,
}

/// The lists of a configuration before the rules of [`Configuration`] are checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UncheckedConfiguration {
    /// The members; in a joint configuration, the new members.
    pub servers: Vec<Member>,
    /// The old members in a joint configuration; empty otherwise.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub outgoing: Vec<Member>,
}

/// A change from one configuration to the next. The first four changes have the names of HashiCorp Raft.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Change {
    /// Adds the server with this id and this address as a voter. A server that is already a member becomes a
    /// voter and gets this address.
    AddVoter(ServerId, ServerAddress),
    /// Adds the server with this id and this address as a non-voter. A server that is already a member only
    /// gets this address: a voter stays a voter.
    AddNonvoter(ServerId, ServerAddress),
    /// Makes the member with this id a non-voter.
    DemoteVoter(ServerId),
    /// Removes the server with this id.
    RemoveServer(ServerId),
    /// Replaces the members by this list, through a joint configuration (thesis §4.3).
    Members(Vec<Member>),
    /// Replaces a joint configuration with its new members. Only the leader makes this change. A client's
    /// request for this change is refused.
    LeaveJoint,
}

/// The reason why a configuration or a change is invalid.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ConfigurationError {
    /// A server has an empty id.
    EmptyId,
    /// The server with this id has an empty address.
    EmptyAddress(ServerId),
    /// Two servers have this id.
    DuplicateId(ServerId),
    /// Two servers have this address.
    DuplicateAddress(ServerAddress),
    /// These two ids have the same [`NodeId`]. One of the two servers needs another id.
    IdsCollide(ServerId, ServerId),
    /// The configuration has no voter.
    NoVoter,
    /// The current configuration is joint. The leader must leave the joint configuration before the next
    /// change.
    Joint,
    /// The change was [`Change::LeaveJoint`], but the current configuration is not joint.
    NotJoint,
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyId => write!(f, "empty ID in configuration: give every server an ID"),
            Self::EmptyAddress(id) => {
                write!(f, "empty address in configuration: give server {id} an address")
            }
            Self::DuplicateId(id) => write!(f, "found duplicate ID in configuration: {id}"),
            Self::DuplicateAddress(address) => {
                write!(f, "found duplicate address in configuration: {address}")
            }
            Self::IdsCollide(a, b) => {
                write!(f, "IDs {a} and {b} have the same hash: give one of the two servers another ID")
            }
            Self::NoVoter => write!(f, "need at least one voter in configuration"),
            Self::Joint => {
                write!(f, "the configuration is joint: try again after the end of the joint configuration")
            }
            Self::NotJoint => write!(f, "the configuration is not joint"),
        }
    }
}

impl core::error::Error for ConfigurationError {}

impl TryFrom<UncheckedConfiguration> for Configuration {
    type Error = ConfigurationError;

    fn try_from(lists: UncheckedConfiguration) -> Result<Self, ConfigurationError> {
        check(&lists.servers)?;
        if !lists.outgoing.is_empty() {
            check(&lists.outgoing)?;
        }
        Ok(Self { servers: lists.servers, outgoing: lists.outgoing })
    }
}

impl From<Configuration> for UncheckedConfiguration {
    fn from(configuration: Configuration) -> Self {
        Self { servers: configuration.servers, outgoing: configuration.outgoing }
    }
}

impl Configuration {
    /// Makes a configuration of these servers.
    ///
    /// # Errors
    /// Returns an error for the first rule of [`Configuration`] that the servers break.
    pub fn new(servers: Vec<Member>) -> Result<Self, ConfigurationError> {
        UncheckedConfiguration { servers, outgoing: Vec::new() }.try_into()
    }

    /// Returns the members. In a joint configuration, returns all members of the new configuration.
    #[must_use]
    pub fn servers(&self) -> &[Member] {
        &self.servers
    }

    /// Returns the old members in a joint configuration; otherwise an empty list.
    #[must_use]
    pub fn outgoing(&self) -> &[Member] {
        &self.outgoing
    }

    /// True if the configuration is joint. A joint configuration has two sets of voters, and each decision
    /// needs a majority of each set.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Returns the voters of both lists.
    #[must_use]
    pub fn voters(&self) -> Voters {
        Voters::new(voters_of(&self.servers), voters_of(&self.outgoing))
    }

    /// Returns each member once: first the members of the new list, then the members that only the old list
    /// has.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        let only_outgoing =
            self.outgoing.iter().filter(|old| self.servers.iter().all(|new| new.id != old.id));
        self.servers.iter().chain(only_outgoing)
    }

    /// Returns the member with this [`NodeId`]. Returns `None` if there is no such member.
    #[must_use]
    pub fn server(&self, node: NodeId) -> Option<&Member> {
        self.members().find(|server| server.id.node() == node)
    }

    /// Returns the configuration after a change.
    ///
    /// ```
    /// use wavetank_raft::{Change, Configuration, ConfigurationError, Member};
    /// let one = Configuration::new(vec![Member::voter("n1", "a1")])?;
    /// let two = one.next(&Change::AddVoter("n2".into(), "a2".into()))?;
    /// assert_eq!(two.servers().len(), 2);
    /// let gone = one.next(&Change::RemoveServer("n1".into()));
    /// assert_eq!(gone, Err(ConfigurationError::NoVoter));
    /// # Ok::<(), ConfigurationError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the new configuration breaks a rule of [`Configuration`]. If the current
    /// configuration is joint, only [`Change::LeaveJoint`] is possible. Otherwise, [`Change::LeaveJoint`] is
    /// not possible.
    pub fn next(&self, change: &Change) -> Result<Self, ConfigurationError> {
        if let Change::LeaveJoint = change {
            return if self.is_joint() {
                Self::new(self.servers.clone())
            } else {
                Err(ConfigurationError::NotJoint)
            };
        }
        if self.is_joint() {
            return Err(ConfigurationError::Joint);
        }
        let mut servers = self.servers.clone();
        match change {
            Change::AddVoter(id, address) => put(&mut servers, id, address, Some(Suffrage::Voter)),
            Change::AddNonvoter(id, address) => put(&mut servers, id, address, None),
            Change::DemoteVoter(id) => {
                for server in servers.iter_mut().filter(|server| server.id == *id) {
                    server.suffrage = Suffrage::Nonvoter;
                }
            }
            Change::RemoveServer(id) => servers.retain(|server| server.id != *id),
            Change::Members(new) => {
                return UncheckedConfiguration { servers: new.clone(), outgoing: servers }.try_into();
            }
            Change::LeaveJoint => unreachable!("LeaveJoint was handled above"),
        }
        Self::new(servers)
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.servers)?;
        if self.is_joint() {
            f.write_str(" & ")?;
            list(f, &self.outgoing)?;
        }
        Ok(())
    }
}

/// Prints the ids of the servers. The id of a non-voter is in parentheses.
fn list(f: &mut fmt::Formatter<'_>, servers: &[Member]) -> fmt::Result {
    for (at, server) in servers.iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        match server.suffrage {
            Suffrage::Voter => write!(f, "{space}{}", server.id)?,
            Suffrage::Nonvoter => write!(f, "{space}({})", server.id)?,
        }
    }
    Ok(())
}

/// Adds a server. If `suffrage` is `None`, a new server becomes a non-voter. If the server is already a
/// member, the member gets the new address, and also the new suffrage if `suffrage` is given.
fn put(servers: &mut Vec<Member>, id: &ServerId, address: &ServerAddress, suffrage: Option<Suffrage>) {
    match servers.iter_mut().find(|server| server.id == *id) {
        Some(server) => {
            server.address = address.clone();
            server.suffrage = suffrage.unwrap_or(server.suffrage);
        }
        None => servers.push(Member {
            suffrage: suffrage.unwrap_or(Suffrage::Nonvoter),
            id: id.clone(),
            address: address.clone(),
        }),
    }
}

fn voters_of(servers: &[Member]) -> impl Iterator<Item = NodeId> + '_ {
    servers.iter().filter(|server| server.suffrage == Suffrage::Voter).map(|server| server.id.node())
}

fn check(servers: &[Member]) -> Result<(), ConfigurationError> {
    for (at, server) in servers.iter().enumerate() {
        if server.id.as_str().is_empty() {
            return Err(ConfigurationError::EmptyId);
        }
        if server.address.as_str().is_empty() {
            return Err(ConfigurationError::EmptyAddress(server.id.clone()));
        }
        for other in &servers[..at] {
            if other.id == server.id {
                return Err(ConfigurationError::DuplicateId(server.id.clone()));
            }
            if other.address == server.address {
                return Err(ConfigurationError::DuplicateAddress(server.address.clone()));
            }
            if other.id.node() == server.id.node() {
                return Err(ConfigurationError::IdsCollide(other.id.clone(), server.id.clone()));
            }
        }
    }
    if voters_of(servers).next().is_none() { Err(ConfigurationError::NoVoter) } else { Ok(()) }
}

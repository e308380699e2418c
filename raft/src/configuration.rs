//! The cluster's membership as a value, and the changes that lead from one to the next.
//!
//! HashiCorp's shape and rules (an identical configuration is still a change; an absent server
//! may be removed), with a second list for joint consensus (thesis §4.3). Nothing here knows
//! whether a configuration is committed.

use crate::quorum::Voters;
use crate::types::{NodeId, ServerAddress, ServerId};
use alloc::vec::Vec;
use core::fmt;

/// Whether a server's vote counts. The numbers are HashiCorp's and go to disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Suffrage {
    /// Counted in elections and commits.
    Voter = 0,
    /// Receives the log and is never counted.
    Nonvoter = 1,
}

/// One member.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Member {
    /// Whether its vote counts.
    pub suffrage: Suffrage,
    /// Its name, unique for all time.
    pub id: ServerId,
    /// Its network address.
    pub address: ServerAddress,
}

impl Member {
    /// A server with a vote.
    pub fn voter(id: impl Into<ServerId>, address: impl Into<ServerAddress>) -> Self {
        Self { suffrage: Suffrage::Voter, id: id.into(), address: address.into() }
    }

    /// A server without one.
    pub fn nonvoter(id: impl Into<ServerId>, address: impl Into<ServerAddress>) -> Self {
        Self { suffrage: Suffrage::Nonvoter, id: id.into(), address: address.into() }
    }
}

/// The members of a cluster.
///
/// 1. Ids and addresses are not empty and occur once in each list; no two ids share a [`NodeId`].
/// 2. There is at least one voter in each list that is in force.
/// 3. `outgoing` is empty unless the membership is joint; then it holds the old list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "UncheckedConfiguration", into = "UncheckedConfiguration"))]
pub struct Configuration {
    servers: Vec<Member>,
    outgoing: Vec<Member>,
}

/// The lists of a configuration before its invariants are checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UncheckedConfiguration {
    /// The members.
    pub servers: Vec<Member>,
    /// The old members while joint, else empty.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub outgoing: Vec<Member>,
}

/// One step from a configuration to the next. The names are HashiCorp's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Change {
    /// Makes the server a voter, or only moves it if it is one.
    AddVoter(ServerId, ServerAddress),
    /// Adds the server without a vote; a present one is only moved, never demoted.
    AddNonvoter(ServerId, ServerAddress),
    /// Makes the server a non-voter; it stays a member.
    DemoteVoter(ServerId),
    /// Removes the server.
    RemoveServer(ServerId),
    /// Goes to this list of servers through a joint configuration.
    Members(Vec<Member>),
    /// Ends a joint configuration. The leader's own duty, never a client's.
    LeaveJoint,
}

/// The rule that a configuration breaks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ConfigurationError {
    /// A server has no id.
    EmptyId,
    /// This server has no address.
    EmptyAddress(ServerId),
    /// This id occurs twice.
    DuplicateId(ServerId),
    /// This address occurs twice.
    DuplicateAddress(ServerAddress),
    /// These two ids have the same number; rename one.
    IdsCollide(ServerId, ServerId),
    /// There would be no voter.
    NoVoter,
    /// A joint configuration has to be left before the next change.
    Joint,
    /// There is no joint configuration to leave.
    NotJoint,
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyId => write!(f, "empty ID in configuration: give every server a name"),
            Self::EmptyAddress(id) => write!(f, "empty address in configuration: give {id} an address"),
            Self::DuplicateId(id) => write!(f, "found duplicate ID in configuration: {id}"),
            Self::DuplicateAddress(address) => {
                write!(f, "found duplicate address in configuration: {address}")
            }
            Self::IdsCollide(a, b) => write!(f, "IDs {a} and {b} hash alike: rename one of them"),
            Self::NoVoter => write!(f, "need at least one voter in configuration"),
            Self::Joint => write!(f, "a joint configuration is in force: wait until it is left"),
            Self::NotJoint => write!(f, "no joint configuration is in force"),
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
    /// A configuration of these servers.
    ///
    /// # Errors
    /// When one of the invariants above does not hold.
    pub fn new(servers: Vec<Member>) -> Result<Self, ConfigurationError> {
        UncheckedConfiguration { servers, outgoing: Vec::new() }.try_into()
    }

    /// The members; while joint, the new ones.
    #[must_use]
    pub fn servers(&self) -> &[Member] {
        &self.servers
    }

    /// The old members while joint, else empty.
    #[must_use]
    pub fn outgoing(&self) -> &[Member] {
        &self.outgoing
    }

    /// Whether two sets of voters are in force.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// The voters.
    #[must_use]
    pub fn voters(&self) -> Voters {
        Voters::new(voters_of(&self.servers), voters_of(&self.outgoing))
    }

    /// All members, old and new, each once.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        let only_outgoing =
            self.outgoing.iter().filter(|old| self.servers.iter().all(|new| new.id != old.id));
        self.servers.iter().chain(only_outgoing)
    }

    /// The server of that number, if it is a member.
    #[must_use]
    pub fn server(&self, node: NodeId) -> Option<&Member> {
        self.members().find(|server| server.id.node() == node)
    }

    /// The configuration that a change leads to.
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
    /// When the result would break an invariant, or while a joint configuration is in
    /// force (except for leaving it).
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
            Change::LeaveJoint => unreachable!("answered above"),
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

/// Voters as they are, the others in brackets.
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

/// Moves a present server to the address and gives it the suffrage, if one is given; adds an
/// absent one.
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

//! Servers by their index in the tank, and sets of servers.

use std::fmt;
use wavetank_raft::{NodeId, ServerAddress, ServerId};

/// The index of a server in the tank: 0 for `n1`, 1 for `n2`, and so on up to 15 for `n16`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ServerIdx(pub u8);

impl ServerIdx {
    /// The maximum number of servers in a tank.
    pub const MAX_SERVERS: usize = 16;

    /// The index as a `usize`.
    #[must_use]
    pub const fn at(self) -> usize {
        self.0 as usize
    }

    /// The server's name.
    #[must_use]
    pub fn id(self) -> ServerId {
        ServerId::from(self.to_string())
    }

    /// The server's address in the tank's network.
    #[must_use]
    pub fn address(self) -> ServerAddress {
        ServerAddress::from(format!("tank:{}", self.0 + 1))
    }

    /// The server's id in the Raft core.
    #[must_use]
    pub const fn node(self) -> NodeId {
        NODES[self.at()]
    }

    /// The index of the server with this node id, or `None` if no tank has a server with this id.
    #[must_use]
    pub fn of(node: NodeId) -> Option<Self> {
        // A node id packs the names "n1" to "n16" into 8 bytes: 'n', one or two digits, and the length
        // in the last byte.
        let bytes = node.0.to_be_bytes();
        let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
        let number = match (bytes[0], bytes[7]) {
            (b'n', 2) => digit(bytes[1])?,
            (b'n', 3) => digit(bytes[1])? * 10 + digit(bytes[2])?,
            (_, _) => return None,
        };
        (1..=Self::MAX_SERVERS).contains(&usize::from(number)).then(|| Self(number - 1))
    }
}

/// The node ids of the servers `n1` to `n16`. The ids are computed at compile time, because every step of a
/// run needs node ids.
const NODES: [NodeId; ServerIdx::MAX_SERVERS] = {
    let names = [
        "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13", "n14", "n15", "n16",
    ];
    let mut nodes = [NodeId(0); ServerIdx::MAX_SERVERS];
    let mut at = 0;
    while at < nodes.len() {
        nodes[at] = NodeId::of(names[at]);
        at += 1;
    }
    nodes
};

impl fmt::Display for ServerIdx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0 + 1)
    }
}

impl fmt::Debug for ServerIdx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of servers.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct ServerSet(pub u16);

impl ServerSet {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The first `count` servers.
    ///
    /// # Panics
    /// Panics if `count` is more than 16 ([`ServerIdx::MAX_SERVERS`]).
    #[must_use]
    pub fn first(count: usize) -> Self {
        assert!(
            count <= ServerIdx::MAX_SERVERS,
            "a tank can have at most {} servers, not {count}",
            ServerIdx::MAX_SERVERS
        );
        Self(u16::try_from((1_u32 << count) - 1).expect("sixteen servers fit into sixteen bits"))
    }

    /// The set that contains only this server.
    #[must_use]
    pub const fn only(idx: ServerIdx) -> Self {
        Self(1 << idx.0)
    }

    /// True if this server is in the set.
    #[must_use]
    pub const fn contains(self, idx: ServerIdx) -> bool {
        self.0 & 1 << idx.0 != 0
    }

    /// The set with this server added.
    #[must_use]
    pub const fn with(self, idx: ServerIdx) -> Self {
        Self(self.0 | 1 << idx.0)
    }

    /// The set with this server removed.
    #[must_use]
    pub const fn without(self, idx: ServerIdx) -> Self {
        Self(self.0 & !(1 << idx.0))
    }

    /// The servers that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The servers that are in at least one of the two sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The servers of this set that are not in the other set.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The number of servers in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// True if the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The servers of the set, in the order of their indexes.
    pub fn iter(self) -> impl Iterator<Item = ServerIdx> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros() as u8;
            left &= left.checked_sub(1)?;
            Some(ServerIdx(next))
        })
    }
}

impl FromIterator<ServerIdx> for ServerSet {
    fn from_iter<I: IntoIterator<Item = ServerIdx>>(servers: I) -> Self {
        servers.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for ServerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, idx) in self.iter().enumerate() {
            write!(f, "{}{idx}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

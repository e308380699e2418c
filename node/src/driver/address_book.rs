//! The names and addresses of the members that this server knows.

use crate::wire::Header;
use wavetank_raft::{Configuration, Member, NodeId, ServerAddress, ServerId};

/// The names and addresses of all present and past members. A removed member stays in the book, because this
/// server must still send the removal to that member.
#[derive(Debug, Default)]
pub(crate) struct AddressBook(Vec<PeerAddress>);

#[derive(Debug)]
struct PeerAddress {
    node: NodeId,
    id: ServerId,
    address: ServerAddress,
}

impl AddressBook {
    pub(crate) fn of(configuration: Option<&Configuration>) -> Self {
        let mut addresses = Self::default();
        for member in configuration.into_iter().flat_map(Configuration::members) {
            addresses.note(member);
        }
        addresses
    }

    /// Stores the name and the address of a member. The new address replaces an older address of the same
    /// member.
    pub(crate) fn note(&mut self, member: &Member) {
        let node = member.id.node();
        match self.0.iter_mut().find(|peer| peer.node == node) {
            Some(peer) => peer.address = member.address.clone(),
            None => self.0.push(PeerAddress { node, id: member.id.clone(), address: member.address.clone() }),
        }
    }

    /// Returns the name and the address of a server. Returns `None` if the book does not contain the server.
    pub(crate) fn find(&self, node: NodeId) -> Option<(&ServerId, &ServerAddress)> {
        self.0.iter().find(|peer| peer.node == node).map(|peer| (&peer.id, &peer.address))
    }

    /// Returns the id of the server that sent a call, or `None` if the header has no name and no address. A
    /// server of an old version sends only an address. An address that is not in the book counts as a name.
    pub(crate) fn caller(&self, header: &Header) -> Option<NodeId> {
        if let Some(id) = &header.id {
            return Some(id.node());
        }
        let address = header.address.as_ref()?;
        let known = self.0.iter().find(|peer| peer.address == *address).map(|peer| peer.node);
        Some(known.unwrap_or_else(|| NodeId::of(address.as_str())))
    }
}

//! The names and addresses of the members that this server knows.

use crate::wire::{Header, Kind};
use wavetank_raft::{Configuration, Member, NodeId, ServerAddress, ServerId};

/// The names and addresses of the present members, and of the members that were removed since this server started.
/// A removed member stays in the book, because this server must still send the removal to that member.
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

    /// Returns the name and the address of the server `node`. Returns `None` if the book does not contain the
    /// server. The number `node` comes from the name of the server or from its address: see
    /// [`AddressBook::caller`].
    pub(crate) fn find(&self, node: NodeId) -> Option<(&ServerId, &ServerAddress)> {
        let known = self.0.iter().find(|peer| peer.node == node);
        let named = || self.0.iter().find(|peer| NodeId::of(peer.address.as_str()) == node);
        known.or_else(named).map(|peer| (&peer.id, &peer.address))
    }

    /// Returns the [`NodeId`] of the server that sent a call. Returns `None` if the caller is unknown.
    ///
    /// A server of HashiCorp Raft before version 1.3.7 sends its address in place of its name. The TimeoutNow call
    /// of such a server has neither a name nor an address, and counts as a call of the leader. An address that is
    /// not in the book counts as the name of the caller. If the caller is the leader, the address remains the
    /// leader's name even after the book has learned the address. With a new name, the leader would look like a
    /// second leader of its term.
    pub(crate) fn caller(&self, header: &Header, kind: Kind, leader: Option<NodeId>) -> Option<NodeId> {
        if let Some(id) = &header.id {
            return Some(id.node());
        }
        let Some(address) = &header.address else { return leader.filter(|_| kind == Kind::TimeoutNow) };
        let named = NodeId::of(address.as_str());
        let known = self.0.iter().find(|peer| peer.address == *address).map(|peer| peer.node);
        Some(known.filter(|_| leader != Some(named)).unwrap_or(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::Dialect;

    fn header(address: Option<&str>) -> Header {
        Header {
            protocol_version: 3,
            address: address.map(Into::into),
            dialect: Dialect::HashiCorp,
            ..Header::EMPTY
        }
    }

    #[test]
    fn a_caller_without_an_id_is_found_by_its_address_or_is_the_leader() {
        let mut book = AddressBook::default();
        let (id, named) = (NodeId::of("n1"), NodeId::of("host:1"));
        let from =
            |book: &AddressBook, leader| book.caller(&header(Some("host:1")), Kind::AppendEntries, leader);
        assert_eq!(from(&book, None), Some(named), "the address is the only name");
        book.note(&Member::voter("n1", "host:1"));
        assert_eq!(from(&book, None), Some(id));
        assert_eq!(from(&book, Some(named)), Some(named), "the leader keeps its name in its term");
        assert_eq!(book.find(named).map(|(id, _)| id.as_str()), Some("n1"), "and can be called");

        let unnamed = |kind, leader| book.caller(&header(None), kind, leader);
        assert_eq!(unnamed(Kind::TimeoutNow, Some(id)), Some(id));
        assert_eq!(unnamed(Kind::TimeoutNow, None), None);
        assert_eq!(unnamed(Kind::RequestVote, Some(id)), None);
    }
}

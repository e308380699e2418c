//! Where everybody is, as far as this server knows.

use crate::wire::Header;
use wavetank_raft::{Configuration, Member, NodeId, ServerAddress, ServerId};

/// Names and addresses of all members, present and past: a member that has left is told so.
#[derive(Debug, Default)]
pub(super) struct Book(Vec<Page>);

#[derive(Debug)]
struct Page {
    node: NodeId,
    id: ServerId,
    address: ServerAddress,
}

impl Book {
    pub(super) fn of(configuration: Option<&Configuration>) -> Self {
        let mut book = Self::default();
        for member in configuration.into_iter().flat_map(Configuration::members) {
            book.note(member);
        }
        book
    }

    /// Writes down where a member is.
    pub(super) fn note(&mut self, member: &Member) {
        let node = member.id.node();
        match self.0.iter_mut().find(|page| page.node == node) {
            Some(page) => page.address = member.address.clone(),
            None => self.0.push(Page { node, id: member.id.clone(), address: member.address.clone() }),
        }
    }

    /// Name and address of a server.
    pub(super) fn find(&self, node: NodeId) -> Option<(&ServerId, &ServerAddress)> {
        self.0.iter().find(|page| page.node == node).map(|page| (&page.id, &page.address))
    }

    /// Who calls. Servers that speak an old version give an address and no name.
    pub(super) fn caller(&self, header: &Header) -> Option<NodeId> {
        if let Some(id) = &header.id {
            return Some(id.node());
        }
        let address = header.address.as_ref()?;
        let known = self.0.iter().find(|page| page.address == *address).map(|page| page.node);
        Some(known.unwrap_or_else(|| NodeId::of(address.as_str())))
    }
}

//! The addresses at which servers listen, and the address book of each server. An address book has the
//! addresses that one server knows.
//!
//! A sender finds the address of the receiver in the address book of the sender, as in the real node. A
//! response goes back on the connection of the request, so a response needs no address.

use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Configuration, Member, ServerAddress};

/// The addresses at which the servers of a tank listen. No two servers listen at the same address.
#[derive(Clone, Debug)]
pub struct Addresses {
    listening: Vec<u16>,
    /// The highest address number that is in use or reserved. A new address gets the next number.
    last: u16,
}

/// The address book of one server. It has a number for each server of the tank: the number of the address at
/// which the owner of the book expects that server. Zero stands for an unknown address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AddressBook([u16; ServerIdx::MAX_SERVERS]);

impl Addresses {
    /// Creates the addresses of `servers` servers: `tank:1`, `tank:2`, and so on.
    ///
    /// # Panics
    /// Never panics: a tank has few servers.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        let listening = (1..).take(servers).collect();
        Self { listening, last: u16::try_from(ServerIdx::MAX_SERVERS).expect("a tank has few servers") }
    }

    /// Returns the address at which a server listens.
    #[must_use]
    pub fn of(&self, idx: ServerIdx) -> ServerAddress {
        ServerAddress::from(format!("tank:{}", self.listening[idx.at()]))
    }

    /// True if `book` has the address at which this server listens.
    #[must_use]
    pub fn is_right(&self, book: &AddressBook, idx: ServerIdx) -> bool {
        book.0[idx.at()] == self.listening[idx.at()]
    }

    /// Moves a server to an address that no server had before.
    ///
    /// # Panics
    /// Panics after about 65,000 moves to new addresses. A run is too short for so many moves.
    pub fn move_to_new(&mut self, idx: ServerIdx) {
        self.last = self.last.checked_add(1).expect("a run is too short for so many moves to new addresses");
        self.listening[idx.at()] = self.last;
    }

    /// Exchanges the addresses of two servers.
    pub fn exchange(&mut self, one: ServerIdx, other: ServerIdx) {
        self.listening.swap(one.at(), other.at());
    }
}

impl AddressBook {
    /// Makes an address book with the addresses of all members of a configuration.
    #[must_use]
    pub fn of(configuration: Option<&Configuration>) -> Self {
        let mut book = Self::default();
        configuration.into_iter().flat_map(Configuration::members).for_each(|member| book.note(member));
        book
    }

    /// Stores the address of a member in the book.
    pub fn note(&mut self, member: &Member) {
        if let Some(idx) = ServerIdx::of(member.id.node()) {
            self.0[idx.at()] = number(&member.address);
        }
    }

    /// True if the book has the address of this member.
    #[must_use]
    pub fn agrees_with(&self, member: &Member) -> bool {
        ServerIdx::of(member.id.node()).is_some_and(|idx| self.0[idx.at()] == number(&member.address))
    }
}

/// Returns the number in an address of the tank, or zero for any other address.
fn number(address: &ServerAddress) -> u16 {
    address.as_str().strip_prefix("tank:").and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_wrong_until_the_new_address_is_noted() {
        let (one, other) = (ServerIdx(0), ServerIdx(1));
        let mut addresses = Addresses::new(2);
        let member = |idx: ServerIdx, addresses: &Addresses| Member::voter(idx.id(), addresses.of(idx));
        let founders = vec![member(one, &addresses), member(other, &addresses)];
        let mut book = AddressBook::of(Some(&Configuration::new(founders).expect("two addresses")));
        assert!(addresses.is_right(&book, one) && addresses.is_right(&book, other));
        addresses.exchange(one, other);
        assert!(!addresses.is_right(&book, one) && !addresses.is_right(&book, other));
        addresses.move_to_new(one);
        book.note(&member(one, &addresses));
        assert!(addresses.is_right(&book, one) && !addresses.is_right(&book, other));
    }
}

//! The server: client calls, state machine, snapshots and statistics around the protocol.

pub mod io;
pub mod stats;
use crate::*;
use alloc::vec::Vec;

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    node: Node,
}

impl Server {
    /// A server with what its stores still had.
    #[must_use]
    pub fn boot(settings: Settings, boot: Boot, now: Time) -> Self {
        Self { node: Node::boot(settings, boot, now) }
    }

    /// Takes one event.
    pub fn step(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        let _ = (now, event, actions);
    }

    /// When [`Event::Timer`] is due.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.node.deadline()
    }

    /// The protocol inside, to look at.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The last index that the state machine reported as applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        Index::ZERO
    }
}

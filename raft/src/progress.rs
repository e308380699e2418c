//! What a leader believes of one peer.

/// How entries flow to a peer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Flow {
    /// Finding where the logs part.
    Probe,
    /// Sending as the window allows.
    Replicate,
    /// Sending a snapshot.
    Snapshot,
}

//! The interface between a server's driver and a network, and two transports: [`TcpTransport`] and
//! [`InmemTransport`].
//!
//! A transport sends calls and answers to other servers. A transport may lose any call or answer, and does
//! not report the loss. The protocol sends a lost call again.

mod inmem;
mod tcp;
#[cfg(feature = "tls")]
mod tls;

pub use inmem::{InmemNetwork, InmemTransport};
pub use tcp::{Limits, TcpTransport, TransportError};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

pub use crate::cluster::LocalCluster;

use crate::address::AddressFormat;
use crate::wire::Header;
use std::fmt;
use std::time::Duration;
use tokio::sync::mpsc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Dialect, LogId, NodeId, Request, Response, RpcId, ServerAddress, ServerId};

/// The interface through which the driver of a server uses a network.
pub trait Transport: Send + Sync + 'static {
    /// Returns the address at which other servers reach this server.
    fn local_addr(&self) -> ServerAddress;

    /// Returns the size of the largest message that the transport carries, in bytes. Returns `None` if there
    /// is no limit. A server does not start if a message cannot contain entries of
    /// [`max_append_bytes`](crate::Config::max_append_bytes), or a command of
    /// [`max_command_bytes`](crate::Config::max_command_bytes), plus [`Limits::OVERHEAD_BYTES`] other bytes.
    fn max_message_bytes(&self) -> Option<u64> {
        None
    }

    /// Returns the form that the address of a server must have. The server refuses to start with an address
    /// of another form, and refuses a call that adds such an address.
    fn address_format(&self) -> AddressFormat {
        AddressFormat::Any
    }

    /// Sets the server that uses this transport, and the inbox for arriving messages. The driver calls this
    /// method once, before the first [`Transport::send`].
    fn start(&self, local: Local, inbox: Inbox);

    /// Sends a call. The answer arrives in the inbox with the number of the call. The method never waits. If
    /// a queue of the transport is full, the call is lost.
    fn send(&self, call: Outgoing);

    /// Closes the transport. Afterwards, no message arrives in the inbox.
    fn close(&self);
}

/// The sending end of the queue of messages and events that arrive from the network.
pub type Inbox = mpsc::Sender<Arrival>;

/// The data with which a server introduces itself to its peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// The id of the server.
    pub id: ServerId,
    /// The address at which peers reach the server.
    pub address: ServerAddress,
    /// The protocol version that the server speaks.
    pub protocol_version: u8,
    /// The heartbeat timeout of the server. A peer that was down must hear from the server soon after the
    /// peer returns. Therefore the pause between two attempts to connect is at most half of this time, or 10 ms if
    /// this time is shorter than 20 ms.
    pub heartbeat_timeout: Duration,
    /// The cluster to which the server belongs. The server sets this value as soon as it knows the cluster.
    pub cluster: LocalCluster,
}

/// A call that is to be sent to a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The name of the receiver.
    pub to: ServerId,
    /// The address of the receiver.
    pub address: ServerAddress,
    /// The number of the call. The answer has the same number.
    pub rpc: RpcId,
    /// The content of the call.
    pub request: Request,
}

/// Gives the address of a server, in place of the address in the configuration. In HashiCorp Raft, this
/// interface has the same name. A closure with the signature of [`ServerAddressProvider::server_addr`]
/// implements this trait. See [`TcpTransport::with_address_provider`].
pub trait ServerAddressProvider: Send + Sync + 'static {
    /// Returns the address of the server `id`. The transport calls this method each time it connects to the
    /// server, on a thread of the runtime: the method must not block.
    ///
    /// # Errors
    /// Returns an error if the address is unknown. Then the transport uses the address in the configuration.
    fn server_addr(&self, id: &ServerId) -> Result<ServerAddress, Box<dyn std::error::Error>>;
}

impl<F> ServerAddressProvider for F
where
    F: Fn(&ServerId) -> Result<ServerAddress, Box<dyn std::error::Error>> + Send + Sync + 'static,
{
    fn server_addr(&self, id: &ServerId) -> Result<ServerAddress, Box<dyn std::error::Error>> {
        self(id)
    }
}

/// A message or an event that arrives from the network.
#[derive(Debug)]
pub enum Arrival {
    /// A request from a peer.
    Request {
        /// The header, which names the caller.
        header: Header,
        /// The content of the call.
        request: Request,
        /// The value that sends the answer.
        replier: Replier,
    },
    /// An answer from a peer to a call of this server.
    Response {
        /// The peer that answers.
        from: NodeId,
        /// The number of the call that is answered.
        rpc: RpcId,
        /// The content of the answer.
        response: Response,
    },
    /// A peer refuses a call of this server.
    Refused {
        /// The peer that refuses.
        from: NodeId,
        /// The reason that the peer gives.
        why: String,
    },
    /// An entry is too large for a message, and was not sent. The transport does not report the same entry twice in
    /// a row for a peer.
    TooLarge {
        /// The peer that does not get the entry.
        to: NodeId,
        /// The term and the index of the entry.
        entry: LogId,
        /// The size of the message with the entry, in bytes.
        bytes: u64,
        /// The maximum size of a message, in bytes.
        limit: u64,
    },
    /// A task of the transport has panicked. The server stops with this error.
    Failed(StoreError),
    /// The transport has learned the dialect of a peer. Until this event, the server grants no read under a
    /// lease that needs the peer, and refuses restores and joint changes.
    Speaks {
        /// The peer whose dialect is known.
        peer: NodeId,
        /// The dialect of the peer.
        dialect: Dialect,
    },
}

/// Sends the answer to one call. If this value is dropped without an answer, the caller gets no answer or
/// gets a refusal.
pub struct Replier(Box<dyn FnOnce(Result<Response, String>) + Send>);

impl Replier {
    /// Creates a replier that passes the answer to `to`: a response, or the reason for a refusal.
    pub fn new(to: impl FnOnce(Result<Response, String>) + Send + 'static) -> Self {
        Self(Box::new(to))
    }

    /// Sends the answer.
    pub fn reply(self, response: Response) {
        (self.0)(Ok(response));
    }

    /// Refuses the call for this reason.
    pub fn refuse(self, why: String) {
        (self.0)(Err(why));
    }
}

impl fmt::Debug for Replier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replier")
    }
}

impl Local {
    /// Returns the header of the server's messages in this dialect. The header names no receiver.
    #[must_use]
    pub fn header(&self, dialect: Dialect) -> Header {
        Header {
            protocol_version: i64::from(self.protocol_version),
            id: Some(self.id.clone()),
            address: Some(self.address.clone()),
            to: None,
            cluster: self.cluster.get(),
            dialect,
        }
    }
}

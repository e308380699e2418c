//! How servers reach each other: the seam between the driver and a network, and two networks.
//!
//! A transport carries calls and answers. It may lose any of them and reports no loss: the protocol
//! sends again.

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
use tokio::sync::mpsc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Dialect, NodeId, Request, Response, RpcId, ServerAddress, ServerId};

/// A network, as the driver uses it.
pub trait Transport: Send + Sync + 'static {
    /// The address at which other servers reach this one.
    fn local_addr(&self) -> ServerAddress;

    /// The size of the largest message that the transport carries, in bytes; `None` if there is no
    /// limit. A server whose largest command does not fit into a message does not start.
    fn max_message_bytes(&self) -> Option<u64> {
        None
    }

    /// The form that the addresses of servers have. An address of another form is refused where it enters.
    fn address_format(&self) -> AddressFormat {
        AddressFormat::Any
    }

    /// Sets the server that uses this transport, and the inbox for arrivals. The driver calls it once,
    /// before the first [`Transport::send`].
    fn start(&self, local: Local, inbox: Inbox);

    /// Sends a call. The answer arrives in the inbox with the same number. The method never waits: if
    /// the queue is full, the call is lost.
    fn send(&self, call: Outgoing);

    /// Closes the transport. Nothing arrives after that.
    fn close(&self);
}

/// The queue of arrivals.
pub type Inbox = mpsc::Sender<Arrival>;

/// How a server introduces itself to its peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// The name of the server.
    pub id: ServerId,
    /// The address at which peers reach it.
    pub address: ServerAddress,
    /// The protocol version that it speaks.
    pub protocol_version: u8,
    /// The cluster to which it belongs. The server sets it while it runs.
    pub cluster: LocalCluster,
}

/// A call on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The name of the receiver.
    pub to: ServerId,
    /// The address of the receiver.
    pub address: ServerAddress,
    /// The number of the call, which comes back with the answer.
    pub rpc: RpcId,
    /// The request.
    pub request: Request,
}

/// Something from another server.
#[derive(Debug)]
pub enum Arrival {
    /// A request from a peer.
    Request {
        /// The caller.
        header: Header,
        /// The request.
        request: Request,
        /// Takes the answer.
        replier: Replier,
    },
    /// An answer of a peer.
    Response {
        /// The peer that answers.
        from: NodeId,
        /// The call that is answered.
        rpc: RpcId,
        /// The answer.
        response: Response,
    },
    /// A peer refuses a call of this server.
    Refused {
        /// The peer that refuses.
        from: NodeId,
        /// The reason that the peer gives.
        why: String,
    },
    /// A task of the transport has panicked. The server stops with this error.
    Failed(StoreError),
    /// The dialect that a peer speaks. Until this arrives, the server assumes Wavetank's dialect.
    Speaks {
        /// The peer.
        peer: NodeId,
        /// The dialect.
        dialect: Dialect,
    },
}

/// Takes the answer to one call. If it is dropped without an answer, the caller gets no answer, or a
/// refusal.
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
    /// The header with which the server introduces itself.
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

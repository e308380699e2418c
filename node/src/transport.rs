//! How servers reach each other: the seam between the driver and a network, and two networks.
//!
//! A transport carries calls and answers and decides nothing. It may lose any of them, which is
//! never reported: the protocol asks again.

mod inmem;
mod tcp;
#[cfg(feature = "tls")]
mod tls;

pub use inmem::{InmemNetwork, InmemTransport};
pub use tcp::{Limits, TcpTransport, TransportError};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

use crate::wire::Header;
use std::fmt;
use tokio::sync::mpsc;
use wavetank_raft::{Dialect, NodeId, Request, Response, RpcId, ServerAddress, ServerId};

/// What a driver needs of a network.
pub trait Transport: Send + Sync + 'static {
    /// Where others reach this server.
    fn local_addr(&self) -> ServerAddress;

    /// Who this server is, and where what arrives for it goes. Called once, before anything is
    /// sent.
    fn start(&self, local: Local, inbox: Inbox);

    /// Sends a call. An answer comes in through the inbox, with the same number. Never waits: a
    /// call that finds no room is lost.
    fn send(&self, call: Outgoing);

    /// Stops. Nothing arrives any more.
    fn close(&self);
}

/// Where arrivals go.
pub type Inbox = mpsc::Sender<Arrival>;

/// Who a server is to its peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// Its name.
    pub id: ServerId,
    /// Where it is reached.
    pub address: ServerAddress,
    /// The protocol version spoken.
    pub protocol_version: u8,
}

/// A call on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Whom it goes to.
    pub to: ServerId,
    /// Where that is.
    pub address: ServerAddress,
    /// Comes back with the answer.
    pub rpc: RpcId,
    /// What.
    pub request: Request,
}

/// Something from another server.
#[derive(Debug)]
pub enum Arrival {
    /// A call.
    Request {
        /// Who calls.
        header: Header,
        /// What.
        request: Request,
        /// Where the answer goes.
        replier: Replier,
    },
    /// An answer.
    Response {
        /// Who answers.
        from: NodeId,
        /// The call that is answered.
        rpc: RpcId,
        /// How.
        response: Response,
    },
    /// What a peer speaks; until this comes, it is taken to speak everything.
    Speaks {
        /// Who.
        peer: NodeId,
        /// What.
        dialect: Dialect,
    },
}

/// Takes the answer to one call. Dropped without one, the caller hears nothing, or that there
/// will be none.
pub struct Replier(Box<dyn FnOnce(Response) + Send>);

impl Replier {
    /// Answers go where `to` puts them.
    pub fn new(to: impl FnOnce(Response) + Send + 'static) -> Self {
        Self(Box::new(to))
    }

    /// Answers.
    pub fn reply(self, response: Response) {
        (self.0)(response);
    }
}

impl fmt::Debug for Replier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replier")
    }
}

impl Local {
    /// How it introduces itself.
    #[must_use]
    pub fn header(&self, dialect: Dialect) -> Header {
        Header {
            protocol_version: i64::from(self.protocol_version),
            id: Some(self.id.clone()),
            address: Some(self.address.clone()),
            to: None,
            dialect,
        }
    }
}

//! The transport over TCP. In HashiCorp Raft, this transport is `NetworkTransport`.
//!
//! Calls to a peer use up to three connections: one for calls that must not wait for a disk (heartbeats,
//! votes), one for entries, and one for snapshots. `link` is the calling side, and `serve` is the called
//! side. Both modules read messages with `frames`.

mod accepted;
mod frames;
mod inflight;
mod layer;
mod link;
mod pace;
mod peer;
mod provider;
mod serve;
mod snapshot;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use layer::Stream;

use super::{Arrival, Inbox, Local, Outgoing, ServerAddressProvider, Transport};
use crate::address::{AddressError, AddressFormat};
use crate::panic::caught;
use layer::{StreamLayer, TcpLayer};
use link::Link;
use provider::Provider;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use std::{fmt, io};
use stream::Security;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tracing::Instrument as _;
use wavetank_raft::{ServerAddress, ServerId};

/// The limits of a transport. Every program that reaches the port can connect, so the transport limits the
/// connections and the memory that its peers can use.
///
/// The limits of a server and the limits of the server's transport must fit each other. At the start of the
/// server, the server compares these limits. `docs/limits.md` lists all limits in one table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum size of one message, in bytes (≥ 1). Use the same value on all servers. A message contains
    /// entries of up to [`max_append_bytes`](crate::Config::max_append_bytes), or one command of up to
    /// [`max_command_bytes`](crate::Config::max_command_bytes), plus up to [`Limits::OVERHEAD_BYTES`] other
    /// bytes. A server of HashiCorp Raft puts up to 64 entries of any size into one message. Therefore, in a
    /// mixed cluster, this limit must be at least 64 times the size of the largest command.
    pub message_bytes: u64,
    /// The maximum number of accepted connections at the same time (≥ 1). A peer opens up to three
    /// connections. At the limit, a new connection replaces the connection that was silent for the longest
    /// time. If every connection had a call within the timeout of the transport, the new connection replaces
    /// a connection of the host with the most connections, or is refused.
    pub connections: usize,
    /// The maximum number of messages above one MiB that are received at the same time, over all connections
    /// (≥ 1). At most one of these messages may be above 64 MiB.
    pub large_messages: usize,
    /// The transport receives a snapshot in pieces of at most this number of bytes (≥ 1). The server stores a
    /// piece before the transport receives the next piece.
    pub snapshot_piece_bytes: u64,
    /// The time without a call after which this server closes an accepted connection. The calling server
    /// closes the connection after two minutes without a call.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 256 << 20,
            connections: 256,
            large_messages: 8,
            snapshot_piece_bytes: 256 << 10,
            idle: Duration::from_secs(150),
        }
    }
}

impl Limits {
    /// The maximum size of all parts of a message apart from the commands, in bytes. These parts are the head
    /// of the message and the fields of the entries.
    pub const OVERHEAD_BYTES: u64 = 512 << 10;

    /// Checks the minimum of each limit. Returns the text of the first broken rule; `None` if all limits are
    /// valid.
    fn broken_rule(&self) -> Option<&'static str> {
        let rules = [
            (1 <= self.message_bytes, "message_bytes must be at least 1"),
            (1 <= self.connections, "connections must be at least 1"),
            (1 <= self.large_messages, "large_messages must be at least 1"),
            (1 <= self.snapshot_piece_bytes, "snapshot_piece_bytes must be at least 1"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
    }
}

/// A transport that uses HashiCorp's protocol over TCP. All clones refer to the same transport.
#[derive(Clone, Debug)]
pub struct TcpTransport {
    shared: Arc<Shared>,
}

/// The state that all connections of a transport share.
#[derive(Debug)]
struct Shared {
    bound: SocketAddr,
    address: ServerAddress,
    max_pool: usize,
    timeout: Duration,
    limits: Limits,
    security: Security,
    provider: Provider,
    large: Arc<Semaphore>,
    huge: Arc<Semaphore>,
    layer: Box<dyn StreamLayer>,
    started: OnceLock<(Local, Inbox)>,
    links: Mutex<BTreeMap<(ServerId, ServerAddress), Link>>,
    closing: watch::Sender<bool>,
}

/// The reason why a transport cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TransportError {
    /// The transport cannot listen on the address, for example because the address is invalid or does not
    /// belong to this machine.
    BadAddress {
        /// The address to listen on.
        address: String,
        /// The reason why the transport cannot listen on the address.
        why: String,
    },
    /// Another program listens on the address. The value is the address.
    InUse(String),
    /// A limit has an invalid value. The value of this error is a text that names the limit and the rule.
    Limits(&'static str),
    /// Other servers cannot reach this server at the address in the value. The message of this error in
    /// HashiCorp Raft is `local bind address is not advertisable`.
    NotAdvertisable(String),
    /// The advertised address does not have the required form. The value is the reason.
    NotCallable(AddressError),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress { address, why } => write!(f, "cannot listen on {address}: {why}"),
            Self::InUse(address) => write!(f, "cannot listen on {address}: the port is in use"),
            Self::Limits(rule) => f.write_str(rule),
            Self::NotAdvertisable(address) => write!(
                f,
                "local bind address is not advertisable: peers cannot reach {address}, so give another address"
            ),
            Self::NotCallable(error) => write!(f, "local bind address is not advertisable: {error}"),
        }
    }
}

impl std::error::Error for TransportError {}

impl TcpTransport {
    /// Makes a transport that listens on the address `bind`. Other servers call the address `advertise`, or
    /// the address `bind` if `advertise` is `None`. If `max_pool` is 0 or 1, all calls to a peer except
    /// snapshots share one connection. Otherwise entries have a connection of their own. Snapshots always
    /// have a connection of their own. If the peer does not answer a call within `timeout`, the call is lost,
    /// and the connection of the call is closed. A call with many bytes has more time: one more `timeout` for
    /// each 256 KiB.
    ///
    /// # Errors
    /// Returns an error if this server cannot listen on `bind`, or if other servers cannot reach the
    /// advertised address.
    pub async fn bind(
        bind: &str,
        advertise: Option<&str>,
        max_pool: usize,
        timeout: Duration,
    ) -> Result<Self, TransportError> {
        Self::bind_with(bind, advertise, max_pool, timeout, Limits::default()).await
    }

    /// Makes a transport like [`TcpTransport::bind`], but with other limits.
    ///
    /// # Errors
    /// Returns the errors of [`TcpTransport::bind`], and [`TransportError::Limits`] if a limit has an invalid
    /// value.
    pub async fn bind_with(
        bind: &str,
        advertise: Option<&str>,
        max_pool: usize,
        timeout: Duration,
        limits: Limits,
    ) -> Result<Self, TransportError> {
        if let Some(rule) = limits.broken_rule() {
            return Err(TransportError::Limits(rule));
        }
        let failed = |error: io::Error| match error.kind() == io::ErrorKind::AddrInUse {
            true => TransportError::InUse(bind.to_owned()),
            false => TransportError::BadAddress { address: bind.to_owned(), why: error.to_string() },
        };
        let listener = TcpListener::bind(bind).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let address = advertised(advertise, bound)?;
        Ok(Self::over(Box::new(TcpLayer::new(listener)), bound, address, max_pool, timeout, limits))
    }

    fn over(
        layer: Box<dyn StreamLayer>,
        bound: SocketAddr,
        address: ServerAddress,
        max_pool: usize,
        timeout: Duration,
        limits: Limits,
    ) -> Self {
        let shared = Shared {
            bound,
            address,
            max_pool,
            timeout,
            limits,
            security: Security::default(),
            provider: Provider::default(),
            large: Arc::new(Semaphore::new(limits.large_messages)),
            huge: Arc::new(Semaphore::new(1)),
            layer,
            started: OnceLock::new(),
            links: Mutex::default(),
            closing: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Uses TLS for all outgoing and incoming connections. Call this method before a server starts with the
    /// transport. Only the first call of this method has an effect.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, tls: super::Tls) -> Self {
        // An error means that an earlier call has set TLS: the first call counts.
        let _ = self.shared.security.tls.set(tls);
        self
    }

    /// Asks `provider` for the address of a server whenever the transport connects to the server. In HashiCorp
    /// Raft, this value is `ServerAddressProvider` of `NetworkTransportConfig`. Call this method before a server
    /// starts with the transport. Only the first call of this method has an effect.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wavetank_node::ServerId;
    /// # use wavetank_node::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let transport = TcpTransport::bind("127.0.0.1:0", None, 3, Duration::from_secs(5)).await?;
    /// // The name of a pod in Kubernetes follows from the id of the server.
    /// let discover = |id: &ServerId| Ok(ServerAddress::from(format!("{id}.raft.svc.cluster.local:7000")));
    /// let transport = transport.with_address_provider(discover);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_address_provider(self, provider: impl ServerAddressProvider) -> Self {
        self.shared.provider.set(Box::new(provider));
        self
    }

    /// Returns the address on which this transport listens. If the port of `bind` was 0, the address has the
    /// port that the operating system assigned.
    #[must_use]
    pub fn bound_addr(&self) -> SocketAddr {
        self.shared.bound
    }
}

/// Returns the address that other servers call: `advertise`, or `bound` if `advertise` is `None`.
fn advertised(advertise: Option<&str>, bound: SocketAddr) -> Result<ServerAddress, TransportError> {
    let Some(advertise) = advertise else {
        return if bound.ip().is_unspecified() {
            Err(TransportError::NotAdvertisable(bound.to_string()))
        } else {
            Ok(bound.to_string().into())
        };
    };
    if advertise.is_empty() {
        return Err(TransportError::NotAdvertisable(bound.to_string()));
    }
    let address = advertise.into();
    AddressFormat::HostAndPort.check(&address).map_err(TransportError::NotCallable)?;
    Ok(address)
}

impl Transport for TcpTransport {
    fn local_addr(&self) -> ServerAddress {
        self.shared.address.clone()
    }

    fn max_message_bytes(&self) -> Option<u64> {
        Some(self.shared.limits.message_bytes)
    }

    fn address_format(&self) -> AddressFormat {
        AddressFormat::HostAndPort
    }

    fn start(&self, local: Local, inbox: Inbox) {
        if self.shared.started.set((local, inbox)).is_ok() {
            self.shared.spawn(serve::accept(self.shared.clone()));
        }
    }

    fn send(&self, call: Outgoing) {
        if self.shared.is_closing() || self.shared.started.get().is_none() {
            return;
        }
        let mut links = self.shared.links.lock().expect("no code panics while the links are locked");
        let peer = (call.to.clone(), call.address.clone());
        if !links.contains_key(&peer) {
            links.retain(|_, link| !link.is_gone());
            links.insert(peer.clone(), Link::open(call.to.clone(), call.address.clone(), &self.shared));
        }
        if let Some(link) = links.get_mut(&peer) {
            link.send(call);
        }
    }

    fn close(&self) {
        self.shared.closing.send_replace(true);
        self.shared.links.lock().expect("no code panics while the links are locked").clear();
        self.shared.layer.close();
    }
}

impl Shared {
    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until the transport is closed.
    async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // An error means that the transport was dropped, so the transport is closed as well.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// Starts a task that ends when the transport is closed. A panic in the task stops the server.
    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let shared = self.clone();
        let until_closed = async move {
            tokio::select! {
                biased;
                () = shared.closed() => {}
                ended = caught("a task of the transport", task) => if let Err(error) = ended {
                    // The server may have stopped already.
                    let _ = shared.deliver(Arrival::Failed(error)).await;
                }
            }
        };
        tokio::spawn(until_closed.in_current_span());
    }

    fn local(&self) -> &Local {
        &self.started.get().expect("the transport has started before it makes connections").0
    }

    async fn deliver(&self, arrival: Arrival) -> Result<(), ServerStopped> {
        let (_, inbox) = self.started.get().expect("the transport has started before it makes connections");
        inbox.send(arrival).await.map_err(|_| ServerStopped)
    }

    async fn connect(&self, id: &ServerId, address: &ServerAddress) -> io::Result<Stream> {
        let address = self.provider.address(id, address);
        let connecting = async { self.security.call(self.layer.dial(&address).await?, id).await };
        tokio::time::timeout(self.timeout, connecting).await?
    }
}

/// The error text for a call that the server did not answer.
const NO_ANSWER: &str = "the call was ignored";

/// The error for a message that arrives after the server has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ServerStopped;

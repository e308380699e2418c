//! The network below the transport. This layer accepts and opens connections. The trait [`StreamLayer`] has
//! the same name in HashiCorp Raft.
//!
//! In production, this layer uses sockets of the operating system. In tests, this layer uses simulated
//! sockets, and a seed determines delays, cuts and silent peers.

use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use wavetank_raft::ServerAddress;

/// The time without a received byte after which the operating system tests whether the peer still exists.
/// Later tests follow at intervals of the same length.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A connection on which a program can read and write bytes.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + Debug {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + Debug> Duplex for S {}

/// A connection. When this value is dropped, the connection is closed.
pub(crate) type Stream = Box<dyn Duplex>;

/// A future whose result is an accepted or opened connection.
pub(super) type Opening<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A network that accepts and opens connections.
pub(super) trait StreamLayer: Send + Sync + Debug {
    /// Waits for the next connection from a peer. Returns the connection and the address of the peer. Log
    /// lines contain this address.
    fn accept(&self) -> Opening<'_, (Stream, String)>;

    /// Opens a connection to this address.
    fn dial<'a>(&'a self, address: &'a ServerAddress) -> Opening<'a, Stream>;

    /// Stops accepting connections, and frees the address of the listener.
    fn close(&self);
}

/// Sockets of the operating system.
#[derive(Debug)]
pub(super) struct TcpLayer(Mutex<Option<Arc<TcpListener>>>);

impl TcpLayer {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self(Mutex::new(Some(Arc::new(listener))))
    }

    fn listener(&self) -> Option<Arc<TcpListener>> {
        self.0.lock().expect("no code panics while the listener is locked").clone()
    }
}

impl StreamLayer for TcpLayer {
    fn accept(&self) -> Opening<'_, (Stream, String)> {
        Box::pin(async {
            let listener = self.listener().ok_or(io::ErrorKind::NotConnected)?;
            let (stream, peer) = listener.accept().await?;
            Ok((prepared(stream)?, peer.to_string()))
        })
    }

    fn dial<'a>(&'a self, address: &'a ServerAddress) -> Opening<'a, Stream> {
        Box::pin(async { prepared(TcpStream::connect(address.as_str()).await?) })
    }

    fn close(&self) {
        self.0.lock().expect("no code panics while the listener is locked").take();
    }
}

fn prepared(stream: TcpStream) -> io::Result<Stream> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(Box::new(stream))
}

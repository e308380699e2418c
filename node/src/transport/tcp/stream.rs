//! A connection, over plain TCP or TLS.

#[cfg(feature = "tls")]
use super::super::tls::{Identity, Tls};
use std::io;
#[cfg(feature = "tls")]
use std::sync::OnceLock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wavetank_raft::ServerId;

/// The half of a connection that is read.
pub(super) type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
/// The half of a connection that is written.
pub(super) type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

/// The protection of connections.
#[derive(Debug, Default)]
pub(super) struct Security {
    #[cfg(feature = "tls")]
    pub(super) tls: OnceLock<Tls>,
}

/// What is known of the peer of an accepted connection.
#[derive(Debug)]
pub(super) enum Caller {
    /// Without TLS: it may be any server.
    Anybody,
    /// The server that its certificate names.
    #[cfg(feature = "tls")]
    Known(Identity),
}

impl Security {
    /// Opens a connection to `id`. With TLS, any other server is refused.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_async, reason = "there is nothing to agree on"))]
    pub(super) async fn call(&self, stream: TcpStream, id: &ServerId) -> io::Result<(ReadHalf, WriteHalf)> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.get() {
            let (reader, writer) = tokio::io::split(tls.call(stream, id).await?);
            return Ok((Box::new(reader), Box::new(writer)));
        }
        #[cfg(not(feature = "tls"))]
        let _ = id;
        Ok(in_the_clear(stream))
    }

    /// Accepts a connection.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_async, reason = "there is nothing to agree on"))]
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<((ReadHalf, WriteHalf), Caller)> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.get() {
            let (stream, identity) = tls.accept(stream).await?;
            let (reader, writer) = tokio::io::split(stream);
            return Ok(((Box::new(reader), Box::new(writer)), Caller::Known(identity)));
        }
        Ok((in_the_clear(stream), Caller::Anybody))
    }
}

fn in_the_clear(stream: TcpStream) -> (ReadHalf, WriteHalf) {
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Box::new(writer))
}

impl Caller {
    /// True if the peer may use this name.
    pub(super) fn may_be(&self, id: Option<&ServerId>) -> bool {
        #[cfg(not(feature = "tls"))]
        let _ = id;
        match self {
            Self::Anybody => true,
            #[cfg(feature = "tls")]
            Self::Known(identity) => id.is_some_and(|id| identity.is(id)),
        }
    }
}

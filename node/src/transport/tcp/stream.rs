//! The protection of connections: TLS or no protection.

#[cfg(feature = "tls")]
use super::super::tls::{Identity, Tls};
use super::layer::Stream;
use std::io;
#[cfg(feature = "tls")]
use std::sync::OnceLock;
use wavetank_raft::ServerId;

/// The protection of all connections of a transport.
#[derive(Debug, Default)]
pub(super) struct Security {
    #[cfg(feature = "tls")]
    pub(super) tls: OnceLock<Tls>,
}

/// The identity of the peer of an accepted connection.
#[derive(Debug)]
pub(super) enum Caller {
    /// Without TLS: the peer may be any server.
    Anybody,
    /// With TLS: the peer has this certificate.
    #[cfg(feature = "tls")]
    Known(Identity),
}

impl Security {
    /// Secures a connection that was opened to the server `id`. Returns an error if the connection uses TLS
    /// and the peer is another server.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "without TLS there is no handshake")
    )]
    pub(super) async fn call(&self, stream: Stream, id: &ServerId) -> io::Result<Stream> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.get() {
            return Ok(Box::new(tls.call(stream, id).await?));
        }
        #[cfg(not(feature = "tls"))]
        let _ = id;
        Ok(stream)
    }

    /// Secures an accepted connection. Returns the connection and the identity of the peer.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "without TLS there is no handshake")
    )]
    pub(super) async fn accept(&self, stream: Stream) -> io::Result<(Stream, Caller)> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.get() {
            let (stream, identity) = tls.accept(stream).await?;
            return Ok((Box::new(stream), Caller::Known(identity)));
        }
        Ok((stream, Caller::Anybody))
    }
}

impl Caller {
    /// True if the peer may use the name `id`. With TLS, the certificate of the peer must contain this name.
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

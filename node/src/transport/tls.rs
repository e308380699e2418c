//! Mutual TLS: two servers prove their names to each other.
//!
//! Each server has a certificate, and the certificate contains the id of the server as a DNS name. An
//! authority that serves only this cluster issues the certificates. A call to n2 reaches only a server with
//! the certificate of n2. A caller can use the name n3 only with the certificate of n3.

use super::tcp::Stream;
use std::sync::Arc;
use std::{fmt, io};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use wavetank_raft::ServerId;

/// The certificate of a server, and the authority that the server trusts. Clones share the certificate and
/// the authority.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

/// The reason why [`Tls::from_pem`] fails.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The authority's certificate cannot be used. The value is the reason.
    Authority(String),
    /// The server's certificate, or the key of the certificate, cannot be used. The value is the reason.
    Certificate(String),
    /// The server's own certificate is not valid for the name of the server.
    WrongName {
        /// The name of the server.
        id: ServerId,
        /// The reason why the certificate does not match the name.
        why: String,
    },
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority(why) => write!(f, "the certificate of the authority (CA) cannot be used: {why}"),
            Self::Certificate(why) => write!(f, "the certificate or its key cannot be used: {why}"),
            Self::WrongName { id, why } => write!(f, "the certificate does not belong to server {id}: {why}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// The contents of a server's three PEM files.
#[derive(Clone, Copy)]
struct Pem<'a> {
    authority: &'a [u8],
    certificate: &'a [u8],
    key: &'a [u8],
}

impl Tls {
    /// Makes the TLS settings of the server `id` from the texts of three PEM files. `authority` has the
    /// certificates of the authority. `certificate` has the certificate of the server, and then the
    /// intermediate certificates. `key` has the private key of the server.
    ///
    /// # Errors
    /// Returns an error if a text is not valid PEM, the key does not belong to the certificate, or the
    /// certificate is not for `id`.
    pub fn from_pem(
        id: &ServerId,
        authority: &[u8],
        certificate: &[u8],
        key: &[u8],
    ) -> Result<Self, TlsError> {
        let pem = Pem { authority, certificate, key };
        let (roots, chain) = (pem.roots()?, pem.chain()?);
        let first = chain.first().ok_or_else(|| {
            TlsError::Certificate("the file contains no certificate in PEM format".to_owned())
        })?;
        is_named(first, id).map_err(|why| TlsError::WrongName { id: id.clone(), why })?;
        Ok(Self { acceptor: pem.acceptor(roots.clone(), &chain)?, connector: pem.connector(roots, &chain)? })
    }

    /// Does the TLS handshake on a connection that this server opened. Checks that the peer is the server
    /// `id`, and sends this server's certificate to the peer.
    pub(super) async fn call(&self, stream: Stream, id: &ServerId) -> io::Result<TlsStream<Stream>> {
        let name = name_of(id).map_err(io::Error::other)?;
        let stream = self.connector.connect(name, stream).await.map_err(explained)?;
        Ok(stream.into())
    }

    /// Does the TLS handshake on an accepted connection. The peer must have a certificate from the authority.
    /// Returns the connection and the certificate of the peer.
    pub(super) async fn accept(&self, stream: Stream) -> io::Result<(TlsStream<Stream>, Identity)> {
        let stream = self.acceptor.accept(stream).await.map_err(explained)?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.expect("no handshake succeeds without a certificate").clone();
        Ok((stream.into(), Identity(certificate.into_owned())))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Pem<'_> {
    fn roots(self) -> Result<Arc<RootCertStore>, TlsError> {
        let failed = |why: &dyn fmt::Display| TlsError::Authority(why.to_string());
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(self.authority) {
            let root = root.map_err(|error| failed(&error))?;
            roots.add(root).map_err(|error| failed(&error))?;
        }
        if roots.is_empty() {
            Err(failed(&"the file contains no certificate in PEM format"))
        } else {
            Ok(Arc::new(roots))
        }
    }

    fn chain(self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let chain = CertificateDer::pem_slice_iter(self.certificate).collect::<Result<_, _>>();
        chain.map_err(unusable)
    }

    fn key(self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(self.key).map_err(unusable)
    }

    fn acceptor(
        self,
        roots: Arc<RootCertStore>,
        chain: &[CertificateDer<'static>],
    ) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| TlsError::Authority(error.to_string()))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.to_vec(), self.key()?)
            .map_err(unusable)?;
        Ok(Arc::new(config).into())
    }

    fn connector(
        self,
        roots: Arc<RootCertStore>,
        chain: &[CertificateDer<'static>],
    ) -> Result<TlsConnector, TlsError> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain.to_vec(), self.key()?)
            .map_err(unusable)?;
        Ok(Arc::new(config).into())
    }
}

/// Makes the error for an unusable certificate or key. The function takes `error` by value, because `map_err`
/// passes a value.
fn unusable(error: impl fmt::Display) -> TlsError {
    TlsError::Certificate(error.to_string())
}

/// The certificate that identifies a peer.
#[derive(Clone, Debug)]
pub(super) struct Identity(CertificateDer<'static>);

impl Identity {
    /// True if the certificate is for the server `id`.
    pub(super) fn is(&self, id: &ServerId) -> bool {
        is_named(&self.0, id).is_ok()
    }
}

fn is_named(certificate: &CertificateDer<'_>, id: &ServerId) -> Result<(), String> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(|error| error.to_string())?;
    verify_server_name(&parsed, &name_of(id)?).map_err(|error| error.to_string())
}

/// Returns the DNS name that the certificate of the server `id` must contain.
fn name_of(id: &ServerId) -> Result<ServerName<'static>, String> {
    let name = ServerName::try_from(id.as_str().to_owned());
    name.map_err(|_| format!("the id {id} cannot be a name in a certificate"))
}

/// Makes an error for a failed handshake. The text of the error describes the cause.
fn explained(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let words = if let Some(rustls::Error::InvalidMessage(_)) = cause {
        "the other end does not use TLS".to_owned()
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        "the other end closed the connection: the other end does not use TLS, or does not trust this server"
            .to_owned()
    } else {
        format!("TLS: {error}")
    };
    io::Error::new(io::ErrorKind::InvalidData, words)
}

//! Servers with certificates, without a certificate, and with the certificate of another server.

use super::super::super::{Tls, TlsError};
use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// The authority that issues certificates to the servers of a cluster.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.serial_number = Some(1_u64.into());
        Self(CertifiedIssuer::self_signed(params, key()).unwrap())
    }

    /// A certificate for that name, and its key.
    fn certificate(&self, name: &str) -> [String; 2] {
        let key = key();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.serial_number = Some(2_u64.into());
        [params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem()]
    }

    pub(super) fn tls(&self, name: &str) -> Tls {
        let [certificate, key] = self.certificate(name);
        let authority = self.0.pem();
        Tls::from_pem(&name.into(), authority.as_bytes(), certificate.as_bytes(), key.as_bytes()).unwrap()
    }
}

/// A key whose signatures all have one length, and so have handshakes: a storm with TLS can be repeated.
fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()
}

/// A server that is `name`, with the certificate of `shown`.
async fn secured(name: &'static str, tls: Tls) -> Server {
    let transport = TcpTransport::bind("127.0.0.1:0", None, 3, TIMEOUT).await.unwrap();
    Server::on(transport.with_tls(tls), name)
}

/// Collects what is logged on this thread, which is where all tasks of a test run.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_writer(self.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// Waits until each of these was logged.
    async fn says(&self, words: &[&str]) {
        let all = async {
            loop {
                let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
                if words.iter().all(|words| text.contains(words)) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(TIMEOUT * 6, all).await;
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        assert!(in_time.is_ok(), "{words:?} is not said in\n{text}");
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn servers_of_one_authority_talk() {
    let authority = Authority::new();
    let mut one = secured("n1", authority.tls("n1")).await;
    let mut two = secured("n2", authority.tls("n2")).await;
    one.call(&two, 1, append(2..40));
    let (header, request, replier) = two.request().await;
    assert_eq!((header.id, request), (Some("n1".into()), append(2..40)));
    replier.reply(appended(39));
    assert_eq!(one.response().await, (1, appended(39)));
    two.call(&one, 2, vote(5));
    assert_eq!(one.request().await.1, vote(5));
    one.call(&two, 3, snapshot(600_000, 0, 600_000));
    for last in [256 << 10, 512 << 10, 600_000] {
        two.request().await.2.reply(installed(true, last));
    }
    assert_eq!(one.response().await, (3, installed(true, 600_000)));
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused_on_both_sides() {
    let log = Log::default();
    let _listening = log.listen();
    let mut one = secured("n1", Authority::new().tls("n1")).await;
    let two = secured("n2", Authority::new().tls("n2")).await;
    two.call(&one, 1, vote(5));
    log.says(&["invalid peer certificate", "no connection", "connection closed"]).await;
    assert!(one.is_quiet().await);
}

#[tokio::test]
async fn a_peer_with_another_name_is_disconnected() {
    let log = Log::default();
    let _listening = log.listen();
    let authority = Authority::new();
    let mut one = secured("n1", authority.tls("n1")).await;
    // It is where n2 should be.
    let three = secured("n2", authority.tls("n3")).await;
    one.call(&three, 1, vote(5));
    log.says(&["no connection", "certificate not valid for name \"n2\""]).await;
    // And says that it is n2.
    three.call(&one, 2, vote(5));
    log.says(&[
        "calls are refused",
        "the certificate does not belong to server n2",
        "the peer refuses calls",
    ])
    .await;
    assert!(one.is_quiet().await);
}

#[tokio::test]
async fn plain_text_is_refused_on_both_sides() {
    let log = Log::default();
    let _listening = log.listen();
    let mut one = secured("n1", Authority::new().tls("n1")).await;
    let mut two = Server::start("n2").await;
    two.call(&one, 1, vote(5));
    log.says(&["connection closed", "the other end does not use TLS"]).await;
    one.call(&two, 2, vote(5));
    log.says(&["unknown rpc type 22", "no connection", "the other end closed the connection"]).await;
    assert!(one.is_quiet().await && two.is_quiet().await);
}

#[tokio::test]
async fn a_silent_handshake_does_not_keep_a_connection() {
    let one = secured("n1", Authority::new().tls("n1")).await;
    assert!(is_closed(raw(&one).await).await);
}

#[test]
fn each_bad_file_has_one_clear_error() {
    let authority = Authority::new();
    let ([certificate, key], root) = (authority.certificate("n1"), authority.0.pem());
    let [_, other] = authority.certificate("n1");
    let tls = |id: &str, root: &str, certificate: &str, key: &str| {
        Tls::from_pem(&id.into(), root.as_bytes(), certificate.as_bytes(), key.as_bytes()).map(|_| ())
    };
    assert_eq!(tls("n1", &root, &certificate, &key), Ok(()));
    assert!(matches!(tls("n1", "", &certificate, &key), Err(TlsError::Authority(_))));
    assert!(matches!(tls("n1", &root, "", &key), Err(TlsError::Certificate(_))));
    assert!(matches!(tls("n1", &root, &certificate, ""), Err(TlsError::Certificate(_))));
    assert!(matches!(tls("n1", &root, &certificate, &other), Err(TlsError::Certificate(_))));
    let error = tls("n2", &root, &certificate, &key).unwrap_err().to_string();
    assert!(error.starts_with("the certificate does not belong to server n2: "), "{error}");
    let error = tls("a server", &root, &certificate, &key).unwrap_err().to_string();
    assert_eq!(
        error,
        "the certificate does not belong to server a server: the id a server cannot be a name in a certificate"
    );
}

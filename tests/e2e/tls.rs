//! Servers that accept only peers with TLS certificates.

use crate::http::{Http, HttpRequest, Reply};
use crate::process::Process;
use crate::startup::{ANY, TempDir, ask};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;

#[test]
fn servers_with_certificates_form_a_cluster_and_refuse_others() {
    let dir = TempDir::new("secured");
    let ours = authority();
    let one = start(&dir, &ours, &["n1", "--bootstrap"]);
    let two = start(&dir, &ours, &["n2", "--join", &one.http]);
    let mut http = Http::default();
    // From now on, the disks of both servers must keep the writes.
    put(&mut http, &two.http, "red");
    let seen = ask(&mut http, &one.http, HttpRequest::get("/kv/colour?read=index"));
    assert!(matches!(seen, Reply::Response(response) if response.body == "red"));

    let stranger = start(&dir, &authority(), &["n3"]);
    let path = format!("/join?id=n3&address={}", stranger.raft);
    // The server cannot catch up and gets no vote, so the voters go on without it.
    let _ = http.ask(&one.http, HttpRequest::post(&path));
    put(&mut http, &two.http, "blue");
    let log = fs::read_to_string(dir.log()).unwrap();
    assert!(log.contains("invalid peer certificate"), "{log}");
}

fn put(http: &mut Http, place: &str, colour: &str) {
    let written = ask(http, place, HttpRequest { method: "PUT", path: "/kv/colour", body: colour });
    assert!(matches!(written, Reply::Response(response) if response.status == 204));
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Starts a server with a certificate for these names.
fn start(dir: &TempDir, authority: &CertifiedIssuer<'_, KeyPair>, named: &[&str]) -> Process {
    let name = named[0];
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let file = |what: &str, text: String| {
        let path = dir.path(&format!("{name}.{what}"));
        fs::write(&path, text).unwrap();
        path
    };
    let (root, shown) = (file("authority", authority.pem()), file("certificate", certificate.pem()));
    let (key, directory) = (file("key", key.serialize_pem()), dir.path(name));
    let mut arguments = vec!["--dir", &directory, "--http", ANY, "--raft", ANY, "--id"];
    arguments.extend(named);
    arguments.extend(["--tls-authority", &root, "--tls-certificate", &shown, "--tls-key", &key]);
    Process::start(&arguments, &dir.log(), |_| ()).unwrap()
}

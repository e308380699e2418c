//! Servers that hear each other through TLS alone.

use crate::complaints::{ANY, Room, ask};
use crate::http::{Heard, Http, Question};
use crate::process::Process;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;

#[test]
fn servers_with_certificates_are_a_cluster_and_others_are_heard_by_nobody() {
    let room = Room::new("secured");
    let ours = authority();
    let one = start(&room, &ours, &["n1", "--bootstrap"]);
    let two = start(&room, &ours, &["n2", "--join", &one.http]);
    let mut http = Http::default();
    // From now on both must keep what is written.
    put(&mut http, &two.http, "red");
    let seen = ask(&mut http, &one.http, Question::get("/kv/colour?read=index"));
    assert!(matches!(seen, Heard::Answer(answer) if answer.body == "red"));

    let stranger = start(&room, &authority(), &["n3"]);
    let path = format!("/join?id=n3&address={}", stranger.raft);
    // It cannot catch up, and so gets no vote; those who have one go on. Nobody waits for it.
    let _ = http.ask(&one.http, Question::post(&path));
    put(&mut http, &two.http, "blue");
    let log = fs::read_to_string(room.log()).unwrap();
    assert!(log.contains("invalid peer certificate"), "{log}");
}

fn put(http: &mut Http, place: &str, colour: &str) {
    let written = ask(http, place, Question { method: "PUT", path: "/kv/colour", body: colour });
    assert!(matches!(written, Heard::Answer(answer) if answer.status == 204));
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for its name.
fn start(room: &Room, authority: &CertifiedIssuer<'_, KeyPair>, named: &[&str]) -> Process {
    let name = named[0];
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let file = |what: &str, text: String| {
        let path = room.path(&format!("{name}.{what}"));
        fs::write(&path, text).unwrap();
        path
    };
    let (root, shown) = (file("authority", authority.pem()), file("certificate", certificate.pem()));
    let (key, directory) = (file("key", key.serialize_pem()), room.path(name));
    let mut arguments = vec!["--dir", &directory, "--http", ANY, "--raft", ANY, "--id"];
    arguments.extend(named);
    arguments.extend(["--tls-authority", &root, "--tls-certificate", &shown, "--tls-key", &key]);
    Process::start(&arguments, &room.log(), |_| ()).unwrap()
}

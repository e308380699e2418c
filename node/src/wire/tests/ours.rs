//! Messages in our dialect.

use super::super::*;
use super::hex;
use std::sync::Arc;
use wavetank_raft::*;

fn header(dialect: Dialect) -> Header {
    let to = Some("n2".into()).filter(|_| dialect == Dialect::Wavetank);
    let cluster = Some(ClusterId(u64::MAX)).filter(|_| dialect == Dialect::Wavetank);
    Header { protocol_version: 3, id: Some("n1".into()), address: Some("a1".into()), to, cluster, dialect }
}

fn joint() -> Configuration {
    let one = Configuration::new(vec![Member::voter("n1", "a1"), Member::nonvoter("n2", "a2")]).unwrap();
    one.next(&Change::Members(vec![Member::voter("n2", "a2"), Member::voter("n3", "a3")])).unwrap()
}

fn install() -> InstallSnapshot {
    let meta = SnapshotMeta {
        last: LogId::new(Term(4), Index(1 << 40)),
        configuration: joint(),
        configuration_index: Index(9),
        size: 1 << 33,
        checksum: u64::MAX,
    };
    InstallSnapshot { term: Term(5), meta: Arc::new(meta), offset: 0, data: Arc::from([]), done: false }
}

#[test]
fn every_request_comes_back_with_all_its_fields() {
    let append = AppendEntries {
        term: Term(1 << 62),
        prev: LogId::new(Term(2), Index(3)),
        entries: Arc::from([Entry::new(Term(3), Index(4), Payload::Configuration(Arc::new(joint())))]),
        leader_commit: Index(3),
    };
    let requests = [
        Request::AppendEntries(append),
        Request::RequestVote(RequestVote {
            term: Term(1),
            last_log: LogId::new(Term(0), Index(7)),
            leadership_transfer: true,
        }),
        Request::RequestPreVote(RequestPreVote { term: Term(1), last_log: LogId::ZERO }),
        Request::InstallSnapshot(install()),
        Request::TimeoutNow(TimeoutNow { term: Some(Term(8)) }),
    ];
    for request in requests {
        let mut out = Vec::new();
        encode_request(&header(Dialect::Wavetank), &request, &mut out);
        assert_eq!(decode_request(&out), Ok((header(Dialect::Wavetank), request)));
    }
}

#[test]
fn every_response_comes_back_with_all_its_fields() {
    let responses = [
        Response::AppendEntries(AppendEntriesResponse {
            term: Term(1),
            success: false,
            last_log: Index(77),
            no_retry_backoff: true,
            hint: Some(LogId::new(Term(2), Index(70))),
        }),
        Response::RequestVote(RequestVoteResponse { term: Term(1), granted: false, refused_for_term: true }),
        Response::RequestPreVote(RequestPreVoteResponse { term: Term(1), granted: true }),
        Response::InstallSnapshot(InstallSnapshotResponse { term: Term(1), success: true, next_offset: 9 }),
        Response::TimeoutNow(TimeoutNowResponse { accepted: false }),
    ];
    let kinds = [0, 1, 4, 2, 3].map(|number| Kind::from_byte(number).unwrap());
    for (response, kind) in responses.into_iter().zip(kinds) {
        let mut out = Vec::new();
        encode_response(&header(Dialect::Wavetank), &response, &mut out);
        assert_eq!(decode_reply(kind, &out), Ok(Ok((header(Dialect::Wavetank), response))));
    }
}

#[test]
fn a_server_of_hashicorps_sees_none_of_our_fields() {
    let mut out = Vec::new();
    encode_request(&header(Dialect::HashiCorp), &Request::InstallSnapshot(install()), &mut out);
    encode_request(
        &header(Dialect::HashiCorp),
        &Request::TimeoutNow(TimeoutNow { term: Some(Term(8)) }),
        &mut out,
    );
    let hint = Some(LogId::new(Term(2), Index(70)));
    let answer = AppendEntriesResponse {
        term: Term(1),
        success: false,
        last_log: Index(77),
        no_retry_backoff: true,
        hint,
    };
    encode_response(&header(Dialect::HashiCorp), &Response::AppendEntries(answer), &mut out);
    let refusal = RequestVoteResponse { term: Term(1), granted: false, refused_for_term: true };
    encode_response(&header(Dialect::HashiCorp), &Response::RequestVote(refusal), &mut out);
    for word in ["Wavetank", "Checksum", "Hint", "NextOffset", "Accepted", "RefusedForTerm", "Cluster"] {
        assert!(!hex(&out).contains(&hex(word.as_bytes())), "{word}");
    }
}

#[test]
fn the_old_half_of_a_joint_membership_is_never_left_out() {
    assert_eq!(decode_configuration(&encode_configuration(&joint())), Ok(joint()));
}

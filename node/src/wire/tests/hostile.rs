//! Hostile bytes.

use super::super::*;
use super::unhex;
use proptest::prelude::*;
use std::sync::Arc;
use wavetank_raft::{AppendEntries, Entry, Index, LogId, Payload, Term};

const LIMIT: u64 = 1 << 20;

/// A valid call, to be changed.
fn call() -> Vec<u8> {
    let header = Header {
        protocol_version: 3,
        id: Some("n1".into()),
        address: Some("a1".into()),
        to: Some("n2".into()),
        cluster: Some(ClusterId(7)),
        dialect: Dialect::Wavetank,
    };
    let entry = |index| Entry::new(Term(1), Index(index), Payload::Command(Arc::from(vec![7; 40])));
    let append = AppendEntries {
        term: Term(1),
        prev: LogId::ZERO,
        entries: (1..9).map(entry).collect(),
        leader_commit: Index(3),
    };
    let mut out = Vec::new();
    encode_request(&header, &Request::AppendEntries(append), &mut out);
    out
}

/// A scanner that gets the bytes one by one agrees with one that gets them at once.
fn scan(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let mut slow = Scan::request(LIMIT);
    let mut found = Ok(None);
    for end in 1..=bytes.len() {
        found = slow.advance(&bytes[..end]);
        if found != Ok(None) {
            break;
        }
    }
    let at_once = Scan::request(LIMIT).advance(bytes);
    assert_eq!(found.is_err(), at_once.is_err());
    if let (Ok(slow), Ok(fast)) = (&found, &at_once) {
        assert_eq!(slow, fast);
    }
    found
}

#[test]
fn a_call_cut_anywhere_is_not_a_call_yet() {
    let call = call();
    assert_eq!(scan(&call), Ok(Some(call.len())));
    for end in 0..call.len() {
        assert_eq!(Scan::request(LIMIT).advance(&call[..end]), Ok(None), "{end}");
        assert_eq!(decode_request(&call[..end]), Err(WireError::Truncated), "{end}");
    }
    let mut longer = call.clone();
    longer.push(0);
    assert_eq!(scan(&longer), Ok(Some(call.len())));
    assert_eq!(decode_request(&longer), Err(WireError::Trailing(1)));
}

#[test]
fn lengths_above_the_limit_are_refused_before_the_bytes_come() {
    let calls = [
        // A map of 4 billion fields, a list of as many.
        "00dfffffffff",
        "00ddffffffff",
        // {"Entries": a list of 4 billion}, {"Entries": [.., ..]} above HashiCorp's own bound.
        "0081a7456e7472696573ddffffffff",
        // No map at all: nil, and a number.
        "00c0",
        "0001",
    ];
    for call in calls {
        assert!(scan(&unhex(call)).is_err(), "{call}");
    }
    let many = [unhex("0081a7456e7472696573dc0401"), vec![0x80; 1025]].concat();
    let limit = WireError::TooLong { what: "the list of entries", length: 1025, limit: 1024 };
    assert_eq!(decode_request(&many), Err(limit));
}

#[test]
fn a_string_that_never_ends_is_refused_at_the_limit() {
    let mut endless = unhex("0081dbffffffff");
    let mut scan = Scan::request(1 << 10);
    assert_eq!(scan.advance(&endless), Ok(None));
    endless.resize(1 << 10, b'a');
    assert_eq!(scan.advance(&endless), Ok(None));
    endless.push(b'a');
    assert!(scan.advance(&endless).is_err());
}

#[test]
fn nesting_of_any_depth_is_skipped() {
    let mut deep = unhex("0081a3457973");
    deep.extend(core::iter::repeat_n(0x91, 500_000));
    deep.push(0xc0);
    assert_eq!(Scan::request(LIMIT).advance(&deep), Ok(Some(deep.len())));
    assert!(decode_request(&deep).is_ok());
}

#[test]
fn names_that_are_no_text_or_too_long_are_refused() {
    assert_eq!(decode_request(&unhex("0381a24944a1ff")), Err(WireError::NotText("the sender's id")));
    let long = [unhex("0381a24944da0401"), vec![b'a'; 1025]].concat();
    assert!(matches!(decode_request(&long), Err(WireError::TooLong { .. })));
}

#[test]
fn numbers_near_the_maximum_are_refused() {
    // {"Term": ..} of each kind, at the limit and above it.
    for kind in ["00", "01", "03", "04"] {
        let at = |number: &str| decode_request(&unhex(&format!("{kind}81a45465726dcf{number}")));
        assert!(at("4000000000000000").is_ok(), "{kind}");
        assert_eq!(at("4000000000000001"), Err(WireError::OutOfRange("a term")), "{kind}");
        assert_eq!(at("ffffffffffffffff"), Err(WireError::OutOfRange("a term")), "{kind}");
    }
    let prev = unhex("0081ac507265764c6f67456e747279cfffffffffffffffff");
    assert_eq!(decode_request(&prev), Err(WireError::OutOfRange("an index")));
    let last = unhex("a081a74c6173744c6f67cfffffffffffffffff");
    assert_eq!(decode_reply(Kind::AppendEntries, &last), Err(WireError::OutOfRange("an index")));
}

#[test]
fn a_negative_size_and_an_unknown_call_are_refused() {
    let mut snapshot = unhex("0282a453697a65ffaf536e617073686f7456657273696f6e07");
    assert_eq!(decode_request(&snapshot), Err(WireError::UnknownSnapshotVersion(7)));
    snapshot.pop();
    snapshot.push(0);
    assert!(decode_request(&snapshot).is_err());
    assert_eq!(decode_request(&unhex("0580")), Err(WireError::UnknownCall(5)));
    assert_eq!(decode_request(&[]), Err(WireError::Truncated));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn random_bytes_are_never_more_than_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0_u8..5) {
        let _ = decode_request(&bytes);
        let _ = scan(&bytes);
        let _ = decode_reply(Kind::from_byte(kind).unwrap(), &bytes);
        let _ = decode_configuration(&bytes);
        let _ = decode_peers(&bytes);
        let _ = decode_entry(&bytes);
        // The same behind a call that there is, so that more of them get past the first byte.
        bytes.splice(0..0, [kind, 0x8f]);
        let _ = decode_request(&bytes);
    }

    #[test]
    fn a_call_with_some_bytes_changed_is_never_more_than_an_error(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = call();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let decoded = decode_request(&bytes);
        if decoded.is_ok() {
            prop_assert_eq!(scan(&bytes), Ok(Some(bytes.len())));
        }
    }
}

//! What the values, keys and failures of a history mean: each file of `histories` with its right verdict.

use crate::{CheckResult, FailedCas, Finding, HistoryFormat, Judgement, KeyModel, judge};

const REFUSED_CAS: &str = include_str!("histories/a_cas_is_refused_by_the_network.jsonl");
const BIG_INTEGERS: &str = include_str!("histories/two_integers_above_2_64.jsonl");
const BEGINS_WITH_0: &str = include_str!("histories/a_register_begins_with_0.jsonl");
const INDEPENDENT: &str = include_str!("histories/independent_keys.jsonl");

fn judged(text: &str, format: impl Into<HistoryFormat>) -> Judgement {
    judge(text, format, &mut || true).unwrap()
}

fn holds(text: &str, format: impl Into<HistoryFormat>) -> bool {
    judged(text, format).finding == Finding::Linearizable
}

fn error(text: &str, format: impl Into<HistoryFormat>) -> String {
    judge(text, format, &mut || true).unwrap_err().to_string()
}

#[test]
fn a_cas_that_failed_with_an_error_was_not_done() {
    assert!(holds(REFUSED_CAS, KeyModel::CasRegister));
    // If it was done, the value would be 2.
    let done = REFUSED_CAS.replace(r#""read", "value": 1}"#, r#""read", "value": 2}"#);
    assert_ne!(done, REFUSED_CAS);
    assert!(!holds(&done, KeyModel::CasRegister));
}

#[test]
fn a_cas_that_failed_without_an_error_found_another_value() {
    for no_error in ["", r#", "error": null"#] {
        let text = REFUSED_CAS.replace(r#", "error": ["connection-refused"]"#, no_error);
        assert_ne!(text, REFUSED_CAS);
        assert!(!holds(&text, KeyModel::CasRegister), "the value was 1 all the time");
        assert!(holds(&text.replace("[1, 2]", "[3, 2]"), KeyModel::CasRegister));
    }
}

#[test]
fn an_option_says_what_every_failed_cas_means() {
    let without_error = REFUSED_CAS.replace(r#", "error": ["connection-refused"]"#, "");
    let meaning = |failed_cas| HistoryFormat::from(KeyModel::CasRegister).with_failed_cas(failed_cas);
    for text in [REFUSED_CAS, &without_error] {
        assert!(!holds(text, meaning(FailedCas::Mismatch)));
        assert!(holds(text, meaning(FailedCas::NotDone)));
    }
    for failed_cas in [FailedCas::ByError, FailedCas::Mismatch, FailedCas::NotDone] {
        assert_eq!(failed_cas.to_string().parse(), Ok(failed_cas));
    }
    let error = "never".parse::<FailedCas>().unwrap_err();
    assert_eq!(error, "unknown meaning \"never\" of a failed cas: expected by-error, mismatch or not-done");
}

#[test]
fn two_integers_above_2_64_are_two_values() {
    assert!(!holds(BIG_INTEGERS, KeyModel::CasRegister));
    assert!(holds(&BIG_INTEGERS.replace("617", "616"), KeyModel::CasRegister));
    assert!(holds(
        &BIG_INTEGERS.replace("18446744073709551617", "1.8446744073709551616e19"),
        KeyModel::Register
    ));
}

#[test]
fn numbers_and_keys_are_compared_by_value() {
    let text = r#"
        {"process":0,"type":"invoke","f":"write","key":{"a":1,"b":"x"},"value":[1.0,{"c":10e-1}]}
        {"process":0,"type":"ok","f":"write","key":{"b":"\u0078","a":1.0},"value":[1,{"c":1}]}
        {"process":0,"type":"invoke","f":"read","key":{"b":"x","a":1e0},"value":null}
        {"process":0,"type":"ok","f":"read","key":{"a":1,"b":"x"},"value":[1,{"c":0.1e1}]}
    "#;
    let judged = judged(text, KeyModel::Register);
    assert_eq!((judged.keys.len(), judged.finding), (1, Finding::Linearizable));
    assert!(!holds(&text.replace("0.1e1", "0.1e2"), KeyModel::Register));
}

#[test]
fn a_conflict_shows_numbers_as_they_were_written() {
    let Finding::Violation(conflict) = judged(BIG_INTEGERS, KeyModel::Register).finding else { panic!() };
    let shown = conflict.to_string();
    assert!(shown.contains("read 18446744073709551617, line 3 to 4"), "{shown}");
}

#[test]
fn a_huge_exponent_is_compared_or_refused() {
    let text = |seen: &str| {
        format!(
            "{}\n{}\n{}\n{}\n",
            r#"{"process":0,"type":"invoke","f":"write","value":1e1000000000000}"#,
            r#"{"process":0,"type":"ok","f":"write","value":1e1000000000000}"#,
            r#"{"process":0,"type":"invoke","f":"read"}"#,
            format_args!(r#"{{"process":0,"type":"ok","f":"read","value":{seen}}}"#),
        )
    };
    assert!(holds(&text("10e999999999999"), KeyModel::Register));
    assert!(!holds(&text("10e1000000000000"), KeyModel::Register));
    let expected = "line 4: number 1e99999999999999999999: the exponent does not fit into 64 bits";
    assert_eq!(error(&text("1e99999999999999999999"), KeyModel::Register), expected);
}

#[test]
fn an_option_gives_the_initial_value() {
    let begins_with = |json| HistoryFormat::from(KeyModel::CasRegister).with_initial(json);
    assert!(holds(BEGINS_WITH_0, begins_with("0").unwrap()));
    assert!(holds(BEGINS_WITH_0, begins_with("0.0").unwrap()));
    assert!(!holds(BEGINS_WITH_0, begins_with("1").unwrap()));
    assert!(!holds(BEGINS_WITH_0, KeyModel::CasRegister));
    assert_eq!(begins_with("0 0").unwrap_err(), "not JSON: trailing characters");
    let kv = |json| HistoryFormat::from(KeyModel::Kv).with_initial(json);
    assert_eq!(kv("0").unwrap_err(), "the kv model allows only strings, not the value 0");
    let text = r#"
        {"process":0,"type":"invoke","f":"append","value":"b"}
        {"process":0,"type":"ok","f":"append","value":"b"}
        {"process":0,"type":"invoke","f":"read"}
        {"process":0,"type":"ok","f":"read","value":"ab"}
    "#;
    assert!(holds(text, kv(r#""a""#).unwrap()));
    assert!(!holds(text, KeyModel::Kv));
}

#[test]
fn independent_keys_have_a_verdict_each() {
    let format = || HistoryFormat::from(KeyModel::CasRegister).with_independent_keys();
    let verdicts = |text: &str| {
        let keys = judged(text, format()).keys.into_iter();
        keys.map(|it| (it.key, it.operations, it.result)).collect::<Vec<_>>()
    };
    let (a, b) = (r#""a""#.to_owned(), r#""b""#.to_owned());
    let both = [(a.clone(), 2, CheckResult::Linearizable), (b.clone(), 1, CheckResult::Linearizable)];
    assert_eq!(verdicts(INDEPENDENT), both);

    // The last read of `a` returns the value of `b`.
    let wrong = INDEPENDENT.replace(r#""read", "value": ["a", 1]}"#, r#""read", "value": ["a", 2]}"#);
    assert_ne!(wrong, INDEPENDENT);
    assert_eq!(verdicts(&wrong), [(a, 2, CheckResult::Illegal), (b, 1, CheckResult::Linearizable)]);
    let Finding::Violation(conflict) = judged(&wrong, format()).finding else { panic!() };
    assert_eq!(conflict.to_string(), "key \"a\":\n  process 1: read 2, line 5 to 6: ok (0 to 0 ns)");
}

#[test]
fn an_independent_cas_and_a_value_that_was_left_out() {
    let text = r#"
        {"process":"nemesis","type":"info","f":"start","value":"n1"}
        {"process":0,"type":"invoke","f":"cas","value":[7,[null,1]]}
        {"process":0,"type":"info","f":"cas","value":null,"error":"timeout"}
        {"process":1,"type":"invoke","f":"read","value":[7.0,null]}
        {"process":1,"type":"ok","f":"read","value":[7,1]}
    "#;
    let format = HistoryFormat::from(KeyModel::CasRegister).with_independent_keys();
    let judged = judged(text, format.clone());
    assert_eq!((judged.keys.len(), judged.operations, judged.finding), (1, 2, Finding::Linearizable));
    let line = |value: &str| {
        error(&format!(r#"{{"process":0,"type":"invoke","f":"write","value":{value}}}"#), format.clone())
    };
    assert_eq!(line("1"), "line 1: value is 1: expected [key, value]");
    assert_eq!(line("null"), "line 1: value is null: expected [key, value]");
    assert_eq!(line("[1,2,3]"), "line 1: value is [1,2,3]: expected [key, value]");
    let both = line(r#"["a",1],"key":"b""#);
    let expected =
        "line 1: key is \"b\": in an independent test the key is given only in the value [key, value]";
    assert_eq!(both, expected);
}

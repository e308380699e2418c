use crate::{Finding, Judgement, KeyModel, judge};

fn judged(text: &str, model: KeyModel) -> Judgement {
    judge(text, model, &mut || true).unwrap()
}

fn finding(text: &str, model: KeyModel) -> Finding {
    judged(text, model).finding
}

/// The error that a text gets.
fn error(text: &str, model: KeyModel) -> String {
    judge(text, model, &mut || true).unwrap_err().to_string()
}

#[test]
fn an_empty_history_is_linearizable() {
    let expected = Judgement { operations: 0, keys: Vec::new(), finding: Finding::Linearizable };
    assert_eq!(judged("", KeyModel::Kv), expected);
    assert_eq!(judged("\n  \r\n", KeyModel::Kv), expected);
}

#[test]
fn keys_are_independent() {
    let text = r#"
        {"process":0,"type":"invoke","f":"write","key":"x","value":1,"time":1}
        {"process":0,"type":"ok","f":"write","key":"x","value":1,"time":2}
        {"process":0,"type":"invoke","f":"read","key":"y","value":null,"time":3}
        {"process":0,"type":"ok","f":"read","key":"y","value":null,"time":4}
    "#;
    let judged = judged(text, KeyModel::Register);
    assert_eq!((judged.keys.len(), judged.operations, judged.finding), (2, 2, Finding::Linearizable));
}

#[test]
fn a_violation_says_which_lines() {
    let text = r#"
        {"process":0,"type":"invoke","f":"write","key":"x","value":"a","time":1}
        {"process":1,"type":"invoke","f":"read","key":"x","value":null,"time":1}
        {"process":1,"type":"ok","f":"read","key":"x","value":null,"time":1}
        {"process":0,"type":"ok","f":"write","key":"x","value":"a","time":2}
        {"process":1,"type":"invoke","f":"read","key":"x","value":null,"time":3}
        {"process":1,"type":"ok","f":"read","key":"x","value":"","time":4}
    "#;
    let Finding::Violation(conflict) = finding(text, KeyModel::Kv) else { panic!("it is stale") };
    let expected = "key \"x\":\n  process 0: write \"a\", line 2 to 5: ok (1 to 2 ns)\
                    \n  process 1: read \"\", line 6 to 7: ok (3 to 4 ns)";
    assert_eq!(conflict.to_string(), expected);
}

#[test]
fn any_failure_but_that_of_a_cas_did_nothing() {
    let write = r#"
        {"process":0,"type":"invoke","f":"write","value":1,"time":1}
        {"process":0,"type":"fail","f":"write","value":1,"time":2}
        {"process":0,"type":"invoke","f":"read","time":3}
        {"process":0,"type":"ok","f":"read","value":1,"time":4}
    "#;
    assert!(matches!(finding(write, KeyModel::Register), Finding::Violation(_)));
}

#[test]
fn an_operation_with_info_or_without_completion_may_have_happened() {
    for end in [r#"{"process":0,"type":"info","f":"write","value":1,"time":2}"#, ""] {
        for seen in ["1", "null"] {
            let text = format!(
                "{{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1,\"time\":1}}\n{end}\n\
                 {{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"time\":3}}\n\
                 {{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":{seen},\"time\":4}}\n"
            );
            assert_eq!(finding(&text, KeyModel::Register), Finding::Linearizable);
        }
    }
}

#[test]
fn null_is_the_empty_string_to_the_kv_model() {
    let text = r#"
        {"process":"a","type":"invoke","f":"cas","value":[null,"x"],"time":1}
        {"process":"a","type":"ok","f":"cas","value":["","x"],"time":2}
        {"process":"a","type":"invoke","f":"write","value":null,"time":3}
        {"process":"a","type":"ok","f":"write","value":"","time":4}
        {"process":"a","type":"invoke","f":"append","value":"y","time":5}
        {"process":"a","type":"ok","f":"append","value":"y","time":6}
        {"process":"a","type":"invoke","f":"read","time":7}
        {"process":"a","type":"ok","f":"read","value":"y","time":8}
    "#;
    assert_eq!(finding(text, KeyModel::Kv), Finding::Linearizable);
}

#[test]
fn a_stopped_search_says_how_much_is_open() {
    let text = r#"
        {"process":0,"type":"invoke","f":"write","value":1,"time":1}
        {"process":0,"type":"ok","f":"write","value":1,"time":2}
    "#;
    let judged = judge(text, KeyModel::Register, &mut || false).unwrap();
    assert_eq!(judged.finding, Finding::Unknown { undecided: 1 });
}

const INVOKE: &str = r#"{"process":0,"type":"invoke","f":"write","key":"x","value":1,"time":5}"#;

#[test]
fn each_kind_of_bad_line_has_its_message() {
    let after = |line: &str| error(&format!("{INVOKE}\n{line}\n"), KeyModel::CasRegister);
    let cases = [
        ("{\"process\":0,", "line 2: not JSON: EOF while parsing a value at column 13"),
        ("5", "line 2: invalid type: integer `5`, expected struct Line"),
        (r#"{"process":0,"f":"read","time":6}"#, "line 2: missing field `type`"),
        (
            r#"{"process":1,"type":"begin","f":"read","time":6}"#,
            "line 2: unknown type \"begin\": expected invoke, ok, fail or info",
        ),
        (
            r#"{"process":1,"type":"invoke","f":"scan","time":6}"#,
            "line 2: unknown operation \"scan\": expected read, write, cas or append",
        ),
        (
            r#"{"process":1,"type":"invoke","f":"append","value":"a","time":6}"#,
            "line 2: the cas-register model does not allow append",
        ),
        (r#"{"process":1,"type":"invoke","time":6}"#, "line 2: the invocation has no field `f`"),
        (
            r#"{"process":1,"type":"invoke","f":"cas","value":1,"time":6}"#,
            "line 2: the value of a cas must be [expected, new], not 1",
        ),
        (
            r#"{"process":1,"type":"ok","f":"read","time":6}"#,
            "line 2: process 1 completes an operation, but has no pending operation",
        ),
        (
            r#"{"process":0,"type":"invoke","f":"read","time":6}"#,
            "line 2: process 0 invokes an operation before its previous operation has completed",
        ),
        (
            r#"{"process":0,"type":"ok","f":"write","time":4}"#,
            "line 2: time is 4, but the time of an earlier line is 5",
        ),
        (
            r#"{"process":0,"type":"ok","f":"write","time":"now"}"#,
            "line 2: time is \"now\": expected a whole number of nanoseconds",
        ),
        (
            r#"{"process":null,"type":"ok","f":"write","time":6}"#,
            "line 2: process is null: expected a number or a name",
        ),
        (
            r#"{"process":0,"type":"ok","f":"read","time":6}"#,
            "line 2: the completed operation is read, but write was invoked",
        ),
        (
            r#"{"process":0,"type":"ok","f":"write","key":"y","time":6}"#,
            "line 2: the operation completes on key \"y\", but was invoked on key \"x\"",
        ),
        (
            r#"{"process":0,"type":"ok","f":"write","value":2,"time":6}"#,
            "line 2: the operation completes with value 2, but was invoked with value 1",
        ),
    ];
    for (line, message) in cases {
        assert_eq!(after(line), message);
    }
    assert_eq!(error(INVOKE, KeyModel::Kv), "line 1: the kv model allows only strings, not the value 1");
}

#[test]
fn models_have_names() {
    for model in [KeyModel::Register, KeyModel::CasRegister, KeyModel::Kv] {
        assert_eq!(model.to_string().parse(), Ok(model));
    }
    let error = "etcd".parse::<KeyModel>().unwrap_err();
    assert_eq!(error, "unknown model \"etcd\": expected register, cas-register or kv");
}

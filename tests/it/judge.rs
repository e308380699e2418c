//! `wavetank judge` on histories of other systems.

use super::cli::{scratch, wavetank};
use std::fs;

#[test]
fn a_history_is_judged() {
    let lines = |read: &str| {
        let event = |process, kind, f, value: &str, time| {
            format!(r#"{{"process":{process},"type":"{kind}","f":"{f}","value":{value},"time":{time}}}"#)
        };
        let invoke = event(1, "invoke", "read", "null", 30);
        let written = [event(0, "invoke", "write", "1", 10), event(0, "ok", "write", "1", 20)].join("\n");
        format!("{written}\n{invoke}\n{}\n", event(1, "ok", "read", read, 40))
    };
    let file = scratch("history.jsonl");
    let judge = |text: &str| {
        fs::write(&file, text).expect("the file can be written");
        wavetank(&format!("judge {} --model register", file.display()))
    };

    let good = judge(&lines("1"));
    assert_eq!((good.code, good.out.as_str()), (0, "linearizable: 2 operations on 1 key\n"));
    let bad = judge(&lines("null"));
    assert_eq!(bad.code, 2);
    assert!(bad.out.starts_with("not linearizable: ") && bad.out.contains("process 1: read"), "{}", bad.out);
    for nonsense in ["{\n", "{\"process\": 1}\n", &lines("1")[..50]] {
        let said = judge(nonsense);
        assert_eq!((said.code, said.err.lines().count()), (1, 1), "{}", said.err);
        assert!(said.err.contains("is not a history: line 1"), "{}", said.err);
    }
    fs::remove_file(file).expect("the file exists");
}

#[test]
fn options_say_how_a_history_is_to_be_read() {
    let histories = concat!(env!("CARGO_MANIFEST_DIR"), "/../sim/linear/src/tests/histories");
    let judge = |rest: &str| wavetank(&format!("judge {histories}/{rest}"));
    let cases = [
        ("a_cas_is_refused_by_the_network.jsonl", 0),
        ("a_cas_is_refused_by_the_network.jsonl --failed-cas mismatch", 2),
        ("a_cas_is_refused_by_the_network.jsonl --failed-cas not-done", 0),
        ("two_integers_above_2_64.jsonl", 2),
        ("a_register_begins_with_0.jsonl", 2),
        ("a_register_begins_with_0.jsonl --initial 0.0", 0),
        ("a_register_begins_with_0.jsonl --initial -1", 2),
        ("independent_keys.jsonl", 2),
    ];
    for (rest, code) in cases {
        let said = judge(rest);
        assert_eq!(said.code, code, "{rest}: {}{}", said.out, said.err);
    }
    let said = judge("independent_keys.jsonl --independent");
    let verdicts = "key \"a\": linearizable: 2 operations\nkey \"b\": linearizable: 1 operation\n";
    assert_eq!(said.out, format!("linearizable: 3 operations on 2 keys\n{verdicts}"));
    let said = judge("independent_keys.jsonl --independent --initial 7 --model register");
    assert_eq!((said.code, said.out.lines().count()), (0, 3));
    let said = judge("independent_keys.jsonl --independent --initial [1");
    let expected = "error: --initial `[1`: not JSON: EOF while parsing a list\n";
    assert_eq!((said.code, said.err.as_str()), (1, expected));
}

#[test]
fn a_history_that_is_too_hard_is_unknown() {
    // The history has many concurrent writes of unknown outcome, and a read of a value that no order of
    // them produces.
    let mut text = String::new();
    for process in 0..400 {
        let value = process % 50;
        text += &format!(r#"{{"process":{process},"type":"invoke","f":"append","value":"{value},"}}"#);
        text.push('\n');
    }
    text += "{\"process\":900,\"type\":\"invoke\",\"f\":\"read\"}\n";
    let end: String = (0..50).rev().flat_map(|value| [value; 8]).map(|value| format!("{value},")).collect();
    text += &format!("{{\"process\":900,\"type\":\"ok\",\"f\":\"read\",\"value\":\"x{end}\"}}\n");
    let file = scratch("hard.jsonl");
    fs::write(&file, text).expect("the file can be written");
    let said = wavetank(&format!("judge {} --model kv --budget 1", file.display()));
    fs::remove_file(file).expect("the file exists");
    assert!([2, 5].contains(&said.code), "{}", said.out);
    assert_eq!(said.code == 5, said.out.starts_with("unknown: "), "{}", said.out);
}

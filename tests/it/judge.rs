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
    let empty = judge("");
    assert_eq!((empty.code, empty.out.as_str()), (5, "vacuous: the history has no operation\n"));
    for nonsense in ["{\n", "{\"process\": 1}\n", &lines("1")[..50]] {
        let said = judge(nonsense);
        assert_eq!((said.code, said.err.lines().count()), (1, 1), "{}", said.err);
        assert!(said.err.contains("is not a history: line 1"), "{}", said.err);
    }
    fs::remove_file(file).expect("the file exists");
}

/// A history in the shape that Jepsen writes: keywords, a nemesis, and independent keys as pairs.
const EDN: &str = "\
{:type :info, :f :start-partition, :value [:isolated {\"n1\" #{\"n2\"}}], :process :nemesis, :time 5, :index 0}
{:type :invoke, :f :write, :value [3 1], :process 0, :time 10, :index 1}
{:type :ok, :f :write, :value [3 1], :process 0, :time 20, :index 2}
{:type :invoke, :f :cas, :value [3 [1 2]], :process 1, :time 30, :index 3}
{:type :info, :f :cas, :value [3 [1 2]], :process 1, :time 40, :error :timeout, :index 4}
{:type :invoke, :f :read, :value [3 nil], :process 0, :time 50, :index 5}
{:type :ok, :f :read, :value [3 2], :process 0, :time 60, :index 6}
{:type :invoke, :f :read, :value [3 nil], :process 2, :time 70, :index 7}
{:type :ok, :f :read, :value [3 READ], :process 2, :time 80, :index 8}
";

#[test]
fn the_history_in_the_help_is_judged() {
    let help = wavetank("judge --help").out;
    let lines: Vec<_> = help.lines().map(str::trim).filter(|line| line.starts_with("{\"process\"")).collect();
    assert_eq!(lines.len(), 2, "{help}");
    let file = scratch("help.jsonl");
    fs::write(&file, lines.join("\n")).expect("the file can be written");
    for model in ["kv", "cas-register"] {
        let said = wavetank(&format!("judge {} --model {model}", file.display()));
        assert_eq!(
            (said.code, said.out.as_str()),
            (0, "linearizable: 1 operation on 1 key\n"),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_history_of_jepsen_is_judged_and_has_a_page() {
    let (file, page) = (scratch("history.edn"), scratch("history.html"));
    let judge = |text: &str, rest: &str| {
        fs::write(&file, text).expect("the file can be written");
        wavetank(&format!("judge {} --independent {rest}", file.display()))
    };
    let good = judge(&EDN.replace("READ", "2"), "");
    assert_eq!(
        (good.code, good.out.lines().next()),
        (0, Some("linearizable: 4 operations on 1 key")),
        "{}",
        good.err
    );
    let bad = judge(&EDN.replace("READ", "1"), &format!("--page {}", page.display()));
    assert_eq!(bad.code, 2, "{}", bad.err);
    assert!(bad.out.contains("process 2: read 1, line 8 to 9"), "{}", bad.out);
    let html = fs::read_to_string(&page).expect("the page was just written");
    assert!(
        html.contains("Before the completion of the following operation, 3 operations can be ordered"),
        "{html}"
    );
    assert!(
        html.contains("class=\"conflict\"") && html.contains(">✕ read 1<") && html.contains("1. write 1"),
        "{html}"
    );
    for outside in ["http://", "https://", "src=", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
    for (nonsense, line) in
        [("#{", 1), ("{:type :ok, :f :read, :value nil, :process 0}\n\n:word", 3), ("[1 2]", 1)]
    {
        let said = judge(nonsense, "");
        assert_eq!((said.code, said.err.lines().count()), (1, 1), "{}", said.err);
        assert!(said.err.contains(&format!("is not a history: line {line}: ")), "{}", said.err);
    }
    let unwritable = judge(EDN, "--page /no/such/directory/page.html");
    assert_eq!((unwritable.code, unwritable.err.lines().count()), (1, 1), "{}", unwritable.err);
    [file, page].into_iter().for_each(|path| fs::remove_file(path).expect("the file exists"));
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

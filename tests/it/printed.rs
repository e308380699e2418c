//! The printed source of a plan is Rust, and gives the same plan.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::time::Duration;
use wavetank_raft::{ReadPath, Span};
use wavetank_sim::plan::fault_id::{FaultId, MessageFault};
use wavetank_sim::plan::fault_kind::{Reactive, Scheduled};
use wavetank_sim::plan::rng::{Ratio, Spans};
use wavetank_sim::plan::{Budget, InitialState, RandomDelay, Recurrence, ReplacedOperation};
use wavetank_sim::shrink::strategies;
use wavetank_sim::{JudgeLevel, Plan, ServerIdx, shrink};

proptest! {
    #[test]
    fn the_printed_source_gives_the_same_plan(
        seed in any::<u64>(),
        is_beyond in any::<bool>(),
        drawn in strategies::storms(),
    ) {
        let storm = if is_beyond { Plan::storm_beyond_budget(seed) } else { Plan::storm(seed) };
        for plan in [storm, drawn] {
            let text = shrink::source(&plan);
            prop_assert_eq!(read(&text), plan, "{}", text);
        }
    }
}

/// The compiler reads the same text as the test. The text has every kind of value.
#[test]
fn the_printed_source_compiles() {
    let plan: Plan = include!("printed_plan.in");
    let pasted = format!("{{\n{}plan\n}}\n", shrink::source(&plan));
    assert_eq!(pasted, include_str!("printed_plan.in"));
    assert_eq!(read(&shrink::source(&plan)), plan);
    let text = shrink::source(&plan);
    for part in [
        "late_read",
        "machines.stall",
        "heal.lone",
        "Scheduled",
        "Reactive",
        "OnWay",
        "reads",
        "clients.command",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

/// The plan that the statements produce.
fn read(text: &str) -> Plan {
    let mut text = text;
    expect(&mut text, "let mut plan = Plan::calm(");
    let calm = values(&mut text, ')');
    expect(&mut text, ";");
    let number = |at: usize| calm[at].as_u64().expect("the value is a number");
    let servers = u8::try_from(number(1)).expect("the number of servers is small");
    let mut plan = serde_json::to_value(Plan::calm(number(0), servers)).expect("plans can be written");
    while !text.trim_start().is_empty() {
        expect(&mut text, "plan.");
        let path = word(&mut text);
        expect(&mut text, "=");
        let field = path.split('.').fold(&mut plan, |value, name| &mut value[name]);
        *field = value(&mut text);
        expect(&mut text, ";");
    }
    serde_json::from_value(plan).unwrap_or_else(|error| panic!("{error}"))
}

fn value(text: &mut &str) -> Value {
    *text = text.trim_start();
    if eat(text, "[") {
        let list = values(text, ']');
        expect(text, ".into()");
        let pairs = list.iter().map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair[1].clone())));
        return pairs
            .collect::<Option<Map<_, _>>>()
            .filter(|map| !map.is_empty())
            .map_or_else(|| list.into(), Value::from);
    }
    if eat(text, "(") {
        return values(text, ')').into();
    }
    let name = word(text);
    if eat(text, "(") {
        called(&name, values(text, ')'))
    } else if eat(text, " {") {
        let mut fields = Map::new();
        while !eat(text, " }") {
            *text = text.trim_start_matches([',', ' ']);
            let name = word(text);
            expect(text, ":");
            fields.insert(name, value(text));
        }
        fields.into()
    } else if name == "None" {
        Value::Null
    } else {
        serde_json::from_str(&name).unwrap_or_else(|_| last(&name).into())
    }
}

/// The value of a call, or of a variant with fields.
fn called(name: &str, mut parts: Vec<Value>) -> Value {
    let times = |unit: u64| {
        parts.iter().map(|part| part.as_u64().expect("the value is a number") * unit).collect::<Vec<_>>()
    };
    match name {
        "Span::us" | "Duration::from_micros" => times(1)[0].into(),
        "Span::ms" | "Duration::from_millis" => times(1_000)[0].into(),
        "Span::s" | "Duration::from_secs" => times(1_000_000)[0].into(),
        "Spans::us" => json!({ "min": times(1)[0], "max": times(1)[1] }),
        "Spans::ms" => json!({ "min": times(1_000)[0], "max": times(1_000)[1] }),
        "Ratio::new" => json!({ "n": parts[0], "d": parts[1] }),
        "Some" | "ServerIdx" => parts.remove(0),
        variant => json!({ last(variant): parts }),
    }
}

fn last(name: &str) -> &str {
    name.rsplit("::").next().expect("a name has a last part")
}

fn values(text: &mut &str, end: char) -> Vec<Value> {
    let mut values = Vec::new();
    loop {
        *text = text.trim_start_matches([',', ' ', '\n']);
        if eat(text, &end.to_string()) {
            return values;
        }
        values.push(value(text));
    }
}

fn word(text: &mut &str) -> String {
    *text = text.trim_start();
    let is_in = |letter: char| letter.is_alphanumeric() || "_.:".contains(letter);
    let end = text.find(|letter| !is_in(letter)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    // The colon after the name of a field does not belong to the name.
    let word = word.strip_suffix(':').unwrap_or(word);
    *text = &text[word.len()..];
    assert!(!word.is_empty(), "expected a word before {rest}");
    word.to_owned()
}

fn eat(text: &mut &str, what: &str) -> bool {
    let rest = text.strip_prefix(what);
    *text = rest.unwrap_or(text);
    rest.is_some()
}

fn expect(text: &mut &str, what: &str) {
    *text = text.trim_start();
    assert!(eat(text, what), "expected `{what}` at the beginning of {}", &text[..text.len().min(60)]);
}

//! Prints a plan as Rust source. The source has one statement for each field that differs from the same field
//! of a calm plan.

use crate::plan::Plan;
use crate::plan::fields::Value;
use wavetank_raft::Span;

/// Returns the Rust source of a plan.
pub(super) fn of(plan: &Plan) -> String {
    let (new, old) = (Value::of(plan), Value::of(&Plan::calm(plan.seed, plan.servers)));
    let mut text = format!("let mut plan = Plan::calm({}, {});\n", plan.seed, plan.servers);
    for (path, value) in new.differences(&old) {
        text += &format!("{path} = {};\n", rust(value));
    }
    text
}

fn rust(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Plain(text) => text.clone(),
        Value::Span(span) => one(*span, ["Span::s", "Span::ms", "Span::us"]),
        Value::Duration(span) => {
            one(*span, ["Duration::from_secs", "Duration::from_millis", "Duration::from_micros"])
        }
        Value::Named(name, parts) if name == "EventOrder::Scheduled" => schedule("scheduled", parts),
        Value::Named(name, parts) if name == "EventOrder::HealedAfter" => schedule("healed_after", parts),
        Value::Named(name, parts) if parts.is_empty() => name.clone(),
        Value::Named(name, parts) => format!("{name}({})", all(parts)),
        Value::Struct(name, fields) => match (*name, &fields[..]) {
            ("Spans", [(_, Value::Span(min)), (_, Value::Span(max))]) => range(*min, *max),
            ("Ratio", [(_, Value::Number(n)), (_, Value::Number(d))]) => format!("Ratio::new({n}, {d})"),
            _ => {
                let fields = fields.iter().map(|(name, value)| format!("{name}: {}", rust(value)));
                format!("{name} {{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
        },
        // The field decides the type: `Vec`, `BTreeSet` or `BTreeMap`. So the source leaves the
        // conversion to `into()`.
        Value::List(values) => match all(values) {
            short if short.len() < 100 => format!("[{short}].into()"),
            _ => {
                let lines = values.iter().map(|value| format!("\n    {},", rust(value)));
                format!("[{}\n].into()", lines.collect::<String>())
            }
        },
    }
}

/// Returns a call of a function that makes the order of events from the texts of the elements.
fn schedule(function: &str, parts: &[Value]) -> String {
    let Some(Value::List(elements)) = parts.last() else { return "EventOrder::Drawn".to_owned() };
    if elements.is_empty() {
        return format!("EventOrder::{function}(&[])");
    }
    let lines = elements.iter().map(|element| format!("\n    {},", rust(element)));
    format!("EventOrder::{function}(&[{}\n])", lines.collect::<String>())
}

/// Returns the Rust source of a test. `run` is an expression that runs the plan in the variable `plan` and has the
/// type [`Run`](crate::runner::Run). The test fails if the run fails.
pub(super) fn test(name: &str, plan: &Plan, run: &str) -> String {
    let plan = of(plan).lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "#[test]\nfn {name}() {{\n    use wavetank_sim::shrink::prelude::*;\n\n{plan}    let verdict = \
         {run}.report.verdict;\n    assert_eq!(Failure::of(&verdict), None, \"{{verdict}}\");\n}}\n"
    )
}

fn all(values: &[Value]) -> String {
    values.iter().map(rust).collect::<Vec<_>>().join(", ")
}

/// Returns the Rust source of a span: a call of one of the three functions. The argument of the function is
/// in seconds, in milliseconds or in microseconds, in this order.
fn one(span: Span, [seconds, millis, micros]: [&str; 3]) -> String {
    match span.0 {
        us if us % 1_000_000 == 0 && 0 < us => format!("{seconds}({})", us / 1_000_000),
        us if us % 1_000 == 0 && 0 < us => format!("{millis}({})", us / 1_000),
        us => format!("{micros}({us})"),
    }
}

fn range(min: Span, max: Span) -> String {
    match (min.0 % 1_000, max.0 % 1_000) {
        (0, 0) => format!("Spans::ms({}, {})", min.0 / 1_000, max.0 / 1_000),
        (_, _) => format!("Spans::us({}, {})", min.0, max.0),
    }
}

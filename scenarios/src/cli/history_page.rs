//! The page of a history that is not linearizable: the operations that cannot be ordered (the conflict), and
//! the longest legal order of operations that the search found.

use super::report::escaped;
use std::collections::BTreeMap;
use std::fmt::Write;
use wavetank_sim::linear::{Explanation, OperationText};

/// The maximum number of drawn operations up to the last operation of the conflict. If there are more operations,
/// only the last operations are drawn. After the conflict, at most a quarter of this number is drawn.
const DRAWN: usize = 300;

/// The maximum number of operations of the order that the page lists. If the order has more operations, the
/// page lists the last operations.
const LISTED: usize = 120;

const ROW: usize = 30;
const LEFT: usize = 110;

/// The state of an operation in the picture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The operation is in the conflict. The value is the position of the operation in the order, from 1 on; `None`
    /// if the operation is not in the order.
    Conflict(Option<usize>),
    /// The operation is in the order and not in the conflict. The value is the position in the order, from 1 on.
    Ordered(usize),
    Neither,
}

/// Returns the page of a history that is not linearizable.
pub(crate) fn html(named: &str, explanation: &Explanation) -> String {
    let Explanation { key, operations, conflict, prefix } = explanation;
    let order: &[usize] = prefix.as_ref().map_or(&[], |prefix| &prefix.order);
    let mut marks = vec![Mark::Neither; operations.len()];
    for (at, &operation) in order.iter().enumerate() {
        marks[operation] = Mark::Ordered(at + 1);
    }
    for &operation in conflict {
        let number = if let Mark::Ordered(number) = marks[operation] { Some(number) } else { None };
        marks[operation] = Mark::Conflict(number);
    }
    let refused = prefix.as_ref().map(|prefix| &operations[prefix.refused]);
    let summary = refused.map_or_else(String::new, |refused| {
        format!(
            "Before the completion of the following operation, {} operations can be ordered. With this completion, no \
             order explains the outputs: {refused}",
            order.len()
        )
    });
    let listed = order.len().saturating_sub(LISTED);
    let omitted = if 0 < listed { format!(" (its last {LISTED} operations)") } else { String::new() };
    let items = |numbers: &[usize]| -> String {
        numbers.iter().map(|&at| format!("<li>{}</li>", escaped(&operations[at].to_string()))).collect()
    };
    include_str!("history_page.html")
        .replace("{{title}}", &escaped(&format!("{named}: key {key} is not linearizable")))
        .replace("{{summary}}", &escaped(&summary))
        .replace("{{omitted}}", &omitted)
        .replace("{{start}}", &format!(" start=\"{}\"", listed + 1))
        .replace("{{conflict}}", &items(conflict))
        .replace("{{order}}", &items(&order[listed..]))
        .replace("{{lanes}}", &lanes(operations, &marks))
}

/// Returns the picture as SVG: a lane for each process, and a bar for each operation.
fn lanes(operations: &[OperationText], marks: &[Mark]) -> String {
    let last = marks
        .iter()
        .rposition(|mark| matches!(mark, Mark::Conflict(_)))
        .map_or(operations.len(), |at| at + 1);
    let drawn = last.saturating_sub(DRAWN)..operations.len().min(last + DRAWN / 4);
    // One place for each line of the history on which something is drawn.
    let lines = |it: &OperationText| [Some(it.invoked.line), it.completed.as_ref().map(|(end, _)| end.line)];
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    places.extend(operations[drawn.clone()].iter().flat_map(lines).flatten().map(|line| (line, 0)));
    places.values_mut().enumerate().for_each(|(at, place)| *place = at);
    let mut processes: BTreeMap<&str, usize> = BTreeMap::new();
    processes.extend(operations[drawn.clone()].iter().map(|it| (it.process.as_str(), 0)));
    processes.values_mut().enumerate().for_each(|(at, row)| *row = at);
    let step = (1_700 / places.len().max(1)).clamp(24, 110);
    let (width, height) = (LEFT + step * (places.len() + 1), ROW * processes.len() + 8);
    let mut svg = format!("<svg width=\"{width}\" height=\"{height}\" role=\"img\">");
    for (process, row) in &processes {
        let y = ROW * row + ROW / 2 + 4;
        let name = escaped(&format!("process {process}"));
        let _ = write!(
            svg,
            "<line class=\"lane\" x1=\"0\" x2=\"{width}\" y1=\"{y}\" y2=\"{y}\"/><text x=\"4\" y=\"{}\">{name}</text>",
            y + 4
        );
    }
    for at in drawn {
        let it = &operations[at];
        let x = |line: usize| LEFT + step * places[&line];
        // An operation that ends with `info` may take effect at any later time.
        let end = it.completed.as_ref().filter(|(_, how)| how != "info");
        let to = end.map_or(width, |(end, _)| x(end.line));
        let (left, top) = (x(it.invoked.line), ROW * processes[it.process.as_str()] + 7);
        svg += &bar(it, marks[at], left, to.saturating_sub(left).max(6), top);
    }
    svg + "</svg>"
}

/// Returns the bar of one operation as SVG. The bar has a short text, and a longer text that appears when the
/// pointer is over the bar.
fn bar(it: &OperationText, mark: Mark, left: usize, width: usize, top: usize) -> String {
    let (class, sign) = match mark {
        Mark::Conflict(Some(number)) => ("conflict", format!("✕ {number}. ")),
        Mark::Conflict(None) => ("conflict", "✕ ".to_owned()),
        Mark::Ordered(number) => ("ordered", format!("{number}. ")),
        Mark::Neither => ("left", String::new()),
    };
    // A character is about 7 pixels wide.
    let text: String = format!("{sign}{}", it.what).chars().take(width / 7).collect();
    format!(
        "<g><title>{}</title><rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"22\" rx=\"3\"/><text x=\"{}\" y=\"{}\">{}</text></g>",
        escaped(&it.to_string()),
        left + 4,
        top + 15,
        escaped(&text)
    )
}

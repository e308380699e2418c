//! Functions that format numbers, times and texts for the output of all subcommands.

use std::collections::BTreeMap;
use wavetank_raft::Time;

/// Formats a number with separators between thousands: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a virtual time in seconds, with three decimals: `30.000 s`.
pub(crate) fn seconds(time: Time) -> String {
    format!("{}.{:03} s", grouped(time.0 / 1_000_000), time.0 / 1_000 % 1_000)
}

/// Formats counts by name, for example `crash 3, cut 12`. Returns a dash if all counts are zero.
pub(crate) fn counts(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|&(_, &count)| 0 < count)
        .map(|(name, &count)| format!("{name} {}", grouped(count)))
        .collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// Formats a text with a title. If a line would be longer than 100 bytes, the text continues on a new line
/// after a comma.
pub(crate) fn paragraph(title: &str, text: &str) -> String {
    const WIDTH: usize = 100;
    const INDENT: usize = 11;
    let mut lines = vec![format!("{title:<INDENT$}")];
    for part in text.split_inclusive(", ") {
        let line = lines.last_mut().expect("the text has at least one line");
        if INDENT < line.len() && WIDTH < line.len() + part.trim_end().len() {
            lines.push(format!("{:INDENT$}{part}", ""));
        } else {
            *line += part;
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Formats a count with a noun, for example `1 seed` or `2 seeds`.
pub(crate) fn many(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Escapes control characters and line breaks, such as those in the name of a file, so that the text is one line.
pub(crate) fn one_line(text: &str) -> String {
    let escaped = |character: char| match character {
        _ if character.is_control() => character.escape_default().to_string(),
        _ => character.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_line_breaks_becomes_one_line() {
        assert_eq!(one_line("a\nb\tc\u{1b}d é"), "a\\nb\\tc\\u{1b}d é");
    }

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_paragraph_is_wrapped_after_commas() {
        let text = ["a name and a number 1"; 9].join(", ");
        let paragraph = paragraph("title", &text);
        assert_eq!(paragraph.lines().count(), 3);
        assert!(paragraph.lines().all(|line| line.len() <= 101), "{paragraph}");
        assert_eq!(paragraph.split_whitespace().skip(1).collect::<Vec<_>>().join(" "), text);
    }

    #[test]
    fn time_is_in_seconds() {
        assert_eq!(seconds(Time(1_234_567_890)), "1,234.567 s");
    }
}

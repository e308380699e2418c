//! Finds a scenario by name, and suggests the nearest name if no scenario has the name.

use super::CliError;
use crate::registry::{Scenario, Suite};

/// Returns the scenario with this name. If there is no such scenario, returns an error with the nearest name.
pub(crate) fn find<'a>(suite: &'a Suite, name: &str) -> Result<&'a Scenario, CliError> {
    let Suite { subject, scenarios, left_out, .. } = suite;
    if left_out.contains(&name) {
        return Err(CliError::new(format!("{name} runs only with our server, not with {subject}")));
    }
    scenarios.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let nearest = nearest(scenarios.iter().map(|scenario| scenario.name), name);
        let hint = nearest.map_or_else(
            || format!("see `{subject} list`"),
            |nearest| format!("the nearest name is `{nearest}`; see `{subject} list`"),
        );
        CliError::new(format!("there is no scenario `{name}`; {hint}"))
    })
}

/// Returns the name that needs the fewest edits to become the typed text. If a name contains the typed text, the
/// name needs no edit.
fn nearest<'a>(names: impl Iterator<Item = &'a str>, typed: &str) -> Option<&'a str> {
    let distance = |name: &str| match name.contains(typed) && !typed.is_empty() {
        true => 0,
        false => edits(name, typed),
    };
    names.map(|name| (distance(name), name)).min().map(|(_, name)| name)
}

/// Returns the number of characters that must be inserted, deleted or replaced to turn `from` into `to`
/// (Levenshtein distance).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, character) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = corner + usize::from(character != *other);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, count) in [
            ("", "", 0),
            ("storm", "storm", 0),
            ("storm", "strom", 2),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((edits(from, to), edits(to, from)), (count, count), "{from} {to}");
        }
    }

    #[test]
    fn a_part_of_a_name_is_nearer_than_a_misspelt_one() {
        let names = ["storm", "figure_8", "a_paused_leader_wakes_up"];
        assert_eq!(nearest(names.into_iter(), "paused"), Some("a_paused_leader_wakes_up"));
        assert_eq!(nearest(names.into_iter(), "strom"), Some("storm"));
        assert_eq!(nearest([].into_iter(), "x"), None);
    }
}

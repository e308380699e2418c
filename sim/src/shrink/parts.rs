//! Parts of a schedule that the search tries to leave out together.

use crate::schedule::{Choice, Element};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use wavetank_raft::{Call, DeadlineReason, Time};

/// All elements of one client, of one server or of one kind. The search tries to leave out a whole group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Group {
    Client(u16),
    Server(u8),
    /// Faults of one family.
    Faults(&'static str),
    /// Elements whose texts differ only in numbers, for example all heartbeats.
    Kind(String),
}

/// A way to divide a schedule into units. The search tries to leave out neighbouring units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pass {
    /// A unit begins with an election, a fault or a call by an operator.
    Acts,
    /// A unit begins with an act (an election, a fault or a call by an operator), or with the timer of a
    /// server.
    Timers,
    /// Each element is a unit. The elements are ordered by kind.
    Kinds,
    /// Each element is a unit. The last elements are left out first.
    Backward,
    /// Each element is a unit. The first elements are left out first.
    Forward,
}

impl Pass {
    /// The maximum number of parts into which the passes `Acts`, `Timers` and `Kinds` divide a schedule. The
    /// passes `Backward` and `Forward` remove single elements.
    const PARTS_MAX: usize = 64;

    pub(super) const fn parts_max(self) -> usize {
        match self {
            Self::Acts | Self::Timers | Self::Kinds => Self::PARTS_MAX,
            Self::Backward | Self::Forward => usize::MAX,
        }
    }

    /// True if the search first tries to remove the units together with the time of the units. The elements
    /// of neighbouring units then follow each other in the schedule.
    pub(super) const fn is_in_order(self) -> bool {
        match self {
            Self::Acts | Self::Timers | Self::Forward => true,
            Self::Kinds | Self::Backward => false,
        }
    }

    /// Returns the number of the unit of each element.
    pub(super) fn units(self, elements: &[Element]) -> Vec<usize> {
        match self {
            Self::Acts => segments(elements, is_act),
            Self::Timers => segments(elements, is_act_or_timer),
            Self::Kinds => by_kind(elements),
            Self::Backward | Self::Forward => (0..elements.len()).collect(),
        }
    }

    /// Returns the number of units.
    pub(super) fn count(self, elements: &[Element]) -> usize {
        self.units(elements).into_iter().max().map_or(0, |last| last + 1)
    }

    /// Moves the elements after the removed units to earlier times, so that the time of these units is also
    /// removed. `gone` is the range of the removed units. `left` are the other elements.
    pub(super) fn without_time(
        self,
        elements: &[Element],
        gone: Range<usize>,
        left: Vec<Element>,
    ) -> Vec<Element> {
        let units = self.units(elements);
        let place = |bound| units.partition_point(|unit| *unit < bound);
        without_gap(elements, &(place(gone.start)..place(gone.end)), left)
    }
}

/// Moves the elements after the removed elements to earlier times, so that the time of the removed elements is
/// also removed. `gone` are the places of the removed elements. `left` are the other elements.
pub(super) fn without_gap(elements: &[Element], gone: &Range<usize>, mut left: Vec<Element>) -> Vec<Element> {
    if let (Some(first), Some(next)) = (elements.get(gone.start), elements.get(gone.end)) {
        let gap = next.at.since(first.at);
        left[gone.start..].iter_mut().for_each(|element| element.at = Time(element.at.0 - gap.0));
    }
    left
}

/// Returns the intervals of a schedule that begin and end in the same state of the cluster, the longest
/// interval first. `states` has the hash of the state before each element. A state that occurs often gives
/// the interval between its first and its last element, the halves of this interval, and so on.
pub(super) fn intervals(states: &[u64]) -> Vec<Range<usize>> {
    /// The search for single elements finds shorter intervals.
    const LENGTH_MIN: usize = 4;
    let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, state) in states.iter().enumerate() {
        places.entry(*state).or_default().push(place);
    }
    let mut found = BTreeSet::new();
    let mut parts: Vec<&[usize]> = places.values().map(Vec::as_slice).collect();
    while let Some(part) = parts.pop() {
        let [start, .., end] = part else { continue };
        if LENGTH_MIN <= end - start {
            found.insert((Reverse(end - start), *start));
            if 2 < part.len() {
                let middle = part.len() / 2;
                parts.extend([&part[..=middle], &part[middle..]]);
            }
        }
    }
    found.into_iter().map(|(Reverse(length), start)| start..start + length).collect()
}

/// Returns the groups of all elements, the largest group first. The search first tries to leave out the
/// largest group, because the remaining schedule is then the shortest.
pub(super) fn groups(elements: &[Element]) -> Vec<Group> {
    let mut groups: Vec<(Group, usize)> = counts(elements.iter().flat_map(groups_of)).into_iter().collect();
    groups.sort_by_key(|(_, count)| Reverse(*count));
    groups.into_iter().map(|(group, _)| group).collect()
}

fn counts<T: Ord>(values: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    values.fold(BTreeMap::new(), |mut counts, value| {
        *counts.entry(value).or_default() += 1;
        counts
    })
}

/// Returns the groups to which an element belongs.
pub(super) fn groups_of(element: &Element) -> Vec<Group> {
    let mut groups = vec![Group::Kind(kind_of(element))];
    groups.extend(element.choice.servers().iter().map(|idx| Group::Server(idx.0)));
    let faults = match &element.choice {
        Choice::Ask(ask) | Choice::Reply(ask) => {
            groups.push(Group::Client(ask.client));
            return groups;
        }
        Choice::Network(_) => "network",
        Choice::Heal(_) | Choice::Rest => "heal",
        Choice::Pause(_) | Choice::Resume(_) => "pause",
        Choice::Jump(..) | Choice::Freeze(..) | Choice::Drift(..) => "clock",
        Choice::Damage(..) | Choice::FreeSpace(_) | Choice::BreakMachine(..) => "damage",
        Choice::Move(_) | Choice::ExchangeAddresses(..) => "address",
        Choice::Call(..) => "call",
        _ => return groups,
    };
    groups.push(Group::Faults(faults));
    groups
}

/// Returns the text of an element without the time and without the numbers in the text.
fn kind_of(element: &Element) -> String {
    element.choice.to_string().replace(|letter: char| letter.is_ascii_digit(), "")
}

/// Returns the number of the segment of each element. An element begins a segment if `begins` returns true
/// for the choice of the element.
fn segments(elements: &[Element], begins: fn(&Choice) -> bool) -> Vec<usize> {
    let number = |segment: &mut usize, element: &Element| {
        *segment += usize::from(begins(&element.choice));
        Some(*segment)
    };
    elements.iter().scan(0, number).collect()
}

/// Sorts the elements by kind, and returns the position of each element in the sorted list. The most frequent
/// kind comes last.
fn by_kind(elements: &[Element]) -> Vec<usize> {
    let kinds: Vec<String> = elements.iter().map(kind_of).collect();
    let counts = counts(kinds.iter());
    let mut order: Vec<usize> = (0..elements.len()).collect();
    order.sort_by_key(|&place| (counts[&kinds[place]], &kinds[place], place));
    let mut places = vec![0; elements.len()];
    for (rank, place) in order.into_iter().enumerate() {
        places[place] = rank;
    }
    places
}

/// True if the choice begins an election, a fault or a call of an operator.
const fn is_act(choice: &Choice) -> bool {
    match choice {
        Choice::Fire(_, reason) => matches!(reason, DeadlineReason::Election | DeadlineReason::Ballot),
        Choice::Deliver { .. }
        | Choice::Finish(..)
        | Choice::Hear(..)
        | Choice::Work(..)
        | Choice::Batch(_)
        | Choice::Ask(_)
        | Choice::Reply(_) => false,
        _ => true,
    }
}

/// True if the choice is an act (an election, a fault or a call of an operator), or the timer of a server.
const fn is_act_or_timer(choice: &Choice) -> bool {
    is_act(choice) || matches!(choice, Choice::Fire(..))
}

/// Returns a membership change without the expected index of the configuration. Returns `None` if the choice
/// is not a membership change with an expected index.
pub(super) fn without_index(choice: &Choice) -> Option<Choice> {
    let Choice::Call(idx, call) = choice else { return None };
    let call = match &**call {
        Call::Change { change, prev_index: Some(_) } => {
            Call::Change { change: change.clone(), prev_index: None }
        }
        Call::AddVoterStaged { id, address, prev_index: Some(_) } => {
            Call::AddVoterStaged { id: id.clone(), address: address.clone(), prev_index: None }
        }
        _ => return None,
    };
    Some(Choice::Call(*idx, Box::new(call)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_lie_between_equal_states_the_longest_first() {
        assert_eq!(intervals(&[1, 2, 3, 4, 5]), []);
        // Single elements are left to the search for single elements.
        assert_eq!(intervals(&[1, 2, 3, 1]), []);
        assert_eq!(intervals(&[9, 1, 2, 3, 4, 1, 2]), [1..5, 2..6]);
    }

    #[test]
    fn a_state_that_occurs_often_gives_halves_too() {
        let states = [7, 0, 1, 2, 7, 3, 4, 5, 7];
        assert_eq!(intervals(&states), [0..8, 0..4, 4..8]);
    }
}

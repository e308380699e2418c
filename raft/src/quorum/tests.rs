//! Compares quorums with simple counting, for one set or two sets of up to twelve voters.

use super::*;
use alloc::collections::BTreeSet;
use proptest::prelude::*;

/// Server ids made from numbers, unsorted and with duplicates.
fn names() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0_u64..12, 0..14)
}

fn nodes(names: &[u64]) -> impl Iterator<Item = NodeId> {
    names.iter().map(|&name| NodeId(name))
}

/// The number of servers in the set for which `holds` returns true.
fn count(set: &BTreeSet<u64>, holds: impl Fn(usize) -> bool) -> usize {
    set.iter().filter(|&&name| holds(usize::try_from(name).expect("a dozen"))).count()
}

/// The vote of one set. It is won with more than half of the votes, and lost if that is no longer
/// possible.
fn vote_result_by_hand(set: &BTreeSet<u64>, said: &[Option<bool>]) -> VoteResult {
    let yes = count(set, |name| said[name] == Some(true));
    let no = count(set, |name| said[name] == Some(false));
    match (set.len() < 2 * yes, 2 * (set.len() - no) <= set.len()) {
        (true, _) => VoteResult::Won,
        (false, true) => VoteResult::Lost,
        (false, false) => VoteResult::Pending,
    }
}

/// The greatest value that more than half of the servers have reached.
fn agreed_by_hand(set: &BTreeSet<u64>, reached: &[u64]) -> u64 {
    let is_reached = |value: &u64| set.len() < 2 * count(set, |name| *value <= reached[name]);
    (0..=9).rev().find(is_reached).expect("every voter has reached zero")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn quorums_match_a_count_by_hand(
        incoming in names(),
        outgoing in prop_oneof![Just(Vec::new()), names()],
        said in prop::collection::vec(any::<Option<bool>>(), 12),
        reached in prop::collection::vec(0_u64..9, 12),
    ) {
        // A configuration always has a new set.
        let outgoing = if incoming.is_empty() { Vec::new() } else { outgoing };
        let voters = Voters::new(nodes(&incoming), nodes(&outgoing));
        let [new, old] = [&incoming, &outgoing].map(|names| names.iter().copied().collect::<BTreeSet<_>>());
        let list = |set: &BTreeSet<u64>| set.iter().map(|&name| NodeId(name)).collect::<Vec<_>>();
        prop_assert_eq!(voters.incoming(), list(&new));
        prop_assert_eq!(voters.outgoing(), list(&old));
        prop_assert_eq!(voters.is_empty(), new.is_empty());
        prop_assert_eq!(voters.is_joint(), !old.is_empty());
        let everybody: Vec<_> = new.iter().chain(old.difference(&new)).map(|&name| NodeId(name)).collect();
        prop_assert_eq!(voters.iter().collect::<Vec<_>>(), everybody);
        for name in 0..12 {
            prop_assert_eq!(voters.contains(NodeId(name)), new.contains(&name) || old.contains(&name));
        }

        let sets: Vec<_> = [&new, &old].into_iter().filter(|set| !set.is_empty()).collect();
        let results: Vec<_> = sets.iter().map(|set| vote_result_by_hand(set, &said)).collect();
        let expected = if results.contains(&VoteResult::Lost) {
            VoteResult::Lost
        } else if results.is_empty() || results.contains(&VoteResult::Pending) {
            VoteResult::Pending
        } else {
            VoteResult::Won
        };
        let at = |node: NodeId| usize::try_from(node.0).expect("a dozen");
        prop_assert_eq!(voters.vote_result(|node| said[at(node)]), expected);
        let is_quorum = !sets.is_empty()
            && sets.iter().all(|set| set.len() < 2 * count(set, |name| said[name] == Some(true)));
        prop_assert_eq!(voters.is_quorum(|node| said[at(node)] == Some(true)), is_quorum);
        let agreed = sets.iter().map(|set| agreed_by_hand(set, &reached)).min();
        prop_assert_eq!(voters.agreed(|node| reached[at(node)]), agreed);
    }
}

//! The quorum arithmetic against a slower and simpler twin, for every membership of up to four servers.

use wavetank_raft::{NodeId, VoteResult, Voters};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[test]
fn agreed_is_what_counting_says() {
    for voters in every_membership() {
        for reached in every_assignment(4) {
            let of = |node| reached[place(node)];
            assert_eq!(voters.agreed(of), slow_agreed(&voters, &reached), "{voters:?} {reached:?}");
        }
    }
}

#[test]
fn tally_is_what_counting_says() {
    for voters in every_membership() {
        for said in every_assignment(3) {
            let of = |node| [None, Some(true), Some(false)][said[place(node)]];
            assert_eq!(voters.vote_result(of), slow_vote_result(&voters, &said), "{voters:?} {said:?}");
        }
    }
}

#[test]
fn without_voters_there_is_no_agreement() {
    assert_eq!(Voters::default().agreed(|_| 1), None);
    assert_eq!(Voters::default().vote_result(|_| Some(true)), VoteResult::Pending);
}

/// Tries every value from the highest down, and returns the first that a majority of each set has
/// reached.
fn slow_agreed(voters: &Voters, reached: &[usize]) -> Option<usize> {
    (0..4).rev().find(|value| holds_in_each(voters, |at| *value <= reached[at]))
}

fn slow_vote_result(voters: &Voters, said: &[usize]) -> VoteResult {
    if holds_in_each(voters, |at| said[at] == 1) {
        VoteResult::Won
    } else if !holds_in_each(voters, |at| said[at] != 2) {
        VoteResult::Lost
    } else {
        VoteResult::Pending
    }
}

fn holds_in_each(voters: &Voters, holds: impl Fn(usize) -> bool) -> bool {
    let in_one = |set: &[NodeId]| set.len() < 2 * set.iter().filter(|node| holds(place(**node))).count();
    in_one(voters.incoming()) && (voters.outgoing().is_empty() || in_one(voters.outgoing()))
}

fn place(node: NodeId) -> usize {
    NAMES.iter().position(|name| NodeId::of(name) == node).expect("the server is one of the four")
}

fn every_membership() -> impl Iterator<Item = Voters> {
    let set = |bits: usize| (0..4).filter(move |at| bits >> at & 1 == 1).map(|at| NodeId::of(NAMES[at]));
    (1..16).flat_map(move |new| (0..16).map(move |old| Voters::new(set(new), set(old))))
}

fn every_assignment(values: usize) -> impl Iterator<Item = Vec<usize>> {
    let count = values.pow(4);
    (0..count).map(move |mut number| {
        (0..4)
            .map(|_| {
                let value = number % values;
                number /= values;
                value
            })
            .collect()
    })
}

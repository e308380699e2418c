use super::*;
use wavetank_raft::{Entry, Payload};

const N1: ServerIdx = ServerIdx(0);
const N2: ServerIdx = ServerIdx(1);

fn chain(terms: &[u64]) -> Chain {
    let mut chain = Chain::default();
    for (index, &term) in (1..).zip(terms) {
        chain.push(&Entry::new(Term(term), Index(index), Payload::Noop));
    }
    chain
}

#[test]
fn the_first_commit_at_a_place_stands() {
    let mut history = CommitHistory::default();
    let (old, new) = (chain(&[1, 1, 2]), chain(&[1, 3, 3, 3]));
    history.commit(N1, Term(2), &old, Index(3));
    assert_eq!(history.first_difference(&old, Index(2)), None, "a prefix of the same log");

    history.commit(N2, Term(3), &new, Index(4));
    assert_eq!(history.committed(), Index(3), "another log adds nothing");
    let (index, before) = history.first_difference(&new, Index(4)).expect("they part at 2");
    assert_eq!((index, before.by, before.term), (Index(2), N1, Term(2)));
}

#[test]
fn a_late_leader_of_an_older_term_is_told_apart_by_the_commit_term() {
    let mut history = CommitHistory::default();
    let log = chain(&[1, 1, 2, 4]);
    history.commit(N1, Term(2), &log, Index(3));
    history.commit(N2, Term(4), &log, Index(4));

    assert_eq!(history.committed_before(Term(2)), Index::ZERO);
    assert_eq!(history.committed_before(Term(3)), Index(3));
    assert_eq!(history.committed_before(Term(4)), Index(3));
    assert_eq!(history.committed_before(Term(5)), Index(4));
}

#[test]
fn one_index_and_term_holds_one_prefix() {
    let mut history = CommitHistory::default();
    let (one, other) = (chain(&[1, 2, 2]), chain(&[2, 2, 2]));
    let at = |chain: &Chain| chain.link(Index(3)).expect("three entries");
    history.hold(N1, Index(3), at(&one));
    history.hold(N2, Index(3), at(&chain(&[1, 2, 3])));
    history.hold(N2, Index(3), at(&other));
    assert_eq!(history.first_holder(Index(3), Term(2)), Some(FirstHolder { link: at(&one), by: N1 }));
    assert_eq!(
        history.first_holder(Index(3), Term(3)).map(|first_holder| first_holder.by),
        Some(N2),
        "another term, another entry"
    );
}

#[test]
fn the_position_of_a_snapshot_is_kept_after_pruning() {
    let mut history = CommitHistory::default();
    let log = chain(&[1, 1, 2, 2]);
    for index in 1..=4 {
        history.hold(N1, Index(index), log.link(Index(index)).expect("it is there"));
    }
    history.commit(N1, Term(2), &log, Index(4));
    history.note_state(N1, Index(3), 33);
    history.pin(Index(3));
    history.prune(Index(4));

    assert_eq!(history.link(Index(2)), None);
    assert_eq!(history.link(Index(3)), log.link(Index(3)));
    history.note_state(N2, Index(3), 34);
    assert_eq!(history.state_at(Index(3)), Some(ReportedState { digest: 33, by: N1 }));
    let mut above = history.chain_at(LogId::new(Term(2), Index(3)));
    assert_eq!(above.push(&Entry::new(Term(2), Index(4), Payload::Noop)), log.link(Index(4)));
}

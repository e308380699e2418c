use super::*;
use crate::brute_force;

fn assert_holds(events: &[(&str, HistoryEvent<'_>)]) {
    let history = history(events);
    assert_eq!(verdict(&history), CheckResult::Linearizable);
    assert!(brute_force::is_linearizable(&history));
}

/// The history is not linearizable, and these operations alone show it.
fn assert_fails(events: &[(&str, HistoryEvent<'_>)], conflict: &[usize]) {
    let history = history(events);
    assert_eq!(verdict(&history), CheckResult::Illegal);
    assert!(!brute_force::is_linearizable(&history));
    assert_eq!(history.conflict(&mut || true), conflict);
}

#[test]
fn an_empty_history_is_linearizable() {
    assert_holds(&[]);
}

#[test]
fn a_read_sees_what_was_written_before() {
    assert_holds(&[
        ("w", Invokes(Write(b"1"))),
        ("w", Completes(Done)),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"1"))),
    ]);
}

#[test]
fn a_read_does_not_see_what_was_overwritten_before_it_began() {
    let stale = [
        ("a", Invokes(Write(b"1"))),
        ("a", Completes(Done)),
        ("b", Invokes(Write(b"2"))),
        ("b", Completes(Done)),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"1"))),
    ];
    assert_fails(&stale, &[0, 1, 2]);
}

#[test]
fn a_read_may_see_either_side_of_a_write_that_is_open() {
    for seen in [&b""[..], b"1"] {
        assert_holds(&[
            ("w", Invokes(Write(b"1"))),
            ("r", Invokes(Read)),
            ("r", Completes(Output::Read(seen))),
            ("w", Completes(Done)),
        ]);
    }
}

#[test]
fn once_one_read_has_seen_an_open_write_no_later_read_misses_it() {
    let back = [
        ("w", Invokes(Write(b"1"))),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"1"))),
        ("s", Invokes(Read)),
        ("s", Completes(Output::Read(b""))),
        ("w", Completes(Done)),
    ];
    assert_fails(&back, &[0, 1, 2]);
}

#[test]
fn two_readers_agree_on_the_order_of_two_concurrent_writes() {
    let disagree = [
        ("a", Invokes(Write(b"1"))),
        ("b", Invokes(Write(b"2"))),
        ("a", Completes(Done)),
        ("b", Completes(Done)),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"1"))),
        ("s", Invokes(Read)),
        ("s", Completes(Output::Read(b"2"))),
    ];
    assert_fails(&disagree, &[0, 1, 2, 3]);
}

#[test]
fn of_two_cas_that_expect_the_same_only_one_succeeds() {
    let cas = |new| Cas { expected: b"", new };
    let lost_update = [
        ("a", Invokes(cas(b"1"))),
        ("b", Invokes(cas(b"2"))),
        ("a", Completes(Done)),
        ("b", Completes(Done)),
    ];
    assert_fails(&lost_update, &[0, 1]);
    let one = [
        ("a", Invokes(cas(b"1"))),
        ("b", Invokes(cas(b"2"))),
        ("a", Completes(Mismatch)),
        ("b", Completes(Done)),
    ];
    assert_holds(&one);
}

#[test]
fn a_cas_does_not_mismatch_on_the_current_value() {
    let miss = [("a", Invokes(Cas { expected: b"", new: b"1" })), ("a", Completes(Mismatch))];
    assert_fails(&miss, &[0]);
}

#[test]
fn a_cas_may_mismatch_on_a_value_that_no_read_returned() {
    assert_holds(&[
        ("w", Invokes(Write(b"1"))),
        ("a", Invokes(Cas { expected: b"", new: b"2" })),
        ("a", Completes(Mismatch)),
        ("b", Invokes(Write(b""))),
        ("b", Completes(Done)),
    ]);
}

#[test]
fn an_unknown_write_may_be_seen_late_or_never() {
    for seen in [&b"2"[..], b"1"] {
        assert_holds(&[
            ("u", Invokes(Write(b"1"))),
            ("w", Invokes(Write(b"2"))),
            ("w", Completes(Done)),
            ("r", Invokes(Read)),
            ("r", Completes(Output::Read(seen))),
        ]);
    }
}

#[test]
fn an_unknown_write_is_not_seen_before_it_began_and_not_twice() {
    let early = [("r", Invokes(Read)), ("r", Completes(Output::Read(b"1"))), ("u", Invokes(Write(b"1")))];
    assert_fails(&early, &[0]);
    let twice = [
        ("u", Invokes(Write(b"1"))),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"1"))),
        ("w", Invokes(Write(b"2"))),
        ("w", Completes(Done)),
        ("s", Invokes(Read)),
        ("s", Completes(Output::Read(b"1"))),
    ];
    assert_fails(&twice, &[0, 1, 2, 3]);
}

#[test]
fn a_refused_write_is_not_seen() {
    let seen = [
        ("w", Invokes(Write(b"1"))),
        ("w", Completes(Failed)),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"1"))),
    ];
    assert_fails(&seen, &[1]);
}

#[test]
fn appends_come_in_one_order_for_all() {
    let both = |first: &'static [u8], second: &'static [u8]| {
        [
            ("a", Invokes(Append(b"1"))),
            ("b", Invokes(Append(b"2"))),
            ("r", Invokes(Read)),
            ("r", Completes(Output::Read(first))),
            ("a", Completes(Done)),
            ("b", Completes(Done)),
            ("s", Invokes(Read)),
            ("s", Completes(Output::Read(second))),
        ]
    };
    assert_holds(&both(b"1", b"12"));
    assert_holds(&both(b"2", b"21"));
    assert_holds(&both(b"", b"12"));
    assert_fails(&both(b"1", b"21"), &[0, 1, 2, 3]);
    assert_fails(&both(b"12", b"2"), &[0, 1, 3]);
}

#[test]
fn an_append_is_lost() {
    let lost = [
        ("p", Invokes(Write(b"x"))),
        ("p", Completes(Done)),
        ("a", Invokes(Append(b"1"))),
        ("a", Completes(Done)),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"x"))),
    ];
    assert_eq!(verdict(&history(&lost)), CheckResult::Illegal);
}

#[test]
fn an_append_takes_effect_twice() {
    let twice = [
        ("a", Invokes(Append(b"1"))),
        ("a", Completes(Done)),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b"11"))),
    ];
    assert_eq!(verdict(&history(&twice)), CheckResult::Illegal);
}

#[test]
fn a_stopped_search_returns_unknown() {
    let events = [
        ("w", Invokes(Write(b"1"))),
        ("w", Completes(Done)),
        ("r", Invokes(Read)),
        ("r", Completes(Output::Read(b""))),
    ];
    assert_eq!(history(&events).check(&mut || false), CheckResult::Unknown);
}

#[test]
fn a_long_history_with_one_flaw_is_cut_down_to_the_flaw() {
    let mut long = History::new(b"");
    for turn in 0..300_u32 {
        let value = turn.to_string();
        let (write, read) = (long.invoke(Write(value.as_bytes())), long.invoke(Read));
        long.complete(write, Done);
        let seen = if turn == 200 { turn - 2 } else { turn };
        long.complete(read, Output::Read(seen.to_string().as_bytes()));
    }
    assert_eq!(verdict(&long), CheckResult::Illegal);
    assert_eq!(long.conflict(&mut || true), [396, 398, 401]);
}

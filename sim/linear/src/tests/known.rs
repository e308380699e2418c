use super::*;
use crate::brute_force;

fn assert_holds(moments: &[(&str, Moment<'_>)]) {
    let history = history(moments);
    assert_eq!(verdict(&history), Answer::Linearizable);
    assert!(brute_force::is_linearizable(&history));
}

/// The history is not linearizable, and these operations alone show it.
fn assert_fails(moments: &[(&str, Moment<'_>)], conflict: &[usize]) {
    let history = history(moments);
    assert_eq!(verdict(&history), Answer::Not);
    assert!(!brute_force::is_linearizable(&history));
    assert_eq!(history.conflict(&mut || true), conflict);
}

#[test]
fn nothing_happened() {
    assert_holds(&[]);
}

#[test]
fn a_read_sees_what_was_written_before() {
    assert_holds(&[
        ("w", Begins(Write(b"1"))),
        ("w", Ends(Done)),
        ("r", Begins(Read)),
        ("r", Ends(Saw(b"1"))),
    ]);
}

#[test]
fn a_read_does_not_see_what_was_overwritten_before_it_began() {
    let stale = [
        ("a", Begins(Write(b"1"))),
        ("a", Ends(Done)),
        ("b", Begins(Write(b"2"))),
        ("b", Ends(Done)),
        ("r", Begins(Read)),
        ("r", Ends(Saw(b"1"))),
    ];
    assert_fails(&stale, &[0, 1, 2]);
}

#[test]
fn a_read_may_see_either_side_of_a_write_that_is_open() {
    for seen in [&b""[..], b"1"] {
        assert_holds(&[
            ("w", Begins(Write(b"1"))),
            ("r", Begins(Read)),
            ("r", Ends(Saw(seen))),
            ("w", Ends(Done)),
        ]);
    }
}

#[test]
fn once_one_read_has_seen_an_open_write_no_later_read_misses_it() {
    let back = [
        ("w", Begins(Write(b"1"))),
        ("r", Begins(Read)),
        ("r", Ends(Saw(b"1"))),
        ("s", Begins(Read)),
        ("s", Ends(Saw(b""))),
        ("w", Ends(Done)),
    ];
    assert_fails(&back, &[0, 1, 2]);
}

#[test]
fn two_readers_agree_on_the_order_of_two_concurrent_writes() {
    let disagree = [
        ("a", Begins(Write(b"1"))),
        ("b", Begins(Write(b"2"))),
        ("a", Ends(Done)),
        ("b", Ends(Done)),
        ("r", Begins(Read)),
        ("r", Ends(Saw(b"1"))),
        ("s", Begins(Read)),
        ("s", Ends(Saw(b"2"))),
    ];
    assert_fails(&disagree, &[0, 1, 2, 3]);
}

#[test]
fn of_two_cas_that_expect_the_same_only_one_succeeds() {
    let cas = |new| Cas { expected: b"", new };
    let lost_update =
        [("a", Begins(cas(b"1"))), ("b", Begins(cas(b"2"))), ("a", Ends(Done)), ("b", Ends(Done))];
    assert_fails(&lost_update, &[0, 1]);
    let one = [("a", Begins(cas(b"1"))), ("b", Begins(cas(b"2"))), ("a", Ends(Mismatch)), ("b", Ends(Done))];
    assert_holds(&one);
}

#[test]
fn a_cas_does_not_miss_the_value_that_is_there() {
    let miss = [("a", Begins(Cas { expected: b"", new: b"1" })), ("a", Ends(Mismatch))];
    assert_fails(&miss, &[0]);
}

#[test]
fn a_cas_may_miss_because_of_a_value_that_nobody_else_saw() {
    assert_holds(&[
        ("w", Begins(Write(b"1"))),
        ("a", Begins(Cas { expected: b"", new: b"2" })),
        ("a", Ends(Mismatch)),
        ("b", Begins(Write(b""))),
        ("b", Ends(Done)),
    ]);
}

#[test]
fn an_unknown_write_may_be_seen_late_or_never() {
    for seen in [&b"2"[..], b"1"] {
        assert_holds(&[
            ("u", Begins(Write(b"1"))),
            ("w", Begins(Write(b"2"))),
            ("w", Ends(Done)),
            ("r", Begins(Read)),
            ("r", Ends(Saw(seen))),
        ]);
    }
}

#[test]
fn an_unknown_write_is_not_seen_before_it_began_and_not_twice() {
    let early = [("r", Begins(Read)), ("r", Ends(Saw(b"1"))), ("u", Begins(Write(b"1")))];
    assert_fails(&early, &[0]);
    let twice = [
        ("u", Begins(Write(b"1"))),
        ("r", Begins(Read)),
        ("r", Ends(Saw(b"1"))),
        ("w", Begins(Write(b"2"))),
        ("w", Ends(Done)),
        ("s", Begins(Read)),
        ("s", Ends(Saw(b"1"))),
    ];
    assert_fails(&twice, &[0, 1, 2, 3]);
}

#[test]
fn a_refused_write_is_not_seen() {
    let seen =
        [("w", Begins(Write(b"1"))), ("w", Ends(Nothing)), ("r", Begins(Read)), ("r", Ends(Saw(b"1")))];
    assert_fails(&seen, &[1]);
}

#[test]
fn appends_come_in_one_order_for_all() {
    let both = |first: &'static [u8], second: &'static [u8]| {
        [
            ("a", Begins(Append(b"1"))),
            ("b", Begins(Append(b"2"))),
            ("r", Begins(Read)),
            ("r", Ends(Saw(first))),
            ("a", Ends(Done)),
            ("b", Ends(Done)),
            ("s", Begins(Read)),
            ("s", Ends(Saw(second))),
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
        ("p", Begins(Write(b"x"))),
        ("p", Ends(Done)),
        ("a", Begins(Append(b"1"))),
        ("a", Ends(Done)),
        ("r", Begins(Read)),
        ("r", Ends(Saw(b"x"))),
    ];
    assert_eq!(verdict(&history(&lost)), Answer::Not);
}

#[test]
fn an_append_takes_effect_twice() {
    let twice =
        [("a", Begins(Append(b"1"))), ("a", Ends(Done)), ("r", Begins(Read)), ("r", Ends(Saw(b"11")))];
    assert_eq!(verdict(&history(&twice)), Answer::Not);
}

#[test]
fn whoever_is_told_to_stop_does_not_know() {
    let moments = [("w", Begins(Write(b"1"))), ("w", Ends(Done)), ("r", Begins(Read)), ("r", Ends(Saw(b"")))];
    assert_eq!(history(&moments).check(&mut || false), Answer::Unknown);
}

#[test]
fn a_long_history_with_one_flaw_is_cut_down_to_the_flaw() {
    let mut long = History::new(b"");
    for turn in 0..300_u32 {
        let value = turn.to_string();
        let (write, read) = (long.begin(Write(value.as_bytes())), long.begin(Read));
        long.end(write, Done);
        let seen = if turn == 200 { turn - 2 } else { turn };
        long.end(read, Saw(seen.to_string().as_bytes()));
    }
    assert_eq!(verdict(&long), Answer::Not);
    assert_eq!(long.conflict(&mut || true), [396, 398, 401]);
}

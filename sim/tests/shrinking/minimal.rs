//! No element of a shrunk schedule can be left out, and the printed tests compile and fail for the same reason.

use crate::{fails, shrunk};
use std::{env, fs};
use wavetank_sim::schedule::{EventOrder, Fit};
use wavetank_sim::shrink::{self, Failure, Shrunk};
use wavetank_sim::{Plan, Verdict};

/// The file with the printed tests. `INSTA_UPDATE=always` writes it.
const PRINTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shrinking/printed.rs");

#[test]
#[expect(clippy::disallowed_methods, reason = "the variable of insta, which blesses the printed tests")]
fn every_element_is_needed_and_the_printed_tests_are_those_that_compile() {
    let mut text = "//! The tests that `minimal.rs` prints.\n".to_owned();
    text += &printed::<0>();
    text += &printed::<1>();
    text += &printed::<2>();
    text += &printed::<3>();
    text += &printed::<4>();
    text += &printed::<5>();
    text += &printed::<6>();
    text += &printed::<7>();
    text += &printed::<8>();
    text += &printed::<10>();
    if env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(PRINTED, &text).expect("the file can be written");
    }
    assert!(text == include_str!("printed.rs"), "bless with INSTA_UPDATE=always:\n{text}");
}

/// Shrinks a storm with this bug, asserts that the result is minimal, and prints its test.
fn printed<const BUG: u8>() -> String {
    let shrunk = shrunk::<BUG>();
    expect_minimal::<BUG>(&shrunk);
    let Failure::Check(check) = &shrunk.failure else { panic!("{shrunk:?}") };
    let name = format!("{check}_of_bug_{BUG}");
    let test = shrink::test(&name, &shrunk.plan, &format!("super::run::<{BUG}>(plan)"));
    let fails = format!("#[test]\n#[should_panic(expected = \"{check}\")]");
    format!("\n{}", test.replacen("#[test]", &fails, 1))
}

fn expect_minimal<const BUG: u8>(shrunk: &Shrunk) {
    assert!(shrunk.is_minimal, "{BUG}: {} tries, {:?}", shrunk.tries, shrunk.failure);
    assert_eq!(fails::<BUG>(shrunk.plan.clone()).as_ref(), Some(&shrunk.failure), "bug {BUG}");
    let elements = shrunk.plan.order.elements();
    for at in 0..elements.len() {
        let mut left = elements.to_vec();
        left.remove(at);
        for fit in [Fit::Exact, Fit::Similar] {
            let order = match &shrunk.plan.order {
                EventOrder::HealedAfter(..) => EventOrder::HealedAfter(fit, left.clone()),
                _ => EventOrder::Scheduled(fit, left.clone()),
            };
            let without = fails::<BUG>(Plan { order, ..shrunk.plan.clone() });
            assert_ne!(without.as_ref(), Some(&shrunk.failure), "bug {BUG} without {}", elements[at]);
        }
    }
}

/// `docs/shrinking.md` says how the minimum was worked out by hand.
#[test]
fn a_result_has_at_most_twice_the_elements_of_the_minimum_by_hand() {
    let sizes =
        [(5, shrunk::<0>()), (1, shrunk::<1>()), (7, shrunk::<2>()), (2, shrunk::<7>()), (5, shrunk::<8>())];
    for (by_hand, shrunk) in sizes {
        let found = shrunk.plan.order.elements().len();
        assert!(by_hand <= found && found <= 2 * by_hand, "{}: {found}, by hand {by_hand}", shrunk.failure);
    }
}

#[test]
fn a_run_without_a_bug_is_not_shrunk() {
    let mut held = |plan| crate::run::<13>(plan);
    assert!(matches!(held(Plan::calm(1, 3)).report.verdict, Verdict::Held));
    assert_eq!(shrink::shrink(Plan::calm(1, 3), &mut held, &mut |_| true), None);
}

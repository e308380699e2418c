//! The example of a user's own state machine. It holds; with its planted bug it fails, and its message
//! helps to find the bug.

#[path = "../../sim/examples/ledger.rs"]
#[expect(dead_code, reason = "its `main` is used only when it runs as a program")]
pub(crate) mod example;

use std::fs;
use wavetank_sim::Verdict;
use wavetank_sim::capsule::{Capsule, Content};
use wavetank_sim::runner::catch_panic::catch_panic;

#[test]
fn the_ledger_survives_storms() {
    example::storms(false);
}

#[test]
fn a_ledger_that_forgets_is_detected() {
    let words = catch_panic(|| example::storms(true)).expect_err("money is lost");
    assert!(words.starts_with("money_is_kept (invariant) at "), "{words}");
    assert!(words.contains("shrunk to") && words.contains("let mut plan = Plan::calm("), "{words}");

    let place = words.split("WAVETANK_CAPSULE=").nth(1).and_then(|rest| rest.split(' ').next());
    let text = fs::read_to_string(place.expect("the message names the capsule"))
        .expect("the capsule is in that file");
    let capsule = Capsule::parse(&text).expect("the file is a capsule");
    let Verdict::Violated(violation) = &capsule.verdict else { panic!("{:?}", capsule.verdict) };
    assert_eq!(violation.check, "money_is_kept");
    let Content::Plan { plan, .. } = &capsule.content else { panic!("{:?}", capsule.content) };
    assert!(plan.servers <= 3 && capsule.step_log.records().len() < 1_500, "{plan:?}");
}

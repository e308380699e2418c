//! Plans as proptest strategies: the ledger runs under storms that proptest draws, and its planted bug is
//! shrunk to a small plan.

use crate::ledger::example::{Ledger, Transfers};
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRng, TestRunner};
use serde_json::Value;
use wavetank_raft::Span;
use wavetank_scenarios::Trace;
use wavetank_scenarios::registry::{self, ALL};
use wavetank_sim::harness::Trial;
use wavetank_sim::shrink::strategies::{self, Plans};
use wavetank_sim::{Plan, Storm, Verdict};

/// Short storms over at most three servers.
fn storms() -> Plans {
    strategies::storms().with(|plan| {
        plan.servers = plan.servers.min(3);
        plan.chaos = plan.chaos.min(Span::s(10));
    })
}

fn bank(plan: Plan, forgets: bool) -> Trial<Ledger> {
    Storm::from(plan)
        .fsm(move || Ledger::new(forgets))
        .invariant("money_is_kept", Ledger::money_is_kept)
        .workload(Transfers::callers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_ledger_survives_storms_that_are_drawn(plan in storms()) {
        bank(plan, false).survives().map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_ledger_that_forgets_shrinks_to_a_small_plan() {
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&storms(), |plan| bank(plan, true).survives().map_err(TestCaseError::fail));
    let Err(TestError::Fail(why, plan)) = result else { panic!("money is lost: {result:?}") };
    let why = why.to_string();
    assert!(why.starts_with("money_is_kept (invariant) at ") && why.contains("Plan::calm("), "{why}");
    assert_eq!(plan.validate(), Ok(()));
    let why_again = bank(plan.clone(), true).survives().expect_err("it was the smallest plan that fails");
    assert!(why.starts_with(&why_again[..40]), "{why}\n{why_again}");

    let acts = plan.nemesis.scheduled.len() + plan.nemesis.reactive.len();
    assert!(plan.servers <= 3 && plan.spares <= 1 && plan.clients.count <= 4 && acts <= 3, "{why}");
    assert!(plan.links.loss.is_none() && plan.links.late.is_none() && plan.disks.fail.is_none(), "{why}");
}

/// A plan may be edited by hand. Each of its numbers may become the largest: the plan is then refused, or it runs and
/// nothing panics.
#[test]
fn the_largest_numbers_are_refused_or_run() {
    let storm = ALL.iter().find(|scenario| scenario.name == "storm").expect("there are storms");
    let mut plan = Plan::storm(3);
    plan.chaos = Span::s(2);
    let plan = serde_json::to_value(&plan).expect("a plan is a value");
    let mut paths = Vec::new();
    numbers("", &plan, &mut paths);
    assert!(50 < paths.len(), "{paths:?}");
    let mut ran = 0;
    for path in paths {
        let mut edited = plan.clone();
        *edited.pointer_mut(&path).expect("the path is of this plan") = u64::MAX.into();
        let Ok(edited) = serde_json::from_value::<Plan>(edited) else { continue };
        if edited.validate().is_err() {
            continue;
        }
        ran += 1;
        let verdict = registry::run_plan(storm, edited, Trace::default()).report.verdict;
        assert!(!matches!(verdict, Verdict::Panicked(_)), "{path}: {verdict}");
    }
    assert!(5 < ran, "{ran} plans ran");
}

/// Collects the JSON pointers of all numbers.
fn numbers(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Number(_) => paths.push(path.to_owned()),
        Value::Array(parts) => {
            parts.iter().enumerate().for_each(|(at, part)| numbers(&format!("{path}/{at}"), part, paths));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, part)| numbers(&format!("{path}/{name}"), part, paths));
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

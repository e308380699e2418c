//! Storms of raft-rs: they hold, they repeat, and the checks of the README run.

use wavetank_raft_rs::{NAME, RaftRs};
use wavetank_scenarios::{Scenario, Suite, Trace, TraceForm, registry};
use wavetank_sim::capsule::{Capsule, Content};
use wavetank_sim::{Report, Verdict};

fn storm() -> Scenario {
    *Suite::of_subject::<RaftRs>(NAME).scenarios.last().expect("the last scenario is the storm")
}

fn run(seed: u64) -> Report {
    registry::run(&storm(), seed, TraceForm::None).0
}

/// The storms of these seeds end with a limit of raft-rs that the README describes.
const KNOWN: [u64; 1] = [34];

#[test]
fn a_hundred_storms_hold_and_the_checks_see_their_subjects() {
    let mut witnessed = std::collections::BTreeMap::new();
    for seed in 0..100 {
        let report = run(seed);
        let held = matches!(report.verdict, Verdict::Held | Verdict::Vacuous(_));
        assert!(held != KNOWN.contains(&seed), "storm:{seed}: {}", report.verdict);
        for (check, times) in report.witnessed {
            *witnessed.entry(check).or_insert(0) += times;
        }
    }
    for check in [
        "election_safety",
        "log_matching",
        "leader_completeness",
        "state_machine_safety",
        "committed_never_dropped",
        "vote_once_per_term",
        "committed_is_durable_on_quorum",
        "synced_data_is_kept",
        "linearizable",
        "progress",
    ] {
        assert!(witnessed.get(check).is_some_and(|&times| 0 < times), "{check}: {witnessed:?}");
    }
}

/// A leader proposes a change that replaces it, and its disk stalls. The other server stops for ever before the write is
/// durable. The tank may stop only servers that the next configuration does not need.
#[test]
fn the_tank_keeps_the_voters_of_a_change_that_is_not_durable_yet() {
    let report = run(77_000_331);
    assert_eq!(report.verdict, Verdict::Held);
}

/// raft-rs draws election timeouts from the thread's random numbers. The adapter replaces each draw.
#[test]
fn a_seed_gives_the_same_digest_twice() {
    for seed in 1_000..1_200 {
        let (first, second) = (run(seed), run(seed));
        assert_eq!((first.digest, first.events), (second.digest, second.events), "storm:{seed}");
        assert!(first == second, "storm:{seed}");
    }
}

/// The shrunk schedule of the finding that README.md calls the only voter.
#[test]
fn the_capsule_of_a_finding_repeats_it() {
    let text = include_str!("../findings/only_voter_leads_before_its_vote_is_durable.json");
    let capsule = Capsule::parse(text).expect("the file is a capsule");
    assert_eq!(capsule.subject, NAME);
    let Content::Plan { plan, .. } = capsule.content else { panic!("the capsule has a plan") };
    let report = registry::run_plan(&storm(), plan, Trace::default()).report;
    assert_eq!((report.verdict, report.digest), (capsule.verdict, capsule.digest));
}

#[test]
fn the_checks_that_are_off_are_those_of_the_readme() {
    let report = run(1);
    let readme = include_str!("../README.md");
    for (check, why) in report.off.iter().chain(&report.excluded) {
        assert!(readme.contains(&format!("`{check}`")), "{check} ({why}) is missing in README.md");
    }
    assert_eq!(report.excluded.len(), 4);
}

//! Storms in which a judge found a violation. Each is kept as a capsule in `cases`. The files can be
//! read, and their plans get the same verdict. A change of behaviour shows as a diff; read it, then bless
//! it with `INSTA_UPDATE=always`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use wavetank_scenarios::Trace;
use wavetank_scenarios::registry::{self, ALL};
use wavetank_sim::Verdict;
use wavetank_sim::capsule::{Capsule, Content};

#[test]
fn every_kept_storm_is_judged_as_it_was() {
    let mut text = String::new();
    for (name, capsule) in capsules() {
        let Content::Plan { scenario, plan } = &capsule.content else { panic!("{name} contains no plan") };
        let scenario = ALL.iter().find(|known| known.name == scenario);
        let scenario = scenario.unwrap_or_else(|| panic!("the scenario of {name} does not exist"));
        let report = registry::run_plan(scenario, plan.clone(), Trace::default()).report;
        let kept = if (report.digest, &report.verdict) == (capsule.digest, &capsule.verdict) {
            "as it was kept"
        } else {
            "other than it was kept"
        };
        let _ = writeln!(text, "{name}: {:016x}, {kept}\n    {}", report.digest, line(&report.verdict));
    }
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(".");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("cases", text));
}

/// Every capsule of the folder with the name of its file, ordered by name.
fn capsules() -> Vec<(String, Capsule)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/cases");
    let files = fs::read_dir(&folder).expect("the folder can be read");
    let mut capsules: Vec<(String, Capsule)> = files
        .map(|file| {
            let path = file.expect("the folder can be read").path();
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a capsule is text");
            let capsule = Capsule::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, capsule)
        })
        .collect();
    capsules.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(12 < capsules.len(), "{} capsules only", capsules.len());
    capsules
}

fn line(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Violated(violation) => format!("{:?} {violation}", violation.class),
        Verdict::Held | Verdict::Panicked(_) | Verdict::Vacuous(_) => format!("{verdict:?}"),
    }
}

//! The command of another subject: it has the storms, names itself, and refuses what it cannot do.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Action, Configuration, Deadline, Effects, Event, Index, RoleName, Server, Time};
use wavetank_scenarios::cli::{Streams, suite_main};
use wavetank_scenarios::registry::ALL;
use wavetank_scenarios::{Suite, registry};
use wavetank_sim::subject::Wavetank;
use wavetank_sim::{Exclusion, Start, Subject, View};

/// The suite of a guest.
static GUEST: LazyLock<Suite> = LazyLock::new(|| Suite::of_subject::<Guest<false>>("guest"));

/// The suite of a guest that says in odd terms that it leads.
static BOASTER: LazyLock<Suite> = LazyLock::new(|| Suite::of_subject::<Guest<true>>("guest"));

#[test]
fn the_list_of_a_subject_has_the_storms_and_says_that_the_stories_are_left_out() {
    let said = run(&GUEST, &["list"]);
    assert!(said.out.contains("storm_beyond_budget ") && said.out.contains("\n  storm  "), "{}", said.out);
    let left_out = ALL.len() - 2;
    let end = format!("\nleft out: {left_out} scenarios, which run only with our server, not with guest\n");
    assert!(said.code == 0 && said.out.ends_with(&end), "{}", said.out);
    let said = run(&GUEST, &["run", "figure_8"]);
    let refusal = "error: figure_8 runs only with our server, not with guest\n";
    assert_eq!((said.code, said.err.as_str()), (1, refusal));
}

#[test]
fn the_help_of_a_subject_names_its_binary_and_lists_no_command_for_our_server_alone() {
    let said = run(&GUEST, &["--help"]);
    assert!(said.out.contains("cargo run --release --bin guest -- sweep "), "{}", said.out);
    assert!(said.out.contains("Usage: guest <COMMAND>"), "{}", said.out);
    let commands = ["list", "run", "sweep", "replay", "shrink", "diff", "why", "view"];
    assert!(commands.iter().all(|name| said.out.contains(&format!("\n  {name} "))), "{}", said.out);
    assert!(!said.out.contains("explore") && !said.out.contains("wavetank"), "{}", said.out);
    assert_eq!(run(&GUEST, &["explore"]).code, 1);
}

#[test]
fn a_capsule_names_its_subject_and_the_command_of_another_subject_refuses_it() {
    let (guests, ours) = (scratch("guests.json"), scratch("ours.json"));
    let our_suite = Suite::of_ours(&ALL);
    for (suite, file) in [(&*GUEST, &guests), (&our_suite, &ours)] {
        let said = run(suite, &["run", "storm", "--seed", "3", "--trace", "none", "--capsule", file]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        let said = run(suite, &["replay", file, "--trace", "none"]);
        assert!(said.out.ends_with("capsule  the same steps, digest and verdict\n"), "{}", said.out);
        let said = run(suite, &["replay", file, "--trace", "json"]);
        let is_json = said.out.lines().all(|line| line.starts_with('{'));
        assert!(is_json && said.err.starts_with("capsule  the same steps"), "{}", said.err);
    }
    let said = run(&our_suite, &["replay", &guests]);
    let refusal = format!("error: `{guests}` is a run of guest, but this command runs wavetank\n");
    assert_eq!((said.code, said.err), (1, refusal));
    let said = run(&GUEST, &["diff", &ours, &guests]);
    let refusal = format!("error: `{ours}` is a run of wavetank, but this command runs guest\n");
    assert_eq!((said.code, said.err), (1, refusal));
    for file in [guests, ours] {
        fs::remove_file(file).expect("the file exists");
    }
}

#[test]
fn a_check_that_documents_exclude_is_off_and_the_report_and_the_table_say_why() {
    let storm = GUEST.scenarios.last().expect("the last scenario is the storm");
    let (report, _) = registry::run(storm, 3, wavetank_scenarios::TraceForm::None);
    assert_eq!(report.excluded["log_matching"], LINE);
    assert!(
        !report.witnessed.contains_key("log_matching") && report.witnessed.contains_key("election_safety")
    );
    let said = run(&GUEST, &["sweep", "storm", "--seeds", "2"]);
    assert!(said.out.contains(&format!("\nexcluded   log_matching ({LINE})\n")), "{}", said.out);
}

const LINE: &str = "guest.md: logs may differ";

#[test]
fn a_sweep_tells_a_failure_with_its_shrunk_schedule() {
    let said = run(&BOASTER, &["sweep", "storm", "--seeds", "40"]);
    let told = said.out.split_once("\nleader_has_quorum ").unwrap_or_else(|| panic!("{}", said.out)).1;
    assert!(told.lines().count() < 40, "{}", said.out);
    let schedule = told.split_once("\n  schedule ").unwrap_or_else(|| panic!("{told}")).1;
    assert!(schedule.contains(", each of them needed, in place of "), "{told}");
    assert!(schedule.contains(" events: fire n") || schedule.contains("fire n1 election"), "{told}");
    let small = schedule.split_once("\n  shrunk   cargo run --release --bin guest -- replay ");
    let small = small.and_then(|(_, rest)| rest.lines().next()).unwrap_or_else(|| panic!("{told}"));
    let replayed = run(&BOASTER, &["replay", small]);
    assert!(replayed.code == 2 && replayed.out.ends_with("digest and verdict\n"), "{}", replayed.out);

    let folder = tempfile::tempdir().expect("a folder can be made");
    let report = folder.path().to_str().expect("the path is UTF-8");
    run(&BOASTER, &["sweep", "storm", "--seeds", "40", "--report", report]);
    let index = fs::read_to_string(folder.path().join("index.html")).expect("the report has an index");
    assert!(index.contains("\">Page of the shrunk run, ") && index.contains(small), "{index}");

    let other_jobs = run(&BOASTER, &["sweep", "storm", "--seeds", "40", "--jobs", "1"]);
    assert_eq!(other_jobs.out, said.out);
    let unshrunk = run(&BOASTER, &["sweep", "storm", "--seeds", "40", "--shrink", "0"]).out;
    assert!(!unshrunk.contains("\n  shrunk ") && !unshrunk.contains("\n  schedule "), "{unshrunk}");
    let interrupted = run(&BOASTER, &["sweep", "storm", "--seeds", "40", "--shrink", "1"]).out;
    assert!(interrupted.contains("\n  shrunk ") && !interrupted.contains("needed"), "{interrupted}");
}

/// The guest leads wrongly in its third term, which most storms reach. If futures counted until their end, the failure
/// would be decided from the first step on.
#[test]
fn a_branch_is_decided_between_the_first_step_and_the_violation() {
    let said = run(&BOASTER, &["why", "storm:2", "--branch"]);
    assert_eq!(said.code, 2, "{}", said.err);
    let number_after = |text: &str| -> Option<u64> {
        let rest = said.out.split_once(text)?.1;
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    };
    let (decided, violation) = (number_after("\ndecided  after step "), number_after(" ms, step "));
    assert!(Some(100) < decided && decided < violation, "{}", said.out);
}

/// Our server under another name, with a document that excludes a check. With `LEADS`, it says in odd terms that
/// it leads.
struct Guest<const LEADS: bool>(Server);

impl<const LEADS: bool> Subject for Guest<LEADS> {
    type Protocol = Wavetank;
    type Scratch = Effects;

    fn name(&self) -> &'static str {
        "guest"
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        <Server as Subject>::start(start).map(Self)
    }

    fn step(&mut self, now: Time, event: Event, scratch: &mut Effects, actions: &mut Vec<Action>) {
        Subject::step(&mut self.0, now, event, scratch, actions);
    }

    fn deadline(&self) -> Deadline {
        Subject::deadline(&self.0)
    }

    fn view(&self) -> View {
        let view = Subject::view(&self.0);
        let is_odd = view.term.is_some_and(|term| 1 < term.0 && term.0 % 2 == 1);
        if LEADS && is_odd { View { role: Some(RoleName::Leader), ..view } } else { view }
    }

    fn configuration(&self) -> Option<Option<(Index, &std::sync::Arc<Configuration>)>> {
        Subject::configuration(&self.0)
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        &[Exclusion { check: "log_matching", line: LINE }]
    }
}

struct Said {
    code: u8,
    out: String,
    err: String,
}

fn run(suite: &Suite, words: &[&str]) -> Said {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once(suite.subject).chain(words.iter().copied());
    let mut streams =
        Streams { out: &mut out, err: &mut err, out_is_terminal: false, err_is_terminal: false };
    let code = suite_main(suite, args, &mut streams);
    let text = |bytes| String::from_utf8(bytes).expect("the command writes text");
    Said { code, out: text(out), err: text(err) }
}

fn scratch(name: &str) -> String {
    let file: PathBuf = std::env::temp_dir().join(format!("wavetank-{}-{name}", std::process::id()));
    file.to_str().expect("the path is UTF-8").to_owned()
}

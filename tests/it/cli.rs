//! The command: its output, its streams and its exit status. The scenarios here are fakes, so that only
//! the command is tested.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use wavetank_raft::{Server, Span, Time};
use wavetank_scenarios::cli::{Streams, main_with};
use wavetank_scenarios::{Chapter, Play, Scenario, Trace};
use wavetank_sim::observe::report::ChangeCounts;
use wavetank_sim::runner::observers::Observers;
use wavetank_sim::runner::{self, Run, Simulation};
use wavetank_sim::{
    Class, Observation, ObservationKind, Observer, Options, Plan, Report, ServerIdx, Verdict, Violation,
};

#[test]
fn success_is_status_0_and_each_kind_of_failure_has_its_own() {
    for (words, code) in [
        ("run calm", 0),
        ("run lies", 2),
        ("run sleeps", 3),
        ("run breaks", 4),
        ("run blind", 5),
        ("replay calm:7", 0),
        ("replay lies:7", 2),
        ("why lies", 2),
        ("why calm --step 1", 0),
        ("sweep calm --seeds 4", 0),
        ("sweep calm lies --seeds 4", 2),
        ("sweep calm sleeps --seeds 4", 3),
        ("sweep breaks sleeps --seeds 4", 4),
        ("sweep blind --seeds 4", 5),
        ("sweep --seeds 3", 2),
        ("list", 0),
        ("explore --nodes 2 --terms 1 --entries 1", 0),
        ("explore --depth 4", 0),
        ("explore --memory 1", 5),
        ("explore --nodes 1 --time 18446744073709551615", 0),
        ("explore --nodes 1 --memory 18446744073709551615", 0),
        ("explore --nodes 1 --memory 17592186044416", 0),
    ] {
        assert_eq!(wavetank(words).code, code, "{words}");
    }
}

#[test]
fn an_exploration_is_the_same_with_one_thread_and_with_many() {
    let explore = |jobs| wavetank(&format!("explore --terms 1 --entries 1 --jobs {jobs}")).out;
    let one = explore(1);
    assert_eq!(one, explore(2));
    assert!(one.contains("states   14,543 different states, "), "{one}");
}

#[test]
fn help_is_an_answer_that_opens_with_two_examples() {
    for words in [
        "--help",
        "run --help",
        "sweep --help",
        "replay --help",
        "judge --help",
        "list --help",
        "explore --help",
    ] {
        let said = wavetank(words);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{words}");
        let mut lines = said.out.lines();
        assert_eq!(lines.next(), Some("Examples:"), "{words}");
        assert_eq!(lines.take_while(|line| line.starts_with("  cargo run ")).count(), 2, "{words}");
    }
    assert_eq!(wavetank("--version").code, 0);
}

#[test]
fn bad_input_gets_one_line_and_status_1() {
    for &(words, hint) in BAD_INPUT {
        let said = wavetank(words);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{words}");
        assert_eq!(said.err.lines().count(), 1, "{words}: {}", said.err);
        assert!(said.err.starts_with("error: ") && said.err.contains(hint), "{words}: {}", said.err);
    }
}

#[test]
fn a_run_shows_its_trace_and_then_its_verdict() {
    let said = wavetank("run calm --seed 7");
    assert!(
        said.out.contains("  pause   n1\n") && said.out.contains("\n\nrun      calm:7\n"),
        "{}",
        said.out
    );
    assert!(said.out.ends_with("verdict  held\n"), "{}", said.out);
    assert!(wavetank("run calm --seed 7 --trace none").out.starts_with("run      calm:7\n"));
}

#[test]
fn a_failed_run_says_how_to_repeat_it() {
    let said = wavetank("run lies --seed 7");
    assert!(said.out.contains("made_up (thesis §0) at 1.000 ms, step 9: two of everything"), "{}", said.out);
    assert!(said.out.ends_with("replay   cargo run --release -- replay lies:7\n"), "{}", said.out);
    assert!(wavetank("run breaks --seed 7").out.contains("panicked: seed 7 is odd (tests/it/cli.rs:"));
}

#[test]
fn a_scenario_without_a_seed_is_the_run_of_seed_0() {
    for words in ["replay calm", "why lies", "diff calm calm:0"] {
        let seeded = words.replacen(" calm", " calm:0", 1).replacen(" lies", " lies:0", 1);
        let (bare, seeded) = (wavetank(words), wavetank(&seeded));
        assert_eq!((bare.code, bare.out), (seeded.code, seeded.out), "{words}: {}", bare.err);
    }
    let page = scratch("bare.html");
    let said = wavetank(&format!("view calm -o {}", page.display()));
    assert!(said.code == 0 && said.err.starts_with("the page of calm:0 is the file "), "{}", said.err);
    fs::remove_file(page).expect("the page is written");
}

/// The file is in the current directory, because a name with a slash is always that of a file.
#[test]
fn a_file_wins_over_a_scenario_of_the_same_name() {
    fs::write("fickle", "no capsule").expect("the current directory can be written");
    let said = wavetank("replay fickle");
    fs::remove_file("fickle").expect("the file exists");
    assert!(said.code == 1 && said.err.contains("`fickle` is not a readable capsule"), "{}", said.err);
}

#[test]
fn a_json_trace_ends_with_the_report() {
    let said = wavetank("run calm --seed 7 --trace json");
    let last = said.out.lines().last().expect("the output has a report");
    let report: Report = serde_json::from_str(last).expect("the last line is a report");
    assert_eq!((report.scenario.as_str(), report.seed), ("calm", 7));
}

#[test]
fn twice_finds_a_run_that_is_not_a_function_of_the_seed() {
    let same = wavetank("run calm --twice");
    assert_eq!(same.code, 0);
    assert!(same.err.contains("the same"), "{}", same.err);

    let other = wavetank("run fickle --twice --trace full");
    assert_eq!(other.code, 2);
    assert!(other.err.contains("line 2 of the trace"), "{}", other.err);
}

#[test]
fn stdout_is_the_same_whatever_the_jobs() {
    for words in ["sweep --seeds 50", "sweep --seeds 50 --json", "sweep calm lies --seeds 5..90"] {
        let one = wavetank(&format!("{words} --jobs 1"));
        let four = wavetank(&format!("{words} --jobs 4"));
        assert_eq!((one.code, one.out), (four.code, four.out), "{words}");
    }
}

#[test]
fn a_sweep_of_everything_spends_its_seeds_on_storms() {
    let said = wavetank("sweep --seeds 100 --json");
    let seeds = rows(&said.out).into_iter().map(|row| (row.0, row.1)).collect::<BTreeMap<_, _>>();
    assert_eq!((seeds["calm"], seeds["squall"]), (32, 100));
    let named = rows(&wavetank("sweep calm calm --seeds 100 --json").out);
    assert_eq!(named, [("calm".to_owned(), 100)]);
}

#[test]
fn the_shortest_failure_of_each_kind_is_told_and_the_others_are_counted() {
    let said = wavetank("sweep lies breaks --seeds 10..1000");
    let failures =
        said.out.split_once("\nmade_up (thesis §0): 990 runs\n").expect("the output has the kind").1;
    let mut lines = failures.lines();
    assert_eq!(lines.next(), Some("     step          ms  n1"));
    assert_eq!(lines.next(), Some("        1       0.010  zzz    pause   n1"));
    assert_eq!(lines.next(), Some("        9       1.000  >>> made_up (thesis §0): two of everything"));
    assert_eq!(lines.next(), Some("  replay   cargo run --release -- replay lies:10"));
    assert_eq!(lines.next(), Some("  capsule  target/wavetank/lies-10.json"));
    let small = "  shrunk   cargo run --release -- replay target/wavetank/lies-10.small.json";
    assert_eq!(lines.next(), Some(small));
    assert_eq!(lines.next(), Some("  also     989 other runs, such as lies:11 12 13 14 15 16 17 18 19"));
    let panics = "\npanic (tests/it/cli.rs:";
    assert!(said.out.matches(panics).count() == 1 && said.out.contains("): 990 runs\n"), "{}", said.out);
    assert_eq!(said.out.matches("two of everything").count(), 1);
    assert!(said.out.lines().count() < 30, "{}", said.out);
    assert!(said.err.contains("1,980 runs with 2 scenarios"), "{}", said.err);
}

#[test]
fn a_report_has_an_index_and_a_page_for_each_kind_of_failure() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("new");
    let said = wavetank(&format!("sweep lies calm void --seeds 3 --report {}", path.display()));
    assert!(said.code == 2 && said.err.contains("the report is in "), "{}", said.err);
    let index = fs::read_to_string(path.join("index.html")).expect("the report has an index");
    assert!(index.contains("<h1>Sweep: 2 kinds of failure in 9 runs</h1>"), "{index}");
    assert!(index.contains("1-made_up.html\">Page of the shrunk run, target/wavetank/lies-0."), "{index}");
    assert!(index.contains("void-0.small.json has no step to show.</p>"), "{index}");
    assert!(index.contains("&gt;&gt;&gt; made_up") || index.contains(">>> made_up (thesis §0)"), "{index}");
    let page = fs::read_to_string(path.join("1-made_up.html")).expect("the kind has a page");
    assert!(page.contains("\"what\":\"two of everything\""));
    assert_eq!(fs::read_dir(path).expect("the folder exists").count(), 2);
}

#[test]
fn shards_play_everything_once() {
    let reports = |shard: &str| {
        let file = scratch(&format!("shard-{}.jsonl", shard.replace('/', "-")));
        let said =
            wavetank(&format!("sweep calm squall --seeds 31 --shard {shard} --out {}", file.display()));
        assert_eq!(said.code, 0);
        let text = fs::read_to_string(&file).expect("the sweep has written the file");
        fs::remove_file(file).expect("the file exists");
        text.lines().filter(|line| line.starts_with("{\"run\":")).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut parts: Vec<String> = ["1/3", "2/3", "3/3"].into_iter().flat_map(reports).collect();
    let mut whole = reports("1/1");
    assert_eq!(whole.len(), 62);
    parts.sort();
    whole.sort();
    assert_eq!(parts, whole);
}

#[test]
fn a_file_is_whole_or_not_there() {
    let file = scratch("whole.jsonl");
    fs::write(&file, "old\n").expect("the file can be written");
    assert_eq!(wavetank(&format!("sweep clam --out {}", file.display())).code, 1);
    assert_eq!(fs::read_to_string(&file).expect("the file still exists"), "old\n");

    assert_eq!(wavetank(&format!("sweep calm --seeds 3 --out {}", file.display())).code, 0);
    let seeds: Vec<u64> = fs::read_to_string(&file)
        .expect("the file exists")
        .lines()
        .map(|line| serde_json::from_str::<BTreeMap<String, serde_json::Value>>(line).expect("JSON"))
        .filter_map(|line| line.get("run")?.get("seed")?.as_u64())
        .collect();
    assert_eq!(seeds, [0, 1, 2]);
    fs::remove_file(&file).expect("the file exists");
    let left: Vec<_> = fs::read_dir(file.parent().expect("the file is in a directory"))
        .expect("the directory is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.contains("whole"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn time_ends_a_sweep_without_end() {
    let said = wavetank("sweep calm --time 1 --json");
    assert_eq!(said.code, 0);
    assert!(1 < rows(&said.out)[0].1);
}

#[test]
fn a_sweep_ends_with_the_first_failure_or_when_nothing_is_new() {
    for jobs in [1, 4] {
        let failed = wavetank(&format!("sweep calm breaks --seeds 50 --until-failed --json --jobs {jobs}"));
        let once_each = vec![("calm".to_owned(), 1), ("breaks".to_owned(), 1)];
        assert_eq!((failed.code, rows(&failed.out)), (4, once_each));
        let covered = wavetank(&format!("sweep calm --until-covered 5 --json --jobs {jobs}"));
        assert_eq!((covered.code, rows(&covered.out)), (0, vec![("calm".to_owned(), 7)]));
    }
}

#[test]
fn a_reader_that_goes_away_changes_no_verdict() {
    for (words, code) in [("run calm", 0), ("run lies", 2), ("sweep lies --seeds 9", 2), ("list", 0)] {
        let mut err = Vec::new();
        let got = obey(words, &mut Failing(ErrorKind::BrokenPipe), &mut err);
        assert_eq!(got, code, "{words}: {}", String::from_utf8_lossy(&err));
    }
    let mut err = Vec::new();
    assert_eq!(obey("list", &mut Failing(ErrorKind::StorageFull), &mut err), 1);
    assert!(String::from_utf8_lossy(&err).starts_with("error: cannot write to standard output"));
}

#[test]
fn the_list_names_everything() {
    let text = wavetank("list").out;
    assert!(text.contains("  calm    nothing happens\n"), "{text}");
    let listed: Vec<BTreeMap<String, String>> =
        serde_json::from_str(&wavetank("list --json").out).expect("the output is JSON");
    assert_eq!(listed.len(), FAKES.len());
    assert_eq!(listed[0]["name"], "calm");
}

pub(super) struct Said {
    pub(super) code: u8,
    pub(super) out: String,
    pub(super) err: String,
}

pub(super) fn wavetank(words: &str) -> Said {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = obey(words, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("the command writes text");
    Said { code, out: text(out), err: text(err) }
}

fn obey(words: &str, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let args = std::iter::once("wavetank").chain(words.split_whitespace());
    main_with(FAKES, args, &mut Streams { out, err, out_is_terminal: false, err_is_terminal: false })
}

pub(super) fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("wavetank-{}-{name}", std::process::id()))
}

/// The rows of a sweep's JSON: scenario and number of seeds.
fn rows(json: &str) -> Vec<(String, u64)> {
    #[derive(serde::Deserialize)]
    struct Sweep {
        rows: Vec<Row>,
    }
    #[derive(serde::Deserialize)]
    struct Row {
        scenario: String,
        seeds: u64,
    }
    let sweep: Sweep = serde_json::from_str(json).expect("the output is JSON");
    sweep.rows.into_iter().map(|row| (row.scenario, row.seeds)).collect()
}

struct Failing(ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

/// Command lines that are wrong, and a word of the error.
const BAD_INPUT: &[(&str, &str)] = &[
    ("", "subcommand"),
    ("swep", "sweep"),
    ("run", "SCENARIO"),
    ("run clam", "the nearest name is `calm`"),
    ("run calm --seed x", "--seed"),
    ("explore --nodes 0", "nodes must be at least 1"),
    ("explore --nodes 300", "300 is not in 0..=255"),
    ("explore --nodes 2 --nodes 3", "multiple times"),
    ("explore --nodes 4 --spares 2 --changes 2", "they are 4 and 2"),
    ("explore --spares 1", "at least one membership change"),
    ("explore --terms 0", "no election can begin"),
    ("explore --terms 17", "at most 16"),
    ("explore --terms 99999999999999999999", "--terms"),
    ("explore --beats 9", "at most 8"),
    ("explore --window 0", "at least 1"),
    ("explore --window 9", "at most 8"),
    ("explore --symmetry maybe", "on"),
    ("explore --disks never", "hang"),
    ("explore --judge all", "outcomes"),
    ("explore --depth 0", "--depth"),
    ("explore --memory 0", "--memory"),
    ("explore --time 0", "--time"),
    ("explore --jobs 0", "1 to 256"),
    ("explore --output /no/such/directory/f.json", "/no/such/directory/f.json"),
    ("explore storm", "storm"),
    ("run calm --trace lots", "story"),
    ("sweep calm slep", "the nearest name is `sleeps`"),
    ("sweep --seeds 9..3", "3..9"),
    ("sweep --seeds x", "A..B or N"),
    ("sweep --seeds 0", "no seed"),
    ("sweep --jobs 0", "1 to 256"),
    ("sweep --jobs 100000", "1 to 256"),
    ("sweep --shard 3/2", "K from 1 to N"),
    ("sweep --time 0", "--time"),
    ("sweep --judges none", "outcomes"),
    ("sweep --until-covered 0", "--until-covered"),
    ("sweep calm --seeds 1 --shard 2/2", "nothing to run"),
    ("sweep calm --out /no/such/directory/f.jsonl", "/no/such/directory/f.jsonl"),
    ("sweep calm --out /", "directory"),
    ("sweep calm --resume", "--out"),
    ("merge", "FILE.jsonl"),
    ("sweep calm --report /dev/null/report", "cannot write the report `/dev/null/report`"),
    ("replay clam", "there is no file `clam`, and there is no scenario `clam`; the nearest name is `calm`"),
    ("replay calm:x", "storm:123"),
    ("replay clam:7", "`calm`"),
    ("list --jsn", "--json"),
    ("view void:7 -o page.html", "void:7 has no step to show; the verdict of the run is: panicked: seed 7"),
    ("why calm:7", "calm:7 did not fail"),
    ("why calm:7 --step 99", "calm:7 has no step 99: the last step of the run is 1"),
    ("replay no\u{1b}[31msuch", "there is no scenario `no\\u{1b}[31msuch`"),
    ("why calm:7 --branch", "calm:7 violates no property"),
    ("judge", "FILE"),
    ("judge /no/such/file", "/no/such/file"),
    ("judge / --model kv", "directory"),
    ("judge x --model list", "cas-register"),
    ("judge x --budget 0", "--budget"),
    ("judge x --failed-cas never", "by-error, mismatch or not-done"),
];

const FAKES: &[Scenario] = &[
    fake("calm", "nothing happens", Chapter::Elections, |plan, trace| {
        play("calm", plan, trace, |_| Verdict::Held)
    }),
    fake("lies", "something bad happens", Chapter::Elections, |plan, trace| {
        play("lies", plan, trace, |_| Verdict::Violated(violation(Class::Safety)))
    }),
    fake("sleeps", "nothing good happens", Chapter::Elections, |plan, trace| {
        play("sleeps", plan, trace, |_| Verdict::Violated(violation(Class::Liveness)))
    }),
    fake("breaks", "it panics", Chapter::Elections, |plan, trace| {
        play("breaks", plan, trace, |seed| panic!("seed {seed} is {}", "odd"))
    }),
    fake("blind", "nobody looks", Chapter::Elections, |plan, trace| {
        play("blind", plan, trace, |_| Verdict::Vacuous(vec!["eyes".to_owned()]))
    }),
    fake("void", "it panics before its first step", Chapter::Elections, |plan, _| {
        runner::run("void", plan.seed, || -> Fake { panic!("seed {} has no disk", plan.seed) })
    }),
    fake("fickle", "the clock decides", Chapter::Replication, |plan, mut trace| {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("the clock is later than 1970");
        write(&mut trace, Time(since.as_nanos() as u64));
        play("fickle", plan, trace, |_| Verdict::Held)
    }),
    fake("squall", "much happens", Chapter::Storms, |plan, trace| {
        play("squall", plan, trace, |_| Verdict::Held)
    }),
];

const fn fake(
    name: &'static str,
    summary: &'static str,
    chapter: Chapter,
    run: fn(Plan, Trace) -> Run<Trace>,
) -> Scenario {
    Scenario { name, summary, chapter, play: Play::Planned { plan: |seed| Plan::calm(seed, 3), run } }
}

fn play(name: &str, plan: Plan, trace: Trace, verdict: fn(u64) -> Verdict) -> Run<Trace> {
    let observers = Observers::new(Options::of(&plan), (), trace);
    runner::run(name, plan.seed, || Fake { seed: plan.seed, observers, verdict })
}

/// A run in which nothing happens except that a server is paused.
struct Fake {
    seed: u64,
    observers: Observers<(), Trace>,
    verdict: fn(u64) -> Verdict,
}

impl Simulation for Fake {
    type Checks = ();
    type Trace = Trace;
    type DriveOutcome = ();

    fn drive(&mut self) {
        write(&mut self.observers.trace, Time(self.seed));
    }

    fn now(&self) -> Time {
        Time(30_000_000)
    }

    fn observers(&mut self) -> &mut Observers<(), Trace> {
        &mut self.observers
    }

    fn verdict(&mut self, (): ()) -> Verdict {
        (self.verdict)(self.seed)
    }

    fn describe(&self, report: &mut Report) {
        let seed = self.seed;
        let counts = ChangeCounts { begun: seed, committed: 1, ..ChangeCounts::default() };
        *report = Report {
            events: 100 + seed,
            virtual_time: self.now(),
            elections: 1,
            commits: seed,
            messages: 10,
            faults: BTreeMap::from([("crash".to_owned(), seed)]),
            witnessed: BTreeMap::from([("made_up".to_owned(), 3), ("eyes".to_owned(), 0)]),
            sometimes: BTreeMap::from([("seed_is_odd".to_owned(), seed % 2), ("pigs_fly".to_owned(), 0)]),
            membership: BTreeMap::from([("remove".to_owned(), counts)]),
            situations: vec![seed % 2],
            leaderless: vec![Span::ms(seed + 1)],
            digest: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ..report.clone()
        };
    }
}

fn write(trace: &mut Trace, at: Time) {
    trace.on_observation(&Observation::<Server> { at, step: 1, kind: ObservationKind::Paused(ServerIdx(0)) });
}

fn violation(class: Class) -> Violation {
    Violation {
        check: "made_up".to_owned(),
        class,
        section: "thesis §0".to_owned(),
        what: "two of everything".to_owned(),
        at: Time(1_000),
        step: 9,
    }
}

//! The page of a run in a browser: keys, pointer, filters, search and copy, on a wide and on a narrow window.
//!
//! The test adds a script to the page, lets Chromium open it without a window, and reads the result from the
//! document. It is skipped where Chromium is not installed.

use std::fs;
use std::path::Path;
use std::process::Command;
use wavetank_raft::Time;
use wavetank_scenarios::registry::{self, ALL};
use wavetank_scenarios::{Trace, TraceText};
use wavetank_sim::clients::kv::wire::command_text;
use wavetank_sim::observe::trace::Page;
use wavetank_sim::{Class, Plan, Report, Verdict, Violation};

#[test]
fn a_person_can_use_the_page() {
    let Some(chromium) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|it| runs(it))
    else {
        skipped("skipped: Chromium is not installed, so no page was opened");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let page = folder.path().join("page.html");
    let html = failed_page()
        .replace("</body>", concat!("<script>\n", include_str!("page_test.js"), "</script></body>"));
    fs::write(&page, html).expect("the page can be written");
    for width in [900, 1_900] {
        let (document, console) = open(chromium, &page, folder.path(), width);
        let checked =
            document.split_once("<pre id=\"checked\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let checked = checked.unwrap_or_else(|| panic!("the script did not end:\n{console}")).0;
        assert!(30 < checked.lines().count(), "{checked}");
        let failed: Vec<&str> = checked.lines().filter(|line| !line.starts_with("ok ")).collect();
        assert!(failed.is_empty(), "at a width of {width}: {failed:#?}");
        assert!(!console.contains("CONSOLE"), "{console}");
    }
}

/// A storm takes less than 2 MB.
#[test]
fn the_page_of_a_storm_is_small() {
    for seed in [1, 7, 17] {
        let bytes = page_of(seed, None).len();
        assert!(bytes < 2_000_000, "seed {seed}: {bytes} bytes");
    }
}

/// Opens a page, and returns the document and the messages of the browser.
fn open(chromium: &str, page: &Path, folder: &Path, width: u32) -> (String, String) {
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=10000"])
        .args(["--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND"])
        .arg(format!("--window-size={width},1000"))
        .arg(format!("--user-data-dir={}", folder.join(format!("profile-{width}")).display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("Chromium was found");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The page of a storm that looks as if a check had found a violation in the middle of it.
fn failed_page() -> String {
    let violation = Violation {
        check: "election_safety".to_owned(),
        class: Class::Safety,
        section: "thesis §3.2".to_owned(),
        what: "n1 and n3 both lead t2".to_owned(),
        at: Time(2_000_000),
        step: 3_000,
    };
    page_of(2, Some(violation))
}

fn page_of(seed: u64, violation: Option<Violation>) -> String {
    let scenario = ALL.iter().find(|scenario| scenario.name == "storm").expect("there are storms");
    let plan = Plan::storm(seed);
    let page = Page::new(plan.server_count()).with_commands(command_text);
    let page = match &violation {
        Some(violation) => page.with_causes_of(violation.step),
        None => page,
    };
    let run = registry::run_plan(scenario, plan, Trace::new(Some(TraceText::Page(Box::new(page)))));
    let verdict = violation.map_or(Verdict::Held, Verdict::Violated);
    let report = Report { verdict, ..run.report };
    let named = format!("storm:{seed}");
    Page::html(&run.trace.into_parts().0, &report, &named, &format!("cargo run --release -- replay {named}"))
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("{why}");
}

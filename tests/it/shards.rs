//! Sweeps that are dealt out to many machines, killed, resumed and merged.

use super::cli::{Said, scratch, wavetank};
use std::fs;
use std::path::PathBuf;

/// Seeds of scenarios that hold, break safety and panic, and of a storm.
const SWEEP: &str = "sweep calm lies breaks squall --seeds 5..605";

#[test]
fn merged_shards_print_what_one_machine_prints() {
    for keep in ["all", "failures"] {
        let files = shards(keep, 7);
        for json in ["", " --json"] {
            let (one, merged) = (wavetank(&format!("{SWEEP}{json}")), merge(&files, json));
            assert_eq!((merged.code, merged.out), (one.code, one.out), "{keep}{json}: {}", merged.err);
        }
        // The order of the files does not matter.
        let mut turned = files.clone();
        turned.rotate_left(3);
        assert_eq!(merge(&turned, "").out, merge(&files, "").out);
        remove(&files);
    }
}

#[test]
fn shards_that_do_not_make_one_sweep_are_named() {
    let files = shards("failures", 3);
    let other = scratch("shards-other.jsonl");
    let broken = scratch("shards-broken.jsonl");
    let text = fs::read_to_string(&files[1]).expect("the file of the second shard");
    let cut = text[..text.rfind("{\"part\"").expect("the part") + 40].to_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    let first_run = lines[1];
    let doubled = text.replacen(first_run, &format!("{first_run}\n{first_run}"), 1);
    let (_, seed) = first_run.split_once("\"seed\":").expect("a run has a seed");
    let seed = &seed[..seed.find(',').expect("the seed is not the last field")];
    let of_another_shard = text.replacen(&format!("\"seed\":{seed}"), "\"seed\":604", 1);
    let last = lines.len() - 1;
    lines[last / 2] = &lines[last / 2][..90];
    let damaged = lines.join("\n") + "\n";
    wavetank(&format!("sweep calm --seeds 9 --shard 2/3 --out {}", other.display()));

    let told = |second: &[&PathBuf], wants: &str| {
        let files = [&[&files[0]], second, &[&files[2]]].concat().into_iter().cloned().collect::<Vec<_>>();
        let said = merge(&files, "");
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{wants}: {}", said.err);
        assert!(said.err.contains(wants), "{wants}: {}", said.err);
        assert!(said.err.lines().count() == 1 && said.err.starts_with("error: "), "{}", said.err);
    };
    told(&[], "the shard 2/3 is missing");
    told(&[&files[1], &files[1]], "has the shard 2/3");
    told(&[&other], "other scenarios, seeds or shards");
    told(&[&scratch("shards-nowhere.jsonl")], "cannot read");
    let broken_texts = [
        (cut, "is cut short: it has 0 runs of 800 runs"),
        (text.replacen("\"probe\":\"", "\"probe\":\"f", 1), "is from another build"),
        (damaged, ", line "),
        (of_another_shard, ":604, which is doubled, out of order or in another shard"),
        (doubled, "which is doubled, out of order or in another shard"),
        (text.clone() + "rubbish", "comes after the last line of the sweep"),
        (text.clone() + first_run + "\n", "comes after the last line of the sweep"),
        (of_another_subject(&text), "has runs of guest, not of wavetank"),
        ("no report\n".to_owned(), "is not a file that `sweep --out` wrote"),
        (String::new(), "is empty"),
    ];
    for (text, wants) in broken_texts {
        fs::write(&broken, text).expect("the file can be written");
        told(&[&broken], wants);
    }
    let only = shards("failures", 1);
    let text = fs::read_to_string(&only[0]).expect("the file of the only shard");
    fs::write(&broken, of_another_subject(&text)).expect("the file can be written");
    let said = merge(std::slice::from_ref(&broken), "");
    assert!(said.code == 1 && said.err.contains("has runs of guest, not of wavetank"), "{}", said.err);
    remove(&only);
    remove(&files);
    remove(&[other, broken]);
}

#[test]
fn a_killed_sweep_goes_on_and_writes_the_same_file() {
    for keep in ["all", "failures"] {
        let file = scratch(&format!("resumed-{keep}.jsonl"));
        let partial = file.with_extension("jsonl.partial");
        let sweep = format!("{SWEEP} --keep {keep} --out {}", file.display());
        let whole = wavetank(&sweep);
        let bytes = fs::read(&file).expect("the file is complete");

        // A file that keeps all reports has the lines that the file of a killed sweep has.
        let text = fs::read_to_string(all_reports(&file)).expect("text");
        let run = |line: &&str| keep == "all" || !line.starts_with("{\"run\"") || !line.contains("\"Held\"");
        let lines: Vec<String> =
            text.lines().filter(run).map(|line| line.replace("\"All\"", &title(keep))).collect();
        let part = lines.iter().position(|line| line.starts_with("{\"part\"")).expect("a part");
        for kept in [0, 1, part, part + 1, part + 100] {
            let whole_lines: String = lines[..kept].iter().map(|line| format!("{line}\n")).collect();
            let cut_line = if kept == 0 { "{\"header\":{\"bui" } else { "{\"run\":{\"scen" };
            fs::write(&partial, whole_lines + cut_line).expect("the file can be written");
            let refused = wavetank(&sweep);
            assert_eq!(refused.code, 1, "{}", refused.err);
            assert!(refused.err.contains("continue the sweep with --resume"), "{}", refused.err);
            let resumed = wavetank(&format!("{sweep} --resume"));
            assert_eq!((resumed.code, resumed.out), (whole.code, whole.out.clone()), "{}", resumed.err);
            assert!(fs::read(&file).expect("the file is complete") == bytes, "{keep}, {kept} lines");
            assert!(!partial.exists());
        }
        fs::write(&partial, "precious notes").expect("the file can be written");
        let refused = wavetank(&format!("{sweep} --resume"));
        assert!(refused.err.contains("is not the file of an interrupted sweep"), "{}", refused.err);
        assert_eq!(fs::read_to_string(&partial).expect("the notes are still there"), "precious notes");
        let locked = fs::File::create(&partial).expect("the file can be written");
        fs::write(&partial, format!("{}\n", lines[0])).expect("the file can be written");
        locked.try_lock().expect("no sweep is writing it");
        let refused = wavetank(&format!("{sweep} --resume"));
        assert!(refused.err.contains("another sweep is writing"), "{}", refused.err);
        drop(locked);
        fs::remove_file(&partial).expect("the file exists");
        let again = wavetank(&format!("{sweep} --resume"));
        assert_eq!((again.code, again.out), (whole.code, whole.out.clone()));
        assert!(!again.err.contains(" runs with "), "nothing is run again: {}", again.err);
        let other = wavetank(&format!("sweep calm --seeds 5 --resume --out {}", file.display()));
        assert_eq!(other.code, 1);
        assert!(other.err.contains("cannot resume"), "{}", other.err);
        remove(&[file]);
    }
}

#[test]
fn a_file_of_failures_does_not_grow_with_the_runs_that_held() {
    let size = |seeds: u64| {
        let file = scratch(&format!("small-{seeds}.jsonl"));
        wavetank(&format!("sweep calm --seeds {seeds} --keep failures --out {}", file.display()));
        let size = fs::metadata(&file).expect("the file is complete").len();
        remove(&[file]);
        size
    };
    // A few more digits, and the durations of the made-up scenario differ for every seed.
    assert!(size(5_000) < size(500) + 5_000 * 16, "{} and {}", size(500), size(5_000));
}

#[test]
fn a_sweep_that_ended_early_is_not_taken_for_a_whole_one() {
    let file = scratch("ended-early.jsonl");
    let _ = fs::remove_file(&file);
    let sweep = format!("sweep breaks --seeds 5..605 --out {}", file.display());
    wavetank(&format!("{sweep} --until-failed"));
    let resumed = wavetank(&format!("{sweep} --resume"));
    assert_eq!((resumed.code, resumed.out.as_str()), (1, ""), "{}", resumed.err);
    assert!(
        resumed.err.contains("of 600 runs, because of --time, --until-failed or --until-covered"),
        "{}",
        resumed.err
    );
    fs::remove_file(&file).expect("the file of the first sweep");
    let unused = wavetank("sweep calm --keep failures");
    assert!(unused.code == 1 && unused.err.contains("--out"), "{}", unused.err);
}

/// The same sweep as in the file, with the reports of all runs.
fn all_reports(file: &std::path::Path) -> PathBuf {
    let all = file.with_extension("all");
    wavetank(&format!("{SWEEP} --out {}", all.display()));
    all
}

fn of_another_subject(text: &str) -> String {
    assert!(text.contains("\"subject\":\"wavetank\""), "{text}");
    text.replacen("\"subject\":\"wavetank\"", "\"subject\":\"guest\"", 1)
}

fn title(keep: &str) -> String {
    if keep == "all" { "\"All\"".to_owned() } else { "\"Failures\"".to_owned() }
}

fn shards(keep: &str, count: usize) -> Vec<PathBuf> {
    let shard = |k: usize| {
        let file = scratch(&format!("shard-{keep}-{k}-{count}.jsonl"));
        let said = wavetank(&format!("{SWEEP} --shard {k}/{count} --keep {keep} --out {}", file.display()));
        assert_eq!(said.code, 2, "{}", said.err);
        file
    };
    (1..=count).map(shard).collect()
}

fn merge(files: &[PathBuf], options: &str) -> Said {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    wavetank(&format!("merge {}{options}", names.join(" ")))
}

fn remove(files: &[PathBuf]) {
    for file in files {
        fs::remove_file(file).expect("the file exists");
    }
}

//! `wavetank explore`: explores every schedule within bounds, and prints a shortest schedule that
//! violates a property.

use super::bounds::{ExploreArguments, OnOff};
use super::exit::Status;
use super::file::AtomicFile;
use super::progress_bar::Progress;
use super::target::{Played, Target};
use super::{CliError, Streams, format, pool, write_message};
use crate::registry::Suite;
use crate::trace::TraceForm;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wavetank_sim::explore::properties::Breach;
use wavetank_sim::explore::{
    Bounds, Executor, Expansion, Reductions, Schedule, Search, SearchOutcome, SearchStats,
};

/// Explores the schedules, and prints the result.
pub(crate) fn explore(
    suite: &Suite,
    arguments: &ExploreArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let bounds = arguments.bounds.bounds();
    bounds.sound().map_err(CliError::new)?;
    let file = arguments.output.as_deref().map(AtomicFile::create).transpose()?;
    let (symmetry, reduction) = (arguments.symmetry == OnOff::On, arguments.reduction == OnOff::On);
    let reductions = Reductions { symmetry, inert: reduction, disks: reduction };
    let jobs = pool::threads(arguments.jobs);

    let begun = Instant::now();
    let mut search = Search::new(bounds, reductions);
    let end = run(&mut search, arguments, jobs, begun, streams);
    let took = begun.elapsed();

    let stats = search.stats();
    write_figures(stats, streams)?;
    let rate = u128::from(stats.states) * 1_000 / took.as_millis().max(1);
    let rate = format::grouped(u64::try_from(rate).unwrap_or(u64::MAX));
    write_message(
        streams,
        &format!("{}.{:03} s, {rate} states per second", took.as_secs(), took.subsec_millis()),
    );
    conclude(suite, end, &bounds, file, streams)
}

fn run(
    search: &mut Search,
    arguments: &ExploreArguments,
    jobs: usize,
    begun: Instant,
    streams: &Streams<'_>,
) -> SearchOutcome {
    let deadline = arguments.time.and_then(|seconds| begun.checked_add(Duration::from_secs(seconds)));
    let most = arguments.memory.saturating_mul(1 << 20);
    let bar = Progress::of_states(streams.err_is_terminal);
    let end = search.run(arguments.depth, &mut Threads(jobs), &mut |stats| {
        bar.tried(stats.states, &format!("{} moves deep", stats.levels.len() - 1));
        stats.bytes < most && deadline.is_none_or(|deadline| Instant::now() < deadline)
    });
    bar.clear();
    end
}

/// The number of threads that execute tasks. Each thread starts the next task after the thread has finished a
/// task.
struct Threads(usize);

impl Executor for Threads {
    fn work(&mut self, tasks: usize, task: &(dyn Fn(usize) -> Expansion + Sync)) -> Vec<Expansion> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mine = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            mine.take_while(|&at| at < tasks).map(|at| (at, task(at))).collect::<Vec<_>>()
        };
        let mut done: Vec<(usize, Expansion)> = thread::scope(|scope| {
            let others: Vec<_> = (1..self.0.min(tasks)).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().expect("panics of the code under test are caught"));
            }
            done
        });
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, expansion)| expansion).collect()
    }
}

fn write_figures(stats: &SearchStats, streams: &mut Streams<'_>) -> Result<(), CliError> {
    let levels: Vec<String> = stats.levels.iter().map(ToString::to_string).collect();
    let SearchStats { states, generated, servers, steps, bytes, .. } = stats;
    let grouped = format::grouped;
    writeln!(streams.out, "levels   {}", levels.join(" "))?;
    writeln!(streams.out, "states   {} different states, {} visited", grouped(*states), grouped(*generated))?;
    writeln!(
        streams.out,
        "servers  {} states of single servers, with {}",
        grouped(*servers),
        format::many(*steps, "step")
    )?;
    writeln!(streams.out, "memory   {} MiB, {} bytes per state", bytes >> 20, bytes / states)?;
    Ok(())
}

fn conclude(
    suite: &Suite,
    end: SearchOutcome,
    bounds: &Bounds,
    file: Option<AtomicFile>,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let status = match end {
        SearchOutcome::Exhausted => {
            writeln!(streams.out, "verdict  held: no state within {bounds} violates a property")?;
            Status::Held
        }
        SearchOutcome::DepthReached => {
            writeln!(
                streams.out,
                "verdict  held: no state up to --depth within {bounds} violates a property"
            )?;
            Status::Held
        }
        SearchOutcome::Stopped => {
            writeln!(streams.out, "verdict  undecided: not every state within {bounds} was explored")?;
            Status::Vacuous
        }
        SearchOutcome::Found(breach, schedule) => return found(suite, &breach, schedule, file, streams),
    };
    Ok(status)
}

/// Prints the schedule, the story of the schedule, the violation, and the verdict of the judges that examine
/// runs. Writes the capsule of the schedule to `file`, if there is a file.
fn found(
    suite: &Suite,
    breach: &Breach,
    schedule: Schedule,
    file: Option<AtomicFile>,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    writeln!(streams.out, "\nwithin   {}", schedule.bounds)?;
    for (at, step) in schedule.steps.iter().enumerate() {
        writeln!(streams.out, "{:>3}  {step}", at + 1)?;
    }
    let named = file.as_ref().map(|file| file.path().display().to_string()).unwrap_or_default();
    let target = Target { suite, played: Played::Schedule(schedule), kept: None, named };
    let (report, story) = target.run(TraceForm::Story);
    writeln!(streams.out, "\n{story}")?;
    writeln!(streams.out, "breach   {} ({}): {}", breach.property, breach.section, breach.what)?;
    writeln!(streams.out, "judges   {}", report.verdict)?;
    if let Some(file) = file {
        target.keep_in(file)?;
        writeln!(streams.out, "replay   {}", target.replay_command())?;
    }
    Ok(Status::of_breach(breach))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::main_with;
    use crate::registry::ALL;
    use std::{env, fs, process};
    use wavetank_raft::{Index, RoleName, Term};
    use wavetank_sim::explore::SingleThread;
    use wavetank_sim::explore::properties::Claim;

    #[test]
    fn a_breach_is_printed_and_its_file_can_be_replayed_compared_and_viewed() {
        let path = |name: &str| {
            let path = env::temp_dir().join(format!("wavetank-{}-{name}", process::id()));
            path.to_str().expect("the path is UTF-8").to_owned()
        };
        let (file, page) = (path("found.json"), path("found.html"));
        let (breach, schedule) = schedule_with_second_leader();
        let (status, printed) = with_streams(|streams| {
            let file = AtomicFile::create(file.as_ref()).expect("the file can be created");
            found(&Suite::of_ours(&ALL), &breach, schedule, Some(file), streams)
                .expect("the streams can be written")
        });
        assert_eq!(status.code(), 2);
        assert!(
            printed.contains("\nwithin   nodes 3, terms 2, entries 1, crashes 1\n  1  timeout n"),
            "{printed}"
        );
        assert!(
            printed.contains("LEAD3") && printed.contains("\nbreach   nobody_leads_anew (a claim): "),
            "{printed}"
        );
        // The claim is not a rule of the protocol, so the judges of runs find nothing.
        assert!(printed.contains("\njudges   held\n"), "{printed}");
        assert!(
            printed.ends_with(&format!("\nreplay   cargo run --release -- replay {file}\n")),
            "{printed}"
        );

        let wavetank = |arguments: &[&str]| {
            let args = ["wavetank"].iter().chain(arguments).copied().collect::<Vec<_>>();
            with_streams(|streams| main_with(&ALL, args, streams))
        };
        let (code, replayed) = wavetank(&["replay", &file]);
        assert!(
            code == 0 && replayed.ends_with("capsule  the same steps, digest and verdict\n"),
            "{replayed}"
        );
        let (code, same) = wavetank(&["diff", &file, &file]);
        assert!(code == 0 && same.ends_with("identical, step by step\n"), "{same}");
        assert_eq!(wavetank(&["view", &file, "-o", &page]).0, 0);
        let seen = fs::read_to_string(&page).expect("the file was just written");
        assert!(seen.starts_with("<!doctype html>") && seen.contains("\"servers\":3"));
        for path in [file, page] {
            fs::remove_file(path).expect("the file exists");
        }
    }

    /// A schedule in which a second leader has the entry that the first leader committed.
    fn schedule_with_second_leader() -> (Breach, Schedule) {
        let claim = Claim {
            name: "nobody_leads_anew",
            holds: |server| {
                let (node, standing) = (&server.node, (server.node.role(), server.node.term()));
                standing != (RoleName::Leader, Term(3)) || node.commit() < Index(2)
            },
        };
        let bounds = Bounds { entries: 1, ..Bounds::default() };
        match Search::new(bounds, Reductions::ALL).claiming(claim).run(None, &mut SingleThread, &mut |_| true)
        {
            SearchOutcome::Found(breach, schedule) => (breach, schedule),
            SearchOutcome::Exhausted | SearchOutcome::DepthReached | SearchOutcome::Stopped => {
                panic!("there are two terms")
            }
        }
    }

    fn with_streams<T>(work: impl FnOnce(&mut Streams<'_>) -> T) -> (T, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams =
            Streams { out: &mut out, err: &mut err, out_is_terminal: false, err_is_terminal: false };
        let result = work(&mut streams);
        (result, String::from_utf8(out).expect("the command writes text"))
    }
}

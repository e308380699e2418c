//! `wavetank explore`: every schedule within bounds, and the shortest that breaks something.

use super::bar;
use super::bounds::{ExploreArguments, Switch};
use super::exit::Status;
use super::file::Whole;
use super::subject::Subject;
use super::{Streams, Trouble, tell, words};
use crate::registry::{self, TraceForm};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wavetank_sim::course::Course;
use wavetank_sim::explore::properties::Breach;
use wavetank_sim::explore::{Bounds, End, Figures, Hands, Harvest, Kept, Reductions, Schedule, Search};

/// Explores, and says how far that came.
pub(crate) fn explore(arguments: &ExploreArguments, streams: &mut Streams<'_>) -> Result<Status, Trouble> {
    let bounds = arguments.bounds.bounds();
    bounds.sound().map_err(Trouble::new)?;
    let file = arguments.output.as_deref().map(Whole::create).transpose()?;
    let (symmetry, reduction) = (arguments.symmetry == Switch::On, arguments.reduction == Switch::On);
    let reductions = Reductions { symmetry, inert: reduction, disks: reduction };
    let jobs = arguments.jobs.map_or_else(cores, |jobs| jobs.0);

    let begun = Instant::now();
    let mut search = Search::new(bounds, reductions);
    let end = run(&mut search, arguments, (jobs, begun), streams);
    let took = begun.elapsed();

    let figures = search.figures();
    write_figures(figures, streams)?;
    let rate = u128::from(figures.states) * 1_000 / took.as_millis().max(1);
    let rate = words::grouped(u64::try_from(rate).unwrap_or(u64::MAX));
    tell(streams, &format!("{}.{:03} s, {rate} states a second", took.as_secs(), took.subsec_millis()));
    conclude(end, &bounds, file, streams)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn run(
    search: &mut Search,
    arguments: &ExploreArguments,
    (jobs, begun): (usize, Instant),
    streams: &Streams<'_>,
) -> End {
    let deadline = arguments.time.and_then(|seconds| begun.checked_add(Duration::from_secs(seconds)));
    let most = arguments.memory.saturating_mul(1 << 20);
    let bar = bar::Search::of_states(streams.err_is_terminal);
    let end = search.run(arguments.depth, &mut Threads(jobs), &mut |figures| {
        bar.step(figures.states, &format!("{} moves deep", figures.levels.len() - 1));
        figures.bytes < most && deadline.is_none_or(|deadline| Instant::now() < deadline)
    });
    bar.clear();
    end
}

/// So many threads, each of which takes the next task when it is done with one.
struct Threads(usize);

impl Hands for Threads {
    fn work(&mut self, tasks: usize, task: &(dyn Fn(usize) -> Harvest + Sync)) -> Vec<Harvest> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mine = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            mine.take_while(|&at| at < tasks).map(|at| (at, task(at))).collect::<Vec<_>>()
        };
        let mut done: Vec<(usize, Harvest)> = thread::scope(|scope| {
            let others: Vec<_> = (1..self.0.min(tasks)).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().expect("panics of the code under test are caught"));
            }
            done
        });
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, harvest)| harvest).collect()
    }
}

fn write_figures(figures: &Figures, streams: &mut Streams<'_>) -> Result<(), Trouble> {
    let levels: Vec<String> = figures.levels.iter().map(ToString::to_string).collect();
    let Figures { states, generated, servers, steps, bytes, .. } = figures;
    let grouped = words::grouped;
    writeln!(streams.out, "levels   {}", levels.join(" "))?;
    writeln!(streams.out, "states   {}, {} with repetitions", grouped(*states), grouped(*generated))?;
    writeln!(streams.out, "servers  {}, with {}", grouped(*servers), words::many(*steps, "step"))?;
    writeln!(streams.out, "memory   {} MiB, {} bytes a state", bytes >> 20, bytes / states)?;
    Ok(())
}

fn conclude(
    end: End,
    bounds: &Bounds,
    file: Option<Whole>,
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    let status = match end {
        End::Exhausted => {
            writeln!(streams.out, "verdict  held: there is nothing else within {bounds}")?;
            Status::Held
        }
        End::Deep => {
            writeln!(streams.out, "verdict  held up to that depth, within {bounds}")?;
            Status::Held
        }
        End::Stopped => {
            writeln!(streams.out, "verdict  undecided: there is more within {bounds}")?;
            Status::Vacuous
        }
        End::Found(breach, schedule) => return found(&breach, schedule, file, streams),
    };
    Ok(status)
}

/// The schedule, the story that it makes, and what the judges of runs have to say.
fn found(
    breach: &Breach,
    schedule: Schedule,
    file: Option<Whole>,
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    writeln!(streams.out, "\nwithin   {}", schedule.bounds)?;
    for (at, step) in schedule.steps.iter().enumerate() {
        writeln!(streams.out, "{:>3}  {step}", at + 1)?;
    }
    let story = registry::play_schedule(&schedule, TraceForm::Story);
    writeln!(streams.out, "\n{}", story.trace)?;
    writeln!(streams.out, "broken   {} ({}): {}", breach.property, breach.section, breach.what)?;
    writeln!(streams.out, "judges   {}", words::verdict(&story.report.verdict))?;
    let Some(mut file) = file else { return Ok(Status::of_breach(breach)) };
    let course = registry::play_schedule(&schedule, TraceForm::Course).trace;
    let lines: Vec<String> = course.lines().map(str::to_owned).collect();
    let kept = Kept::of(schedule, &story.report, Course::parse(&lines).unwrap_or_default());
    file.line(kept.text().trim_end())?;
    let named = file.place().display().to_string();
    file.finish()?;
    writeln!(streams.out, "replay   {}", Subject::explored(kept, named).command())?;
    Ok(Status::of_breach(breach))
}

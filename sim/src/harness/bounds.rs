//! Bounds of a run: the maximum number of steps, and the maximum wall time as a last resort.
//!
//! The number of steps is deterministic. Therefore a run that exceeds this bound fails in the same way in
//! every repetition. A call of the state machine that loops forever makes no step. Only another thread can
//! notice such a call, by the wall time.

use super::environment;
use crate::engine::workload::{Reply, Wants, Workload};
use crate::observe::OperationValue;
use crate::runner::drop_guard::DropGuard;
use std::cell::Cell;
use std::io::Write as _;
use std::process;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;
use wavetank_raft::{RequestId, Time};

/// The bounds of a run, and of the shrink after a failed run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    /// The maximum number of steps. A step is an observation or a wake-up of the clients.
    pub(super) steps_max: u64,
    /// The maximum wall time of the run.
    pub(super) wall_time_max: Duration,
    /// The maximum wall time of the search for a smaller run that fails in the same way.
    pub(super) shrink_time_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            steps_max: 5_000_000,
            wall_time_max: Duration::from_secs(300),
            shrink_time_max: Duration::from_secs(20),
        }
    }
}

/// Counts the steps of a run.
#[derive(Clone, Debug)]
pub(super) struct StepCount {
    made: Rc<Cell<u64>>,
    max: u64,
}

impl StepCount {
    pub(super) fn new(max: u64) -> Self {
        Self { made: Rc::new(Cell::new(0)), max }
    }

    /// Counts a step. Returns false if the run has now made more steps than the maximum.
    pub(super) fn take(&self) -> bool {
        self.made.set(self.made.get() + 1);
        self.made.get() <= self.max
    }

    /// Returns the message about a run that made too many steps.
    pub(super) fn exceeded(&self) -> String {
        format!("the run did not end within {} steps", self.max)
    }
}

/// The clients of a user. Each wake-up of the clients counts as a step of the run. So the bound on the steps
/// ends a run in which the clients are always due at the same virtual time.
#[derive(Debug)]
pub(super) struct BoundedWorkload {
    inner: DropGuard<Box<dyn Workload>>,
    steps: StepCount,
}

impl BoundedWorkload {
    pub(super) fn new(inner: Box<dyn Workload>, steps: StepCount) -> Self {
        Self { inner: DropGuard::new(inner), steps }
    }
}

impl Workload for BoundedWorkload {
    fn deadline(&self) -> Time {
        self.inner.deadline()
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        assert!(self.steps.take(), "{}", self.steps.exceeded());
        self.inner.wake(now, wants);
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        self.inner.reply(now, request, reply, wants);
    }

    fn stop(&mut self) {
        self.inner.stop();
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }

    fn operation(&self, operation: u64) -> &dyn OperationValue {
        self.inner.operation(operation)
    }
}

/// Watches the wall time of a run until the watchdog is dropped.
pub(super) struct Watchdog {
    _end: Sender<()>,
}

/// When a run takes longer than this wall time, the watchdog prints a message.
const SLOW: Duration = Duration::from_secs(10);

impl Watchdog {
    /// Begins to watch a run. `about` is a text that names the run and says how to repeat the run. The
    /// watchdog prints `about` after ten seconds. At the limit, the watchdog prints `about` again and ends
    /// the process. The limit is `wall_time_max`, or the number of seconds in `WAVETANK_WALL_TIME`. `current`
    /// returns the current work of the state machines as text, or `None` if this work is not known.
    #[expect(
        clippy::disallowed_methods,
        reason = "no run can observe this thread: the thread only prints text, and ends the process if the run is stuck"
    )]
    pub(super) fn start(
        wall_time_max: Duration,
        about: String,
        current: impl Fn() -> Option<String> + Send + 'static,
    ) -> Self {
        let limit = limit("WAVETANK_WALL_TIME", wall_time_max);
        let (end, ended) = channel::<()>();
        let is_late = move |span| ended.recv_timeout(span) == Err(RecvTimeoutError::Timeout);
        thread::spawn(move || {
            let notice = SLOW.min(limit);
            if !is_late(notice) {
                return;
            }
            if notice < limit {
                print(&format!("a run takes longer than {}: {about}", seconds(notice)));
                if !is_late(limit - notice) {
                    return;
                }
            }
            let work = current().map(|work| format!("\n{work}, and does not end")).unwrap_or_default();
            print(&format!(
                "a run did not end within {}, so the process ends: {about}{work}\n\
                 The state machine or the clients may loop forever. `Storm::wall_time_max` or \
                 WAVETANK_WALL_TIME=SECONDS changes the limit.",
                seconds(limit),
            ));
            process::exit(101);
        });
        Self { _end: end }
    }
}

/// Returns the limit that an environment variable sets in whole seconds, or `usual` if the variable is not
/// set. Panics if the value of the variable is not a whole number.
pub(super) fn limit(name: &str, usual: Duration) -> Duration {
    let Some(text) = environment(name) else { return usual };
    let seconds = text.parse();
    Duration::from_secs(
        seconds.unwrap_or_else(|_| panic!("{name} is `{text}`: expected a whole number of seconds")),
    )
}

/// Measures wall time.
#[expect(clippy::disallowed_types, reason = "no run reads the wall time")]
pub(super) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_types, reason = "no run reads the wall time")]
    pub(super) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

pub(super) fn seconds(span: Duration) -> String {
    format!("{}.{:03} s", span.as_secs(), span.subsec_millis())
}

/// Prints a text to standard error immediately, even under `cargo test`. `cargo test` captures only the
/// output of macros such as `eprintln!`, and shows the captured output only after the test has ended.
pub(super) fn print(text: &str) {
    // A closed standard error does not change a verdict.
    let _ = std::io::stderr().write_all(format!("\nwavetank: {text}\n").as_bytes());
}

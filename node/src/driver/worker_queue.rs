//! Queues of blocking work. The work is done on a separate thread, or inline (in the task of the driver).
//!
//! A worker executes the jobs of one queue in order, and reports events to the server.

use crate::panic::panicked;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{fmt, io, thread};
use tokio::sync::mpsc::{self, UnboundedSender};
use wavetank_raft::Event;

/// The maximum number of jobs that a worker's thread takes from the channel before the worker executes the
/// first of these jobs.
const SIGHT: usize = 1024;

/// The place where blocking work is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Place {
    /// Work is done on a separate thread, while the server continues.
    #[default]
    Thread,
    /// Work is done in the driver, between two steps of the server. Use this place for work that takes less
    /// time than waking a thread, for example for stores in memory and for state machines that only change a
    /// map. The work must not wait for a task of the same runtime. A state machine that works here also loads
    /// its snapshots in the driver.
    Inline,
}

/// Executes the jobs of one queue.
pub(crate) trait Worker<J>: Send {
    /// Executes the first job, and the next jobs if the worker can combine these jobs with the first job.
    /// Adds the events for the server to `reports`.
    fn work(&mut self, jobs: &mut VecDeque<J>, reports: &mut Vec<Event>);
}

/// A queue of jobs and its worker. The driver limits the number of unfinished jobs.
pub(crate) enum WorkerQueue<J> {
    /// The jobs are executed on a separate thread. The value sends jobs to the thread.
    Thread(Sender<J>),
    /// The jobs are executed inline. The jobs wait until the current step of the server ends.
    Inline {
        /// The worker that executes the jobs.
        worker: Box<dyn Worker<J>>,
        /// The jobs that are not executed yet.
        jobs: VecDeque<J>,
    },
}

/// The senders of a worker thread. The thread sends reports with `reports`. A thread that ends drops
/// `running`. Thus the driver learns that the thread has ended.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSenders {
    pub(crate) reports: UnboundedSender<Event>,
    #[expect(
        dead_code,
        reason = "when the field is dropped, the driver learns that the thread has ended; no code reads the field"
    )]
    pub(crate) running: mpsc::Sender<()>,
}

impl<J: Send + 'static> WorkerQueue<J> {
    pub(crate) fn open(
        place: Place,
        name: &str,
        worker: impl Worker<J> + 'static,
        senders: &WorkerSenders,
    ) -> io::Result<Self> {
        let worker: Box<dyn Worker<J>> = Box::new(worker);
        match place {
            Place::Inline => Ok(Self::Inline { worker, jobs: VecDeque::new() }),
            Place::Thread => {
                let (sender, queue) = channel();
                let (senders, thread, span) = (senders.clone(), name.to_owned(), tracing::Span::current());
                thread::Builder::new()
                    .name(name.to_owned())
                    .spawn(move || span.in_scope(|| on_thread(&thread, worker, &queue, &senders)))?;
                Ok(Self::Thread(sender))
            }
        }
    }

    pub(crate) fn put(&mut self, job: J) {
        match self {
            // A thread that has ended has reported why.
            Self::Thread(queue) => drop(queue.send(job)),
            Self::Inline { jobs, .. } => jobs.push_back(job),
        }
    }

    /// True if a separate thread executes the jobs.
    pub(crate) const fn is_elsewhere(&self) -> bool {
        match self {
            Self::Thread(_) => true,
            Self::Inline { .. } => false,
        }
    }

    /// Executes the waiting jobs of an inline queue. Has no effect on the queue of a thread.
    pub(crate) fn work(&mut self, reports: &mut Vec<Event>) {
        match self {
            Self::Thread(_) => {}
            Self::Inline { worker, jobs } => {
                while !jobs.is_empty() {
                    worker.work(jobs, reports);
                }
            }
        }
    }
}

fn on_thread<J>(name: &str, mut worker: Box<dyn Worker<J>>, queue: &Receiver<J>, senders: &WorkerSenders) {
    let run = AssertUnwindSafe(|| do_jobs(&mut *worker, queue, &senders.reports));
    if let Err(panic) = catch_unwind(run) {
        // The server may have stopped already.
        let _ = senders.reports.send(Event::StoreFailed(panicked(name, &*panic)));
    }
    // The worker closes its files before other threads can see that this thread has ended.
    drop(worker);
}

fn do_jobs<J>(worker: &mut dyn Worker<J>, queue: &Receiver<J>, reports: &UnboundedSender<Event>) {
    let (mut jobs, mut done) = (VecDeque::new(), Vec::new());
    while let Ok(first) = queue.recv() {
        jobs.push_back(first);
        while !jobs.is_empty() {
            jobs.extend(queue.try_iter().take(SIGHT.saturating_sub(jobs.len())));
            worker.work(&mut jobs, &mut done);
            for report in done.drain(..) {
                if reports.send(report).is_err() {
                    return;
                }
            }
        }
    }
}

impl<J> fmt::Debug for WorkerQueue<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread(_) => "Thread",
            Self::Inline { .. } => "Inline",
        })
    }
}

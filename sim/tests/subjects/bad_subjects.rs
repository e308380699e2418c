//! Faulty subjects: each breaks one promise, and the verdict names the subject and what it did.

use super::run;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Batch, Configuration, Deadline, DeadlineReason, Effects, Event, Index, RequestId, Server, Time,
};
use wavetank_sim::observe::report::{Class, Verdict, Violation};
use wavetank_sim::subject::Wavetank;
use wavetank_sim::{Plan, Start, Subject, View};

/// What is wrong with a server.
trait Flaw: fmt::Debug {
    const NAME: &'static str;

    /// Changes the actions of a step.
    fn spoil(_steps: u64, _own: &Server, _actions: &mut Vec<Action>) {}

    fn deadline(server: &Server) -> Deadline {
        server.deadline()
    }

    /// Changes the view after this number of steps.
    fn show(_steps: u64, _view: &mut View) {}
}

/// Our server with a flaw.
#[derive(Debug)]
struct Flawed<B> {
    server: Server,
    steps: u64,
    flaw: PhantomData<B>,
}

impl<B: Flaw> Subject for Flawed<B> {
    type Protocol = Wavetank;
    type Scratch = Effects;

    fn name(&self) -> &'static str {
        B::NAME
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        <Server as Subject>::start(start).map(|server| Self { server, steps: 0, flaw: PhantomData })
    }

    fn step(&mut self, now: Time, event: Event, scratch: &mut Effects, actions: &mut Vec<Action>) {
        self.steps += 1;
        self.server.step_with(now, event, scratch, actions);
        B::spoil(self.steps, &self.server, actions);
    }

    fn deadline(&self) -> Deadline {
        B::deadline(&self.server)
    }

    fn view(&self) -> View {
        let mut view = self.server.view();
        B::show(self.steps, &mut view);
        view
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Subject::configuration(&self.server)
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }
}

fn violation<B: Flaw>() -> Violation {
    let report = run::<Flawed<B>, ()>(Plan::calm(5, 3), ()).report;
    match report.verdict {
        Verdict::Violated(violation) => violation,
        other => panic!("{} must be found: {other}", B::NAME),
    }
}

fn expect<B: Flaw>(check: &str, class: Class, what: &str) {
    let found = violation::<B>();
    let is_named = found.what.contains(&format!("is the subject `{}`)", B::NAME));
    assert!(is_named && found.what.contains(what), "{}", found.what);
    assert_eq!((found.check.as_str(), found.class), (check, class), "{}", found.what);
}

#[derive(Debug)]
struct AnswersTwice;

impl Flaw for AnswersTwice {
    const NAME: &'static str = "answers-twice";

    fn spoil(_: u64, _: &Server, actions: &mut Vec<Action>) {
        let again = actions.iter().find(|action| matches!(action, Action::Answer { .. })).cloned();
        actions.extend(again);
    }
}

#[derive(Debug)]
struct NeverWakes;

impl Flaw for NeverWakes {
    const NAME: &'static str = "never-wakes";

    fn deadline(_: &Server) -> Deadline {
        Deadline { at: Time::NEVER, reason: DeadlineReason::Idle }
    }
}

#[derive(Debug)]
struct NeverRests;

impl Flaw for NeverRests {
    const NAME: &'static str = "never-rests";

    fn deadline(_: &Server) -> Deadline {
        Deadline { at: Time(0), reason: DeadlineReason::Heartbeat }
    }
}

#[derive(Debug)]
struct TalksToItself;

impl Flaw for TalksToItself {
    const NAME: &'static str = "talks-to-itself";

    fn spoil(_: u64, own: &Server, actions: &mut Vec<Action>) {
        for action in actions {
            if let Action::Send { to, .. } = action {
                *to = own.node().id();
            }
        }
    }
}

#[derive(Debug)]
struct GoesBack;

impl Flaw for GoesBack {
    const NAME: &'static str = "goes-back";

    fn show(steps: u64, view: &mut View) {
        if steps.is_multiple_of(100) {
            view.commit = view.commit.map(Index::back);
        }
    }
}

/// It shows only what no check of the protocol reads.
#[derive(Debug)]
struct GoesBackUnseen;

impl Flaw for GoesBackUnseen {
    const NAME: &'static str = "goes-back-unseen";

    fn show(steps: u64, view: &mut View) {
        let commit = view.commit.map(|commit| if steps.is_multiple_of(100) { commit.back() } else { commit });
        *view = View { commit, ..View::NOTHING };
    }
}

#[derive(Debug)]
struct AppliesNothing;

impl Flaw for AppliesNothing {
    const NAME: &'static str = "applies-nothing";

    fn spoil(steps: u64, _: &Server, actions: &mut Vec<Action>) {
        if steps == 50 {
            actions.push(Action::Apply(Batch { entries: Vec::new() }));
        }
    }
}

#[derive(Debug)]
struct AnswersNobody;

impl Flaw for AnswersNobody {
    const NAME: &'static str = "answers-nobody";

    fn spoil(steps: u64, _: &Server, actions: &mut Vec<Action>) {
        if steps == 50 {
            let outcome = Ok(wavetank_raft::Answer::Done);
            actions.push(Action::Answer { request: RequestId(77), outcome });
        }
    }
}

#[derive(Debug)]
struct Panics;

impl Flaw for Panics {
    const NAME: &'static str = "panics";

    fn spoil(steps: u64, _: &Server, _: &mut Vec<Action>) {
        assert_ne!(steps, 50, "the subject `panics` took fifty steps");
    }
}

#[test]
fn a_panic_of_a_subject_is_a_verdict_with_its_place() {
    let report = run::<Flawed<Panics>, ()>(Plan::calm(5, 3), ()).report;
    let Verdict::Panicked(message) = &report.verdict else { panic!("{}", report.verdict) };
    assert!(message.contains("the subject `panics` took fifty steps"), "{message}");
    assert!(message.contains("bad_subjects.rs:"), "{message}");
}

#[test]
fn each_bad_subject_is_named_with_what_it_did() {
    expect::<AnswersTwice>("every_call_ends", Class::Safety, "but this call is not open");
    expect::<AnswersNobody>("every_call_ends", Class::Safety, "but this call is not open");
    expect::<NeverWakes>("conduct", Class::Liveness, "never asks for a timer");
    expect::<NeverRests>("conduct", Class::Safety, "it asks for timers in the past");
    expect::<TalksToItself>("conduct", Class::Safety, "sends a message to itself");
    expect::<GoesBack>("commit_is_bounded", Class::Safety, "lowered its commit index");
    expect::<GoesBackUnseen>("conduct", Class::Safety, "shows a commit index that falls");
    expect::<AppliesNothing>("conduct", Class::Safety, "a batch without entries");
}

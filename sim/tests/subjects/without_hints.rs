//! Our server beside a variant of it in one cluster.

use super::run;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Action, Configuration, Deadline, Effects, Event, Index, Response, Server, Time};
use wavetank_sim::observe::report::Verdict;
use wavetank_sim::schedule::{EventOrder, Fit};
use wavetank_sim::subject::Wavetank;
use wavetank_sim::{Either, Plan, Start, Subject, View};

/// Our server, except that its followers do not tell a leader where their logs differ. HashiCorp's servers
/// do not tell it either, so a leader must find the place by itself.
#[derive(Debug)]
struct WithoutHints(Server);

impl Subject for WithoutHints {
    type Protocol = Wavetank;
    type Scratch = Effects;

    fn name(&self) -> &'static str {
        "without-hints"
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        <Server as Subject>::start(start).map(Self)
    }

    fn step(&mut self, now: Time, event: Event, scratch: &mut Effects, actions: &mut Vec<Action>) {
        let before = actions.len();
        self.0.step_with(now, event, scratch, actions);
        for action in &mut actions[before..] {
            if let Action::Reply { response: Response::AppendEntries(answer), .. } = action {
                answer.hint = None;
            }
        }
    }

    fn deadline(&self) -> Deadline {
        self.0.deadline()
    }

    fn view(&self) -> View {
        self.0.view()
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Subject::configuration(&self.0)
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.0)
    }
}

type Mixed = Either<Server, WithoutHints>;

#[test]
fn two_subjects_with_one_protocol_hold_in_one_cluster_with_every_check_on() {
    let mut differ = 0;
    for seed in 0..300 {
        let mixed = run::<Mixed, ()>(Plan::storm(seed), ()).report;
        assert!(matches!(mixed.verdict, Verdict::Held | Verdict::Vacuous(_)), "{seed}: {}", mixed.verdict);
        assert!(mixed.off.is_empty(), "{seed}: {:?}", mixed.off);
        if seed < 50 {
            differ += u64::from(mixed.digest != run::<Server, ()>(Plan::storm(seed), ()).report.digest);
        }
    }
    assert!(20 < differ, "the second subject must do something else than our server: {differ} of 50");
}

#[test]
fn a_cluster_of_two_subjects_is_played_from_its_schedule() {
    let plan = Plan { order: EventOrder::Recorded, ..Plan::storm(11) };
    let recorded = run::<Mixed, ()>(plan.clone(), ());
    let order = EventOrder::Scheduled(Fit::Exact, recorded.schedule);
    let played = run::<Mixed, ()>(Plan { order, ..plan }, ());
    assert_eq!((played.report.digest, played.report.skipped), (recorded.report.digest, 0));
}

//! A rolling upgrade: servers that use the messages of version 0.1.0 are replaced by servers of this version, one
//! after the other, in the middle of storms.

use super::run;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wavetank_raft::store::StoreError;
use wavetank_raft::{Action, Configuration, Deadline, Effects, Event, Index, Response, Server, Time};
use wavetank_sim::harness::seeds;
use wavetank_sim::observe::report::Verdict;
use wavetank_sim::plan::rng::{Domain, Stream};
use wavetank_sim::subject::Wavetank;
use wavetank_sim::{Plan, Start, Subject, View};

/// The number of starts of the new version with a log.
static UPGRADED: AtomicU64 = AtomicU64::new(0);

/// Our server. In the old version, its messages have only the fields of version 0.1.0: the refusal of a vote does
/// not say whether the term was the reason.
#[derive(Debug)]
struct Upgrading {
    server: Server,
    is_old: bool,
}

impl Upgrading {
    fn forget_new_fields(&self, response: &mut Response) {
        if let Response::RequestVote(vote) = response {
            vote.refused_for_term &= !self.is_old;
        }
    }
}

impl Subject for Upgrading {
    type Protocol = Wavetank;
    type Scratch = Effects;

    fn name(&self) -> &'static str {
        "upgrading"
    }

    /// The operator replaces the binary of each server before a start of its own, so a cluster has servers of both
    /// versions for a while. Some servers are new ones of the new version, and some stay old.
    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let replaced = Stream::new(start.seed, Domain::Subject, u64::from(start.idx.0), 0).from_to(0, 3);
        let is_old = u64::from(start.boot.incarnation) <= replaced;
        UPGRADED.fetch_add(u64::from(!is_old && !start.log.is_empty()), Ordering::Relaxed);
        <Server as Subject>::start(start).map(|server| Self { server, is_old })
    }

    fn step(&mut self, now: Time, mut event: Event, scratch: &mut Effects, actions: &mut Vec<Action>) {
        if let Event::Response { response, .. } = &mut event {
            self.forget_new_fields(response);
        }
        let before = actions.len();
        self.server.step_with(now, event, scratch, actions);
        for action in &mut actions[before..] {
            if let Action::Reply { response, .. } = action {
                self.forget_new_fields(response);
            }
        }
    }

    fn deadline(&self) -> Deadline {
        self.server.deadline()
    }

    fn view(&self) -> View {
        self.server.view()
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Subject::configuration(&self.server)
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }
}

/// Runs a storm, and returns the number of starts of the new version with a log. The storm must hold.
fn upgrades(seed: u64) -> u64 {
    let before = UPGRADED.load(Ordering::Relaxed);
    let report = run::<Upgrading, ()>(Plan::storm(seed), ()).report;
    assert!(matches!(report.verdict, Verdict::Held | Verdict::Vacuous(_)), "{seed}: {}", report.verdict);
    assert!(report.off.is_empty(), "{seed}: {:?}", report.off);
    UPGRADED.load(Ordering::Relaxed) - before
}

#[test]
fn servers_are_upgraded_one_after_the_other_in_storms() {
    let upgrades: Vec<_> = seeds(0..150).map(upgrades).collect();
    let rolling = upgrades.iter().filter(|count| 1 < **count).count();
    assert!(upgrades.len() / 4 < rolling, "only {rolling} of {} storms have two upgrades", upgrades.len());
}

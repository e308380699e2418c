//! The storm: a plan drawn from the seed, with clients of a key-value store in the middle of it, and
//! every judge at work. What goes wrong is drawn in `wavetank_sim::storm`.

use crate::caught;
use crate::registry::TraceForm;
use crate::watchers::{self, Watchers};
use wavetank_sim::kv::Kv;
use wavetank_sim::kv::clients::{ClientPlan, Clients};
use wavetank_sim::kv::judges::{Judges, Promises};
use wavetank_sim::storm::{self, Ending};
use wavetank_sim::{Class, Plan, Report, Slots, Verdict, Violation, World};

type Sea = World<Kv, Watchers<Judges>>;

/// Everything goes wrong at once, and nothing that was promised is broken.
pub fn storm(seed: u64, form: TraceForm) -> (Report, String) {
    sail("storm", Plan::storm(seed), form)
}

/// Runs a plan to its end, or until a judge speaks or the code under test panics.
fn sail(name: &str, plan: Plan, form: TraceForm) -> (Report, String) {
    let mut sea = put_to_sea(plan, form);
    let ending = caught::panics(|| storm::run(&mut sea, |watchers| verdict_of(watchers).is_none()));
    let at = sea.now();
    sea.watch_mut().judges.end(at);
    sea.watch_mut().own.end(at);
    let verdict = match (verdict_of(sea.watch()), ending) {
        (Some(violation), _) => Verdict::Violated(violation.clone()),
        (None, Err(words)) => Verdict::Panicked(words),
        (None, Ok(ending)) => settled(&sea, &ending),
    };
    let mut report = watchers::report(name, &sea, verdict);
    report.witnessed.extend(sea.watch().own.witnessed());
    (report, sea.watch_mut().trace.take())
}

fn put_to_sea(plan: Plan, form: TraceForm) -> Sea {
    let servers = Slots::first(usize::from(plan.servers));
    let clients = Clients::new(ClientPlan::from(&plan.clients), servers, plan.seed);
    let watchers = Watchers::new(&plan, form, Judges::new(Promises::from(&plan)));
    World::new(plan, |_| Kv::default(), Box::new(clients), watchers)
}

/// What the judge that spoke first has to say.
fn verdict_of(watchers: &Watchers<Judges>) -> Option<&Violation> {
    let spoken = [watchers.judges.verdict(), watchers.own.verdict()];
    spoken.into_iter().flatten().min_by_key(|violation| violation.step)
}

/// No judge has spoken: whether the servers agree in the end, and whether there was anything to
/// agree on.
fn settled(sea: &Sea, ending: &Ending) -> Verdict {
    let Watchers { tally, judges, .. } = sea.watch();
    if let Some(why) = ending.unsettled {
        return Verdict::Violated(Violation {
            check: "agreement".to_owned(),
            class: Class::Liveness,
            section: "thesis §3.4".to_owned(),
            what: format!("{} ms after the clients rested: {why}", ending.took.0 / 1_000),
            at: sea.now(),
            step: tally.steps,
        });
    }
    if 0 < tally.commits {
        return Verdict::Held;
    }
    let blind = judges.witnessed().into_iter().filter(|&(_, times)| times == 0);
    Verdict::Vacuous(blind.map(|(check, _)| check).collect())
}

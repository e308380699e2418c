//! The command: storms on servers of this package. `--bug NAME` before the subcommand switches a bug on.

use std::io::{BufWriter, IsTerminal, stderr, stdout};
use std::process::ExitCode;
use tiny::{Bug, Tiny};
use wavetank_scenarios::cli::{Streams, suite_main};
use wavetank_scenarios::{Play, SubjectOption, Suite};
use wavetank_sim::Plan;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().collect();
    let mut streams = Streams {
        out: &mut BufWriter::new(stdout().lock()),
        err: &mut stderr(),
        out_is_terminal: stdout().is_terminal(),
        err_is_terminal: stderr().is_terminal(),
    };
    let mut options = Vec::new();
    if args.get(1).is_some_and(|arg| arg == "--bug") {
        let name = args.get(2).map_or("", String::as_str);
        let Some((_, bug)) = Bug::ALL.into_iter().find(|(known, _)| *known == name) else {
            let names = Bug::ALL.map(|(name, _)| name).join(", ");
            let _ = writeln!(streams.err, "error: there is no bug `{name}`; there are {names}");
            return ExitCode::FAILURE;
        };
        tiny::switch_on(bug);
        let arguments = args.drain(1..3).collect::<Vec<_>>().join(" ");
        let statement = format!("tiny::switch_on(tiny::Bug::{bug:?});");
        options = vec![SubjectOption { arguments, statement }];
    }
    let suite = Suite { options, ..without_pre_votes() };
    ExitCode::from(suite_main(&suite, args, &mut streams))
}

/// The storms without pre-votes.
fn without_pre_votes() -> Suite {
    let mut suite = Suite::of_subject::<Tiny>("tiny");
    for scenario in &mut suite.scenarios {
        if let Play::Planned { plan, .. } = &mut scenario.play {
            *plan = if scenario.name == "storm" { storm } else { storm_beyond_budget };
        }
    }
    suite
}

fn storm(seed: u64) -> Plan {
    without_pre_vote(Plan::storm(seed))
}

fn storm_beyond_budget(seed: u64) -> Plan {
    without_pre_vote(Plan::storm_beyond_budget(seed))
}

/// Tiny has no pre-votes. The tank then demands no leader where only pre-votes let it keep its place.
fn without_pre_vote(mut plan: Plan) -> Plan {
    plan.config.pre_vote_disabled = true;
    plan
}

//! A schedule in a file: within which bounds it was found, what happens, and how it ended.

use super::bounds::Bounds;
use super::schedule::{Schedule, Step};
use crate::capsule::{Account, BUILD, FORMAT, NoCapsule};
use crate::report::{Report, Verdict};
use crate::step_log::StepLog;
use serde::{Deserialize, Serialize};

/// A schedule, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// What happens.
    pub schedule: Schedule,
    /// What came of it.
    pub account: Account,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u64,
    explored: Bounds,
    calm: bool,
    schedule: Vec<String>,
    build: String,
    verdict: Verdict,
    digest: String,
    #[serde(rename = "course")]
    step_log: Vec<String>,
}

impl Kept {
    /// The file of a schedule that was played.
    #[must_use]
    pub fn of(schedule: Schedule, report: &Report, step_log: StepLog) -> Self {
        let verdict = report.verdict.clone();
        Self {
            schedule,
            account: Account { build: BUILD.to_owned(), verdict, digest: report.digest, step_log },
        }
    }

    /// The text of the file.
    ///
    /// # Panics
    /// Never: it is numbers and text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { schedule, account } = self;
        let written = Written {
            format: FORMAT,
            explored: schedule.bounds,
            calm: schedule.calm,
            schedule: schedule.steps.iter().map(ToString::to_string).collect(),
            build: account.build.clone(),
            verdict: account.verdict.clone(),
            digest: format!("{:016x}", account.digest),
            step_log: account.step_log.lines(),
        };
        let mut text = serde_json::to_string_pretty(&written).expect("it is numbers and text");
        text.push('\n');
        text
    }

    /// Whether a text is of this kind, or means to be.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.lines().take(3).any(|line| line.trim_start().starts_with("\"explored\""))
    }

    /// The schedule of a text.
    ///
    /// # Errors
    /// Says in one line why it is none.
    pub fn parse(text: &str) -> Result<Self, NoCapsule> {
        let written: Written = serde_json::from_str(text).map_err(|error| NoCapsule::of(&error))?;
        if written.format != FORMAT {
            return Err(NoCapsule::of_format(written.format));
        }
        written.explored.sound().map_err(|what| NoCapsule::new(format!("its bounds cannot be: {what}")))?;
        let steps: Result<Vec<Step>, String> = written.schedule.iter().map(|line| line.parse()).collect();
        let steps = steps.map_err(|what| NoCapsule::new(format!("in its schedule {what}")))?;
        let step_log = StepLog::parse(&written.step_log)
            .map_err(|what| NoCapsule::new(format!("in its step log {what}")))?;
        let digest = u64::from_str_radix(&written.digest, 16)
            .map_err(|_| NoCapsule::new(format!("its digest is `{}`, which is no digest", written.digest)))?;
        let (build, verdict) = (written.build, written.verdict);
        Ok(Self {
            schedule: Schedule { bounds: written.explored, calm: written.calm, steps },
            account: Account { build, verdict, digest, step_log },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::Claim;
    use crate::explore::{End, OneHand, Reductions, Search, player};
    use crate::report::Verdict;
    use crate::step_log::StepLogWriter;
    use crate::trace::Story;
    use wavetank_raft::{RoleName, Term};

    #[test]
    fn a_schedule_is_played_by_whole_servers_and_outlives_its_file() {
        let schedule = way_to_a_second_leader();
        let story = player::play(&schedule, Story::new(3)).trace;
        let last = story.as_str().lines().last().expect("something happened");
        assert!(last.contains("LEAD3"), "{}", story.as_str());

        let mut run = player::play(&schedule, StepLogWriter::default());
        assert_eq!(run.report.verdict, Verdict::Held);
        let kept = Kept::of(schedule, &run.report, run.trace.take());
        assert!(Kept::is_meant(&kept.text()));
        assert_eq!(Kept::parse(&kept.text()), Ok(kept));
    }

    #[test]
    fn a_file_that_makes_no_sense_says_why() {
        let schedule = way_to_a_second_leader();
        let run = player::play(&schedule, ());
        let text = Kept::of(schedule, &run.report, StepLog::default()).text();
        for (from, to, why) in [
            ("\"format\": 1", "\"format\": 9", "format 9"),
            ("\"nodes\": 3", "\"nodes\": 30", "bounds"),
            ("timeout", "tiemout", "no step"),
        ] {
            let error = Kept::parse(&text.replacen(from, to, 1)).expect_err("it makes no sense");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    fn way_to_a_second_leader() -> Schedule {
        let holds = |server: &crate::explore::local::Local| {
            (server.node.role(), server.node.term()) != (RoleName::Leader, Term(3))
        };
        let bounds = Bounds { entries: 0, ..Bounds::default() };
        let claim = Claim { name: "nobody_leads_t3", holds };
        match Search::new(bounds, Reductions::ALL).claiming(claim).run(None, &mut OneHand, &mut |_| true) {
            End::Found(_, schedule) => schedule,
            End::Exhausted | End::Deep | End::Stopped => panic!("there are two terms"),
        }
    }
}

//! `wavetank replay`: what a sweep has named, once more.

use super::args::{Named, Showing};
use super::exit::Status;
use super::{Streams, Trouble, name, run};
use crate::registry::Scenario;

/// Plays the named run.
pub(crate) fn replay(
    scenarios: &[Scenario],
    named: &Named,
    showing: Showing,
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    run::run(name::find(scenarios, &named.scenario)?, named.seed, showing, streams)
}

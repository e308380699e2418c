//! What is written down of a run: text in the form that was asked for, and the log of its steps.

use clap::ValueEnum;
use wavetank_sim::observe::step_log::StepLog;
use wavetank_sim::observe::trace::{Full, Json, Story, TextTrace};
use wavetank_sim::{Observation, Observer};

/// The text that is written of a run. The run is the same, whatever is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TraceForm {
    /// Who led, what was committed, what broke
    Story,
    /// A line for every event
    Full,
    /// A JSON object for every event, and at the end the report
    Json,
    /// Nothing
    None,
}

impl TraceForm {
    /// A text in this form with a column for each of so many servers.
    #[must_use]
    pub fn text(self, servers: usize) -> Option<Box<dyn TextTrace>> {
        match self {
            Self::Story => Some(Box::new(Story::new(servers))),
            Self::Full => Some(Box::new(Full::new())),
            Self::Json => Some(Box::new(Json::default())),
            Self::None => None,
        }
    }
}

/// What is written down of a run. Nothing by default.
#[derive(Debug, Default)]
pub struct Trace {
    text: Option<Box<dyn TextTrace>>,
    /// The last step that is in the text.
    last_step: Option<u64>,
    step_log: Option<Box<StepLog>>,
}

impl Trace {
    /// A trace with this text.
    #[must_use]
    pub fn new(text: Option<Box<dyn TextTrace>>) -> Self {
        Self { text, ..Self::default() }
    }

    /// Ends the text with this step.
    #[must_use]
    pub fn up_to(self, last_step: u64) -> Self {
        Self { last_step: Some(last_step), ..self }
    }

    /// Records the steps of every server, too.
    #[must_use]
    pub fn with_step_log(self) -> Self {
        Self { step_log: Some(Box::default()), ..self }
    }

    /// The text and the log of steps, each empty if it was not wanted.
    #[must_use]
    pub fn into_parts(self) -> (String, StepLog) {
        let text = self.text.map(|mut text| text.take()).unwrap_or_default();
        (text, self.step_log.map(|step_log| *step_log).unwrap_or_default())
    }

    fn write(&mut self, observation: &Observation<'_>) {
        if self.last_step.is_none_or(|last| observation.step <= last) {
            self.text.on_observation(observation);
        }
        self.step_log.on_observation(observation);
    }
}

impl Observer for Trace {
    #[inline]
    fn on_observation(&mut self, observation: &Observation<'_>) {
        if self.text.is_some() || self.step_log.is_some() {
            self.write(observation);
        }
    }
}

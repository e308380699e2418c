//! The trace of a run: a text that describes the run in the requested form, and a log of the servers' steps.

use clap::ValueEnum;
use wavetank_sim::clients::kv::wire::command_text;
use wavetank_sim::observe::step_log::StepLog;
use wavetank_sim::observe::trace::{Causes, Full, Json, Page, Story, TextTrace};
use wavetank_sim::{Observation, Observer, Plan, Subject};

/// The form of the text of a trace. The form does not affect the run.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TraceForm {
    /// Print the leaders, the committed entries and the faults
    Story,
    /// Print one line for every event
    Full,
    /// Print one JSON object for every event, and the report as the last object
    Json,
    /// Print no trace
    None,
}

impl TraceForm {
    /// Makes a writer that describes a run in this form. `servers` is the number of servers in the run, with
    /// the spare servers. Returns `None` for [`TraceForm::None`].
    #[must_use]
    pub fn text(self, servers: usize) -> Option<TraceText> {
        match self {
            Self::Story => Some(TraceText::of_story(Story::new(servers))),
            Self::Full => Some(TraceText::Full(Full::new().with_commands(command_text))),
            Self::Json => Some(TraceText::Json(Json::default())),
            Self::None => None,
        }
    }

    /// Makes a writer that describes a run of this plan in this form (see [`Story::of_plan`]). Returns `None`
    /// for [`TraceForm::None`].
    #[must_use]
    pub fn text_of(self, plan: &Plan) -> Option<TraceText> {
        match self {
            Self::Story => Some(TraceText::of_story(Story::of_plan(plan))),
            form => form.text(plan.server_count()),
        }
    }
}

/// A writer of the text of a trace. The writer can describe runs of every subject.
#[derive(Debug)]
pub enum TraceText {
    /// Writes the text of [`TraceForm::Story`].
    Story(Story),
    /// Writes the text of [`TraceForm::Full`].
    Full(Full),
    /// Writes the trace as JSON ([`TraceForm::Json`]).
    Json(Json),
    /// Writes only the events that led to one step.
    Causes(Causes),
    /// Writes the data of a page for a browser.
    Page(Box<Page>),
}

impl TraceText {
    fn of_story(story: Story) -> Self {
        Self::Story(story.with_commands(command_text))
    }

    fn take(&mut self) -> String {
        match self {
            Self::Story(text) => text.take(),
            Self::Full(text) => text.take(),
            Self::Json(text) => text.take(),
            Self::Causes(text) => text.take(),
            Self::Page(text) => text.take(),
        }
    }
}

impl<S: Subject> Observer<S> for TraceText {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        match self {
            Self::Story(text) => text.on_observation(observation),
            Self::Full(text) => text.on_observation(observation),
            Self::Json(text) => text.on_observation(observation),
            Self::Causes(text) => text.on_observation(observation),
            Self::Page(text) => text.on_observation(observation),
        }
    }
}

/// The text and the step log of a run. The text and the step log are optional. The default trace has no text and
/// no step log.
#[derive(Debug, Default)]
pub struct Trace {
    text: Option<TraceText>,
    /// The last step that appears in the text. `None` means that the text has all steps.
    last_step: Option<u64>,
    /// The number of the last step that was observed. The number stays 0 if the trace has neither a text nor
    /// a step log.
    observed: u64,
    step_log: Option<Box<StepLog>>,
}

impl Trace {
    /// Makes a trace with this writer of the text and without a step log. `None` means no text.
    #[must_use]
    pub fn new(text: Option<TraceText>) -> Self {
        Self { text, ..Self::default() }
    }

    /// Ends the text of the trace after the step `last_step`. The step log continues until the end of the run.
    #[must_use]
    pub fn up_to(self, last_step: u64) -> Self {
        Self { last_step: Some(last_step), ..self }
    }

    /// Adds a step log to the trace. The step log records the steps of every server.
    #[must_use]
    pub fn with_step_log(self) -> Self {
        Self { step_log: Some(Box::default()), ..self }
    }

    /// Returns the number of steps that were observed; 0 if the trace has neither a text nor a step log.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.observed
    }

    /// Returns the text and the step log. A text or a step log that was not requested is empty.
    #[must_use]
    pub fn into_parts(self) -> (String, StepLog) {
        let text = self.text.map(|mut text| text.take()).unwrap_or_default();
        (text, self.step_log.map(|step_log| *step_log).unwrap_or_default())
    }

    fn write<S: Subject>(&mut self, observation: &Observation<'_, S>) {
        self.observed = observation.step;
        if self.last_step.is_none_or(|last| observation.step <= last) {
            self.text.on_observation(observation);
        }
        self.step_log.on_observation(observation);
    }
}

impl<S: Subject> Observer<S> for Trace {
    #[inline]
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        if self.text.is_some() || self.step_log.is_some() {
            self.write(observation);
        }
    }
}

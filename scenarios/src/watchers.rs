//! A run as it is written down, in the form that was asked for.

use crate::registry::TraceForm;
use wavetank_sim::observers::Observers;
use wavetank_sim::step_log::StepLogWriter;
use wavetank_sim::trace::{Full, Json, Page, Past, Story};
use wavetank_sim::{Observation, Watch};

/// Everybody who looks on, with a trace in one of our forms.
pub(crate) type Watchers<E> = Observers<E, Trace>;

/// A trace in the form that was asked for.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
pub(crate) enum Trace {
    Story(Story),
    Full(Full),
    Json(Json),
    Course(Box<StepLogWriter>),
    Past(Box<Past>),
    Page(Box<Page>),
    /// Up to this step.
    Cut(Box<Self>, u64),
    None,
}

impl Trace {
    /// The trace of a tank of so many servers, with nothing in it.
    pub(crate) fn new(form: TraceForm, servers: usize) -> Self {
        match form {
            TraceForm::Story => Self::Story(Story::new(servers)),
            TraceForm::Full => Self::Full(Full::new()),
            TraceForm::Json => Self::Json(Json::default()),
            TraceForm::Course => Self::Course(Box::default()),
            TraceForm::Past(step) => Self::Past(Box::new(Past::of(step))),
            TraceForm::Page => Self::Page(Box::new(Page::new(servers))),
            TraceForm::Cut(form, step) => Self::Cut(Box::new(Self::new(*form, servers)), step),
            TraceForm::None => Self::None,
        }
    }

    /// What was written down.
    pub(crate) fn take(&mut self) -> String {
        match self {
            Self::Story(story) => story.take(),
            Self::Full(full) => full.take(),
            Self::Json(json) => json.take(),
            Self::Course(recorder) => recorder.take().lines().join("\n"),
            Self::Past(past) => past.take(),
            Self::Page(page) => page.take(),
            Self::Cut(trace, _) => trace.take(),
            Self::None => String::new(),
        }
    }
}

impl Watch for Trace {
    #[inline]
    fn see(&mut self, observation: &Observation<'_>) {
        if !matches!(self, Self::None) {
            self.write(observation);
        }
    }
}

impl Trace {
    fn write(&mut self, observation: &Observation<'_>) {
        match self {
            Self::Story(story) => story.see(observation),
            Self::Full(full) => full.see(observation),
            Self::Json(json) => json.see(observation),
            Self::Course(recorder) => recorder.see(observation),
            Self::Past(past) => past.see(observation),
            Self::Page(page) => page.see(observation),
            Self::Cut(trace, upto) if observation.step <= *upto => trace.see(observation),
            Self::Cut(..) | Self::None => {}
        }
    }
}

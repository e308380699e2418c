//! The progress bar on stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress bar of a sweep, a shrink or an exploration. The bar is hidden unless stderr is a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Makes the progress bar of a sweep. `runs` is the number of runs; `None` if the number is not known.
    pub(crate) fn of_runs(runs: Option<u64>, is_terminal: bool) -> Self {
        let template = match runs {
            Some(_) => "{bar:32} {pos}/{len} runs, {eta} left{msg}",
            None => "{spinner} {pos} runs, {elapsed} elapsed{msg}",
        };
        Self::new(runs, template, is_terminal)
    }

    /// Makes the progress bar of a shrink. The bar counts plans.
    pub(crate) fn of_plans(is_terminal: bool) -> Self {
        Self::new(None, "{spinner} {pos} plans, {elapsed} elapsed; smallest: {msg}", is_terminal)
    }

    /// Makes the progress bar of an exploration. The bar counts states.
    pub(crate) fn of_states(is_terminal: bool) -> Self {
        Self::new(None, "{spinner} {pos} states, {elapsed} elapsed; {msg}", is_terminal)
    }

    fn new(length: Option<u64>, template: &str, is_terminal: bool) -> Self {
        const RATE: u8 = 10;
        let target =
            if is_terminal { ProgressDrawTarget::stderr_with_hz(RATE) } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        Self(ProgressBar::with_draw_target(length, target).with_style(style))
    }

    /// Counts one more finished run. `failures` is the number of failed runs so far.
    pub(crate) fn step(&self, failures: u64) {
        if 0 < failures {
            self.set_message(&format!(", {failures} failed"));
        }
        self.0.inc(1);
    }

    /// Shows the number of plans or states so far, and the text `best` after this number.
    pub(crate) fn tried(&self, tries: u64, best: &str) {
        self.set_message(best);
        self.0.set_position(tries);
    }

    fn set_message(&self, message: &str) {
        if !self.0.is_hidden() {
            self.0.set_message(message.to_owned());
        }
    }

    /// Removes the bar from the terminal.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

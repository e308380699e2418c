//! The bar on stderr, for whoever waits at a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a sweep is.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar over so many runs (or without end), hidden unless somebody looks.
    pub(crate) fn new(runs: Option<u64>, is_terminal: bool) -> Self {
        const RATE: u8 = 10;
        let target =
            if is_terminal { ProgressDrawTarget::stderr_with_hz(RATE) } else { ProgressDrawTarget::hidden() };
        let template = match runs {
            Some(_) => "{bar:32} {pos}/{len} runs, {eta} left{msg}",
            None => "{spinner} {pos} runs, {elapsed} gone{msg}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        Self(ProgressBar::with_draw_target(runs, target).with_style(style))
    }

    /// One more run is done, and so many have failed.
    pub(crate) fn step(&self, failures: u64) {
        if 0 < failures && !self.0.is_hidden() {
            self.0.set_message(format!(", {failures} failed"));
        }
        self.0.inc(1);
    }

    /// Leaves the terminal as it was.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How far a search is, whose end nobody knows.
pub(crate) struct Search(ProgressBar);

impl Search {
    /// Over plans, of which the smallest is wanted.
    pub(crate) fn of_plans(is_terminal: bool) -> Self {
        Self::new("{spinner} {pos} plans, {elapsed} gone; smallest: {msg}", is_terminal)
    }

    /// Over the states of a cluster.
    pub(crate) fn of_states(is_terminal: bool) -> Self {
        Self::new("{spinner} {pos} states, {elapsed} gone; {msg}", is_terminal)
    }

    /// Hidden unless somebody looks.
    fn new(template: &str, is_terminal: bool) -> Self {
        let Bar(bar) = Bar::new(None, is_terminal);
        let style = ProgressStyle::with_template(template);
        Self(bar.with_style(style.expect("the template is well-formed")))
    }

    /// So many were tried, and this is the best.
    pub(crate) fn step(&self, tries: u64, best: &str) {
        if !self.0.is_hidden() {
            self.0.set_message(best.to_owned());
        }
        self.0.set_position(tries);
    }

    /// Leaves the terminal as it was.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

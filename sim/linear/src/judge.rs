//! The verdict on a history in lines of JSON.

use super::format::HistoryFormat;
use super::jsonl::{self, BadLine, OperationText, Partition};
use super::search::OrderSearch;
use super::{CheckResult, History};

/// The result of judging a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// The number of operations.
    pub operations: usize,
    /// The verdict on each key, in the order of the keys' texts.
    pub keys: Vec<KeyVerdict>,
    /// The verdict on the whole history. The history is linearizable if the history of every key is.
    pub finding: Finding,
}

/// The verdict on the history of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyVerdict {
    /// The key, as it is written in the lines; `null` if the lines name no key.
    pub key: String,
    /// The number of operations on the key.
    pub operations: usize,
    /// The verdict on the history of the key. It is [`CheckResult::Unknown`] if the search was stopped, or if
    /// the history of another key was found not to be linearizable before this one was decided.
    pub result: CheckResult,
}

/// The verdict: linearizable, not linearizable, or unknown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The history is linearizable.
    Linearizable,
    /// The history is not linearizable. These operations alone prove it.
    Violation(Conflict),
    /// The search was stopped before the verdict was known.
    Unknown {
        /// The number of keys without a verdict. The histories of the other keys are linearizable.
        undecided: usize,
    },
}

/// The smallest part of a history that is not linearizable. Its operations are on one key, and all of them
/// are needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The key, as it is written in the lines; `null` if the lines name no key.
    pub key: String,
    /// The operations, in the order of their invocations.
    pub operations: Vec<OperationText>,
}

/// Reads a history and judges it. `keep_going` is called every few thousand steps; the search stops when
/// it returns false.
///
/// The order of events is that of the lines. An operation that does not complete, or completes with `info`,
/// may or may not have happened, at any time after it was invoked. An operation that completes with `fail`
/// was not done; [`FailedCas`](super::FailedCas) says what that means for a `cas`. Lines of the process
/// `nemesis` are skipped, and so are empty ones.
///
/// Values and keys are JSON and are compared as such. Numbers are exact: `1`, `1.0` and `10e-1` are equal,
/// and integers above 2⁶⁴ are equal only if all their digits are. The order of an object's fields does not
/// matter. An array or object may be nested 128 levels deep, and a number's exponent must fit 64 bits.
///
/// ```
/// use wavetank_linear::{Finding, KeyModel, judge};
/// let text = r#"
///     {"process": 0, "type": "invoke", "f": "write", "key": "x", "value": 1, "time": 10}
///     {"process": 0, "type": "ok",     "f": "write", "key": "x", "value": 1, "time": 20}
///     {"process": 1, "type": "invoke", "f": "read",  "key": "x", "value": null, "time": 30}
///     {"process": 1, "type": "ok",     "f": "read",  "key": "x", "value": null, "time": 40}
/// "#;
/// let judged = judge(text, KeyModel::Register, &mut || true).unwrap();
/// assert!(matches!(judged.finding, Finding::Violation(conflict) if conflict.operations.len() == 2));
/// ```
///
/// # Errors
/// Names the first invalid line.
pub fn judge(
    text: &str,
    format: impl Into<HistoryFormat>,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Judgement, BadLine> {
    let keys = jsonl::read(text, &format.into())?;
    let operations = keys.iter().map(|partition| partition.history.len()).sum();
    let mut searches = keys.into_iter().map(KeySearch::new).collect::<Vec<_>>();
    let finding = find(&mut searches, keep_going);
    Ok(Judgement { operations, keys: searches.iter().map(KeySearch::verdict).collect(), finding })
}

/// The number of search steps for each key in the first round. Later rounds have more steps, so that a
/// difficult key does not delay an easy key.
const FIRST_ROUND: u64 = 4_096;

fn find(searches: &mut [KeySearch], keep_going: &mut dyn FnMut() -> bool) -> Finding {
    let mut open = searches.iter_mut().collect::<Vec<_>>();
    open.sort_by_key(|search| search.partition.history.len());
    let mut steps = FIRST_ROUND;
    let mut conflict = None;
    loop {
        for search in &mut open {
            search.run(steps, keep_going);
            // Only one conflict is shown, so that the time for a search goes to the verdicts.
            if search.result == CheckResult::Illegal && conflict.is_none() {
                conflict = Some(search.conflict(keep_going));
            }
        }
        open.retain(|search| search.result == CheckResult::Unknown);
        match conflict {
            Some(conflict) => return Finding::Violation(conflict),
            None if open.is_empty() => return Finding::Linearizable,
            None if !keep_going() => return Finding::Unknown { undecided: open.len() },
            None => steps = steps.saturating_mul(4),
        }
    }
}

struct KeySearch {
    partition: Partition,
    search: OrderSearch,
    result: CheckResult,
}

impl KeySearch {
    fn new(partition: Partition) -> Self {
        let search = partition.history.search(partition.history.operations.iter().copied());
        Self { partition, search, result: CheckResult::Unknown }
    }

    fn run(&mut self, steps: u64, keep_going: &mut dyn FnMut() -> bool) {
        let mut left = steps;
        while 0 < left && self.result == CheckResult::Unknown && keep_going() {
            let slice = left.min(FIRST_ROUND);
            self.result = match self.search.run(slice) {
                Some(true) => CheckResult::Linearizable,
                Some(false) => CheckResult::Illegal,
                None => CheckResult::Unknown,
            };
            left -= slice;
        }
    }

    fn conflict(&self, keep_going: &mut dyn FnMut() -> bool) -> Conflict {
        let history: &History = &self.partition.history;
        let operations = history.conflict(keep_going);
        let operations = operations.into_iter().map(|at| self.partition.texts[at].clone()).collect();
        Conflict { key: self.partition.key.clone(), operations }
    }

    fn verdict(&self) -> KeyVerdict {
        let Partition { key, history, .. } = &self.partition;
        KeyVerdict { key: key.clone(), operations: history.len(), result: self.result }
    }
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "key {}:", self.key)?;
        self.operations.iter().try_for_each(|operation| write!(f, "\n  {operation}"))
    }
}

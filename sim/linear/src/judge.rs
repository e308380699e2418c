//! Judges a history in lines of JSON or in EDN: checks whether the history is linearizable.

use super::edn;
use super::format::HistoryFormat;
use super::jsonl::{self, BadLine, OperationText, Partition};
use super::prefix::OrderedPrefix;
use super::search::OrderSearch;
use super::{CheckResult, History};

/// The result of judging a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// The number of operations in the history.
    pub operations: usize,
    /// The verdict on the history of each key, in the order of the canonical texts of the keys.
    pub keys: Vec<KeyVerdict>,
    /// The verdict on the whole history. The history is linearizable exactly if the history of every key
    /// is linearizable.
    pub finding: Finding,
}

/// The verdict on the history of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyVerdict {
    /// The key in JSON; `null` if the lines name no key.
    pub key: String,
    /// The number of operations on the key.
    pub operations: usize,
    /// The verdict on the history of the key. The verdict is [`CheckResult::Unknown`] if the search was
    /// stopped, or if the search first found that the history of another key is not linearizable.
    pub result: CheckResult,
}

/// The verdict on a whole history: linearizable, not linearizable, or unknown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The history is linearizable.
    Linearizable,
    /// The history is not linearizable. The operations of the conflict are the proof.
    Violation(Conflict),
    /// The search was stopped before the verdict was known.
    Unknown {
        /// The number of keys without a verdict. The histories of all other keys are linearizable.
        undecided: usize,
    },
}

/// A small part of a history that proves a violation: no order of the operations in this part explains every
/// output. All operations are on one key. The proof needs every operation of the part, unless `keep_going`
/// stopped the search for a smaller part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The key in JSON; `null` if the lines name no key.
    pub key: String,
    /// The operations of the conflict, in the order of the invocations.
    pub operations: Vec<OperationText>,
}

/// Reads a history, and checks whether the history is linearizable. The search calls `keep_going` every few
/// thousand steps, and stops when `keep_going` returns false.
///
/// The order of the lines is the order of the events. An operation that does not complete, or completes with
/// `info`, may or may not have happened, at any time after the invocation. An operation that completes with
/// `fail` was not done; [`FailedCas`](super::FailedCas) lists the meanings of a failed `cas`. Empty lines and
/// lines of the process `nemesis` are skipped.
///
/// Values and keys are JSON values. Numbers are exact: `1`, `1.0` and `10e-1` are equal, and integers above
/// 2⁶⁴ are equal only if all their digits are equal. The order of the fields of an object does not matter.
/// Arrays and objects may be nested 128 levels deep. The exponent of a number must fit into 64 bits.
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
/// Returns an error that names the first invalid line.
pub fn judge(
    text: &str,
    format: impl Into<HistoryFormat>,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Judgement, BadLine> {
    Ok(judge_keys(jsonl::read(text, &format.into())?, keep_going).0)
}

/// Reads a history in EDN, such as Jepsen's `history.edn`, and checks the history in the same way as
/// [`judge`]. The text has a map for each invocation and each completion, or one vector of these maps.
///
/// ```
/// use wavetank_linear::{Finding, KeyModel, judge_edn};
/// let text = "
///     {:process 0, :type :invoke, :f :write, :value 1, :time 10}
///     {:process :nemesis, :type :info, :f :start, :value :majority, :time 15}
///     {:process 0, :type :ok, :f :write, :value 1, :time 20}";
/// let judged = judge_edn(text, KeyModel::Register, &mut || true).unwrap();
/// assert_eq!(judged.finding, Finding::Linearizable);
/// ```
///
/// # Errors
/// Returns an error that names the first invalid line.
pub fn judge_edn(
    text: &str,
    format: impl Into<HistoryFormat>,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Judgement, BadLine> {
    Ok(judge_keys(read_edn(text, &format.into())?, keep_going).0)
}

fn read_edn(text: &str, format: &HistoryFormat) -> Result<Vec<Partition>, BadLine> {
    let lines = edn::lines(text)?;
    jsonl::read_lines(lines.iter().map(|(number, line)| (*number, line.as_str())), format)
}

/// The reason why the history of one key is not linearizable, and all operations on the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The key in JSON; `null` if the lines name no key.
    pub key: String,
    /// All operations on the key, in the order of the invocations.
    pub operations: Vec<OperationText>,
    /// The operations of the [`Conflict`], as positions in the list `operations`.
    pub conflict: Vec<usize>,
    /// The longest prefix of the history that can be ordered; `None` if the search for this prefix was
    /// stopped.
    pub prefix: Option<OrderedPrefix>,
}

/// Checks a history in the same way as [`judge`], or as [`judge_edn`] if `is_edn` is true. Also returns the
/// explanation of a violation; `None` if no violation was found.
///
/// # Errors
/// Returns an error that names the first invalid line.
pub fn explain(
    text: &str,
    is_edn: bool,
    format: impl Into<HistoryFormat>,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<(Judgement, Option<Explanation>), BadLine> {
    let format = format.into();
    let keys = if is_edn { read_edn(text, &format)? } else { jsonl::read(text, &format)? };
    let (judgement, searches) = judge_keys(keys, keep_going);
    let broken = searches.into_iter().find(|search| !search.conflict.is_empty());
    let explanation = broken.map(|search| Explanation {
        prefix: search.partition.history.longest_order(keep_going),
        key: search.partition.key,
        operations: search.partition.texts,
        conflict: search.conflict,
    });
    Ok((judgement, explanation))
}

fn judge_keys(keys: Vec<Partition>, keep_going: &mut dyn FnMut() -> bool) -> (Judgement, Vec<KeySearch>) {
    let operations = keys.iter().map(|partition| partition.history.len()).sum();
    let mut searches = keys.into_iter().map(KeySearch::new).collect::<Vec<_>>();
    let finding = find(&mut searches, keep_going);
    let keys = searches.iter().map(KeySearch::verdict).collect();
    (Judgement { operations, keys, finding }, searches)
}

/// The number of search steps for each key in the first round. Each later round has four times as many steps
/// as the round before. Therefore a key with a long search does not delay a key with a short search.
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
    /// The numbers of the operations in the conflict. The list is empty before the search for a conflict.
    conflict: Vec<usize>,
}

impl KeySearch {
    fn new(partition: Partition) -> Self {
        let search = partition.history.search(partition.history.operations.iter().copied());
        Self { partition, search, result: CheckResult::Unknown, conflict: Vec::new() }
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

    fn conflict(&mut self, keep_going: &mut dyn FnMut() -> bool) -> Conflict {
        let history: &History = &self.partition.history;
        self.conflict = history.conflict(keep_going);
        let operations = self.conflict.iter().map(|&at| self.partition.texts[at].clone()).collect();
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

//! The verdict on a history in lines of JSON.

use super::History;
use super::jsonl::{self, BadLine, KeyModel, OperationText, Partition};
use super::search::OrderSearch;

/// The result of judging a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// The number of operations.
    pub operations: usize,
    /// The number of keys.
    pub keys: usize,
    /// Whether the history is linearizable.
    pub finding: Finding,
}

/// Whether a history is linearizable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The history is linearizable.
    Linearizable,
    /// It is not, and these operations alone show it.
    Violation(Conflict),
    /// The search was stopped before it was known.
    Unknown {
        /// The number of keys that are not decided; the others are linearizable.
        undecided: usize,
    },
}

/// The smallest part of a history that is not linearizable: operations on one key, none of which
/// could be left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The key, as it stands in the lines; `null` if they name none.
    pub key: String,
    /// The operations, in the order of their invocations.
    pub operations: Vec<OperationText>,
}

/// Reads a history and judges it. The search asks every few thousand steps whether to go on.
///
/// The order of events is that of the lines. An operation that does not complete, or completes
/// with `info`, may or may not have happened, at any time after it was invoked. A `cas` that
/// completes with `fail` found another value than it expected; anything else that does was not
/// done. Lines of the process `nemesis` are skipped, and so are empty ones.
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
    model: KeyModel,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Judgement, BadLine> {
    let keys = jsonl::read(text, model)?;
    let operations = keys.values().map(|partition| partition.history.len()).sum();
    let count = keys.len();
    let finding = find(keys.into_iter().collect(), keep_going);
    Ok(Judgement { operations, keys: count, finding })
}

/// How many steps each key gets in the first round. Later rounds have more, so that a hard key does not
/// delay an easy one.
const FIRST_ROUND: u64 = 4_096;

fn find(keys: Vec<(String, Partition)>, keep_going: &mut dyn FnMut() -> bool) -> Finding {
    let mut open =
        keys.into_iter().map(|(name, partition)| KeySearch::new(name, partition)).collect::<Vec<_>>();
    open.sort_by_key(|case| case.partition.history.len());
    let mut steps = FIRST_ROUND;
    while !open.is_empty() {
        let mut undecided = Vec::with_capacity(open.len());
        for mut case in open {
            match case.run(steps, keep_going) {
                Some(true) => {}
                Some(false) => return Finding::Violation(case.conflict(keep_going)),
                None => undecided.push(case),
            }
        }
        open = undecided;
        if !open.is_empty() && !keep_going() {
            return Finding::Unknown { undecided: open.len() };
        }
        steps = steps.saturating_mul(4);
    }
    Finding::Linearizable
}

struct KeySearch {
    name: String,
    partition: Partition,
    search: OrderSearch,
}

impl KeySearch {
    fn new(name: String, partition: Partition) -> Self {
        let search = partition.history.search(partition.history.operations.iter().copied());
        Self { name, partition, search }
    }

    fn run(&mut self, steps: u64, keep_going: &mut dyn FnMut() -> bool) -> Option<bool> {
        let mut left = steps;
        while 0 < left && keep_going() {
            let slice = left.min(FIRST_ROUND);
            if let Some(linearizable) = self.search.run(slice) {
                return Some(linearizable);
            }
            left -= slice;
        }
        None
    }

    fn conflict(self, keep_going: &mut dyn FnMut() -> bool) -> Conflict {
        let history: &History = &self.partition.history;
        let operations = history.conflict(keep_going);
        let operations = operations.into_iter().map(|at| self.partition.texts[at].clone()).collect();
        Conflict { key: self.name, operations }
    }
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "key {}:", self.key)?;
        self.operations.iter().try_for_each(|operation| write!(f, "\n  {operation}"))
    }
}

//! The judges that examine a run, in three levels.

/// The level of the judges that examine a run. Each level also contains the judges of all lower levels.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum JudgeLevel {
    /// Only the judges of facts that a client or an operator can see. Examples are two leaders in one term,
    /// answers that contradict each other, and missing progress.
    Outcomes,
    /// Also the judges that use the ghost state. The ghost state is the harness's own record of the run.
    History,
    /// Also the judges that check every rule of the protocol at each step.
    #[default]
    Steps,
}

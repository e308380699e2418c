//! The judges that examine a run, in three levels.

/// The judges that run. Each level includes the levels before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum JudgeLevel {
    /// Only judges that need facts that a client or an operator could see: two leaders, contradicting
    /// results, no progress.
    Outcomes,
    /// Also judges that need the ghost state, which is the harness's own record of the run.
    History,
    /// Also the judges that check every rule of the protocol at each step.
    #[default]
    Steps,
}

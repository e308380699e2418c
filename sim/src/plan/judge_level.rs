//! The judges that examine a run, in three levels.

/// The level of the judges that examine a run. Each level includes the lower levels.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum JudgeLevel {
    /// Only the judges that use facts that a client or an operator can see: two leaders, contradicting
    /// results, no progress.
    Outcomes,
    /// Also the judges that use the ghost state. The ghost state is the harness's own record of the run.
    History,
    /// Also the judges that check every rule of the protocol at each step.
    #[default]
    Steps,
}

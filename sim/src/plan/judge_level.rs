//! How much of a run is judged.

/// The judges that run. Each level includes the levels before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum JudgeLevel {
    /// Judges that need only facts that a client or an operator could see: two leaders, contradicting
    /// results, no progress.
    Outcomes,
    /// Also judges that need the ghost state: the harness's own record of the run.
    History,
    /// Also every rule of the protocol, checked at each step.
    #[default]
    Steps,
}

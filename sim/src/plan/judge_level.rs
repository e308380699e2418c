//! How much of a run is judged.

/// Which judges run. Each level includes the levels before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum JudgeLevel {
    /// What a client or an operator could see: two leaders, contradicting results, no progress.
    Outcomes,
    /// Also what the harness remembers of the run (ghost state).
    History,
    /// Also every rule of the protocol, step by step.
    #[default]
    Steps,
}

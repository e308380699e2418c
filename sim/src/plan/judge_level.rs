//! How much of a run is judged.

/// How much is judged. Each column holds the ones before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum JudgeLevel {
    /// What anybody could see from outside: two leaders, two truths, no progress.
    Outcomes,
    /// And what the harness's own memory shows.
    History,
    /// And every rule of the protocol, step by step.
    #[default]
    Steps,
}

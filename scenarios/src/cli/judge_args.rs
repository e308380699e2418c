//! The arguments of `wavetank judge` as values.

use clap::Args;
use std::path::PathBuf;
use wavetank_sim::linear::{FailedCas, KeyModel};

#[derive(Args, Debug)]
pub(crate) struct JudgeArguments {
    /// The history: one JSON object per line, or EDN if the name ends with .edn
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The type of every key: register, cas-register or kv
    #[arg(long, value_name = "MODEL", default_value_t = KeyModel::CasRegister)]
    pub(crate) model: KeyModel,
    /// The initial value of every key [default: null; kv: the empty string]
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) initial: Option<String>,
    /// The meaning of a failed cas: the key had another value (mismatch); the operation was not done
    /// (not-done); or mismatch without an `error` and not-done with an `error` (by-error)
    #[arg(long, value_name = "MEANING", default_value_t = FailedCas::ByError)]
    pub(crate) failed_cas: FailedCas,
    /// Treat the value of every line as [key, value], the format of Jepsen's independent tests, and
    /// print the verdict on each key
    #[arg(long)]
    pub(crate) independent: bool,
    /// Stop without a verdict after this many seconds
    #[arg(long, value_name = "SECS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: u64,
    /// If the history is not linearizable, write a page for a browser: the operations that cannot be ordered,
    /// and the longest order that was found
    #[arg(long, value_name = "FILE.html")]
    pub(crate) page: Option<PathBuf>,
}

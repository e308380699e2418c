//! `wavetank judge`: checks whether a client history is linearizable. The history may come from the
//! tank or from another system.

use super::exit::Status;
use super::file::AtomicFile;
use super::judge_args::JudgeArguments;
use super::{CliError, Streams, format::many, history_page, write_message};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};
use wavetank_sim::linear::{self, CheckResult, Explanation, Finding, HistoryFormat, Judgement};

/// The maximum number of printed lines about the operations that cannot be ordered.
const LINES: usize = 1_000;

/// The maximum size of a history or a capsule, in bytes.
const BYTES_MAX: u64 = 2 << 30;

/// Reads a history, checks whether the history is linearizable, and prints the result.
pub(crate) fn judge(arguments: &JudgeArguments, streams: &mut Streams<'_>) -> Result<Status, CliError> {
    let path = &arguments.file;
    let format = format(arguments)?;
    let text = read(path)?;
    let begun = Instant::now();
    let deadline = begun.checked_add(Duration::from_secs(arguments.budget));
    let page = arguments.page.as_deref().map(|page| AtomicFile::create_beside(page, path)).transpose()?;
    let mut keep_going = || deadline.is_none_or(|deadline| Instant::now() < deadline);
    let is_edn = path.extension().is_some_and(|extension| extension == "edn");
    let judged = match (&page, is_edn) {
        (Some(_), _) => linear::explain(&text, is_edn, format, &mut keep_going),
        (None, true) => linear::judge_edn(&text, format, &mut keep_going).map(|judged| (judged, None)),
        (None, false) => linear::judge(&text, format, &mut keep_going).map(|judged| (judged, None)),
    };
    let (judged, explanation) =
        judged.map_err(|error| CliError::new(format!("`{}` is not a history: {error}", path.display())))?;
    let status = write_result(&judged, arguments, streams)?;
    if let Some(page) = page {
        write_page(page, path, explanation.as_ref(), streams)?;
    }
    if arguments.independent {
        write_keys(&judged, streams)?;
    }
    let elapsed = begun.elapsed();
    write_message(
        streams,
        &format!("the check of the history took {}.{:03} s", elapsed.as_secs(), elapsed.subsec_millis()),
    );
    Ok(status)
}

/// Writes the page of a history. A history without a violation has no page.
fn write_page(
    mut page: AtomicFile,
    history: &Path,
    explanation: Option<&Explanation>,
    streams: &mut Streams<'_>,
) -> Result<(), CliError> {
    let Some(explanation) = explanation else {
        write_message(streams, "no violation was found, so no page was written");
        return Ok(());
    };
    page.line(history_page::html(&history.display().to_string(), explanation).trim_end())?;
    write_message(
        streams,
        &format!("the page is the file {}: open this file in a browser", page.path().display()),
    );
    page.finish()
}

fn format(arguments: &JudgeArguments) -> Result<HistoryFormat, CliError> {
    let mut format = HistoryFormat::from(arguments.model).with_failed_cas(arguments.failed_cas);
    if let Some(json) = &arguments.initial {
        let initial = format.with_initial(json);
        format = initial.map_err(|error| CliError::new(format!("--initial `{json}`: {error}")))?;
    }
    Ok(if arguments.independent { format.with_independent_keys() } else { format })
}

/// Reads a file as UTF-8 text. Returns an error if the file has more than [`BYTES_MAX`] bytes. So a file
/// without an end, such as `/dev/zero`, cannot fill the memory.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    let count = read.map_err(|error| CliError::new(format!("cannot read `{}`: {error}", path.display())))?;
    if BYTES_MAX < count as u64 {
        return Err(CliError::new(format!("`{}` has more than {} GiB", path.display(), BYTES_MAX >> 30)));
    }
    String::from_utf8(bytes).map_err(|_| CliError::new(format!("`{}` is not UTF-8 text", path.display())))
}

fn write_result(
    judged: &Judgement,
    arguments: &JudgeArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let operations = many(judged.operations as u64, "operation");
    let size = format!("{operations} on {}", many(judged.keys.len() as u64, "key"));
    let status = match &judged.finding {
        Finding::Linearizable if judged.operations == 0 => {
            writeln!(streams.out, "vacuous: the history has no operation")?;
            Status::Vacuous
        }
        Finding::Linearizable => {
            writeln!(streams.out, "linearizable: {size}")?;
            Status::Held
        }
        Finding::Violation(window) => {
            let shown = many(window.operations.len() as u64, "operation");
            let window = window.to_string();
            let mut lines = window.lines();
            writeln!(streams.out, "not linearizable: {size}; no order explains the following {shown}:")?;
            lines.by_ref().take(LINES).try_for_each(|line| writeln!(streams.out, "{line}"))?;
            let more = lines.count();
            if 0 < more {
                let more = many(more as u64, "line");
                writeln!(streams.out, "... and {more}; a larger --budget may find fewer operations")?;
            }
            Status::Safety
        }
        Finding::Unknown { undecided } => {
            let left = many(*undecided as u64, "key");
            let budget = many(arguments.budget, "second");
            writeln!(streams.out, "unknown: {left} not decided within {budget}, in a history of {size}")?;
            Status::Vacuous
        }
    };
    Ok(status)
}

fn write_keys(judged: &Judgement, streams: &mut Streams<'_>) -> Result<(), CliError> {
    for verdict in &judged.keys {
        let result = match verdict.result {
            CheckResult::Linearizable => "linearizable",
            CheckResult::Illegal => "not linearizable",
            CheckResult::Unknown => "unknown",
        };
        let operations = many(verdict.operations as u64, "operation");
        writeln!(streams.out, "key {}: {result}: {operations}", verdict.key)?;
    }
    Ok(())
}

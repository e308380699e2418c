//! Catches a panic of the code under test.
//!
//! The report contains the message and the place of the panic. The panic is not printed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static CAPTURING: Cell<bool> = const { Cell::new(false) };
    static CAPTURED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a closure and catches a panic of the closure.
///
/// # Errors
/// Returns the message and the place (file and line) of the panic, in one line.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let before = CAPTURING.replace(true);
    // A destructor that catches a panic must not take the message of the panic that unwinds the stack.
    let unwinding = CAPTURED.take();
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CAPTURING.set(before);
    let captured = CAPTURED.replace(unwinding);
    result.map_err(|payload| captured.unwrap_or_else(|| message(payload.as_ref()).to_owned()))
}

/// Installs a panic hook once in the process. If a thread does not capture panics, the hook passes the panics
/// of the thread to the previous hook.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let old = panic::take_hook();
        panic::set_hook(Box::new(move |info| if CAPTURING.get() { capture(info) } else { old(info) }));
    });
}

fn capture(info: &PanicHookInfo<'_>) {
    // A verdict is one line of a report, so line breaks of the message become spaces.
    let text = message(info.payload()).split_whitespace().collect::<Vec<_>>().join(" ");
    let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    CAPTURED.set(Some(text + &place));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("the panic has no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_one_line_with_its_place() {
        let heard = catch_panic(|| panic!("t{}\n  went back", 3)).expect_err("it panicked");
        assert!(heard.starts_with("t3 went back ("), "{heard}");
        assert!(heard.contains("catch_panic.rs:"), "{heard}");
    }

    #[test]
    fn work_that_ends_well_gives_its_value() {
        assert_eq!(catch_panic(|| 7), Ok(7));
    }

    #[test]
    fn each_panic_has_its_own_words() {
        let first = catch_panic(|| panic!("one")).expect_err("it panicked");
        let second = catch_panic(|| panic!("two")).expect_err("it panicked");
        assert!(first.starts_with("one") && second.starts_with("two"), "{first}, {second}");
    }
}

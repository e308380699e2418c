//! Turns the panics of tasks and threads into store errors. A server stops with such an error if one of its
//! tasks or threads panics.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use wavetank_raft::store::{StoreError, StoreErrorKind};

/// Runs the future of the task `name`. If the future panics, returns a store error, and the server stops with
/// this error.
pub(crate) async fn caught<T>(name: &str, future: impl Future<Output = T>) -> Result<T, StoreError> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panicked(name, &*panic))),
    })
    .await
}

/// Makes the store error for a panic in the task or thread `name`. The server stops with this error. `panic`
/// is the payload of the panic.
pub(crate) fn panicked(name: &str, panic: &(dyn Any + Send)) -> StoreError {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    StoreError::new(StoreErrorKind::Io, format!("{name} panicked: {}", words.unwrap_or("no message")))
}

//! Panics of tasks. If a task panics, its server stops with the panic as the reason.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use wavetank_raft::store::{StoreError, StoreErrorKind};

/// Runs a future. If the future panics, returns the error with which the server stops.
pub(crate) async fn caught<T>(name: &str, future: impl Future<Output = T>) -> Result<T, StoreError> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panicked(name, &*panic))),
    })
    .await
}

/// Returns the error with which a server stops after a panic in the task or thread `name`.
pub(crate) fn panicked(name: &str, panic: &(dyn Any + Send)) -> StoreError {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    StoreError::new(StoreErrorKind::Io, format!("{name} panicked: {}", words.unwrap_or("no message")))
}

//! A guard for a user's value. The destructor of the value may panic.

use crate::runner::catch_panic::catch_panic;
use std::ops::{Deref, DerefMut};
use std::panic::resume_unwind;
use std::thread;
use wavetank_raft::store::{FsmSnapshot, SnapshotWriter, StoreError};

/// Contains a value and drops the value. A panic of the value's destructor cannot abort the process.
///
/// Rust aborts a process when a destructor panics while an earlier panic unwinds the stack. All servers of a
/// run are dropped together. Therefore, without this guard, a state machine that panics in `Drop` would abort
/// the process.
#[derive(Debug)]
pub(crate) struct DropGuard<T>(Option<T>);

const PRESENT: &str = "the value is present until the guard is dropped";

impl<T> DropGuard<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Deref for DropGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(PRESENT)
    }
}

impl<T> DerefMut for DropGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(PRESENT)
    }
}

impl<T> Drop for DropGuard<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if let Err(message) = catch_panic(|| drop(value))
            && !thread::panicking()
        {
            // `panic!` would name this place in the message, so the panic is resumed.
            resume_unwind(Box::new(message));
        }
    }
}

impl<S: FsmSnapshot> FsmSnapshot for DropGuard<S> {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        (**self).persist(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fragile(&'static str);

    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("{} broke", self.0);
        }
    }

    #[test]
    fn the_first_of_several_panics_is_told_with_its_place() {
        let values = ["one", "two", "three"].map(|name| DropGuard::new(Fragile(name)));
        let message = catch_panic(|| drop(values)).expect_err("every destructor panics");
        assert!(message.starts_with("one broke (") && message.contains("drop_guard.rs:"), "{message}");
    }

    #[test]
    fn a_destructor_does_not_hide_the_panic_that_drops_it() {
        let message = catch_panic(|| {
            let _value = DropGuard::new(Fragile("one"));
            panic!("first");
        });
        assert!(message.as_ref().is_err_and(|message| message.starts_with("first (")), "{message:?}");
    }
}

//! Bytes as a source of decisions. A byte that a fuzzer changes is one decision that changes.

/// The decisions that are left. When the bytes run out, every decision is the first choice.
#[derive(Debug)]
pub(crate) struct Decisions<'a>(&'a [u8]);

impl<'a> Decisions<'a> {
    /// The decisions of these bytes.
    #[must_use]
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether the bytes have run out.
    #[must_use]
    pub(crate) const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `below`, which is at most 256.
    pub(crate) fn pick(&mut self, below: u64) -> u64 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u64::from(byte) % below
    }

    /// A decision between yes and no.
    pub(crate) fn coin(&mut self) -> bool {
        self.pick(2) == 1
    }

    /// One of these choices; the first if the bytes have run out.
    ///
    /// # Panics
    /// When there are no choices.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.pick(choices.len() as u64)).expect("a byte")]
    }

    /// A number of two bytes.
    pub(crate) fn wide(&mut self) -> u64 {
        self.pick(256) << 8 | self.pick(256)
    }
}

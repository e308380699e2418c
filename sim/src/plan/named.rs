//! Enums whose variants have names in reports, and a counter for each variant.

use std::marker::PhantomData;
use std::ops::{AddAssign, Index, IndexMut};

/// Defines an enum with a name for each variant and a list of all variants.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $kind {
            $($(#[$doc])* $variant),*
        }

        impl $kind {
            /// All variants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name of this variant in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }
        }

        impl $crate::plan::named::Named for $kind {
            const ALL: &'static [Self] = Self::ALL;

            fn name(self) -> &'static str {
                self.name()
            }

            fn position(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use named;

/// An enum whose variants have names in reports.
pub(crate) trait Named: Copy + 'static {
    /// All variants, in the order of their declaration.
    const ALL: &'static [Self];

    /// The name of this variant in reports.
    fn name(self) -> &'static str;

    /// The position of this variant in [`Named::ALL`].
    fn position(self) -> usize;
}

/// One counter for each variant of the enum `K`.
#[derive(Clone, Debug)]
pub(crate) struct Counters<K, N = u64> {
    counts: Vec<N>,
    of: PhantomData<K>,
}

impl<K: Named, N: Copy + Default> Counters<K, N> {
    /// Returns the name of each variant, and the value of the variant's counter.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, N)> {
        K::ALL.iter().map(|kind| kind.name()).zip(self.counts.iter().copied())
    }
}

impl<K: Named, N: Copy + Default> Default for Counters<K, N> {
    fn default() -> Self {
        Self { counts: vec![N::default(); K::ALL.len()], of: PhantomData }
    }
}

impl<K: Named, N> Index<K> for Counters<K, N> {
    type Output = N;

    fn index(&self, kind: K) -> &N {
        &self.counts[kind.position()]
    }
}

impl<K: Named, N> IndexMut<K> for Counters<K, N> {
    fn index_mut(&mut self, kind: K) -> &mut N {
        &mut self.counts[kind.position()]
    }
}

impl<K> AddAssign<&Self> for Counters<K> {
    fn add_assign(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }
}

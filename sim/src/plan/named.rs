//! Kinds of things that reports have names for, and counts of them.

use std::marker::PhantomData;
use std::ops::{AddAssign, Index, IndexMut};

/// An enum, the names of its kinds, and a list of them all.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $kind {
            $($(#[$doc])* $variant),*
        }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in reports.
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

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use named;

/// A kind of things that reports have names for.
pub(crate) trait Named: Copy + 'static {
    /// All of them, in their order.
    const ALL: &'static [Self];

    /// Its name in reports.
    fn name(self) -> &'static str;

    /// Its place among all of them.
    fn place(self) -> usize;
}

/// A count for each of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Counters<K, N = u64> {
    counts: Vec<N>,
    of: PhantomData<K>,
}

impl<K: Named, N: Copy + Default> Counters<K, N> {
    /// Each count with the name of what it counts.
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
        &self.counts[kind.place()]
    }
}

impl<K: Named, N> IndexMut<K> for Counters<K, N> {
    fn index_mut(&mut self, kind: K) -> &mut N {
        &mut self.counts[kind.place()]
    }
}

impl<K> AddAssign<&Self> for Counters<K> {
    fn add_assign(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }
}

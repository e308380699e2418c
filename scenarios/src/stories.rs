//! The stories, one file for each chapter.

/// Defines the stories of a chapter, and the list `STORIES` of these stories in the same order.
///
/// The name of a function is the name of the story. The doc comment of the function is the summary of the
/// story. By default, a story has three servers and a plan without faults. `#[cluster(servers = 5, spares = 1,
/// plan_tweak = f)]` changes these defaults. Call the macro with square brackets, because rustfmt then formats
/// the functions.
macro_rules! stories {
    ($(
        $(#[doc = $line:literal])+
        $(#[cluster($($field:ident = $value:expr),+)])?
        fn $name:ident($cluster:ident: &mut $type:ident) $body:block
    )+) => {
        /// The stories of this chapter.
        pub(crate) const STORIES: &[crate::dsl::Story] = &[$(
            crate::dsl::Story::new(stringify!($name), concat!($($line),+).trim_ascii_start(), $name)
                $($(.$field($value))+)?
        ),+];

        $(
            $(#[doc = $line])+
            fn $name($cluster: &mut $type) $body
        )+
    };
}

pub(crate) mod crashes;
pub(crate) mod disks;
pub(crate) mod elections;
pub(crate) mod membership;
pub(crate) mod membership_faults;
pub(crate) mod partitions;
mod plan_tweaks;
pub(crate) mod reads;
pub(crate) mod recovery;
pub(crate) mod replication;
pub(crate) mod snapshots;
pub mod storms;
pub(crate) mod transfers;

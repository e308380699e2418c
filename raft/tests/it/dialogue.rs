//! One node, talked to by the book: what is said to it, and everything that it does about it.

mod desk;
mod elections;
mod following;
mod leading;

//! The roles.

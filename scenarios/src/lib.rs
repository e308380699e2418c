//! Stories with seeds.

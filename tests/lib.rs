//! What the tests and the fuzz targets share: one node under arbitrary input, and judges of it.

pub mod one_node;

//! Holds back what a write must precede.

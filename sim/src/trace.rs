//! Traces: the same observations in three forms, for people. Never read by anything.

//mod full;
//mod json;
//mod story;
//mod words;

//pub use full::Full;
//pub use json::Json;
//pub use story::Story;

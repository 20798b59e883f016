//! What clients do to a cluster while something happens to it.

pub mod append;
pub mod read_back;

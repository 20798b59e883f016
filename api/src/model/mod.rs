//! The words everybody shares: ids, record batches, topic configuration, the dead-letter
//! switch, errors, limits.
//! Pure: no I/O, no clock, no randomness.

pub mod dead_letter;
pub mod error_code;
pub mod ids;
pub mod limits;
pub mod murmur2;
pub mod once;
pub mod problem;
pub mod record_batch;
pub mod topic_config;

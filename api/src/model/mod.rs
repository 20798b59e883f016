//! The words everybody shares: ids, record batches, topic configuration, errors, limits.
//! Pure: no I/O, no clock, no randomness.

pub mod error_code;
pub mod ids;
pub mod limits;
pub mod murmur2;
pub mod once;
pub mod problem;
pub mod record_batch;
pub mod topic_config;

//! Family 12: the producers and idempotency keys of a partition, as of what is applied, written with
//! family 9 whenever they have changed. Key: group. Persisted because a restart would have to read
//! the whole log to know them, and what is purged says nothing any more.

/// Newest version of the value, a `ProducersRecord`.
pub(crate) const VERSION: u8 = 1;

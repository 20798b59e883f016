//! Family 7: where each term begins in the log. Key: group, index of the term's first entry.
//! Value: `u64`, the term. Persisted so that a restart knows the log id of every index without
//! reading the log.

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

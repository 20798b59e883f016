//! Family 4: the last log id known committed. Key: group. Value: `StoredLogId`. Persisted, without
//! a sync of its own, so that a restart applies its log at once instead of waiting for a leader.

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

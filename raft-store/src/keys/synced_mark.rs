//! Family 6: the highest index known synced when an append was written, in the same write. Key:
//! group. Value: `u64`. Persisted to tell a torn tail (above the mark: never acknowledged, cut)
//! from damage (at or below it: acknowledged, this replica must not go on).

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

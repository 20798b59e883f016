//! `[pure]` Where a partition ends for good: a replicated entry seals it, and behind that no record is
//! appended (INV-21). The first seal counts; another one behind it changes nothing. Nothing takes a
//! seal back: a producer that was told of it may have gone on elsewhere.

use rampart_api::model::ids::Offset;
use serde::{Deserialize, Serialize};

/// A partition's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Log index of the entry that sealed it.
    pub index: u64,
    /// The next offset then: of a record that will never be.
    pub at: Offset,
}

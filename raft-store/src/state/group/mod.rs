//! The groups of one partition of the internal topic `__group_state`: members, generations,
//! assignment, committed offsets, parked and dying deliveries, directives for clients. Whoever
//! leads the partition is the coordinator of its groups (`node/src/groups`): it keeps the timers,
//! decides who gets what, and proposes; here is what survives it.
//!
//! ```text
//!   delivered ──ack──► done                       (committed offset: first one neither done,
//!       │                                          parked, dying nor dead)
//!       └──park──► waiting ──ack──► done
//!                   │  ▲  └──retry──► waiting
//!                   │  └──── its dead-letter topic was deleted ──┐
//!                   └──die──► dying ──dead──► in the dead-letter topic ──redrive──► waiting
//! ```
//! INV-10: a record is at every moment in one of these places, and each arrow is one entry.

mod apply;
pub mod command;
pub mod delivery;
pub mod ids;
pub mod invariants;
pub mod outcome;
#[cfg(test)]
#[cfg(feature = "planted-bugs")]
mod planted_tests;
pub mod ranges;
pub mod state;

pub use command::GroupCommand;
pub use ids::{DirectiveId, MemberId, ParkedId, TopicPartition};
pub use outcome::{GroupOutcome, Refusal};
pub use ranges::OffsetRanges;
pub use state::{Group, GroupState};

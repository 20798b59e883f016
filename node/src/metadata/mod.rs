//! The metadata group on this node: a consistent read-only view for everybody, and proposals that
//! find the leader by themselves. Every node applies the group, so every node answers metadata.

mod hand_over;
mod handle;
mod membership;

pub use hand_over::hand_over_metadata;
pub use handle::{MetadataHandle, MetadataOptions};
pub use membership::MembershipKeeper;

//! The controller: decides where replicas and leaderships belong and changes the records to say
//! so; the partitions' leaders carry it out. `ControllerHandle` is what edges call, on any node;
//! `ControllerService` acts only on the node that leads the metadata group.
//!
//! ```text
//!   edges ──► handle ──► topic, dead_letter, node_rules, moves ────┐
//!                                                                 ├──► metadata.propose
//!   service ──► steps ──► failure, replication, rebalance ────────┘
//!      ├──► voters ──► the metadata group's members
//!      └──► leader_balance ──► partitions.transfer_leadership
//! ```
//!
//! Everything that decides is pure: state and liveness in, commands out.

mod dead_letter_rules;
mod failure;
mod handle;
mod leader_balance;
mod leader_spread;
mod moves;
mod node_rules;
mod placement;
mod rebalance;
mod replication;
pub mod request;
mod service;
mod silence;
mod situation;
mod stalls;
mod steps;
#[cfg(test)]
pub(crate) mod testing;
pub mod topic_mover;
mod topic_moves;
mod topic_rules;
mod voters;

pub use handle::ControllerHandle;
pub use service::ControllerService;
pub use steps::CLUSTER_SETTINGS;
pub use topic_rules::TopicLimits;

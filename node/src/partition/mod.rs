//! Partitions: produce, fetch, acks, retention. `PartitionService` is what edges and peers call;
//! it answers from the local replica if this node leads the partition, and forwards once if not.

mod acks;
mod appender;
mod fetch_budget;
mod follow;
mod hand_over;
pub mod leader_reports;
pub mod link_up;
mod local;
mod log_check;
pub(crate) mod once_hash;
pub(crate) mod page;
#[cfg(test)]
#[cfg(feature = "planted-bugs")]
mod planted_tests;
pub mod reassign;
pub mod remote;
mod renewal;
pub mod replica;
pub mod replica_log;
pub mod replica_manager;
pub mod replica_set;
pub mod request;
pub mod resting;
pub mod retention;
pub mod seal;
mod sequencer;
pub mod service;
mod standing;
mod starts;
mod stuck;
mod supervision;
pub mod sweep;
#[cfg(test)]
mod tests;
mod trouble;

pub use replica::Replica;
pub use replica_manager::{ReplicaManager, ReplicaManagerOptions};
pub use service::{Answer, Operation, PartitionService, PartitionServiceOptions};

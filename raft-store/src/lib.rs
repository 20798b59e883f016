//! What survives a crash: Raft logs, replicated state machines, snapshots. One store per node,
//! shared by all groups, one sync for many groups' appends.
//!
//! openraft's types stop here and in `node/src/raft`. RocksDB is named in `engine/rocks` alone.

mod engine;
pub mod error;
pub mod format;
pub mod inspect;
mod keys;
mod log;
mod machine;
mod partition_log;
pub mod planted;
pub mod runtime;
pub mod scale;
pub mod state;
mod store;
#[cfg(test)]
mod test_data;
#[cfg(test)]
mod test_values;
pub mod ticket;
pub mod type_config;

pub use engine::memory::{Crash, HeldReads, MemoryFaults};
pub use engine::{EngineKind, Space, SyncObserver};
pub use keys::group::GroupKind;
pub use log::{LogReader, LogStorage};
pub use machine::{GroupReader, Machine, MetadataReader, SnapshotBuilder};
pub use partition_log::PartitionLog;
pub use store::{OpenGroup, Store, StoreOptions};

//! Keys of everything small that is stored, in numbered families; one file per family says what
//! its key and value are and why it is persisted. Pure. Log entries are not here: the engine
//! stores them under (group, index).

pub mod applied;
pub mod committed;
pub mod group;
pub mod log_term;
pub mod node_record;
pub mod offset_index;
pub mod purged;
pub mod registry;
pub mod snapshot;
pub mod synced_mark;
pub mod vote;

pub use registry::Family;

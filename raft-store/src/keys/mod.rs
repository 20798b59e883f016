//! Keys of everything small that is stored, in numbered families; one file per family says what
//! its key and value are and why it is persisted. Pure. Log entries are not here: the engine
//! stores them under (group, index).

pub(crate) mod applied;
pub(crate) mod committed;
pub(crate) mod group;
pub(crate) mod log_term;
pub(crate) mod node_record;
pub(crate) mod offset_index;
pub(crate) mod producers;
pub(crate) mod purged;
pub(crate) mod registry;
pub(crate) mod snapshot;
pub(crate) mod synced_mark;
#[cfg(test)]
mod tests;
pub(crate) mod vote;

pub(crate) use registry::Family;

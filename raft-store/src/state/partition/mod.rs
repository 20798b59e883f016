//! One partition's replicated state: where its records begin and end, and at which offset each
//! leader began. The records themselves are the log.

pub mod command;
pub mod epochs;
pub mod partition_state;
pub mod producers;
pub mod seal;

pub use command::PartitionCommand;
pub use epochs::{EpochStart, EpochTable};
pub use partition_state::{PartitionState, PartitionStateError};
pub use producers::{ProducerStates, ProducersRecord};
pub use seal::Sealed;

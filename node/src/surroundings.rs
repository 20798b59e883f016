//! What a node takes from outside itself: time, randomness, and what holds its bytes. A process
//! gives it the system's; tests and the simulation give it their own.

use std::path::Path;

use rampart_raft_store::error::OpenError;
use rampart_raft_store::{MemoryFaults, Store, StoreOptions};

use crate::clock::Clock;
use crate::randomness::Randomness;

/// Everything about a run that the configuration does not say.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: Clock,
    /// Ids and jitter.
    pub randomness: Randomness,
    /// Where the store is.
    pub storage: Storage,
}

/// Where a store is.
#[derive(Debug, Clone, Default)]
pub enum Storage {
    /// In the data directory.
    #[default]
    OnDisk,
    /// On a disk in memory, which outlives the node: another one can start on what is left of it.
    InMemory(MemoryFaults),
}

impl Surroundings {
    /// The system's clock, entropy and disk.
    pub fn of_system() -> Self {
        Surroundings {
            clock: Clock::default(),
            randomness: Randomness::of_system(),
            storage: Storage::OnDisk,
        }
    }
}

impl Storage {
    /// Opens the store; `dir` is where one on disk lives. Blocks.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(&self, dir: &Path, options: StoreOptions) -> Result<Store, OpenError> {
        match self {
            Storage::OnDisk => Store::open(dir, options),
            Storage::InMemory(disk) => Ok(Store::in_memory_with(disk.clone(), options)),
        }
    }
}

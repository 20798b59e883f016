//! The store as a whole: offsets, crashes, damage, snapshots, reads. In memory with faults, and on
//! RocksDB where the feature is on.

mod crash;
mod damage;
mod harness;
mod inspect;
mod offsets;
#[cfg(feature = "rocks")]
mod on_disk;
mod reads;
mod retention;
mod snapshot;
mod tickets;

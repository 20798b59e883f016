//! The store as a whole: offsets, crashes, damage, snapshots, reads. In memory with faults, and on
//! RocksDB where the feature is on.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod crash;
mod damage;
mod groups;
mod harness;
mod inspect;
mod offsets;
#[cfg(feature = "rocks")]
mod on_disk;
mod once;
#[cfg(feature = "planted-bugs")]
mod planted;
mod reads;
mod retention;
mod seal;
mod snapshot;
mod snapshot_races;
mod tickets;

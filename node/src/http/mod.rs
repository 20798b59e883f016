//! The HTTP edge: routes, encodings, status codes, limits. It decides nothing about records or the
//! cluster: that is what the services behind it are for, and any node's edge reaches all of them.
//!
//! ```text
//!   listener ──► connection (time limits) ──► router ──┬─► produce/  json ndjson octets batch
//!                                                      │     └─► plan ◄─ spread   └─► send
//!                                                      ├─► fetch/    one  all  tail
//!                                                      ├─► topics dead_letter groups castle partitions cluster …
//!                                                      ├─► health metrics openapi docs
//!                                                      └─► console (embedded files, no services)
//!                  all of them ──► edge (state) ──► services (traits) ──► the node
//! ```

mod admission;
mod body;
mod castle;
mod castle_moves;
mod cluster;
mod connection;
mod console;
mod dead_letter;
mod dead_letter_records;
mod docs;
mod edge;
mod error;
mod fetch;
mod group_records;
mod groups;
mod health;
mod listener;
mod media;
mod metrics;
mod nodes;
pub mod openapi;
mod partitions;
mod produce;
mod producers;
mod query;
mod redirect;
mod replicas;
mod router;
pub mod services;
mod spread;
mod topics;

#[cfg(test)]
mod tests;

pub use edge::{Edge, EdgeOptions};
pub use listener::{HttpHandle, serve};
pub use router::router;
pub use services::Services;

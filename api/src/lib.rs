//! What crosses a process boundary. Depends on no other crate of ours.
//!
//! `model` is always compiled and pure; `codec` is the one place for bincode; `http` are the JSON
//! bodies; `peer` is the node-to-node protocol; `client` (feature `client`) is the SDK, with the HTTP
//! client that the CLI and the tests use, too.

#[cfg(feature = "client")]
pub mod client;
pub mod codec;
pub mod http;
pub mod model;
pub mod peer;

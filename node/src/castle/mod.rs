//! Castle, in every node: it tells clients which brokers to use and what to do, and knows who they
//! are. What it says of brokers and leaders is a hint that may be stale (INV-11): a broker that does
//! not lead forwards or refuses with the leader. Assignments come from the groups' coordinators, and
//! directives are replicated beside the groups; everything else here is soft, and any node can take
//! any heartbeat.
//!
//! ```text
//!   heartbeat ─► check ─► registry ─► memberships ─► the groups' coordinators
//!                            │            done ────► the directives' coordinator
//!                            ▼                            │ pulled while there are clients
//!   answer  ◄── version ◄── dispatch (view of the metadata, leaders, living nodes) + directives
//! ```

pub mod about;
pub mod answer;
pub mod check;
pub mod directives;
pub mod dispatch;
pub mod memberships;
mod peers;
pub mod registry;
mod service;
mod sign_of_life;

pub use service::{CastleOptions, CastleService};

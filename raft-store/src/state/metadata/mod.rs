//! The truth about nodes, topics, placement and configuration. Applied by every node; when to
//! change it is the controller's business (`node/src/controller`).

mod apply;
pub mod castle;
pub mod command;
pub mod invariants;
pub mod state;

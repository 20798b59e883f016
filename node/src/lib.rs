//! The one server: listeners, replicas, the controller, and the command line in front of them.

pub mod admission;
pub mod castle;
pub mod castle_moves;
#[cfg(feature = "rocks")]
pub mod cli;
pub mod clock;
pub mod config;
pub mod controller;
pub mod data_dir;
pub mod edge;
pub mod groups;
pub mod http;
pub mod identity;
pub mod metadata;
pub mod net;
pub mod node;
pub mod partition;
pub mod peer;
pub mod peer_service;
pub mod raft;
pub mod randomness;
pub mod start;
pub mod stop;
mod supervision;
pub mod surroundings;
pub mod tasks;
pub mod telemetry;

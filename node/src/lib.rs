//! The one server: listeners, replicas, the controller, and the command line in front of them.

pub mod clock;
pub mod config;
pub mod tasks;
pub mod telemetry;

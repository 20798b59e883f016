//! What the process says about itself: log lines and metrics. Subsystems log through `tracing`
//! and count through the `Metrics` they are given; nothing here decides anything.

pub mod log;
pub mod metrics;
mod syncs;

pub use metrics::Metrics;

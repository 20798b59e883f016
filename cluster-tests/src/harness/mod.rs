//! Real processes of the product, started, watched, disturbed and ended.

pub mod binary;
pub mod cgroup;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod disk;
pub mod environment;
pub mod links;
pub mod machine;
pub mod metrics;
pub mod network;
pub mod ports;
pub mod probe;
pub mod proc_stat;
pub mod process;
pub mod replicas;
pub mod session;
pub mod shim;
pub mod socket_owner;
pub mod views;

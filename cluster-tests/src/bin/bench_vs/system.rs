//! What can be done with either system, so that both are treated alike.

use std::time::Duration;

use anyhow::Result;

/// Nodes of either, and replicas of each partition.
pub(crate) const NODES: usize = 3;

/// A load flat out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) partitions: u32,
    pub(crate) record_bytes: u32,
    pub(crate) span: Duration,
}

/// A load at a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) records_per_second: u64,
    pub(crate) record_bytes: u32,
    pub(crate) linger_ms: u64,
    pub(crate) span: Duration,
}

/// What a load flat out wrote.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) records: u64,
    pub(crate) records_per_second: f64,
}

/// How long records waited for their acknowledgement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waited {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Three running nodes, and its own programs that put a load on them. A topic has three replicas,
/// all of them level when it is made.
pub(crate) trait System {
    /// For people.
    const NAME: &str;

    /// Its nodes.
    fn pids(&self) -> Result<Vec<u32>>;

    /// Brings it to the state in which it is measured.
    async fn warm_up(&self, span: Duration) -> Result<()>;

    async fn make_topic(&self, topic: &str, partitions: u32) -> Result<()>;

    async fn delete_topic(&self, topic: &str) -> Result<()>;

    /// Writes flat out to a topic that is empty.
    async fn produce(&self, topic: &str, load: &Load) -> Result<Written>;

    /// Writes at a rate.
    async fn produce_at(&self, topic: &str, pace: &Pace) -> Result<Waited>;

    /// Reads so many records back, which is all; answers how many a second.
    async fn consume(&self, topic: &str, records: u64) -> Result<f64>;

    /// Stops all nodes in order; answers how long it then takes from the start of their processes
    /// until each is ready and knows the others.
    async fn restart(&mut self) -> Result<Duration>;

    /// kill -9 of the leader of a topic's only partition; answers how long it takes until the next
    /// write is acknowledged. The node is back, and its replica level, when this is over.
    async fn kill_leader(&mut self, topic: &str) -> Result<Duration>;

    /// Ends its processes and removes its data.
    async fn end(self) -> Result<()>;
}

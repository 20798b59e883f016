//! Apache Kafka: three processes of our own, its own programs as load generators.

pub(crate) mod baseline;
mod generators;
mod metadata;
mod nodes;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::harness::probe::wait_for;

use super::contest::Opponent;
use super::system::{Load, Pace, System, Waited, Written};
use baseline::Baseline;
use generators::Generators;
use nodes::Nodes;

/// Many partitions take a while until all their replicas are in sync, and a killed node until it
/// is back.
const IN_SYNC: Duration = Duration::from_secs(300);

/// Three nodes.
pub(crate) struct Kafka {
    baseline: Baseline,
    opponent: Opponent,
    nodes: Nodes,
    generators: Generators,
}

impl Kafka {
    /// On empty data, formatted before; answers how long it took from the start of their processes
    /// until each answers and knows the others.
    pub(crate) async fn start(
        baseline: &Baseline,
        opponent: Opponent,
        folder: &Path,
    ) -> Result<(Kafka, Duration)> {
        let folder = folder.join("kafka");
        baseline.prepare(&folder)?;
        let generators = Generators::new(baseline.clone(), &folder);
        let mut nodes = Nodes::new(baseline.clone(), folder);
        let took = nodes.launch_all().await?;
        Ok((Kafka { baseline: baseline.clone(), opponent, nodes, generators }, took))
    }

    async fn topic_command(&self, args: &[&str]) -> Result<()> {
        let class = "org.apache.kafka.tools.TopicCommand";
        let done = self.baseline.tool(class, args).output().await?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "TopicCommand {args:?}: {said}");
        Ok(())
    }

    async fn wait_in_sync(&self, topic: &str, partitions: usize) -> Result<()> {
        wait_for(format!("{topic} to be in sync"), IN_SYNC, || async {
            let seen = metadata::of_topic(&self.baseline.servers, topic).await?;
            seen.demand_in_sync(partitions)
        })
        .await
    }
}

impl System for Kafka {
    const NAME: &str = "Kafka";

    fn pids(&self) -> Result<Vec<u32>> {
        self.nodes.pids()
    }

    async fn warm_up(&self, span: Duration) -> Result<()> {
        if span.is_zero() {
            return Ok(());
        }
        eprintln!("bench-vs: Kafka: warming up for {span:?}");
        self.make_topic("warm", 6).await?;
        let load = Load { partitions: 6, record_bytes: 1 << 10, span };
        self.produce("warm", &load).await?;
        self.delete_topic("warm").await
    }

    async fn make_topic(&self, topic: &str, partitions: u32) -> Result<()> {
        let count = partitions.to_string();
        let mut args = vec!["--create", "--topic", topic, "--partitions", &count];
        args.extend(["--replication-factor", "3"]);
        if self.opponent == Opponent::FlushPerMessage {
            args.extend(["--config", "flush.messages=1"]);
        }
        self.topic_command(&args).await?;
        self.wait_in_sync(topic, partitions as usize).await
    }

    async fn delete_topic(&self, topic: &str) -> Result<()> {
        self.topic_command(&["--delete", "--topic", topic]).await
    }

    async fn produce(&self, topic: &str, load: &Load) -> Result<Written> {
        let records_per_second = self.generators.flat_out(topic, load).await?;
        let records = metadata::records(&self.baseline.servers, topic, load.partitions).await?;
        Ok(Written { records, records_per_second })
    }

    async fn produce_at(&self, topic: &str, pace: &Pace) -> Result<Waited> {
        self.generators.at_rate(topic, pace).await
    }

    async fn consume(&self, topic: &str, records: u64) -> Result<f64> {
        self.generators.consume(topic, records).await
    }

    async fn restart(&mut self) -> Result<Duration> {
        self.nodes.stop_all().await?;
        self.nodes.launch_all().await
    }

    async fn kill_leader(&mut self, topic: &str) -> Result<Duration> {
        self.wait_in_sync(topic, 1).await?;
        let writing = self.generators.write_slowly(topic).await?;
        let leader = metadata::of_topic(&self.baseline.servers, topic).await?.leader()?;
        self.nodes.kill(leader);
        let took = writing.longest_wait().await?;
        self.nodes.launch(leader)?;
        self.nodes.wait_ready(leader).await?;
        self.wait_in_sync(topic, 1).await?;
        Ok(took)
    }

    async fn end(self) -> Result<()> {
        self.nodes.end()
    }
}

//! Rampart: the harness's three processes, `rampart bench` as the load generator.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, GROUP_STATE, Options};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::{binary, process, views};
use serde_json::{Value, json};

use super::system::{Load, NODES, Pace, System, Waited, Written};

/// A request is as large as the batches that Kafka's producer is told to make, with what a record
/// takes beside its value.
const BATCH_BYTES: u32 = 128 << 10;
const RECORD_OVERHEAD_BYTES: u32 = 12;
/// Many partitions take a while until all their replicas are level.
const LEVEL: Duration = Duration::from_secs(300);
/// A load generator that needs so much longer hangs.
const GRACE: Duration = Duration::from_secs(120);

/// Three nodes.
pub(crate) struct Rampart {
    cluster: Cluster,
    /// Requests of a load flat out under way at any time.
    in_flight: u32,
}

/// What the binary under test calls itself.
pub(crate) fn version() -> Result<String> {
    let output = std::process::Command::new(binary::rampart()?).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

impl Rampart {
    /// On empty data; answers how long it took from the start of their processes until each is
    /// ready and knows the others.
    pub(crate) async fn start(folder: &Path, in_flight: u32) -> Result<(Rampart, Duration)> {
        let options = Options { folder: Some(folder.to_owned()), ..Options::default() };
        let mut cluster = Cluster::empty(options)?;
        for _ in 0..NODES {
            cluster.prepare().await?;
        }
        let mut rampart = Rampart { cluster, in_flight };
        let took = rampart.launch().await?;
        rampart.cluster.wait_in_sync(GROUP_STATE, NODES).await?;
        Ok((rampart, took))
    }

    async fn launch(&mut self) -> Result<Duration> {
        let watch = Stopwatch::start();
        for index in 0..NODES {
            self.cluster.launch(index)?;
        }
        for index in 0..NODES {
            self.cluster.wait_ready(index).await?;
        }
        self.cluster.wait_members(NODES).await?;
        Ok(watch.elapsed())
    }

    /// Runs `rampart bench`.
    async fn bench(&self, args: &[&str], span: Duration) -> Result<Value> {
        let nodes = self.cluster.apis();
        let servers: Vec<&str> = nodes.iter().map(|api| api.base()).collect();
        let servers = servers.join(",");
        let all = [&["--server", &servers, "--format", "json", "bench"], args].concat();
        let done = process::run(&all, b"", span + GRACE).await?;
        ensure!(done.code == 0, "rampart bench: {}", done.output());
        serde_json::from_str(&done.stdout).with_context(|| done.output())
    }
}

impl System for Rampart {
    const NAME: &str = "Rampart";

    fn pids(&self) -> Result<Vec<u32>> {
        (0..NODES).map(|index| self.cluster.pid(index)).collect()
    }

    /// It has nothing to compile.
    async fn warm_up(&self, _: Duration) -> Result<()> {
        Ok(())
    }

    async fn make_topic(&self, topic: &str, partitions: u32) -> Result<()> {
        let api = self.cluster.api(0);
        api.create_topic(topic, partitions, NODES as u32, json!({})).await?;
        wait_for(format!("{topic} to be level"), LEVEL, || async {
            views::demand_level(&api.topic(topic).await?, NODES)
        })
        .await
    }

    async fn delete_topic(&self, topic: &str) -> Result<()> {
        self.cluster.api(0).delete(&format!("/v1/topics/{topic}")).await?.ok().map(drop)
    }

    async fn produce(&self, topic: &str, load: &Load) -> Result<Written> {
        let batch = (BATCH_BYTES / (load.record_bytes + RECORD_OVERHEAD_BYTES)).to_string();
        let (bytes, seconds) = (load.record_bytes.to_string(), load.span.as_secs().to_string());
        let args = ["produce", "--topic", topic, "--ack", "quorum", "--record-bytes", &bytes];
        let in_flight = self.in_flight.to_string();
        let more = ["--batch", &batch, "--in-flight", &in_flight, "--seconds", &seconds];
        let said = self.bench(&[&args[..], &more].concat(), load.span).await?;
        Ok(Written {
            records: said["produce"]["records"].as_u64().context("records")?,
            records_per_second: number(&said["produce"], "records_per_second")?,
        })
    }

    async fn produce_at(&self, topic: &str, pace: &Pace) -> Result<Waited> {
        let (rate, bytes) = (pace.records_per_second.to_string(), pace.record_bytes.to_string());
        let (linger, seconds) = (pace.linger_ms.to_string(), pace.span.as_secs().to_string());
        let args = ["produce", "--topic", topic, "--ack", "quorum", "--record-bytes", &bytes];
        let more = ["--rate", &rate, "--linger-ms", &linger, "--seconds", &seconds];
        let said = self.bench(&[&args[..], &more].concat(), pace.span).await?;
        let latency = &said["produce"]["latency"];
        Ok(Waited { p50_ms: number(latency, "p50_ms")?, p99_ms: number(latency, "p99_ms")? })
    }

    async fn consume(&self, topic: &str, records: u64) -> Result<f64> {
        let said = self.bench(&["consume", "--topic", topic], GRACE).await?;
        let read = said["consume"]["records"].as_u64();
        ensure!(read >= Some(records), "{records} records were written: {said}");
        number(&said["consume"], "records_per_second")
    }

    async fn restart(&mut self) -> Result<Duration> {
        for index in 0..NODES {
            self.cluster.terminate(index).await?;
        }
        self.launch().await
    }

    /// A survivor is asked at once and until it has acknowledged.
    async fn kill_leader(&mut self, topic: &str) -> Result<Duration> {
        self.cluster.wait_in_sync(topic, NODES).await?;
        let leader = self.cluster.leader(0, topic, 0).await?;
        let survivor = (leader + 1) % NODES;
        self.cluster.api(survivor).produce(topic, 0, "before", "").await?.ok()?;
        let watch = Stopwatch::start();
        self.cluster.kill(leader);
        let api = self.cluster.api(survivor);
        wait_for("an acknowledged write", Duration::from_secs(60), || async {
            api.produce(topic, 0, "after", "&timeout_ms=5000").await?.ok()
        })
        .await?;
        let took = watch.elapsed();
        self.cluster.restart(leader).await?;
        self.cluster.wait_in_sync(topic, NODES).await?;
        Ok(took)
    }

    /// The harness keeps folders until the end of the run; only their logs are of use then.
    async fn end(mut self) -> Result<()> {
        self.cluster.kill_all();
        for index in 0..NODES {
            std::fs::remove_dir_all(&self.cluster.node(index).data_dir)?;
        }
        Ok(())
    }
}

fn number(value: &Value, name: &str) -> Result<f64> {
    value[name].as_f64().with_context(|| format!("no {name} in {value}"))
}

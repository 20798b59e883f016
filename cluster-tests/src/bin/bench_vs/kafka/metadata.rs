//! What Kafka says about itself, by kcat.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::super::system::NODES;

/// kcat gives up after so many seconds.
const TIMEOUT_S: &str = "5";

/// The description of a topic.
pub(super) struct Topic(Value);

/// A topic as any node describes it.
pub(super) async fn of_topic(servers: &[String], topic: &str) -> Result<Topic> {
    let args = ["-L", "-J", "-t", topic];
    let said: Value = serde_json::from_str(&kcat(&servers.join(","), &args).await?)?;
    Ok(Topic(said["topics"][0].clone()))
}

/// How many nodes one of them knows, itself among them.
pub(super) async fn nodes(server: &str) -> Result<usize> {
    let said: Value = serde_json::from_str(&kcat(server, &["-L", "-J"]).await?)?;
    Ok(said["brokers"].as_array().map_or(0, Vec::len))
}

/// How many records were written to a topic: the ends of its partitions.
pub(super) async fn records(servers: &[String], topic: &str, partitions: u32) -> Result<u64> {
    let mut args = vec!["-Q".to_owned()];
    for partition in 0..partitions {
        args.extend(["-t".to_owned(), format!("{topic}:{partition}:-1")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = kcat(&servers.join(","), &args).await?;
    let ends = said.lines().filter_map(|line| line.rsplit_once(" offset ")?.1.parse::<u64>().ok());
    let ends: Vec<u64> = ends.collect();
    ensure!(ends.len() == partitions as usize, "the ends of {topic}: {said}");
    Ok(ends.iter().sum())
}

impl Topic {
    /// Index of the node that leads its first partition.
    pub(super) fn leader(&self) -> Result<usize> {
        let leader = self.0["partitions"][0]["leader"].as_u64();
        let id = usize::try_from(leader.context("no leader")?)?;
        id.checked_sub(1).filter(|index| *index < NODES).context("a leader that is none of ours")
    }

    /// It has so many partitions, each with a leader and all replicas in sync.
    pub(super) fn demand_in_sync(&self, partitions: usize) -> Result<()> {
        let all = self.0["partitions"].as_array().context("no partitions")?;
        ensure!(all.len() == partitions, "{} partitions", all.len());
        for one in all {
            let in_sync = one["isrs"].as_array().map_or(0, Vec::len);
            let is_led = one["leader"].as_i64().is_some_and(|leader| leader > 0);
            ensure!(is_led && in_sync == NODES, "not in sync: {one}");
        }
        Ok(())
    }
}

async fn kcat(servers: &str, args: &[&str]) -> Result<String> {
    let mut command = Command::new("kcat");
    command.args(["-m", TIMEOUT_S, "-b", servers]).args(args).kill_on_drop(true);
    let output = command.output().await.context("kcat can't be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kcat {args:?}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

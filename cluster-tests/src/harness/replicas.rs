//! P19: replicas compared byte for byte where it counts, on the disks of stopped nodes. Reading
//! through three nodes proves nothing: two of them forward to the third.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::cluster::Cluster;
use super::process;
use super::views;

/// For one command on one data directory.
const SOON: Duration = Duration::from_secs(60);
/// More entries than any test writes.
const ALL: &str = "1000000";

/// Base offset of an entry with records, and its term, count of records and CRC.
pub type Entries = BTreeMap<u64, (u64, u64, String)>;

impl Cluster {
    /// Stops every node and demands that all replicas of these topics have the same entries, each
    /// its records at the same offsets with the same CRC. The caller's writers have stopped.
    pub async fn demand_same_on_every_replica(&mut self, topics: &[&str]) -> Result<()> {
        let mut partitions = Vec::new();
        for topic in topics {
            let description = self.any()?.topic(topic).await?;
            for (number, replicas) in views::replicas(&description)? {
                partitions.push((format!("{topic}/{number}"), replicas));
            }
        }
        let nodes = self.any()?.get("/v1/cluster/nodes").await?.ok()?;
        let by_id: BTreeMap<u64, usize> = (0..self.apis().len())
            .filter_map(|index| Some((views::node_id(&nodes, self.node(index).http).ok()?, index)))
            .collect();
        for index in self.running() {
            self.terminate(index).await?;
        }
        for (partition, replicas) in partitions {
            let mut dumps = Vec::new();
            for (node, replica) in replicas {
                let index = *by_id.get(&node).with_context(|| format!("no node {node}"))?;
                let dump = self.dump(index, replica).await;
                let dump = dump.with_context(|| format!("{partition} on node {node}"))?;
                dumps.push((node, dump));
            }
            compare(&dumps).with_context(|| partition.clone())?;
        }
        Ok(())
    }

    /// The entries with records on a stopped node's disk, of one replica.
    pub async fn dump(&self, index: usize, replica: u64) -> Result<Dump> {
        let dir = self.node(index).data_dir.display().to_string();
        let found = inspect(&dir, &[]).await?;
        let groups = found["groups"].as_array().context("no groups")?;
        let is_it = |group: &&Value| group["replica"] == replica && group["kind"] == "partition";
        let group = groups.iter().find(is_it).with_context(|| format!("no replica {replica}"))?;
        let end = group["log_end_offset"].as_u64().context("no log end")?;
        let start = group["log_start_offset"].as_u64();
        let id = group["group"].to_string();
        let page = inspect(&dir, &["--group", &id, "--count", ALL]).await?;
        ensure!(page["next_index"].is_null(), "more than {ALL} entries");
        let mut entries = Entries::new();
        for entry in page["entries"].as_array().context("no entries")? {
            ensure!(entry["damage"].is_null(), "damaged: {entry}");
            let number = |name: &str| entry[name].as_u64().with_context(|| entry.to_string());
            let records = number("records")?;
            if records > 0 {
                let crc = entry["payload_crc32c"].as_str().context("no CRC")?.to_owned();
                entries.insert(number("base_offset")?, (number("term")?, records, crc));
            }
        }
        Ok(Dump { start, end, entries })
    }
}

/// What is on one replica's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// First offset that can be read.
    pub start: Option<u64>,
    /// Offset after the last one.
    pub end: u64,
    /// By base offset.
    pub entries: Entries,
}

fn compare(dumps: &[(u64, Dump)]) -> Result<()> {
    // Each replica cuts its own log behind the trim, so the starts may differ.
    let first = |dump: &Dump| dump.entries.keys().next().copied().unwrap_or(dump.end);
    let from = dumps.iter().map(|(_, dump)| first(dump)).max().unwrap_or(0);
    for pair in dumps.windows(2) {
        let [(a_node, a), (b_node, b)] = pair else { continue };
        if a.end != b.end {
            bail!("node {a_node} ends at {}, node {b_node} at {}", a.end, b.end);
        }
        let (mut a, mut b) = (a.entries.range(from..), b.entries.range(from..));
        loop {
            match (a.next(), b.next()) {
                (None, None) => break,
                (a, b) if a == b => {}
                (a, b) => bail!("node {a_node} has {a:?} where node {b_node} has {b:?}"),
            }
        }
    }
    Ok(())
}

async fn inspect(dir: &str, more: &[&str]) -> Result<Value> {
    let args = [&["--format", "json", "debug", "inspect", dir], more].concat();
    let done = process::run(&args, b"", SOON).await?;
    ensure!(done.code == 0, "{}", done.output());
    Ok(serde_json::from_str(&done.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(end: u64, entries: &[(u64, &str)]) -> Dump {
        let entries = entries.iter().map(|(at, crc)| (*at, (1, 1, (*crc).to_owned())));
        Dump { start: Some(0), end, entries: entries.collect() }
    }

    #[test]
    fn a_missing_a_different_and_a_longer_log_are_seen() {
        let good = || dump(2, &[(0, "a"), (1, "b")]);
        let bad = [
            dump(2, &[(0, "a")]),
            dump(2, &[(0, "a"), (1, "x")]),
            dump(3, &[(0, "a"), (1, "b"), (2, "c")]),
        ];
        for bad in bad {
            assert!(compare(&[(1, good()), (2, good()), (3, bad)]).is_err());
        }
        compare(&[(1, good()), (2, good()), (3, dump(2, &[(1, "b")]))]).unwrap();
    }
}

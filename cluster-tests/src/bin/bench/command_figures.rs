//! What `rampart bench`, a process of its own, says of loads that are not raw batches flat out:
//! JSON, single records, a fixed rate, small records.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::binary::rampart;
use rampart_cluster_tests::harness::cluster::Cluster;
use serde_json::Value;
use tokio::process::Command;

use super::report::Report;

/// Targets.
const JSON_RECORDS: f64 = 90_000.0;
const SINGLE_RECORDS: f64 = 10_000.0;
const SINGLE_P99_MS: f64 = 10.0;

/// One load, as arguments of `bench produce`.
struct Load {
    area: &'static str,
    args: &'static str,
    records_above: Option<f64>,
    p99_below_ms: Option<f64>,
}

const LOADS: [Load; 6] = [
    Load {
        area: "JSON, batches of 100 x 1 KiB, 6 partitions x 3",
        args: "--body json --batch 100 --in-flight 32",
        records_above: Some(JSON_RECORDS),
        p99_below_ms: None,
    },
    Load {
        area: "JSON, single records over 64 connections, 6 partitions x 3",
        args: "--body json --batch 1 --in-flight 64",
        records_above: Some(SINGLE_RECORDS),
        p99_below_ms: None,
    },
    Load {
        area: "JSON, 2,000 single records a second, 6 partitions x 3",
        args: "--body json --batch 1 --in-flight 64 --rate 2000",
        records_above: None,
        p99_below_ms: Some(SINGLE_P99_MS),
    },
    Load {
        area: "raw batches at 2,000 records a second, 5 ms linger, 6 partitions x 3",
        args: "--batch 100 --linger-ms 5 --in-flight 64 --rate 2000",
        records_above: None,
        p99_below_ms: None,
    },
    Load {
        area: "raw batches of 1,000 x 100 bytes, 6 partitions x 3",
        args: "--batch 1000 --record-bytes 100",
        records_above: None,
        p99_below_ms: None,
    },
    Load {
        area: "raw batches of 128 x 1 KiB, 64 partitions x 3",
        args: "--batch 128 --partitions 64 --in-flight 64",
        records_above: None,
        p99_below_ms: None,
    },
];

/// Each of them for so long.
pub(crate) async fn measure(cluster: &Cluster, seconds: u64, report: &mut Report) -> Result<()> {
    for load in &LOADS {
        report.progress(load.area);
        let said = bench(cluster, load.args, seconds).await?;
        let records = said["produce"]["records_per_second"].as_f64().context("no rate")?;
        match load.records_above {
            Some(above) => report.add_above(load.area, "records", records, "1/s", above),
            None => report.add(load.area, "records", records, "1/s"),
        }
        let ms = |name: &str| said["produce"]["latency"][name].as_f64().context("no latency");
        report.add(load.area, "p50 of a record", ms("p50_ms")?, "ms");
        match load.p99_below_ms {
            Some(below) => {
                report.add_below(load.area, "p99 of a record", ms("p99_ms")?, "ms", below)
            }
            None => report.add(load.area, "p99 of a record", ms("p99_ms")?, "ms"),
        }
    }
    Ok(())
}

async fn bench(cluster: &Cluster, args: &str, seconds: u64) -> Result<Value> {
    let servers: Vec<String> = cluster.apis().iter().map(|api| api.base().to_owned()).collect();
    let mut command = Command::new(rampart()?);
    command.args(["bench", "produce", "--format", "json", "--server", &servers.join(",")]);
    command.args(args.split(' ')).args(["--seconds", &seconds.to_string()]);
    command.stderr(Stdio::piped()).kill_on_drop(true);
    let ended = command.output().await?;
    ensure!(ended.status.success(), "{args}: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(serde_json::from_slice(&ended.stdout)?)
}

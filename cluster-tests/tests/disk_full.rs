//! Disks that fill up: writes are refused by name and not lost, reads go on, nobody ends, and when
//! there is room again writes go on by themselves. Each node has a small ext4 of its own, which
//! takes root.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rampart_cluster_tests::harness::client::Answer;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::disk::Disk;
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

const TOPIC: &str = "ballast";
/// The reserve for elections and metadata, and what is left above it for records.
const CONFIG: &str = "[storage]\ndisk_reserve_percent = 0\ndisk_reserve_bytes_min = 67108864\n";
const DISK_MIB: u64 = 192;
/// Given back at the end.
const BALLAST_MIB: usize = 48;
const VALUE_BYTES: usize = 512 << 10;
const LONG: Duration = Duration::from_secs(90);

fn value(number: usize) -> String {
    // No repetition that a file system or a database could make small.
    let mut state = number as u64 + 1;
    let mut text = format!("{number} ");
    while text.len() < VALUE_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text += &format!("{state:016x}");
    }
    text
}

async fn produce(cluster: &Cluster, number: usize) -> Result<Answer> {
    cluster.api(0).produce(TOPIC, 0, &value(number), "&ack=-1").await
}

#[test]
fn full_disks_refuse_writes_go_on_reading_and_recover() {
    run(async {
        phase("three nodes, each on a file system of its own, partly full already");
        let mut disks = Vec::new();
        for _ in 0..3 {
            match Disk::temporary(DISK_MIB) {
                Ok(disk) => disks.push(disk),
                Err(error) => return machine::skip("loop", format!("{error:#}")),
            }
        }
        for disk in &disks {
            std::fs::write(disk.path().join("ballast"), vec![7_u8; BALLAST_MIB << 20])?;
        }
        let mut cluster = Cluster::empty(Options { config: CONFIG, ..Options::default() })?;
        for disk in &disks {
            let index = cluster.prepare().await?;
            std::os::unix::fs::symlink(disk.path(), &cluster.node(index).data_dir)?;
        }
        for index in 0..3 {
            cluster.launch(index)?;
            cluster.wait_ready(index).await?;
        }
        cluster.wait_members(3).await?;
        cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;

        phase("records until there is no room for more");
        let mut stored = 0;
        let refusal = loop {
            let answer = produce(&cluster, stored).await?;
            if answer.status != 200 {
                break answer;
            }
            stored += 1;
            if stored * VALUE_BYTES > (DISK_MIB as usize) << 20 {
                bail!("{stored} records of {VALUE_BYTES} bytes on a disk of {DISK_MIB} MiB");
            }
        };
        phase(format!("{stored} records"));
        let problem = refusal.problem(507, "STORAGE_FULL")?;
        ensure!(problem["outcome"] == "not_done", "{problem}");
        ensure!(stored > 20, "only {stored} records had room");

        phase("everything stored can be read, through every node, and nothing else is there");
        for index in 0..3 {
            cluster.wait_ready(index).await?;
            demand_stored(&cluster, index, stored).await?;
        }
        phase("metadata still takes changes: they have the reserve");
        cluster.api(0).create_topic("small", 1, 3, json!({})).await?;

        phase("room again: writes go on by themselves, where they had stopped");
        for disk in &disks {
            std::fs::remove_file(disk.path().join("ballast"))?;
        }
        wait_for("a write to be taken", LONG, || async { produce(&cluster, stored).await?.ok() })
            .await?;
        demand_stored(&cluster, 0, stored + 1).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

/// The partition has exactly these records.
async fn demand_stored(cluster: &Cluster, node: usize, stored: usize) -> Result<()> {
    let records = cluster.api(node).read_all(TOPIC, 0).await?;
    ensure!(records.len() == stored, "{} records instead of {stored}", records.len());
    for (number, record) in records.iter().enumerate() {
        let is_it = record.value.as_deref() == Some(&value(number));
        ensure!(is_it && record.offset == number as u64, "{number} came back as another");
    }
    Ok(())
}

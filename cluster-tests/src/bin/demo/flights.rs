//! Ten thousand flights in, twice, and out again.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, ensure};
use rampart_cluster_tests::flights;
use rampart_cluster_tests::harness::clock::Stopwatch;

use super::report::millis;
use super::{Demo, PARTITIONS, TOPIC};

/// Records of one request.
const CHUNK: usize = 500;
/// Records that pass, which is what the progress bar counts.
pub(crate) const UNITS: u64 = 40_000;

/// Without a key they spread evenly.
pub(crate) async fn keyless(demo: &mut Demo) -> Result<()> {
    demo.step("10,000 flights without a key, by HTTP, through one node");
    let landed = produce(demo, "").await?;
    let counts = counts(&landed);
    let text = counts.iter().map(usize::to_string).collect::<Vec<_>>();
    demo.say(format!("partitions now hold {}", text.join(" + ")));
    demo.report.seen("10,000 keyless records", "4 x 2,500", text.join(" + "), counts == [2_500; 4]);
    Ok(())
}

/// With a key they stay together.
pub(crate) async fn keyed(demo: &mut Demo) -> Result<()> {
    demo.step("The same, keyed by the airport they start from");
    let landed = produce(demo, "&key=/origin").await?;
    let mut homes: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (line, (partition, _)) in flights::lines().into_iter().zip(landed) {
        let home = homes.entry(flights::origin(line)?).or_default();
        if !home.contains(&partition) {
            home.push(partition);
        }
    }
    let scattered = homes.values().filter(|home| home.len() != 1).count();
    demo.say(format!("{} airports, {scattered} of them in several partitions", homes.len()));
    demo.report.seen(
        "10,000 keyed records",
        "each key in one partition",
        format!("{} keys, {scattered} scattered", homes.len()),
        scattered == 0,
    );
    Ok(())
}

/// Everything comes back as it went in.
pub(crate) async fn read_back(demo: &mut Demo) -> Result<()> {
    demo.step("All of it is read back, through another node");
    let mut times: HashMap<(String, Option<String>), i64> = HashMap::new();
    for line in flights::lines() {
        for key in [None, Some(flights::origin(line)?)] {
            *times.entry((line.to_owned(), key)).or_default() += 1;
        }
    }
    let wanted = times.len();
    let (mut read, mut bytes) = (0, 0);
    for partition in 0..PARTITIONS {
        let records = demo.cluster.api(2).read_all(TOPIC, partition).await?;
        for (expected, record) in (0..).zip(records) {
            ensure!(record.offset == expected, "a hole before {record:?}");
            read += 1;
            let value = record.value.unwrap_or_default();
            bytes += value.len();
            *times.entry((value, record.key)).or_default() -= 1;
            demo.bar.inc(1);
        }
    }
    let differ = times.values().filter(|times| **times != 0).count();
    demo.say(format!("{read} records, {bytes} bytes of values, {differ} differences"));
    demo.report.seen(
        "20,000 records read back",
        "byte for byte",
        format!("{read} records, {differ} differences"),
        differ == 0 && read == wanted,
    );
    Ok(())
}

async fn produce(demo: &Demo, query: &str) -> Result<Vec<(u32, u64)>> {
    let watch = Stopwatch::start();
    let mut landed = Vec::new();
    for chunk in flights::lines().chunks(CHUNK) {
        landed.extend(demo.cluster.api(0).produce_lines(TOPIC, chunk, query).await?);
        demo.bar.inc(chunk.len() as u64);
    }
    demo.say(format!("acknowledged by a quorum after {}", millis(watch.elapsed())));
    Ok(landed)
}

fn counts(landed: &[(u32, u64)]) -> [usize; PARTITIONS as usize] {
    let mut counts = [0; PARTITIONS as usize];
    for (partition, _) in landed {
        counts[*partition as usize] += 1;
    }
    counts
}

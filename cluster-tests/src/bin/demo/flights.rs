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
    let lines = flights::lines();
    let wanted: HashMap<(u32, u64), &str> = landed.into_iter().zip(lines).collect();
    demo.landed.clone_from(&wanted);
    let mut counts = [0; PARTITIONS as usize];
    let mut differ = 0;
    for partition in 0..PARTITIONS {
        for record in demo.cluster.api(1).read_all(TOPIC, partition).await? {
            counts[partition as usize] += 1;
            let line = wanted.get(&(partition, record.offset)).copied();
            differ += usize::from(line.is_none() || record.value.as_deref() != line);
        }
    }
    let text = counts.iter().map(usize::to_string).collect::<Vec<_>>();
    let text = text.join(" + ");
    demo.say(format!("read back, the partitions hold {text}; {differ} not where acknowledged"));
    let holds = counts == [2_500; 4] && differ == 0;
    demo.report.seen("10,000 keyless records", "4 x 2,500", text, holds);
    Ok(())
}

/// With a key they stay together.
pub(crate) async fn keyed(demo: &mut Demo) -> Result<()> {
    demo.step("The same, keyed by the airport they start from");
    let landed = produce(demo, "&key=/origin").await?;
    demo.landed.extend(landed.iter().copied().zip(flights::lines()));
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

/// Everything comes back as it went in: each line at the place that was acknowledged for it, with
/// its key if it had one.
pub(crate) async fn read_back(demo: &mut Demo) -> Result<()> {
    demo.step("All of it is read back, through another node");
    let (mut read, mut bytes, mut differ, mut keyless) = (0, 0, 0, 0);
    for partition in 0..PARTITIONS {
        let records = demo.cluster.api(2).read_all(TOPIC, partition).await?;
        for (expected, record) in (0..).zip(records) {
            ensure!(record.offset == expected, "a hole before {record:?}");
            let line = demo.landed.get(&(partition, record.offset)).copied();
            let key = match &record.key {
                Some(_) => line.map(flights::origin).transpose()?,
                None => None,
            };
            let is_same = line.is_some() && record.value.as_deref() == line && record.key == key;
            differ += usize::from(!is_same);
            keyless += usize::from(record.key.is_none());
            read += 1;
            bytes += record.value.map_or(0, |value| value.len());
            demo.bar.inc(1);
        }
    }
    demo.say(format!("{read} records, {bytes} bytes of values, {differ} differences"));
    demo.report.seen(
        "20,000 records read back",
        "byte for byte, each at its offset",
        format!("{read} records, {differ} differences"),
        differ == 0 && read == 20_000 && keyless == 10_000 && demo.landed.len() == read,
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

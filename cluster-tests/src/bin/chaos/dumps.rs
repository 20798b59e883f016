//! What is on the disks at the end, entry by entry, without the server's help: reading through three
//! nodes proves nothing, for two of them ask the third.

use anyhow::{Context, Result};
use rampart_cluster_tests::harness::cluster::Cluster;
use rampart_cluster_tests::history::{DumpedEntry, Event, Function};
use rampart_cluster_tests::workloads::mix::Topic;

use super::stage::Stage;
use super::watch;

/// A replica and where it lies.
pub(crate) struct Replica {
    topic: String,
    partition: u32,
    /// Index of its node.
    node: u32,
    replica: u64,
}

/// Which replicas there are, while the nodes still run.
pub(crate) async fn replicas(stage: &Stage<'_>) -> Result<Vec<Replica>> {
    let api = &stage.traffic.nodes()[0];
    let mut all = Vec::new();
    for Topic { name, .. } in stage.mix.topics() {
        for (partition, nodes) in watch::replicas(&api.topic(&name).await?)? {
            for (id, replica) in nodes {
                let node = stage.traffic.index_of(id);
                let node = node.with_context(|| format!("which node is {id}?"))?;
                all.push(Replica { topic: name.clone(), partition, node, replica });
            }
        }
    }
    Ok(all)
}

/// Stops every node, in order, and records what each replica has.
pub(crate) async fn record(
    stage: &Stage<'_>,
    cluster: &mut Cluster,
    replicas: Vec<Replica>,
) -> Result<()> {
    stage.progress.phase("reading the disks");
    for index in cluster.running() {
        cluster.terminate(index).await.with_context(|| format!("node {index} does not stop"))?;
    }
    for Replica { topic, partition, node, replica } in replicas {
        let dump = cluster.dump(node as usize, replica).await;
        let dump =
            dump.with_context(|| format!("{topic}/{partition} on the disk of node {node}"))?;
        let mut event = Event::new(0, Function::Dump).at(&topic, partition);
        (event.node, event.replica) = (Some(node), Some(replica));
        (event.log_start, event.log_end) = (dump.start, Some(dump.end));
        let entries = dump.entries.into_iter();
        let entry = |(base, (term, records, crc))| DumpedEntry { base, records, term, crc };
        let event_with = Event { entries: entries.map(entry).collect(), ..event.clone() };
        let begun = stage.traffic.recorder().invoke(event);
        let ended = Event { op: begun.op, ..event_with };
        stage.traffic.recorder().end(ended, rampart_cluster_tests::history::Phase::Ok);
    }
    Ok(())
}

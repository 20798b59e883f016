//! The faults that take a network namespace and a disk per node: each has the effect it is there
//! for, and heals. As root only.

use std::time::Duration;

use anyhow::{Result, ensure};
use rampart_cluster_tests::faults::trial::Trial;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::environment::Environment;
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::run;
use serde_json::json;

const TOPIC: &str = "weather";
const LONG: Duration = Duration::from_secs(60);
/// The disks are small: a reserve for elections and metadata that leaves room for records.
const CONFIG: &str = "[storage]\ndisk_reserve_percent = 0\ndisk_reserve_bytes_min = 67108864\n";
const DISKS: Environment = Environment::Namespaces { disk_mib: 256 };

/// A cluster with a topic, or the reason why there can't be one.
async fn cluster() -> Result<Result<Cluster, String>> {
    if let Err(why) = DISKS.possible() {
        return Ok(Err(why));
    }
    let options = Options { environment: DISKS, config: CONFIG, ..Options::default() };
    let cluster = Cluster::start_with(3, options).await?;
    cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(Ok(cluster))
}

#[test]
fn kernel_links_are_cut_lossy_and_slow_and_mend() {
    run(async {
        let mut cluster = match cluster().await? {
            Ok(cluster) => cluster,
            Err(why) => return machine::skip("netns", why),
        };
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let trial = Trial::begin(&mut cluster, "isolate-leader", 4).await?;
        ensure!(trial.nodes() == [leader], "{leader} leads, {:?} was hit", trial.nodes());
        let answer = cluster.api(leader).produce(TOPIC, 0, "lost", "&timeout_ms=1500").await?;
        ensure!(matches!(answer.status, 503 | 504), "a leader without a majority: {answer:?}");
        let other = (leader + 1) % 3;
        wait_for("another leader", LONG, || async {
            let next = cluster.leader(other, TOPIC, 0).await?;
            ensure!(next != leader, "still {leader}");
            Ok(())
        })
        .await?;
        trial.end(&mut cluster, TOPIC, 3).await?;

        for name in ["loss", "twice", "slow-link", "majority-ring", "bridge", "one-way"] {
            let trial = Trial::begin(&mut cluster, name, 5).await?;
            wait_for("a write to be taken", LONG, || async {
                cluster.api(0).produce(TOPIC, 0, name, "").await?.ok()
            })
            .await?;
            trial.end(&mut cluster, TOPIC, 3).await?;
        }
        Ok(())
    });
}

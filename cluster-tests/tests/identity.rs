//! Whose disk is this? A node with another cluster's data, with somebody else's lock, with an
//! empty disk or with an old copy of its own must never do harm.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::cluster::{Cluster, Options, copy_folder};
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::process;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::history::Journal;
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

const TOPIC: &str = "deeds";
const PARTITIONS: u32 = 2;
/// Exit code of a node that its cluster refuses (docs/operations.md).
const REFUSED: i32 = 78;

async fn cluster() -> Result<Cluster> {
    let cluster = Cluster::start(3).await?;
    cluster.api(0).create_topic(TOPIC, PARTITIONS, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(cluster)
}

/// Writes until so many requests were acknowledged.
async fn write(cluster: &Cluster, journal: &Journal, writer: &str, count: u64) -> Result<()> {
    let apis: Vec<_> = cluster.running().into_iter().map(|i| cluster.api(i).clone()).collect();
    let options =
        AppendOptions { prefix: writer.to_owned(), ..AppendOptions::new(TOPIC, PARTITIONS) };
    let appender = Appender::start(&apis, &options, journal.recorder());
    appender.wait_more(count).await?;
    appender.stop().await?;
    Ok(())
}

async fn cluster_id(cluster: &Cluster) -> Result<String> {
    let answer = cluster.any()?.get("/v1/cluster").await?.ok()?;
    let id = answer["cluster_id"].as_str().or_else(|| answer["id"].as_str());
    Ok(id.with_context(|| format!("no cluster id in {answer}"))?.to_owned())
}

#[test]
fn a_data_directory_of_another_cluster_is_refused() {
    run(async {
        phase("two clusters");
        let mut ours = cluster().await?;
        let mut theirs = Cluster::start(1).await?;
        let (our_id, their_id) = (cluster_id(&ours).await?, cluster_id(&theirs).await?);
        ensure!(our_id != their_id, "two clusters with one id");
        let journal = Journal::new();
        write(&ours, &journal, "w", 20).await?;

        phase("a node of the first is started on the data of the second");
        theirs.terminate(0).await?;
        ours.terminate(2).await?;
        std::fs::rename(&ours.node(2).data_dir, ours.folder().join("put-aside"))?;
        std::fs::rename(&theirs.node(0).data_dir, &ours.node(2).data_dir)?;
        ours.launch(2)?;
        let code = ours.wait_end(2, Duration::from_secs(60)).await?;
        let said = ours.said(2);
        ensure!(code == REFUSED, "it ended with {code}: {said}");
        let refusal =
            format!("the data directory belongs to cluster {their_id}, this is cluster {our_id}");
        ensure!(said.contains(&refusal), "`{refusal}` is not said: {said}");
        ensure!(!said.contains("panicked"), "it panicked");

        phase("with its own data it is a member again, and nothing is lost");
        std::fs::remove_dir_all(&ours.node(2).data_dir)?;
        std::fs::rename(ours.folder().join("put-aside"), &ours.node(2).data_dir)?;
        ours.restart(2).await?;
        ours.wait_in_sync(TOPIC, 3).await?;
        read_back::judge(&journal, ours.api(2), TOPIC, PARTITIONS).await?;
        Ok(())
    });
}

#[test]
fn a_data_directory_in_use_is_refused() {
    run(async {
        let mut cluster = Cluster::empty(Options::default())?;
        cluster.prepare().await?;
        cluster.launch(0)?;
        cluster.wait_ready(0).await?;

        phase("a second process on the same directory, with ports of its own");
        let other = cluster.prepare().await?;
        let data_dir = cluster.node(0).data_dir.display().to_string();
        let ports = cluster.node(other);
        let args = [
            "server",
            "--data-dir",
            &data_dir,
            "--http-listen",
            &ports.http.to_string(),
            "--peer-listen",
            &ports.peer.to_string(),
            "--bootstrap",
        ];
        let finished = process::run(&args, b"", Duration::from_secs(20)).await?;
        ensure!(finished.code != 0, "{}", finished.output());
        let said = finished.output();
        ensure!(said.contains(&data_dir), "it does not name the directory: {said}");
        ensure!(said.contains("is in use by another process"), "it does not say why: {said}");
        ensure!(!said.contains("panicked"), "{said}");

        phase("the first is unharmed");
        let answer = cluster.api(0).get("/readyz").await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    });
}

#[test]
fn a_wiped_disk_comes_back_as_a_new_node_and_is_rebuilt() {
    run(async {
        let mut cluster = cluster().await?;
        let journal = Journal::new();
        write(&cluster, &journal, "before", 30).await?;
        let old_id = cluster.node_id(2).await?;

        phase("the disk of a node is wiped; it starts with the same addresses");
        cluster.kill(2);
        std::fs::remove_dir_all(&cluster.node(2).data_dir)?;
        cluster.restart(2).await?;
        write(&cluster, &journal, "after", 30).await?;

        phase("it has another id, and its replicas are rebuilt under new ids");
        let new_id = cluster.node_id(2).await?;
        ensure!(new_id != old_id, "a wiped disk came back under its old id {old_id}");
        cluster.wait_in_sync(TOPIC, 3).await?;

        phase("the rebuilt node and one other are enough to have everything");
        cluster.kill(0);
        wait_for("the two to serve everything", Duration::from_secs(60), || async {
            read_back::judge(&journal, cluster.api(2), TOPIC, PARTITIONS).await
        })
        .await?;
        Ok(())
    });
}

#[test]
fn an_old_copy_of_a_disk_does_no_harm() {
    run(async {
        let mut cluster = cluster().await?;
        phase("a copy of a node's disk is made while it is down");
        let journal = Journal::new();
        write(&cluster, &journal, "before", 20).await?;
        cluster.terminate(2).await?;
        let (data_dir, backup) =
            (cluster.node(2).data_dir.clone(), cluster.folder().join("backup"));
        copy_folder(&data_dir, &backup)?;
        cluster.restart(2).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        write(&cluster, &journal, "later", 30).await?;

        phase("it is put back: it must not vote under its old name");
        cluster.wait_in_sync(TOPIC, 3).await?;
        cluster.terminate(2).await?;
        std::fs::remove_dir_all(&data_dir)?;
        std::fs::rename(&backup, &data_dir)?;
        cluster.launch(2)?;
        wait_for("somebody to notice the old disk", Duration::from_secs(60), || async {
            let said = (0..3).map(|index| cluster.log(index)).collect::<String>().to_lowercase();
            let noticed = ["boot counter", "boot_counter", "disk_rejected", "restored"];
            ensure!(noticed.iter().any(|word| said.contains(word)), "nobody has");
            Ok(())
        })
        .await?;

        let code = cluster.wait_end(2, Duration::from_secs(10)).await?;
        ensure!(code == REFUSED, "a node with an old copy of its disk ended with {code}");

        phase("the other two have everything that was acknowledged");
        for node in [0, 1] {
            read_back::judge(&journal, cluster.api(node), TOPIC, PARTITIONS).await?;
        }

        phase("emptied, as it says itself, it is rebuilt under a new id");
        ensure!(cluster.log(2).contains("empty data directory"), "it does not say what to do");
        std::fs::remove_dir_all(&data_dir)?;
        cluster.restart(2).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        read_back::judge(&journal, cluster.api(2), TOPIC, PARTITIONS).await?;
        Ok(())
    });
}

#[test]
fn a_stranger_with_a_members_id_and_address_ends_nobody() {
    run(async {
        let mut cluster = cluster().await?;
        let journal = Journal::new();
        write(&cluster, &journal, "before", 20).await?;

        phase("the founder loses its disk, and its command line still says --bootstrap");
        cluster.kill(0);
        std::fs::remove_dir_all(&cluster.node(0).data_dir)?;
        cluster.launch(0)?;
        cluster.wait_ready(0).await?;
        ensure!(cluster.node_id(0).await? == 1, "the test is about equal ids");

        phase("the two others say so, go on, and have everything");
        for node in [1, 2] {
            wait_for("the stranger to be noticed", Duration::from_secs(30), || async {
                let page = cluster.api(node).get("/metrics").await?;
                let counted = "rampart_node_peers_refusing 1";
                let page = String::from_utf8_lossy(&page.body);
                ensure!(page.contains(counted), "not counted by node {node}");
                Ok(())
            })
            .await?;
        }
        let apis = [cluster.api(1).clone(), cluster.api(2).clone()];
        let options =
            AppendOptions { prefix: "after".to_owned(), ..AppendOptions::new(TOPIC, PARTITIONS) };
        let appender = Appender::start(&apis, &options, journal.recorder());
        wait_for("30 acknowledgements", Duration::from_secs(30), || async {
            ensure!(appender.acked() >= 30, "{} so far", appender.acked());
            Ok(())
        })
        .await?;
        appender.stop().await?;
        for node in [1, 2] {
            cluster.wait_ready(node).await?;
            read_back::judge(&journal, cluster.api(node), TOPIC, PARTITIONS).await?;
        }
        Ok(())
    });
}

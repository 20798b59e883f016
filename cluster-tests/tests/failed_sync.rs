//! A disk that fails a sync: the node ends at once and acknowledges nothing more, the others go on.
//! A library loaded before the system's makes the failure.

use std::time::Duration;

use anyhow::ensure;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::session::{phase, run};
use rampart_cluster_tests::harness::shim::{EIO, Knob};
use rampart_cluster_tests::history::{Event, Function, Journal};
use rampart_cluster_tests::workloads::append::{AppendOptions, Appender};
use rampart_cluster_tests::workloads::read_back;
use serde_json::json;

const TOPIC: &str = "tablets";
/// Exit code after a failed write or sync (docs/operations.md).
const STORAGE: i32 = 74;

#[test]
fn a_failed_sync_ends_the_process_with_74() {
    run(async {
        if !machine::has_tool("cc") {
            return machine::skip("cc", "there is no C compiler");
        }
        phase("three nodes, and a leader that can be made to fail");
        let options = Options { shim: true, ..Options::default() };
        let mut cluster = Cluster::start_with(3, options).await?;
        cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let victim = cluster.leader(0, TOPIC, 0).await?;

        phase("writers at all nodes, and one that knows only the victim, with ack 1");
        let options = AppendOptions { writers: 4, ..AppendOptions::new(TOPIC, 1) };
        let journal = Journal::new();
        let all = Appender::start(&cluster.apis(), &options, journal.recorder());
        let only = std::slice::from_ref(cluster.api(victim));
        let prefix = "only".to_owned();
        let options = AppendOptions { ack: "1", prefix, ..options };
        let one = Appender::start(only, &options, journal.recorder());
        all.wait_more(50).await?;
        one.wait_more(50).await?;

        phase("its syncs fail: it ends by itself, saying why");
        // What ack 1 had acknowledged may go with the node that did, as far as its bound goes.
        let fault = Event::new(u32::MAX, Function::Inject);
        let fault = Event { kind: Some("failed_sync".to_owned()), majority: Some(true), ..fault };
        journal.recorder().note(fault);
        cluster.turn(victim, Knob::SyncError, EIO)?;
        let broken_at = Stopwatch::start();
        let code = cluster.wait_end(victim, Duration::from_secs(60)).await?;
        let said = cluster.said(victim);
        ensure!(code == STORAGE, "it ended with {code}: {said}");
        ensure!(said.contains("the node can't go on"), "it does not say so: {said}");

        phase("the others go on, and what it could not sync it did not acknowledge");
        all.wait_more(100).await?;
        all.stop().await?;
        let alone = one.stop().await?;
        let late = alone.iter().find(|attempt| attempt.sent > broken_at && attempt.is_acked());
        ensure!(late.is_none(), "acknowledged without a sync: {late:?}");

        phase("on a disk that works again it is a member as before");
        cluster.turn(victim, Knob::SyncError, 0)?;
        cluster.restart(victim).await?;
        cluster.wait_in_sync(TOPIC, 3).await?;
        let verdict = read_back::judge(&journal, cluster.api(victim), TOPIC, 1).await?;
        phase(verdict.summary());
        cluster.demand_same_on_every_replica(&[TOPIC]).await
    });
}

//! A core that ended without a failed write or sync is restarted in place, be it by a panic, or only
//! for its memory, and nothing is lost.

use std::sync::Arc;

use futures_util::FutureExt;
use rampart_api::client::ClientError;
use rampart_api::model::ids::GroupId;
use rampart_api::model::problem::Outcome;
use rampart_node::partition::Replica;
use rampart_node::stop::StopKind;
use rampart_node::surroundings::Storage;
use rampart_raft_store::MemoryFaults;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn on(disk: &MemoryFaults) -> Surroundings {
    Surroundings { storage: Storage::InMemory(disk.clone()), ..Surroundings::of_system() }
}

impl OneNode {
    /// The replica of a topic's only partition.
    async fn replica(&self, topic: &str) -> Arc<Replica> {
        let topic = self.client.topic(topic).await.unwrap().id;
        let all = self.node.replicas().all();
        let found = all.iter().find(|replica| replica.spec().key.topic.to_string() == topic);
        found.expect("it runs here").clone()
    }

    async fn restarted(&self, group: GroupId, old: &Replica) {
        eventually("another core runs the group", || async {
            let now = self.node.replicas().get(group);
            now.is_some_and(|now| !std::ptr::eq(&*now, old) && now.is_leader())
        })
        .await;
    }

    async fn metrics(&self) -> String {
        let mut socket = tokio::net::TcpStream::connect(self.node.http_addr()).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        socket.write_all(request).await.unwrap();
        let mut page = String::new();
        socket.read_to_string(&mut page).await.unwrap();
        page
    }

    async fn assert_restarts(&self, times: u64) {
        let line = format!("rampart_raft_group_restarts_total {times}");
        let page = self.metrics().await;
        assert!(page.lines().any(|shown| shown.trim_end() == line), "missing {line} in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_core_is_restarted_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();

    let replica = one.replica("letters").await;
    let group = replica.spec().group;
    replica.raft().shutdown().await.unwrap();
    one.restarted(group, &replica).await;

    assert_eq!(one.produce("letters", "2").await.unwrap(), 1);
    assert_eq!(one.values("letters").await, ["1", "2"]);
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicked_core_is_restarted_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();
    one.assert_restarts(0).await;

    let replica = one.replica("letters").await;
    let group = replica.spec().group;
    let panicked = replica.raft().with_raft_state(|_| -> () { panic!("injected") }).await;
    assert!(panicked.is_err());
    one.restarted(group, &replica).await;
    one.assert_restarts(1).await;

    assert_eq!(one.produce("letters", "2").await.unwrap(), 1);
    assert_eq!(one.values("letters").await, ["1", "2"]);
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicked_state_machine_is_restarted_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();

    let replica = one.replica("letters").await;
    let group = replica.spec().group;
    let panics = replica.raft().with_state_machine(|_| async { panic!("injected") }.boxed());
    let panicked: Result<(), _> = panics.await;
    assert!(panicked.is_err());
    // Its core hears of it when it has something to apply, and ends with an error of the storage.
    // This write is unknown to its client, and may be there afterwards.
    let unknown = one.produce("letters", "2");
    let (_, ()) = tokio::join!(unknown, one.restarted(group, &replica));
    assert!(!one.metrics().await.contains("rampart_raft_group_restarts_total 0"));

    one.produce("letters", "3").await.unwrap();
    let values = one.values("letters").await;
    assert_eq!((values.first(), values.last()), (Some(&"1".to_owned()), Some(&"3".to_owned())));
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_replica_is_kept_however_damaged_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryFaults::none();
    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();
    let replica = one.replica("letters").await;
    let (spec, first) = (*replica.spec(), replica.status().last_log_index.unwrap());
    // What comes after an entry tells that it was synced, so that it is no torn tail.
    one.produce("letters", "2").await.unwrap();
    one.produce("letters", "3").await.unwrap();
    drop(replica);
    one.node.stop().await;

    assert!(disk.flip_bit(spec.group, first), "the record is on the disk");
    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    // Whatever is done about the damage is begun before this.
    one.create("other").await;
    one.produce("other", "1").await.unwrap();
    let described = one.client.topic("letters").await.unwrap();
    assert!(one.node.replicas().get(spec.group).is_none(), "it neither votes nor serves");
    let replicas: Vec<_> =
        described.partitions[0].replicas.iter().map(|replica| replica.replica).collect();
    assert_eq!(replicas, [spec.replica.0], "nobody takes its place");
    one.node.stop().await;
    assert!(disk.lose_entry(spec.group, first), "what is left of it is on the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_sync_the_node_stops_and_the_write_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryFaults::none();
    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();

    disk.fail_writes(std::io::ErrorKind::Other);
    let stopping = async {
        let reason = one.node.must_stop().await;
        one.node.abandon(&reason).await;
        reason
    };
    let (answer, reason) = tokio::join!(one.produce("letters", "2"), stopping);
    assert_eq!((reason.kind, reason.kind.exit_code()), (StopKind::Storage, 74));
    let refused = answer.unwrap_err();
    let ClientError::Problem { body, .. } = refused else { panic!("no answer: {refused}") };
    assert_eq!(body.outcome, Outcome::Unknown, "{}", body.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_of_a_log_is_found_after_an_error_of_the_storage() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryFaults::none();
    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();
    let replica = one.replica("letters").await;
    let (group, first) = (replica.spec().group, replica.status().last_log_index.unwrap());
    // Opening a log looks at the entries behind the last 64 KiB that are done with.
    let long = format!("\"{}\"", "x".repeat(100_000));
    for _ in 0..3 {
        one.produce("letters", &long).await.unwrap();
    }

    assert!(disk.flip_bit(group, first));
    let panics = replica.raft().with_state_machine(|_| async { panic!("injected") }.boxed());
    let panicked: Result<(), _> = panics.await;
    assert!(panicked.is_err());
    let found =
        eventually("it is found damaged", || async { one.node.replicas().is_damaged(group) });
    let (_, ()) = tokio::join!(one.produce("letters", "2"), found);
    // Nothing is done to an only replica, and the log is not read again and again.
    assert!(disk.flip_bit(group, first), "the disk reads right again");
    one.create("other").await;
    one.produce("other", "1").await.unwrap();
    assert!(one.node.replicas().is_damaged(group), "it is trusted again");
    drop(replica);
    one.node.stop().await;

    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    eventually("it is back with all it had", || async {
        one.produce("letters", "3").await.is_ok()
    })
    .await;
    assert_eq!(one.values("letters").await.first(), Some(&"1".to_owned()));
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_damage_a_fetch_meets_is_taken_out_of_service() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryFaults::none();
    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();
    let replica = one.replica("letters").await;
    let (group, first) = (replica.spec().group, replica.status().last_log_index.unwrap());
    drop(replica);
    // Opening a log looks at the entries behind the last 64 KiB that are done with.
    let long = format!("\"{}\"", "x".repeat(100_000));
    for _ in 0..3 {
        one.produce("letters", &long).await.unwrap();
    }
    one.node.stop().await;

    // What was written before a start is not in memory.
    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    one.produce("letters", "2").await.unwrap();
    assert!(disk.flip_bit(group, first));
    let node = &one.node;
    let gone = eventually("the replica is taken out of service", || async {
        node.replicas().is_damaged(group)
    });
    let fetch = one.client.fetch("letters", 0, FetchFrom::from(Offset(0)), FetchOptions::default());
    tokio::join!(async { drop(fetch.await) }, gone);
    assert!(disk.flip_bit(group, first), "the disk reads right again");
    one.node.stop().await;

    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    eventually("it is back with all it had", || async {
        one.produce("letters", "3").await.is_ok()
    })
    .await;
    assert_eq!(one.values("letters").await.first(), Some(&"1".to_owned()));
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_reads_slowly_keeps_no_other_replica_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryFaults::none();
    let one = OneNode::start_on(dir.path(), &[], on(&disk)).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();
    one.create("gone").await;
    one.produce("gone", "1").await.unwrap();
    let letters = one.replica("letters").await.spec().group;
    let gone = &one.replica("gone").await;

    // One ends by an error of the storage, and its log is read through before it is back.
    let held = disk.hold_reads(letters);
    let suspect = one.node.replicas().get(letters).unwrap();
    let panics = suspect.raft().with_state_machine(|_| async { panic!("injected") }.boxed());
    let panicked: Result<(), _> = panics.await;
    assert!(panicked.is_err());
    drop(suspect);
    let ended = eventually("the replica is taken out of service", || async {
        one.node.replicas().get(letters).is_none()
    });
    let (_, ()) = tokio::join!(one.produce("letters", "2"), ended);

    // Meanwhile topics come and go, and another core is restarted.
    one.create("other").await;
    one.produce("other", "1").await.unwrap();
    gone.raft().shutdown().await.unwrap();
    one.restarted(gone.spec().group, gone).await;
    one.client.delete_topic("gone").await.unwrap();
    eventually("the deleted topic's replica is gone", || async {
        one.node.replicas().get(gone.spec().group).is_none()
    })
    .await;
    assert!(one.node.replicas().get(letters).is_none(), "its log is not read through yet");

    drop(held);
    eventually("it is back", || async { one.produce("letters", "3").await.is_ok() }).await;
    assert_eq!(one.values("letters").await.first(), Some(&"1".to_owned()));
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_has_worked_and_rests_is_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let quick = [("raft.quiesce_after_ms", "1000"), ("raft.renew_after_ms", "1000")];
    let one = OneNode::start(dir.path(), &quick).await;
    one.create("letters").await;
    one.create("idle").await;
    let (replica, idle) = (one.replica("letters").await, one.replica("idle").await);
    // What counts is what comes once it was looked at, which is twice a second.
    let (begun, mut number, mut counted) = (rampart_node::clock::Clock::default().instant(), 0, 0);
    while counted < 300 {
        one.produce("letters", &number.to_string()).await.unwrap();
        number += 1;
        counted += u64::from(begun.elapsed().as_secs() >= 2);
    }
    one.restarted(replica.spec().group, &replica).await;
    assert_eq!(one.produce("letters", &number.to_string()).await.unwrap(), number);
    let written: Vec<String> = (0..=number).map(|number| number.to_string()).collect();
    let values = one.values("letters").await;
    assert!(!values.is_empty() && written.starts_with(&values), "{values:?}");
    let still = one.node.replicas().get(idle.spec().group).unwrap();
    assert!(Arc::ptr_eq(&still, &idle), "it has nothing to give back");
    one.assert_restarts(0).await;
    one.node.stop().await;
}

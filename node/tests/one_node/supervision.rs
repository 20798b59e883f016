//! A core that ended without a failed write or sync is restarted in place, be it by a panic, and
//! nothing is lost.

use futures_util::FutureExt;
use rampart_api::model::ids::GroupId;
use rampart_node::partition::Replica;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

impl OneNode {
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

    let replica = one.node.replicas().all().remove(0);
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

    let replica = one.node.replicas().all().remove(0);
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

    let replica = one.node.replicas().all().remove(0);
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

//! A core that stops without a storage failure is restarted in place, and nothing is lost.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_core_is_restarted_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();

    let replica = one.node.replicas().all().remove(0);
    let group = replica.spec().group;
    replica.raft().shutdown().await.unwrap();
    eventually("another core runs the group", || async {
        one.node
            .replicas()
            .get(group)
            .is_some_and(|now| !std::sync::Arc::ptr_eq(&now, &replica) && now.is_leader())
    })
    .await;

    assert_eq!(one.produce("letters", "2").await.unwrap(), 1);
    assert_eq!(one.values("letters").await, ["1", "2"]);
    one.node.stop().await;
}

//! Records in and out. Restarts are the business of the cluster tests: a restart takes a process.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn records_come_back_as_they_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    for (offset, value) in ["\"a\"", "{\"b\": 1}", "3"].iter().enumerate() {
        assert_eq!(one.produce("letters", value).await.unwrap(), offset as u64);
    }
    assert_eq!(one.values("letters").await, ["\"a\"", "{\"b\": 1}", "3"]);
    one.node.stop().await;
}

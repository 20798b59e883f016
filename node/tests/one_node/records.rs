//! Records in and out, over a restart.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn records_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("letters").await;
    for (offset, value) in ["\"a\"", "{\"b\": 1}", "3"].iter().enumerate() {
        assert_eq!(one.produce("letters", value).await.unwrap(), offset as u64);
    }
    assert_eq!(one.values("letters").await, ["\"a\"", "{\"b\": 1}", "3"]);
    one.node.stop().await;

    let one = OneNode::start(dir.path(), &[]).await;
    assert_eq!(one.values("letters").await, ["\"a\"", "{\"b\": 1}", "3"]);
    assert_eq!(one.produce("letters", "4").await.unwrap(), 3);
    one.node.stop().await;
}

//! A node on a clock, a seed and a disk of the test's own: nothing it does comes from the
//! system's, and another node can start on what the first has left.

use rampart_api::client::{FetchFrom, FetchOptions};
use rampart_node::clock::Clock;
use rampart_node::identity::Identity;
use rampart_node::randomness::Randomness;
use rampart_node::surroundings::{Storage, Surroundings};
use rampart_raft_store::MemoryFaults;

use super::*;

/// 2001-09-09, long before this was written.
const A_BILLION_SECONDS_MS: i64 = 1_000_000_000_000;

fn surroundings(seed: u64) -> Surroundings {
    Surroundings {
        clock: Clock::given(A_BILLION_SECONDS_MS),
        randomness: Randomness::seeded(seed),
        storage: Storage::InMemory(MemoryFaults::none()),
    }
}

/// Disk, cluster and topic as a node on these surroundings names them.
async fn ids_on(seed: u64) -> [String; 3] {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start_on(dir.path(), &[], surroundings(seed)).await;
    one.create("letters").await;
    let topic = one.client.topic("letters").await.unwrap().id;
    one.node.stop().await;
    let identity = Identity::load(dir.path()).unwrap();
    [identity.disk.to_string(), identity.membership.unwrap().cluster.to_string(), topic]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_runs_on_memory_and_a_given_clock() {
    let dir = tempfile::tempdir().unwrap();
    let given = surroundings(1);
    let one = OneNode::start_on(dir.path(), &[], given.clone()).await;
    one.create("letters").await;
    let before = given.clock.now_ms();
    one.produce("letters", "1").await.unwrap();
    let after = given.clock.now_ms();

    let from = FetchFrom::from(Offset(0));
    let read = one.client.fetch("letters", 0, from, FetchOptions::default()).await.unwrap();
    let stamped = read.records[0].timestamp;
    assert!((before..=after).contains(&stamped), "{stamped} is not in {before}..={after}");
    assert!(!dir.path().join("store").exists(), "there is a store on disk");
    one.node.stop().await;

    // The disk in memory outlives the node.
    let again = OneNode::start_on(dir.path(), &[], given).await;
    eventually("the partition is led again", || async {
        again.produce("letters", "2").await.is_ok()
    })
    .await;
    assert_eq!(again.values("letters").await, ["1", "2"]);
    again.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_gives_the_same_ids_again_and_another_one_gives_others() {
    let first = ids_on(7).await;
    assert_eq!(first, ids_on(7).await);
    for (one, other) in first.iter().zip(&ids_on(8).await) {
        assert_ne!(one, other);
    }
}

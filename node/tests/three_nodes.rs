//! Three nodes in this process, each on a disk in memory that the test can damage.

// A helper of a test that can't go on fails the test.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::time::Duration;

use rampart_api::client::{Client, ProduceOptions};
use rampart_api::http::produce::{ProduceRecord, ProduceRequest};
use rampart_api::http::topics::CreateTopicRequest;
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_node::config::Loader;
use rampart_node::node::Node;
use rampart_node::surroundings::{Storage, Surroundings};
use rampart_raft_store::MemoryFaults;
use serde_json::value::RawValue;

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(60);

/// A place for a node: what stays when it stops.
struct Place {
    dir: tempfile::TempDir,
    disk: MemoryFaults,
    http: String,
    peer: String,
}

impl Place {
    fn new() -> Place {
        let any = "127.0.0.1:0".to_owned();
        let disk = MemoryFaults::none();
        Place { dir: tempfile::tempdir().unwrap(), disk, http: any.clone(), peer: any }
    }

    /// Starts a node here; it keeps its addresses from then on.
    async fn start(&mut self, entry: (&str, &str)) -> Node {
        let data_dir = self.dir.path().display().to_string();
        let settings = [
            ("node.data_dir", data_dir.as_str()),
            ("http.listen", self.http.as_str()),
            ("peer.listen", self.peer.as_str()),
            entry,
        ];
        let mut loader = Loader::new();
        for (key, text) in settings {
            loader = loader.flag("test", key, text).unwrap();
        }
        let config = loader.load().unwrap().config;
        let storage = Storage::InMemory(self.disk.clone());
        let surroundings = Surroundings { storage, ..Surroundings::of_system() };
        let node = Box::pin(Node::start_with(config, surroundings)).await.unwrap();
        (self.http, self.peer) = (node.http_addr().to_string(), node.peer_addr().to_string());
        node
    }
}

fn client(node: &Node) -> Client {
    Client::new(&[format!("http://{}", node.http_addr())]).unwrap()
}

async fn create(client: &Client, topic: &str, replicas: u32) {
    let request = CreateTopicRequest {
        name: topic.to_owned(),
        partitions: None,
        replication_factor: Some(replicas),
        config: Default::default(),
        dry_run: false,
    };
    client.create_topic(&request).await.unwrap();
}

async fn produce(client: &Client, topic: &str, value: &str) -> bool {
    let record = ProduceRecord {
        value: Some(RawValue::from_string(value.to_owned()).unwrap()),
        ..ProduceRecord::default()
    };
    let request = ProduceRequest { records: vec![record], ..ProduceRequest::default() };
    client.produce(topic, &request, &ProduceOptions::default()).await.is_ok()
}

/// Waits for a condition, with a deadline and a name.
async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(in_time.is_ok(), "not in time: {what}");
}

/// The group of a topic's only partition, which has a replica on this node.
async fn group_of(node: &Node, client: &Client, topic: &str) -> GroupId {
    let topic = client.topic(topic).await.unwrap().id;
    let all = node.replicas().all();
    let found = all.iter().find(|replica| replica.spec().key.topic.to_string() == topic);
    found.expect("it runs here").spec().group
}

/// The replica of a group on a node: its id and the end of its log.
fn replica_on(node: &Node, group: GroupId) -> Option<(ReplicaId, Option<u64>)> {
    let replica = node.replicas().get(group)?;
    Some((replica.spec().replica, replica.status().last_log_index))
}

async fn replica_ids(client: &Client, topic: &str) -> Vec<u64> {
    let described = client.topic(topic).await.unwrap();
    described.partitions[0].replicas.iter().map(|replica| replica.replica).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_replica_is_replaced_once_a_majority_goes_on_without_it() {
    let mut places = [Place::new(), Place::new(), Place::new()];
    let first = places[0].start(("node.bootstrap", "true")).await;
    let join = first.peer_addr().to_string();
    let second = places[1].start(("node.join", &join)).await;
    let third = places[2].start(("node.join", &join)).await;
    let one = client(&first);
    let three = client(&third);
    eventually("three nodes", || async { one.nodes().await.is_ok_and(|all| all.nodes.len() == 3) })
        .await;
    create(&one, "letters", 3).await;
    for value in ["1", "2", "3", "4"] {
        eventually("a record is written", || produce(&one, "letters", value)).await;
    }
    let group = group_of(&first, &one, "letters").await;
    eventually("the third node has everything", || async {
        let ends = [&first, &third].map(|node| replica_on(node, group).and_then(|(_, end)| end));
        ends[0].is_some() && ends[0] == ends[1]
    })
    .await;
    let (damaged, end) = replica_on(&third, group).unwrap();
    let before = replica_ids(&one, "letters").await;

    // Without the second node there is no majority beside the damaged replica.
    third.stop().await;
    second.stop().await;
    assert!(places[2].disk.flip_bit(group, end.unwrap() - 2));
    let third = places[2].start(("node.join", &join)).await;
    eventually("the third node is ready", || async { three.ready().await.is_ok() }).await;
    assert!(replica_on(&third, group).is_none(), "it is started though it is damaged");
    create(&one, "other", 1).await;
    assert_eq!(replica_ids(&one, "letters").await, before, "nothing is given up");

    let second = places[1].start(("node.join", &join)).await;
    eventually("another replica in its place has everything", || async {
        let now = replica_on(&third, group);
        now.is_some_and(|(replica, last)| replica != damaged && last > end)
    })
    .await;
    assert!(produce(&one, "letters", "5").await);
    for node in [third, second, first] {
        node.stop().await;
    }
}

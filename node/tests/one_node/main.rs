//! One node in this process, reached over HTTP as a client would: records go in and come out, a
//! stopped core is restarted in place, a full disk refuses writes and goes on reading, and all of it
//! runs on a clock, a seed and a disk that the test gives.

// A helper of a test that can't go on fails the test.
#![allow(clippy::unwrap_used)]

mod dead_letter;
mod disk_full;
mod http;
mod records;
mod supervision;
mod surroundings;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use rampart_api::client::{Client, FetchFrom, FetchOptions, ProduceOptions};
use rampart_api::http::encoding::Encoding;
use rampart_api::http::produce::{ProduceRecord, ProduceRequest};
use rampart_api::http::topics::CreateTopicRequest;
use rampart_api::model::ids::Offset;
use rampart_node::config::Loader;
use rampart_node::node::Node;
use rampart_node::surroundings::Surroundings;
use serde_json::value::RawValue;

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(20);

/// A cluster of one node on free ports, and a client of it.
struct OneNode {
    node: Node,
    client: Client,
}

impl OneNode {
    async fn start(data_dir: &Path, settings: &[(&str, &str)]) -> OneNode {
        OneNode::start_on(data_dir, settings, Surroundings::of_system()).await
    }

    async fn start_on(
        data_dir: &Path,
        settings: &[(&str, &str)],
        surroundings: Surroundings,
    ) -> OneNode {
        let data_dir = data_dir.display().to_string();
        let always = [
            ("node.data_dir", data_dir.as_str()),
            ("node.bootstrap", "true"),
            ("http.listen", "127.0.0.1:0"),
            ("peer.listen", "127.0.0.1:0"),
        ];
        let mut loader = Loader::new();
        for (key, text) in always.iter().chain(settings) {
            loader = loader.flag("test", key, text).unwrap();
        }
        let config = loader.load().unwrap().config;
        let node = Box::pin(Node::start_with(config, surroundings)).await.unwrap();
        let client = Client::new(&[format!("http://{}", node.http_addr())]).unwrap();
        eventually("the node is ready", || async { client.ready().await.is_ok() }).await;
        OneNode { node, client }
    }

    async fn create(&self, topic: &str) {
        let request = CreateTopicRequest {
            name: topic.to_owned(),
            partitions: None,
            replication_factor: None,
            config: Default::default(),
            dry_run: false,
        };
        self.client.create_topic(&request).await.unwrap();
    }

    async fn produce(
        &self,
        topic: &str,
        value: &str,
    ) -> Result<u64, rampart_api::client::ClientError> {
        let record = ProduceRecord {
            value: Some(RawValue::from_string(value.to_owned()).unwrap()),
            ..ProduceRecord::default()
        };
        let request = ProduceRequest { records: vec![record], ..ProduceRequest::default() };
        let answer = self.client.produce(topic, &request, &ProduceOptions::default()).await?;
        Ok(answer.offsets[0].offset)
    }

    async fn values(&self, topic: &str) -> Vec<String> {
        let from = FetchFrom::from(Offset(0));
        let read = self.client.fetch(topic, 0, from, FetchOptions::default()).await.unwrap();
        read.records
            .iter()
            .map(|record| {
                String::from_utf8(record.value_bytes(Encoding::Json).unwrap().unwrap().to_vec())
                    .unwrap()
            })
            .collect()
    }
}

/// Waits for a condition, with a deadline and a name.
async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(in_time.is_ok(), "not in time: {what}");
}

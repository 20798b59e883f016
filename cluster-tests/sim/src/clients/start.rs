//! Before there is any fault: the cluster is up and the topics are there.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_node::controller::request::NewTopic;
use rampart_node::groups::routing::GROUP_STATE_TOPIC_ID;
use rampart_node::partition::Operation;
use rampart_node::partition::request::PartitionKey;
use rampart_raft_store::state::metadata::state::MetadataState;

use super::{Client, Target};
use crate::world::door::{Ask, Refused, Reply};
use crate::world::shared::{Entry, Host};

/// How often it is looked again.
const LOOK: Duration = Duration::from_millis(50);
/// A cluster without faults is ready long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// A lost disk must not be the only one with the metadata, or with the state of the groups.
const VOTERS: usize = 3;

/// Waits until all nodes serve and know each other, and what the cluster itself keeps has a majority
/// beside each.
pub(super) async fn cluster_is_up(client: &Client) -> Result<(), String> {
    let is_founding = |host: &&Host| host.entry == Entry::Founding;
    let hosts = client.shared.hosts().iter().filter(is_founding).count();
    let up = async {
        loop {
            let mut ready = 0;
            for host in 0..hosts {
                let view = client.shared.ask(host, Ask::View, LOOK).await;
                ready += usize::from(matches!(view, Ok(Reply::View(view))
                    if view.state.nodes.len() == hosts
                        && view.voters >= VOTERS
                        && groups_are_safe(&view.state)));
            }
            if ready == hosts {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.map_err(|_| "the cluster did not come up".to_owned())
}

fn groups_are_safe(state: &MetadataState) -> bool {
    let topic = state.topics.get(&GROUP_STATE_TOPIC_ID);
    topic.is_some_and(|topic| topic.partitions.iter().all(|one| one.voters.len() >= VOTERS))
}

/// Creates a topic and waits until its partitions have leaders.
pub(super) async fn topic(
    client: &mut Client,
    name: &str,
    partitions: u32,
    config: BTreeMap<String, String>,
) -> Result<Vec<Target>, String> {
    let new = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(3),
        config,
        dry_run: false,
    };
    let made = async {
        loop {
            match client.ask(Ask::Create(new.clone())).await {
                Ok(Reply::Created(topic)) => return topic,
                // A node that joins later.
                Err(Refused::Closed) => client.move_on(),
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let made = tokio::time::timeout(PATIENCE, made).await;
    let topic = made.map_err(|_| format!("topic {name} was not created"))?;
    let targets: Vec<Target> = (0..partitions)
        .map(|partition| Target {
            topic: name.to_owned(),
            partition,
            key: PartitionKey { topic: topic.id, partition },
        })
        .collect();
    let led = async {
        for target in &targets {
            while client.operate(Operation::Status(target.key)).await.is_err() {
                tokio::time::sleep(LOOK).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, led)
        .await
        .map_err(|_| format!("topic {name} has no leaders"))?;
    Ok(targets)
}

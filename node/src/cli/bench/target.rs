//! The topic that a load is put on, and who leads its partitions.

use std::time::Duration;

use rampart_api::client::Client;
use rampart_api::http::topics::CreateTopicRequest;

use super::args::TopicArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::clock::Clock;
use crate::randomness::Randomness;

/// Until each partition of a topic that was made has a leader.
const LED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Pause after a request for which the server had no room, if it doesn't say.
pub(super) const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// A topic, and a way to each of its partitions.
#[derive(Debug)]
pub(super) struct Target {
    client: Client,
    topic: String,
    is_temporary: bool,
    partitions: Vec<Client>,
    clock: Clock,
}

impl Target {
    /// Finds the topic, or makes one, and its leaders.
    pub(super) async fn prepare(context: &Context, args: &TopicArgs) -> Result<Target, Failure> {
        let (client, clock) = (context.client()?, Clock::default());
        let is_temporary = args.topic.is_none();
        let topic = match &args.topic {
            Some(topic) => topic.clone(),
            None => {
                let name = format!("bench-{}", Randomness::of_system().uuid().simple());
                let topic = CreateTopicRequest {
                    name: name.clone(),
                    partitions: Some(args.partitions),
                    replication_factor: args.replicas,
                    ..CreateTopicRequest::default()
                };
                client.create_topic(&topic).await?;
                name
            }
        };
        let mut target = Target { client, topic, is_temporary, partitions: Vec::new(), clock };
        match target.find_leaders().await {
            Ok(()) => Ok(target),
            Err(failure) => {
                target.clean_up().await?;
                Err(failure)
            }
        }
    }

    async fn find_leaders(&mut self) -> Result<(), Failure> {
        let deadline = self.clock.instant() + LED_WITHIN;
        loop {
            let topic = self.client.topic(&self.topic).await?;
            let leaders: Option<Vec<u64>> =
                topic.partitions.iter().map(|partition| partition.leader).collect();
            if let Some(leaders) = leaders {
                self.partitions = self.clients(&leaders).await?;
                return Ok(());
            }
            if self.clock.instant() >= deadline {
                let what = format!("not every partition of {} has a leader", self.topic);
                return Err(Failure::new(what).hint("`rampart topic describe` says which"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Clients that ask each leader first, and the others if it is gone.
    async fn clients(&self, leaders: &[u64]) -> Result<Vec<Client>, Failure> {
        let nodes = self.client.nodes().await?.nodes;
        let address = |leader: &u64| nodes.iter().find(|node| node.id == *leader);
        let clients = leaders.iter().map(|leader| {
            let mut servers = self.client.servers();
            if let Some(node) = address(leader) {
                let first = format!("http://{}", node.http);
                servers.retain(|server| *server != first);
                servers.insert(0, first);
            }
            Ok(Client::new(&servers)?)
        });
        clients.collect()
    }

    /// Deletes the topic if it was made for this.
    pub(super) async fn clean_up(&self) -> Result<(), Failure> {
        if self.is_temporary {
            self.client.delete_topic(&self.topic).await?;
        }
        Ok(())
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// One client for each partition, in order.
    pub(super) fn partitions(&self) -> &[Client] {
        &self.partitions
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }
}

//! What a producer asks of the cluster, so that its rules can be tried against a cluster that does
//! whatever a test wants; and the real one, over HTTP.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::client::session::Session;
use crate::client::{Client, ClientError, ProduceOptions};
use crate::http::producers::ProducerIdentity;
use crate::http::topics::TopicDescription;
use crate::model::limits::RECORD_BYTES_MAX;
use crate::model::topic_config::Ack;

/// How long to wait for an answer to a question that a node answers by itself.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// The cluster, as far as a producer needs it. `failures` counts how often the same was asked in vain:
/// then somebody else is asked.
pub(super) trait Upstream: fmt::Debug + Send + Sync + 'static {
    /// Writes a batch.
    fn produce(&self, attempt: Attempt) -> BoxFuture<'_, Result<Acked, ClientError>>;

    /// Gives a new producer id, or the next epoch of one.
    fn identify(
        &self,
        known: Option<ProducerIdentity>,
        failures: u32,
    ) -> BoxFuture<'_, Result<ProducerIdentity, ClientError>>;

    /// Another cluster, at these servers.
    fn elsewhere(&self, servers: &[String]) -> Result<Arc<dyn Upstream>, ClientError>;

    /// Describes a topic.
    fn describe(
        &self,
        topic: Arc<str>,
        failures: u32,
    ) -> BoxFuture<'_, Result<TopicFacts, ClientError>>;
}

/// One attempt to write a batch.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) topic: Arc<str>,
    pub(super) partition: u32,
    pub(super) batch: Bytes,
    pub(super) ack: Option<Ack>,
    /// How long the server may take.
    pub(super) timeout: Duration,
    /// Who is thought to lead the partition.
    pub(super) leader: Option<u64>,
    pub(super) failures: u32,
}

/// A batch is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Acked {
    /// Offset of its first record; `None` where nobody acknowledges, and for a repetition of what is
    /// there nobody knows where.
    pub(super) base_offset: Option<u64>,
    /// Time of its first record.
    pub(super) timestamp_ms: Option<i64>,
    /// Term of the leader that wrote it.
    pub(super) leader_epoch: u64,
    /// It was there already.
    pub(super) is_replayed: bool,
}

/// What a producer needs to know of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TopicFacts {
    /// By partition: who leads it, and since which term.
    pub(super) leaders: Vec<(Option<u64>, u64)>,
    /// Key, value and headers of one record.
    pub(super) record_bytes_max: usize,
}

impl TopicFacts {
    /// How many partitions it has.
    pub(super) fn partitions(&self) -> u32 {
        u32::try_from(self.leaders.len()).unwrap_or(u32::MAX)
    }

    /// The same where nobody knows yet who leads.
    pub(super) fn without_leaders(&self) -> TopicFacts {
        TopicFacts { leaders: vec![(None, 0); self.leaders.len()], ..*self }
    }

    /// Who leads a partition, and since which term.
    pub(super) fn leader(&self, partition: u32) -> (Option<u64>, u64) {
        self.leaders.get(partition as usize).copied().unwrap_or_default()
    }
}

impl From<TopicDescription> for TopicFacts {
    fn from(topic: TopicDescription) -> Self {
        let of_topic = topic.config.get("max.message.bytes").and_then(|text| text.parse().ok());
        let leaders = topic.partitions.iter().map(|p| (p.leader, p.leader_epoch));
        TopicFacts {
            leaders: leaders.collect(),
            record_bytes_max: of_topic.unwrap_or(RECORD_BYTES_MAX),
        }
    }
}

impl Upstream for Session {
    fn produce(&self, attempt: Attempt) -> BoxFuture<'_, Result<Acked, ClientError>> {
        let client = self.client(attempt.leader, attempt.failures);
        Box::pin(async move {
            let options = ProduceOptions {
                partition: Some(attempt.partition),
                ack: attempt.ack,
                timeout: Some(attempt.timeout),
            };
            let sent = client.send_batch(&attempt.topic, attempt.batch, &options).await?;
            let first = sent.offset;
            Ok(Acked {
                base_offset: first.map(|first| first.offset),
                timestamp_ms: first.map(|first| first.timestamp),
                leader_epoch: first.map_or(0, |first| first.leader_epoch),
                is_replayed: sent.is_replayed,
            })
        })
    }

    fn identify(
        &self,
        known: Option<ProducerIdentity>,
        failures: u32,
    ) -> BoxFuture<'_, Result<ProducerIdentity, ClientError>> {
        let client = self.client(None, failures);
        Box::pin(async move { in_time(&client, client.producer_identity(known)).await })
    }

    fn elsewhere(&self, servers: &[String]) -> Result<Arc<dyn Upstream>, ClientError> {
        Ok(Arc::new(Session::new(Client::new(servers)?)))
    }

    fn describe(
        &self,
        topic: Arc<str>,
        failures: u32,
    ) -> BoxFuture<'_, Result<TopicFacts, ClientError>> {
        let client = self.client(None, failures);
        Box::pin(async move {
            let described = in_time(&client, client.topic(&topic)).await?;
            // Without the nodes any server does, with a hop.
            if let Err(error) = in_time(&client, self.refresh(failures)).await {
                tracing::debug!(%error, "the nodes of the cluster are not known");
            }
            Ok(TopicFacts::from(described))
        })
    }
}

async fn in_time<T>(
    client: &Client,
    asked: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let answer = tokio::time::timeout(ASK_TIMEOUT, asked).await;
    answer.unwrap_or_else(|_| {
        let server = client.servers().swap_remove(0);
        Err(ClientError::Interrupted { server, reason: "no answer in time".to_owned() })
    })
}

//! What a consumer asks of the cluster, so that its rules can be tried against a coordinator that does
//! whatever a test wants; and the real one, over HTTP.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::rebalance::TopicPartition;
use super::record::Message;
use super::through::Progress;
use crate::client::castle::{CastleSession, Steered};
use crate::client::session::Session;
use crate::client::{Client, ClientError, castle};
use crate::http::encoding::Encoding;
use crate::http::fetch::FetchedError;
use crate::http::groups::{
    AckRequest, AckResponse, CommitRequest, CommitResponse, PollRequest, PollResponse,
    PolledRecord, ResetRequest, ResetResponse,
};

/// How long to wait for an answer, beyond the time that the request itself asks for.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the nodes of the cluster.
const NODES_TIMEOUT: Duration = Duration::from_secs(1);

/// The group, as far as a consumer needs it. `failures` counts how often the same was asked in vain:
/// then somebody else is asked.
pub(super) trait Upstream: fmt::Debug + Send + Sync + 'static {
    /// Records for a member.
    fn poll(&self, ask: PollRequest, failures: u32) -> BoxFuture<'_, Result<Polled, ClientError>>;

    /// What a member did with records.
    fn settle(
        &self,
        ask: AckRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<AckResponse, ClientError>>;

    /// Commits offsets.
    fn commit(
        &self,
        ask: CommitRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<CommitResponse, ClientError>>;

    /// Moves the group.
    fn reset(
        &self,
        ask: ResetRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<ResetResponse, ClientError>>;

    /// The member leaves.
    fn leave(&self, member: String, failures: u32) -> BoxFuture<'_, Result<(), ClientError>>;

    /// How far the group is in a topic.
    fn progress(
        &self,
        topic: String,
        failures: u32,
    ) -> BoxFuture<'_, Result<Progress, ClientError>>;

    /// The group of the same name in another cluster.
    fn elsewhere(&self, servers: &[String]) -> Result<Arc<dyn Upstream>, ClientError>;

    /// Begins a member's session with the cluster's Castle.
    fn steer(&self, member: &Arc<dyn Steered>) -> Option<CastleSession>;
}

/// The answer to a poll.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Polled {
    pub(super) generation: u64,
    pub(super) assignment: BTreeSet<TopicPartition>,
    /// With their tokens.
    pub(super) records: Vec<(Message, String)>,
}

impl Polled {
    /// Reads an answer whose records are in base64.
    fn read(answer: PollResponse) -> Result<Polled, FetchedError> {
        let mut names = BTreeSet::<Arc<str>>::new();
        let mut shared = |name: &str| match names.get(name) {
            Some(known) => known.clone(),
            None => {
                let name: Arc<str> = name.into();
                names.insert(name.clone());
                name
            }
        };
        let assignment = answer.assignment.iter();
        let assignment =
            assignment.map(|at| TopicPartition::new(shared(&at.topic), at.partition)).collect();
        let records = answer.records.into_iter().map(|record| {
            let topic = shared(&record.topic);
            read(topic, record)
        });
        let records = records.collect::<Result<_, _>>()?;
        Ok(Polled { generation: answer.generation, assignment, records })
    }
}

fn read(topic: Arc<str>, polled: PolledRecord) -> Result<(Message, String), FetchedError> {
    let (attempt, error, token) = (polled.attempt, polled.error.clone(), polled.ack_token.clone());
    let record = polled.into_record();
    let headers = record.header_bytes(Encoding::Base64)?.into_iter();
    let message = Message {
        topic,
        partition: record.partition,
        offset: record.offset,
        timestamp_ms: record.timestamp,
        key: record.key_bytes(Encoding::Base64)?.map(Bytes::from),
        value: record.value_bytes(Encoding::Base64)?.map(Bytes::from),
        headers: headers.map(|(name, value)| (name, value.map(Bytes::from))).collect(),
        attempt,
        error,
    };
    Ok((message, token))
}

/// One group of a real cluster.
#[derive(Debug)]
pub(super) struct Group {
    session: Arc<Session>,
    name: String,
    /// The cluster was asked for its nodes.
    is_known: AtomicBool,
}

impl Group {
    pub(super) fn new(session: Arc<Session>, name: String) -> Group {
        Group { session, name, is_known: AtomicBool::new(false) }
    }

    /// Asks for the nodes of the cluster, at first and when something went wrong. Without them the
    /// servers do that were given.
    async fn know_nodes(&self, failures: u32) {
        if failures == 0 && self.is_known.swap(true, Ordering::Relaxed) {
            return;
        }
        let asked = tokio::time::timeout(NODES_TIMEOUT, self.session.refresh(failures)).await;
        if !matches!(asked, Ok(Ok(()))) {
            tracing::debug!("the nodes of the cluster are not known");
        }
    }
}

impl Upstream for Group {
    fn poll(&self, ask: PollRequest, failures: u32) -> BoxFuture<'_, Result<Polled, ClientError>> {
        Box::pin(async move {
            self.know_nodes(failures).await;
            let client = self.session.client(None, failures);
            let wait = Duration::from_millis(ask.wait_ms.unwrap_or(0)) + ANSWER_TIMEOUT;
            let answer = client.poll_within(&self.name, &ask, wait).await?;
            Polled::read(answer).map_err(|error| ClientError::Unexpected {
                server: client.servers().swap_remove(0),
                status: 200,
                text: error.to_string(),
            })
        })
    }

    fn settle(
        &self,
        ask: AckRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<AckResponse, ClientError>> {
        let client = self.session.client(None, failures);
        Box::pin(async move { client.ack_within(&self.name, &ask, ANSWER_TIMEOUT).await })
    }

    fn commit(
        &self,
        ask: CommitRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<CommitResponse, ClientError>> {
        let client = self.session.client(None, failures);
        Box::pin(async move { client.commit(&self.name, &ask).await })
    }

    fn reset(
        &self,
        ask: ResetRequest,
        failures: u32,
    ) -> BoxFuture<'_, Result<ResetResponse, ClientError>> {
        let client = self.session.client(None, failures);
        Box::pin(async move { client.reset_offsets(&self.name, &ask).await })
    }

    fn leave(&self, member: String, failures: u32) -> BoxFuture<'_, Result<(), ClientError>> {
        let client = self.session.client(None, failures);
        Box::pin(async move { client.leave_group(&self.name, &member).await })
    }

    fn progress(
        &self,
        topic: String,
        failures: u32,
    ) -> BoxFuture<'_, Result<Progress, ClientError>> {
        let client = self.session.client(None, failures);
        Box::pin(async move {
            let topic = client.topic(&topic).await?.partitions;
            let group = client.group(&self.name).await?.partitions;
            Ok(Progress { topic, group })
        })
    }

    fn elsewhere(&self, servers: &[String]) -> Result<Arc<dyn Upstream>, ClientError> {
        let session = Arc::new(Session::new(Client::new(servers)?));
        Ok(Arc::new(Group::new(session, self.name.clone())))
    }

    fn steer(&self, member: &Arc<dyn Steered>) -> Option<CastleSession> {
        Some(castle::start(self.session.clone(), member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_base64_is_read_whatever_its_bytes_are() {
        let answer = r#"{"member":"m","generation":3,"assignment":[{"topic":"t","partition":1}],
            "records":[{"topic":"t","partition":1,"offset":7,"timestamp":5,"key":"/wA=",
            "value":null,"headers":{"h":"aGk="},"ack_token":"x","attempt":2,"error":"e"}]}"#;
        let polled = Polled::read(serde_json::from_str(answer).unwrap()).unwrap();
        assert_eq!((polled.generation, polled.assignment.len()), (3, 1));
        let (message, token) = &polled.records[0];
        assert_eq!((token.as_str(), message.offset, message.attempt), ("x", 7, 2));
        assert_eq!(message.key.as_deref(), Some([255, 0].as_slice()));
        assert_eq!((&message.value, message.error.as_deref()), (&None, Some("e")));
        assert_eq!(message.headers, [("h".to_owned(), Some(Bytes::from("hi")))]);
        let broken = answer.replace("/wA=", "???");
        assert!(Polled::read(serde_json::from_str(&broken).unwrap()).is_err());
    }
}

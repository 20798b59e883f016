//! What an application gets, and how it says what it did with it.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::error::SettleError;
use super::hand::{Serial, Verdict};
use super::rebalance::TopicPartition;
use super::shared::Shared;
use crate::http::groups::Settled;

/// A record as it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: u32,
    /// Position in it.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Key.
    pub key: Option<Bytes>,
    /// `None` is a tombstone.
    pub value: Option<Bytes>,
    /// In order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Which delivery it is, from 1. A new coordinator of the group begins to count anew.
    pub attempt: u32,
    /// What went wrong the last time, if it was parked.
    pub error: Option<String>,
}

impl Message {
    /// Its partition.
    pub fn place(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }

    /// Its size: key, value and headers, two bytes more for each header.
    pub fn size_bytes(&self) -> usize {
        let bytes = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
        let header = |(name, value): &(String, Option<Bytes>)| name.len() + 2 + bytes(value);
        let headers: usize = self.headers.iter().map(header).sum();
        bytes(&self.key) + bytes(&self.value) + headers
    }
}

/// A record in hand. Reads like its [`Message`].
///
/// Where records are settled one by one, dropping it without a word means that it is not kept any
/// longer: it comes again when its lock runs out.
#[derive(Debug)]
pub struct ConsumerRecord {
    message: Message,
    handle: AckHandle,
}

impl Deref for ConsumerRecord {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl ConsumerRecord {
    pub(super) fn new(message: Message, handle: AckHandle) -> Self {
        ConsumerRecord { message, handle }
    }

    /// It is done. The answer need not be waited for.
    pub fn success(self) -> Settling {
        self.handle.success()
    }

    /// It is to come again, after a while; the topic's dead-letter switch says when if `delay` is
    /// `None`. Without a switch it comes again at once, before what follows it in its partition.
    pub fn retry(self, delay: Option<Duration>, error: impl Into<String>) -> Settling {
        self.handle.retry(delay, error)
    }

    /// It never will be done: it goes into the dead-letter topic.
    pub fn reject(self, error: impl Into<String>) -> Settling {
        self.handle.reject(error)
    }

    /// The content, and what settles it, apart.
    pub fn into_parts(self) -> (Message, AckHandle) {
        (self.message, self.handle)
    }
}

/// Settles one record.
#[derive(Debug)]
pub struct AckHandle {
    serial: Serial,
    shared: Arc<Shared>,
    is_said: bool,
}

impl AckHandle {
    pub(super) fn new(serial: Serial, shared: Arc<Shared>) -> Self {
        AckHandle { serial, shared, is_said: false }
    }

    /// See [`ConsumerRecord::success`].
    pub fn success(self) -> Settling {
        self.say(Verdict::Success)
    }

    /// See [`ConsumerRecord::retry`].
    pub fn retry(self, delay: Option<Duration>, error: impl Into<String>) -> Settling {
        self.say(Verdict::Retry { delay, error: error.into() })
    }

    /// See [`ConsumerRecord::reject`].
    pub fn reject(self, error: impl Into<String>) -> Settling {
        self.say(Verdict::Reject { error: error.into() })
    }

    pub(super) fn say(mut self, verdict: Verdict) -> Settling {
        self.is_said = true;
        let (reply, answer) = oneshot::channel();
        self.shared.say(self.serial, verdict, Some(reply));
        Settling { answer }
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        if !self.is_said {
            self.shared.abandon(self.serial);
        }
    }
}

/// What became of what was said of a record.
pub type SettleResult = Result<Settled, SettleError>;

/// Resolves once the cluster has answered. What was said is sent whether this is waited for or
/// dropped.
#[derive(Debug)]
pub struct Settling {
    answer: oneshot::Receiver<SettleResult>,
}

impl Future for Settling {
    type Output = SettleResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<SettleResult> {
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.unwrap_or(Err(SettleError::Closed)))
    }
}

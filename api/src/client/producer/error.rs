//! Why a record was not taken, or what became of one that was.

use std::sync::Arc;
use std::time::Duration;

use crate::client::ClientError;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Outcome;

/// An option that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct OptionError {
    /// Its name.
    pub option: &'static str,
    /// What would be right.
    pub reason: &'static str,
}

/// Why a record was not taken. It was not sent and will not be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The producer is closed.
    #[error("the producer is closed")]
    Closed,
    /// An operator ended the producer, through Castle.
    #[error("an operator ended the producer")]
    Ended,
    /// An operator has paused or throttled the producer; only `try_send` says so, `send` waits.
    #[error("an operator has paused or throttled the producer")]
    Paused,
    /// The buffer has no room for it now; only `try_send` says so, `send` waits.
    #[error("the buffer is full: {free} bytes are free, {bytes} are needed")]
    Full {
        /// What the record needs.
        bytes: usize,
        /// What there is.
        free: usize,
    },
    /// It is larger than its topic, or the buffer, takes.
    #[error("a record of {bytes} bytes; at most {max} are taken")]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has {partitions} partitions, and no partition {partition}")]
    InvalidPartition {
        /// The topic.
        topic: Arc<str>,
        /// What was asked for, by the record or by the partitioner.
        partition: u32,
        /// What there is.
        partitions: u32,
    },
    /// Nothing is known of the topic yet; only `try_send` says so, `send` asks the cluster.
    #[error("nothing is known of topic {topic} yet: ask for its partitions first")]
    TopicNotKnown {
        /// The topic.
        topic: Arc<str>,
    },
    /// What the cluster said when it was asked about the topic.
    #[error("topic {topic}: {reason}")]
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// The refusal, or why there was no answer.
        #[source]
        reason: Arc<ClientError>,
    },
}

/// What became of a record that was taken and not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeliveryError {
    /// It was not written and will not be. Sending it again can't write it twice.
    #[error("not written to partition {partition}: {reason}")]
    NotWritten {
        /// Where it should have gone.
        partition: u32,
        /// Why.
        reason: FailureReason,
    },
    /// It may have been written, or may still be, once. Sending it again may write it twice.
    #[error("may have been written to partition {partition}: {reason}")]
    Unknown {
        /// Where it should have gone.
        partition: u32,
        /// Why nobody knows.
        reason: FailureReason,
    },
}

/// Why a record was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FailureReason {
    /// The cluster refused it for good.
    #[error("{0}")]
    Refused(Arc<ClientError>),
    /// The delivery timeout was over.
    #[error("not acknowledged within {after:?}{}", last_words(.last))]
    Expired {
        /// The delivery timeout.
        after: Duration,
        /// What the last attempt met, if any came to an end.
        last: Option<Arc<ClientError>>,
    },
    /// What it had to follow in its partition was lost or is unknown, so that its own attempts prove
    /// nothing.
    #[error("the partition does not know what came before it: {0}")]
    OutOfPlace(Arc<ClientError>),
    /// The task that should have sent it ended before its time: the runtime was shut down.
    #[error("the producer's task ended")]
    Abandoned,
}

impl DeliveryError {
    pub(super) fn new(outcome: Outcome, partition: u32, reason: FailureReason) -> Self {
        match outcome {
            Outcome::NotDone => DeliveryError::NotWritten { partition, reason },
            Outcome::Unknown => DeliveryError::Unknown { partition, reason },
        }
    }

    /// Whether it was certainly not written, or may have been.
    pub fn outcome(&self) -> Outcome {
        match self {
            DeliveryError::NotWritten { .. } => Outcome::NotDone,
            DeliveryError::Unknown { .. } => Outcome::Unknown,
        }
    }

    /// Why it was not acknowledged.
    pub fn reason(&self) -> &FailureReason {
        match self {
            DeliveryError::NotWritten { reason, .. } | DeliveryError::Unknown { reason, .. } => {
                reason
            }
        }
    }

    /// The code of the last refusal, if there was one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.reason() {
            FailureReason::Refused(error) | FailureReason::OutOfPlace(error) => error.code(),
            FailureReason::Expired { last, .. } => last.as_ref().and_then(|error| error.code()),
            FailureReason::Abandoned => None,
        }
    }
}

fn last_words(last: &Option<Arc<ClientError>>) -> String {
    last.as_ref().map_or_else(String::new, |error| format!("; the last attempt: {error}"))
}

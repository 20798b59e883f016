//! Why there are no records, or why a record was not settled.

use std::sync::Arc;

use super::rebalance::TopicPartition;
use crate::client::ClientError;
use crate::model::error_code::ErrorCode;

/// Why a consumer gives no records, or did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsumerError {
    /// The consumer is closed.
    #[error("the consumer is closed")]
    Closed,
    /// An operator told it, through Castle, to end: it has settled what it could and left its group.
    #[error("an operator ended the consumer")]
    Ended,
    /// The group or the cluster refuses it; what is wrong does not go away by itself. The consumer
    /// goes on asking, in case somebody sees to it.
    #[error("group {group}: {reason}")]
    Refused {
        /// The group.
        group: String,
        /// What was said.
        #[source]
        reason: Arc<ClientError>,
    },
    /// The member does not hold the partition.
    #[error("partition {0} is not held by this consumer")]
    NotHeld(TopicPartition),
    /// The consumer settles in another way: one member does one or the other.
    #[error("the consumer settles {0}")]
    OtherWay(&'static str),
    /// No answer in time; it may have been done.
    #[error("no answer in time{}", last_words(.0))]
    NoAnswer(Option<Arc<ClientError>>),
}

/// Why a record was not settled. It is delivered again, to this member or another one, unless the
/// error says otherwise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettleError {
    /// The partition may be somebody else's by now, or its offsets were moved: the record was or will
    /// be delivered again.
    #[error("the record is not this member's any more")]
    Lost,
    /// It was worked on for longer than `processing_max`, and was not kept for longer.
    #[error("the record was worked on for too long, and is delivered again")]
    TooLate,
    /// The cluster refuses what was said; `DEAD_LETTERS_OFF` where there is nowhere to put a rejected
    /// record. It comes again when its lock runs out.
    #[error("{detail} ({})", .code.as_str())]
    Refused {
        /// The code.
        code: ErrorCode,
        /// In words.
        detail: String,
    },
    /// There was no answer in time: it may be settled or come again.
    #[error("no answer in time{}", last_words(.0))]
    Unknown(Option<Arc<ClientError>>),
    /// The consumer settles by positions.
    #[error("the consumer settles by positions, not record by record")]
    OtherWay,
    /// The consumer ended before it was said, or before there was an answer.
    #[error("the consumer ended")]
    Closed,
}

fn last_words(last: &Option<Arc<ClientError>>) -> String {
    last.as_ref().map_or_else(String::new, |error| format!("; the last attempt: {error}"))
}

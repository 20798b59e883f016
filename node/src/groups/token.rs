//! `[pure]` The ack token of a delivered record: what a member hands back to say what it did with
//! it. Says which record it was, and since when the member held the partition, so that a token from
//! before a rebalance, or of another coordinator's time, settles nothing that is not the member's.

use std::fmt;
use std::str::FromStr;

use rampart_api::model::ids::{Offset, TopicId};
use rampart_raft_store::state::group::{ParkedId, TopicPartition};

/// A record that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// From its partition.
    Fresh(Offset),
    /// From among the parked ones.
    Parked(ParkedId),
}

/// What a member hands back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckToken {
    /// Where the record came from.
    pub partition: TopicPartition,
    /// The epoch of the holding in which it was delivered.
    pub epoch: u64,
    /// The record.
    pub delivery: Delivery,
    /// Which attempt it was, from 1.
    pub attempt: u32,
}

/// Not a token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ack token")]
pub struct NotAToken;

/// `topic.partition.epoch.f|p<number>.attempt`, in hexadecimal: nothing to escape anywhere.
impl fmt::Display for AckToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicPartition { topic, partition } = self.partition;
        let (kind, number) = match self.delivery {
            Delivery::Fresh(offset) => ('f', offset.0),
            Delivery::Parked(id) => ('p', id.0),
        };
        let (topic, epoch, attempt) = (topic.0.as_simple(), self.epoch, self.attempt);
        write!(f, "{topic}.{partition:x}.{epoch:x}.{kind}{number:x}.{attempt:x}")
    }
}

impl FromStr for AckToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<AckToken, NotAToken> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(NotAToken);
        let (topic, partition, epoch, record, attempt) =
            (next()?, next()?, next()?, next()?, next()?);
        let delivery = match record.split_at_checked(1).ok_or(NotAToken)? {
            ("f", offset) => Delivery::Fresh(Offset(number(offset)?)),
            ("p", id) => Delivery::Parked(ParkedId(number(id)?)),
            _ => return Err(NotAToken),
        };
        let token = AckToken {
            partition: TopicPartition {
                topic: TopicId(uuid::Uuid::try_parse(topic).map_err(|_| NotAToken)?),
                partition: number(partition)?.try_into().map_err(|_| NotAToken)?,
            },
            epoch: number(epoch)?,
            delivery,
            attempt: number(attempt)?.try_into().map_err(|_| NotAToken)?,
        };
        // One way to write it, so that equal tokens are equal texts.
        (token.to_string() == text).then_some(token).ok_or(NotAToken)
    }
}

fn number(text: &str) -> Result<u64, NotAToken> {
    u64::from_str_radix(text, 16).map_err(|_| NotAToken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_says_what_it_is_of() {
        let token = AckToken {
            partition: TopicPartition { topic: TopicId(Uuid::from_u128(10)), partition: 31 },
            epoch: 3,
            delivery: Delivery::Fresh(Offset(255)),
            attempt: 1,
        };
        assert_eq!(token.to_string(), "0000000000000000000000000000000a.1f.3.fff.1");
    }

    proptest! {
        #[test]
        fn tokens_survive_the_trip(
            topic: u128,
            partition: u32,
            epoch: u64,
            record: u64,
            is_parked: bool,
            attempt: u32,
        ) {
            let delivery = match is_parked {
                true => Delivery::Parked(ParkedId(record)),
                false => Delivery::Fresh(Offset(record)),
            };
            let partition = TopicPartition { topic: TopicId(Uuid::from_u128(topic)), partition };
            let token = AckToken { partition, epoch, delivery, attempt };
            prop_assert_eq!(token.to_string().parse(), Ok(token));
        }

        #[test]
        fn what_is_no_token_is_refused(text in "[0-9a-f]{0,33}(\\.[fpFP+]?[0-9a-fA-F]{0,17}){0,6}|.*") {
            if let Ok(token) = text.parse::<AckToken>() {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }
}

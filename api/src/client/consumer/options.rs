//! How a consumer works, with the reasons for the defaults.

use std::sync::Arc;
use std::time::Duration;

use super::rebalance::RebalanceListener;
use crate::client::OptionError;
use crate::http::groups::StartAt;
use crate::model::limits::{
    GROUP_LOCK_MS_MAX, GROUP_NAME_BYTES_MAX, GROUP_SESSION_MS_MAX, GROUP_SESSION_MS_MIN,
    RECORDS_PER_REQUEST_MAX, TOPICS_PER_MEMBER_MAX,
};

/// Longer waiting for somebody who works is a mistake.
const PROCESSING_MAX: Duration = Duration::from_secs(12 * 3_600);

/// How a member says what it is done with. It does one of the three for all its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// The records of a poll are done at the next one, and when the consumer is closed; the cluster
    /// is told within `every`. A record can still be settled by itself before.
    Automatic {
        /// The longest that the cluster is not told.
        every: Duration,
    },
    /// Each record by itself: success, retry later, or reject.
    Records,
    /// Positions: [`commit`](super::Consumer::commit) says that all below them is done. Not for
    /// groups with a dead-letter switch, whose parked records have no position.
    Positions,
}

/// Options of a consumer. Those that contradict each other are refused when it is made.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// The group that it joins.
    pub group: String,
    /// The topics that it reads; all of them exist.
    pub topics: Vec<String>,
    /// Where the *group* begins in partitions that it never read. Default latest.
    pub start: StartAt,
    /// How it says what it is done with. Default automatic, within a second.
    pub settle: Settle,
    /// The program's name, for people. Default `rampart`.
    pub client_id: String,
    /// A name that outlives a restart, unique while it runs: the member is called so. Default `None`:
    /// a random one, so that a restart is another member.
    pub instance_id: Option<String>,
    /// Where it runs, for people. Default empty.
    pub host: String,
    /// Its failure domain: partitions with a replica there are preferred. Default empty.
    pub rack: String,
    /// The member is gone after so long without a sign of life. After two thirds of it, the consumer
    /// delivers nothing until it has got through to the group again. Default 15 seconds.
    pub session: Duration,
    /// Records are the member's for so long; the consumer renews them while it lives. What was lost on
    /// its way comes again after so long. Default 30 seconds.
    pub lock: Duration,
    /// The longest that a record may be worked on, and that the application may stay away: then its
    /// records are not renewed any more. Default 5 minutes.
    pub processing_max: Duration,
    /// Records of one poll, at most; when so many wait to be delivered, no more are fetched. Default
    /// 500.
    pub records_max: usize,
    /// Keys, values and headers of one answer, about. Default 1 MiB.
    pub bytes_max: usize,
    /// Records that wait to be delivered hold about so many bytes at most, and one answer more.
    /// Default 4 MiB.
    pub buffer_bytes_max: usize,
    /// Records that are delivered and not settled; no more are fetched beyond it. Default 10,000.
    pub in_hand_max: usize,
    /// What is said of a record is repeated for so long until it has an answer. Default 1 minute.
    pub settle_timeout: Duration,
    /// How long `close` waits for the answers to what was said. Default 10 seconds.
    pub close_timeout: Duration,
    /// Hears of partitions that come and go. Default nobody.
    pub listener: Option<Arc<dyn RebalanceListener>>,
    /// Let Castle steer: which nodes are asked, pauses, throttling. Default true.
    pub castle: bool,
}

impl ConsumerOptions {
    /// The defaults, in this group, reading these topics.
    pub fn of<T: Into<String>>(
        group: impl Into<String>,
        topics: impl IntoIterator<Item = T>,
    ) -> Self {
        ConsumerOptions {
            group: group.into(),
            topics: topics.into_iter().map(Into::into).collect(),
            start: StartAt::Latest,
            settle: Settle::Automatic { every: Duration::from_secs(1) },
            client_id: "rampart".to_owned(),
            instance_id: None,
            host: String::new(),
            rack: String::new(),
            session: Duration::from_secs(15),
            lock: Duration::from_secs(30),
            processing_max: Duration::from_secs(300),
            records_max: 500,
            bytes_max: 1 << 20,
            buffer_bytes_max: 4 << 20,
            in_hand_max: 10_000,
            settle_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(10),
            listener: None,
            castle: true,
        }
    }

    /// Whether they can be used.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let (records, names) = (1..=RECORDS_PER_REQUEST_MAX, 1..=GROUP_NAME_BYTES_MAX);
        let every = match self.settle {
            Settle::Automatic { every } => every,
            Settle::Records | Settle::Positions => Duration::ZERO,
        };
        let checks = [
            ("group", names.contains(&self.group.len()), "a name of 1 to 249 bytes"),
            ("topics", (1..=TOPICS_PER_MEMBER_MAX).contains(&self.topics.len()), "1 to 100 names"),
            (
                "instance_id",
                self.instance_id.as_ref().is_none_or(|name| names.contains(&name.len())),
                "a name of 1 to 249 bytes",
            ),
            (
                "session",
                (ms(GROUP_SESSION_MS_MIN)..=ms(GROUP_SESSION_MS_MAX)).contains(&self.session),
                "1 second to 30 minutes",
            ),
            (
                "lock",
                (ms(100)..=ms(GROUP_LOCK_MS_MAX)).contains(&self.lock),
                "100 milliseconds to 12 hours",
            ),
            (
                "processing_max",
                self.processing_max >= self.lock && self.processing_max <= PROCESSING_MAX,
                "at least as long as the lock, and not longer than 12 hours",
            ),
            ("settle", every <= self.lock / 2, "at least twice within a lock"),
            ("records_max", records.contains(&self.records_max), "1 to 10,000"),
            ("bytes_max", (1..=u32::MAX as usize).contains(&self.bytes_max), "1 byte to 4 GiB"),
            ("buffer_bytes_max", self.buffer_bytes_max > 0, "more than nothing"),
            ("in_hand_max", self.in_hand_max >= self.records_max, "at least records_max"),
            ("settle_timeout", !self.settle_timeout.is_zero(), "more than nothing"),
        ];
        match checks.into_iter().find(|(_, holds, _)| !holds) {
            Some((option, _, reason)) => Err(OptionError { option, reason }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let plain = || ConsumerOptions::of("g", ["t"]);
        plain().check().unwrap();
        let hour = Duration::from_secs(3_600);
        let late = Settle::Automatic { every: Duration::from_secs(16) };
        let cases = [
            ("group", ConsumerOptions::of("", ["t"])),
            ("topics", ConsumerOptions::of("g", Vec::<String>::new())),
            ("instance_id", ConsumerOptions { instance_id: Some(String::new()), ..plain() }),
            ("session", ConsumerOptions { session: hour, ..plain() }),
            ("lock", ConsumerOptions { lock: Duration::ZERO, ..plain() }),
            ("processing_max", ConsumerOptions { processing_max: Duration::ZERO, ..plain() }),
            ("settle", ConsumerOptions { settle: late, ..plain() }),
            ("records_max", ConsumerOptions { records_max: 0, ..plain() }),
            ("bytes_max", ConsumerOptions { bytes_max: 0, ..plain() }),
            ("buffer_bytes_max", ConsumerOptions { buffer_bytes_max: 0, ..plain() }),
            ("in_hand_max", ConsumerOptions { in_hand_max: 499, ..plain() }),
            ("settle_timeout", ConsumerOptions { settle_timeout: Duration::ZERO, ..plain() }),
        ];
        for (option, options) in cases {
            assert_eq!(options.check().unwrap_err().option, option);
        }
    }
}

//! A batch on its way: the same bytes with the same number, sent until it is decided what became of
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep_until, timeout_at};

use super::batch::Batch;
use super::cluster::Cluster;
use super::lane::Lane;
use super::numbering::Place;
use super::shared::Shared;
use super::topic::TopicView;
use super::upstream::{Acked, Attempt};
use super::verdict::{Circumstances, Renewal, Verdict, judge, may_be_written};
use crate::client::dice::Dice;
use crate::client::pause::pause;
use crate::client::{ClientError, runtime};
use crate::model::error_code::ErrorCode;
use crate::model::problem::Outcome;

/// A batch that is being sent.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) shared: Arc<Shared>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) lane: Arc<Lane>,
    pub(super) topic: TopicView,
    /// Its rank among the lane's flights.
    pub(super) number: u64,
    /// The number of the first flight of the lane that is not decided.
    pub(super) first: watch::Receiver<u64>,
    /// How many flights of the lane came before what they follow, and are to be sent again.
    pub(super) overtaking: Arc<AtomicUsize>,
    pub(super) batch: Batch,
    pub(super) place: Option<Place>,
}

/// A flight's end.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) number: u64,
    pub(super) batch: Batch,
    pub(super) place: Option<Place>,
    /// Whether one of its attempts may have been written, or may still be; unless it is written.
    pub(super) outcome: Outcome,
    pub(super) end: End,
}

/// How a flight ended.
#[derive(Debug)]
pub(super) enum End {
    /// The batch is in the partition, once.
    Written(Acked),
    /// The cluster does not take it.
    Refused(Arc<ClientError>),
    /// The topic goes on elsewhere, and so does the batch: it was not written here.
    Elsewhere(Arc<ClientError>),
    /// Its number leads nowhere.
    OutOfPlace(Renewal, Arc<ClientError>),
    /// Its time was over.
    Expired(Option<Arc<ClientError>>),
}

/// Counts a flight that overtook, until it lands.
struct Overtaking(Arc<AtomicUsize>);

impl Overtaking {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Overtaking(count.clone())
    }
}

impl Drop for Overtaking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Flight {
    /// Sends the batch until it is decided what became of it.
    pub(super) async fn fly(mut self) -> Landed {
        let (mut failures, mut outcome, mut last) = (0, Outcome::NotDone, None);
        let mut dice = Dice::seeded(self.shared.seed ^ self.number);
        let mut overtook = None;
        let end = loop {
            let left = self.batch.deadline.saturating_duration_since(runtime::now());
            if left.is_zero() {
                break End::Expired(last);
            }
            let was_first = *self.first.borrow() == self.number;
            let answer = self.cluster.upstream.produce(self.attempt(failures, left));
            let error = match timeout_at(self.batch.deadline, answer).await {
                Ok(Ok(acked)) => break End::Written(acked),
                Ok(Err(error)) => Arc::new(error),
                Err(_) => {
                    outcome = Outcome::Unknown;
                    break End::Expired(last);
                }
            };
            if may_be_written(&error) {
                outcome = Outcome::Unknown;
            }
            self.note(&error, failures);
            match judge(&error, self.circumstances(was_first)) {
                Verdict::Written => {
                    break End::Written(Acked { is_replayed: true, ..Acked::default() });
                }
                Verdict::OutOfPlace(renewal) => break End::OutOfPlace(renewal, error),
                Verdict::Elsewhere => break End::Elsewhere(error),
                Verdict::Final => break End::Refused(error),
                Verdict::Overtaken => {
                    overtook.get_or_insert_with(|| Overtaking::begin(&self.overtaking));
                    self.wait_until_first().await;
                }
                Verdict::Again => {
                    failures += 1;
                    self.pause(&error, failures, &mut dice).await;
                }
            }
            last = Some(error);
        };
        drop(overtook);
        let Flight { number, batch, place, .. } = self;
        Landed { number, batch, place, outcome, end }
    }

    fn attempt(&self, failures: u32, left: Duration) -> Attempt {
        // The server ends a little before the deadline, so that its last word is heard.
        let timeout = self.shared.options.attempt_timeout.min(left - left / 8);
        Attempt {
            topic: self.lane.topic.clone(),
            partition: self.lane.partition,
            batch: self.batch.bytes(),
            ack: self.shared.options.ack,
            timeout: timeout.max(Duration::from_millis(1)),
            leader: self.topic.facts().leader(self.lane.partition).0,
            failures,
        }
    }

    fn circumstances(&self, was_first: bool) -> Circumstances {
        Circumstances {
            is_numbered: self.place.is_some(),
            was_first,
            partition_exists: self.lane.partition < self.topic.facts().partitions(),
        }
    }

    fn note(&self, error: &ClientError, failures: u32) {
        self.shared.steering.failed();
        tracing::debug!(failures, %error, "an attempt to write a batch failed");
        let tells_of_change = match error.code() {
            Some(code) => matches!(code, ErrorCode::NotLeader | ErrorCode::InvalidPartition),
            None => true,
        };
        if tells_of_change {
            self.topic.refresh();
        }
    }

    /// What comes first is decided, or the time is over.
    async fn wait_until_first(&mut self) {
        let number = self.number;
        let is_first = self.first.wait_for(|first| *first == number);
        // An error means that the lane is gone, and this flight with it.
        let _ = timeout_at(self.batch.deadline, is_first).await;
    }

    async fn pause(&mut self, error: &ClientError, failures: u32, dice: &mut Dice) {
        let asked_for = match error {
            ClientError::Problem { body, .. } => body.retry_after_ms,
            ClientError::BadServer { .. }
            | ClientError::Unreachable { .. }
            | ClientError::Interrupted { .. }
            | ClientError::Unexpected { .. } => None,
        };
        let pause = pause(failures, asked_for, dice);
        sleep_until(self.batch.deadline.min(runtime::now() + pause)).await;
    }
}

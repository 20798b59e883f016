//! What users hold: gives records, moves, pauses, closes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::time::{Instant, timeout_at};

use super::error::ConsumerError;
use super::options::{ConsumerOptions, Settle};
use super::rebalance::TopicPartition;
use super::record::ConsumerRecord;
use super::upstream::{Group, Upstream};
use super::ways::{Visit, Ways};
#[cfg(test)]
use crate::client::castle::Steered;
use crate::client::session::Session;
use crate::client::{Client, OptionError, runtime};
use crate::http::groups::ResetTo;

/// A member of a group. Lives inside a tokio runtime. See the [module](super) for what it guarantees.
///
/// When it is dropped, what was said of records is still told in the background, as long as the
/// runtime lives, and it leaves its group; [`close`](Consumer::close) waits for it.
#[derive(Debug)]
pub struct Consumer {
    ways: Arc<Ways>,
}

impl Consumer {
    /// A consumer of the cluster of this client. It joins its group at once, in the background.
    ///
    /// # Errors
    /// Options that can't be used together.
    pub fn new(client: Client, options: ConsumerOptions) -> Result<Self, OptionError> {
        let session = Arc::new(Session::new(client));
        let group = Group::new(session, options.group.clone());
        Consumer::over(Arc::new(group), options)
    }

    pub(super) fn over(
        upstream: Arc<dyn Upstream>,
        options: ConsumerOptions,
    ) -> Result<Self, OptionError> {
        Ok(Consumer { ways: Ways::begin(upstream, options)? })
    }

    /// The member's name in its group, in the cluster that it began with.
    pub fn member(&self) -> String {
        self.ways.first().core().member().to_owned()
    }

    /// The partitions that it holds now, in whatever cluster they are.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        let mut held: Vec<_> = self.ways.all().iter().flat_map(|way| way.core().held()).collect();
        held.sort_unstable();
        held
    }

    /// The next records, as soon as there are some: at most `records_max`. None after `wait`.
    /// Where settling is automatic, the records of the call before are done with this one.
    ///
    /// If this future is dropped before it is ready, no record was given.
    ///
    /// # Errors
    /// The consumer has ended, or the group refuses it. After `Refused` it can be asked again.
    pub async fn poll(&mut self, wait: Duration) -> Result<Vec<ConsumerRecord>, ConsumerError> {
        let deadline = runtime::now() + wait;
        let max = self.options().records_max;
        self.next(max, self.is_automatic(), Some(deadline)).await
    }

    /// The records one by one, for as long as the consumer lives. Where settling is automatic, a
    /// record is done when the next one is asked for. Ends after the first error.
    pub fn stream(
        &mut self,
    ) -> impl Stream<Item = Result<ConsumerRecord, ConsumerError>> + Send + '_ {
        stream::unfold(Some(self), |consumer| async move {
            let consumer = consumer?;
            let automatic = consumer.is_automatic();
            match consumer.next(1, automatic, None).await {
                Ok(mut records) => Some((Ok(records.pop()?), Some(consumer))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    #[cfg(test)]
    pub(super) fn steered(&self) -> &dyn Steered {
        self.ways.first().as_ref()
    }

    fn is_automatic(&self) -> bool {
        matches!(self.options().settle, Settle::Automatic { .. })
    }

    pub(super) fn options(&self) -> &ConsumerOptions {
        self.ways.options()
    }

    /// The next records, none only after `deadline`.
    pub(super) async fn next(
        &self,
        max: usize,
        is_automatic: bool,
        deadline: Option<Instant>,
    ) -> Result<Vec<ConsumerRecord>, ConsumerError> {
        let _visit = Visit::begin(&self.ways);
        let mut changes = self.ways.changes();
        loop {
            let records = self.ways.take(max, is_automatic)?;
            if !records.is_empty() {
                return Ok(records);
            }
            // The sender lives as long as `self`.
            match deadline {
                None => drop(changes.changed().await),
                Some(deadline) if timeout_at(deadline, changes.changed()).await.is_err() => {
                    return Ok(Vec::new());
                }
                Some(_) => {}
            }
        }
    }

    /// Commits the position behind the last record that was delivered of each partition: all below
    /// is done.
    ///
    /// # Errors
    /// The consumer settles in another way, a partition is not held any more, or there is no answer.
    pub async fn commit(&self) -> Result<BTreeMap<TopicPartition, u64>, ConsumerError> {
        self.check_positions()?;
        let mut all = BTreeMap::new();
        for way in self.ways.all() {
            let (positions, _) = way.core().positions();
            way.commit_positions(&positions).await?;
            all.extend(positions);
        }
        Ok(all)
    }

    /// Commits these positions: the next offset to process of each partition. They are of the cluster
    /// where the topic is read now; a position of the one before, where all is committed already, is
    /// left out if nothing came yet of what it might mean in the new one.
    ///
    /// # Errors
    /// As [`commit`](Consumer::commit).
    pub async fn commit_positions(
        &self,
        positions: BTreeMap<TopicPartition, u64>,
    ) -> Result<BTreeMap<TopicPartition, u64>, ConsumerError> {
        self.check_positions()?;
        for (way, positions) in self.ways.sort(&positions) {
            way.commit_positions(&positions).await?;
        }
        Ok(positions)
    }

    fn check_positions(&self) -> Result<(), ConsumerError> {
        match self.options().settle {
            Settle::Positions => Ok(()),
            Settle::Automatic { .. } | Settle::Records => {
                Err(ConsumerError::OtherWay("records, not by positions"))
            }
        }
    }

    /// Moves the *group* to another place in a partition that this member holds: a partition has one
    /// reader in a group, and where that one is, the group is. It takes effect at once and outlives
    /// the member. What was delivered of the partition can't be settled any more.
    ///
    /// # Errors
    /// The partition is not held, or there is no answer.
    pub async fn seek(&self, to: &TopicPartition, place: ResetTo) -> Result<(), ConsumerError> {
        match self.ways.holder(to) {
            Some(way) => way.seek(to, place).await,
            None => Err(ConsumerError::NotHeld(to.clone())),
        }
    }

    /// Delivers nothing of these partitions until `resume`. What was fetched of them waits in the
    /// buffer, is kept, and counts there: at most as many records as the group lets a member have in
    /// flight (1,000 of a partition). If that fills the buffer, the other partitions wait as well.
    pub fn pause(&self, partitions: &[TopicPartition]) {
        self.ways.pause(partitions);
    }

    /// Delivers records of these partitions again.
    pub fn resume(&self, partitions: &[TopicPartition]) {
        self.ways.resume(partitions);
    }

    /// Says what is to be said, leaves the group, and ends: within `close_timeout` and a moment.
    /// Where settling is automatic, what was delivered last is done with this.
    pub async fn close(self) {
        self.ways.close(true);
        self.ways.closed().await;
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.ways.close(false);
        self.ways.stay();
    }
}

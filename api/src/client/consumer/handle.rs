//! What users hold: gives records, moves, pauses, closes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{Stream, stream};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::engine::Engine;
use super::error::ConsumerError;
use super::options::{ConsumerOptions, Settle};
use super::rebalance::TopicPartition;
use super::record::{AckHandle, ConsumerRecord};
use super::shared::Shared;
use super::upstream::{Group, Upstream};
use crate::client::castle::{CastleSession, Steered};
use crate::client::dice::Dice;
use crate::client::pause::pause;
use crate::client::session::Session;
use crate::client::{Client, ClientError, OptionError, castle, runtime};
use crate::http::groups::{CommitOffset, CommitRequest, ResetRequest, ResetTo};
use crate::model::error_code::ErrorCode;

/// How long a commit or a seek is tried.
const PATIENCE: Duration = Duration::from_secs(30);

/// A member of a group. Lives inside a tokio runtime. See the [module](super) for what it guarantees.
///
/// When it is dropped, what was said of records is still told in the background, as long as the
/// runtime lives, and it leaves its group; [`close`](Consumer::close) waits for it.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    /// Ends with the consumer.
    _castle: Option<CastleSession>,
}

impl Consumer {
    /// A consumer of the cluster of this client. It joins its group at once, in the background.
    ///
    /// # Errors
    /// Options that can't be used together.
    pub fn new(client: Client, options: ConsumerOptions) -> Result<Self, OptionError> {
        let session = Arc::new(Session::new(client));
        let group = Group::new(session.clone(), options.group.clone());
        let mut consumer = Consumer::over(Arc::new(group), options)?;
        if consumer.shared.options.castle {
            let steered: Arc<dyn Steered> = consumer.shared.clone();
            consumer._castle = Some(castle::start(session, &steered));
        }
        Ok(consumer)
    }

    pub(super) fn over(
        upstream: Arc<dyn Upstream>,
        options: ConsumerOptions,
    ) -> Result<Self, OptionError> {
        let shared = Shared::new(options, upstream)?;
        drop(runtime::spawn(Engine::new(shared.clone()).run()));
        Ok(Consumer { shared, _castle: None })
    }

    /// The member's name in its group.
    pub fn member(&self) -> String {
        self.shared.core().member().to_owned()
    }

    /// The partitions that it holds now.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.core().held()
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
        let max = self.shared.options.records_max;
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
        self.shared.as_ref()
    }

    fn is_automatic(&self) -> bool {
        matches!(self.shared.options.settle, Settle::Automatic { .. })
    }

    pub(super) fn options(&self) -> &ConsumerOptions {
        &self.shared.options
    }

    /// The next records, none only after `deadline`.
    pub(super) async fn next(
        &self,
        max: usize,
        is_automatic: bool,
        deadline: Option<Instant>,
    ) -> Result<Vec<ConsumerRecord>, ConsumerError> {
        let _visit = Visit::begin(&self.shared);
        let mut changes = self.shared.changes();
        loop {
            let taken = self.shared.with(|core, now| core.take(max, is_automatic, now))?;
            if !taken.is_empty() {
                let record = |(serial, message)| {
                    ConsumerRecord::new(message, AckHandle::new(serial, self.shared.clone()))
                };
                return Ok(taken.into_iter().map(record).collect());
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
        let (positions, _) = self.shared.core().positions();
        self.commit_positions(positions).await
    }

    /// Commits these positions: the next offset to process of each partition.
    ///
    /// # Errors
    /// As [`commit`](Consumer::commit).
    pub async fn commit_positions(
        &self,
        positions: BTreeMap<TopicPartition, u64>,
    ) -> Result<BTreeMap<TopicPartition, u64>, ConsumerError> {
        if self.shared.options.settle != Settle::Positions {
            return Err(ConsumerError::OtherWay("records, not by positions"));
        }
        if positions.is_empty() {
            return Ok(positions);
        }
        let offsets = positions.iter().map(|(place, offset)| CommitOffset {
            topic: place.topic.to_string(),
            partition: place.partition,
            offset: *offset,
            metadata: String::new(),
        });
        let offsets: Vec<_> = offsets.collect();
        self.patiently(|failures| {
            let (member, (_, generation)) = {
                let core = self.shared.core();
                (core.member().to_owned(), core.positions())
            };
            let request =
                CommitRequest { member: Some(member), generation, offsets: offsets.clone() };
            self.shared.upstream.commit(request, failures)
        })
        .await?;
        self.shared.with(|core, _| {
            positions.iter().for_each(|(place, below)| core.committed(place, *below));
        });
        Ok(positions)
    }

    /// Moves the *group* to another place in a partition that this member holds: a partition has one
    /// reader in a group, and where that one is, the group is. It takes effect at once and outlives
    /// the member. What was delivered of the partition can't be settled any more.
    ///
    /// # Errors
    /// The partition is not held, or there is no answer.
    pub async fn seek(&self, to: &TopicPartition, place: ResetTo) -> Result<(), ConsumerError> {
        if !self.shared.core().held().contains(to) {
            return Err(ConsumerError::NotHeld(to.clone()));
        }
        let _hold = Hold::begin(&self.shared).await;
        self.shared.with(|core, _| core.drop_moved(|other| other == to));
        let request = ResetRequest {
            topic: to.topic.to_string(),
            partitions: vec![to.partition],
            to: place,
            force: true,
            dry_run: false,
        };
        let reset = |failures| self.shared.upstream.reset(request.clone(), failures);
        self.patiently(reset).await.map(drop)
    }

    /// Delivers nothing of these partitions until `resume`. What was fetched of them waits in the
    /// buffer, is kept, and counts there: at most as many records as the group lets a member have in
    /// flight (1,000 of a partition). If that fills the buffer, the other partitions wait as well.
    pub fn pause(&self, partitions: &[TopicPartition]) {
        self.shared.with(|core, _| core.buffer.pause(partitions.iter().cloned()));
    }

    /// Delivers records of these partitions again.
    pub fn resume(&self, partitions: &[TopicPartition]) {
        self.shared.with(|core, _| core.buffer.resume(partitions));
        self.shared.announce();
    }

    /// Says what is to be said, leaves the group, and ends: within `close_timeout` and a moment.
    /// Where settling is automatic, what was delivered last is done with this.
    pub async fn close(self) {
        self.shared.with(|core, now| core.close(true, now));
        let mut changes = self.shared.changes();
        while !self.shared.core().is_over() {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    /// Asks until there is an answer that counts.
    async fn patiently<'a, T>(
        &'a self,
        ask: impl Fn(u32) -> BoxFuture<'a, Result<T, ClientError>>,
    ) -> Result<T, ConsumerError> {
        let deadline = runtime::now() + PATIENCE;
        let (mut failures, mut dice) = (0, Dice::seeded(runtime::entropy()));
        let mut last = None;
        loop {
            let error = match timeout_at(deadline, ask(failures)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => return Err(ConsumerError::NoAnswer(last)),
            };
            failures += 1;
            if error.code() == Some(ErrorCode::StaleGeneration) {
                self.next_generation(deadline).await;
            } else if let ClientError::Problem { body, .. } = &error
                && !body.retriable
            {
                let group = self.shared.options.group.clone();
                return Err(ConsumerError::Refused { group, reason: Arc::new(error) });
            }
            last = Some(Arc::new(error));
            let next = runtime::now() + pause(failures, None, &mut dice);
            if next >= deadline {
                return Err(ConsumerError::NoAnswer(last));
            }
            sleep_until(next).await;
        }
    }

    /// Waits for a poll to tell the generation.
    async fn next_generation(&self, deadline: Instant) {
        self.shared.with(|core, _| core.stale());
        let mut changes = self.shared.changes();
        while self.shared.core().is_stale() {
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.with(|core, now| core.close(false, now));
    }
}

/// The application is here until this is dropped.
struct Visit<'a>(&'a Shared);

impl<'a> Visit<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.with(|core, now| core.enters(now));
        Visit(shared)
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.core().goes(now);
    }
}

/// No poll is under way until this is dropped.
struct Hold<'a>(&'a Shared);

impl<'a> Hold<'a> {
    async fn begin(shared: &'a Shared) -> Self {
        shared.with(|core, _| core.hold());
        let hold = Hold(shared);
        let mut changes = shared.changes();
        while shared.core().is_polling() {
            // The sender lives as long as `shared`.
            let _ = changes.changed().await;
        }
        hold
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.with(|core, _| core.release());
    }
}

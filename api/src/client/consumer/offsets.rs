//! Moves the group in one cluster: commits positions, seeks. Asks until there is an answer that counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::error::ConsumerError;
use super::rebalance::TopicPartition;
use super::shared::Shared;
use crate::client::dice::Dice;
use crate::client::pause::pause;
use crate::client::{ClientError, runtime};
use crate::http::groups::{CommitOffset, CommitRequest, ResetRequest, ResetTo};
use crate::model::error_code::ErrorCode;

/// How long a commit or a seek is tried.
const PATIENCE: Duration = Duration::from_secs(30);

impl Shared {
    pub(super) async fn commit_positions(
        &self,
        positions: &BTreeMap<TopicPartition, u64>,
    ) -> Result<(), ConsumerError> {
        if positions.is_empty() {
            return Ok(());
        }
        let offsets = positions.iter().map(|(place, offset)| CommitOffset {
            topic: place.topic.to_string(),
            partition: place.partition,
            offset: *offset,
            metadata: String::new(),
        });
        let offsets: Vec<_> = offsets.collect();
        let committed = self.patiently(|failures| {
            let (member, (_, generation)) = {
                let core = self.core();
                (core.member().to_owned(), core.positions())
            };
            let request =
                CommitRequest { member: Some(member), generation, offsets: offsets.clone() };
            self.upstream.commit(request, failures)
        });
        if let Err(error) = committed.await {
            // A topic is left when all of it is committed.
            let core = self.core();
            let is_left = positions.keys().all(|place| core.has_left(&place.topic));
            return if is_left { Ok(()) } else { Err(error) };
        }
        self.with(|core, _| {
            positions.iter().for_each(|(place, below)| core.committed(place, *below));
        });
        Ok(())
    }

    pub(super) async fn seek(
        &self,
        to: &TopicPartition,
        place: ResetTo,
    ) -> Result<(), ConsumerError> {
        let _hold = Hold::begin(self).await;
        self.with(|core, _| core.drop_moved(|other| other == to));
        let request = ResetRequest {
            topic: to.topic.to_string(),
            partitions: vec![to.partition],
            to: place,
            force: true,
            dry_run: false,
        };
        let reset = |failures| self.upstream.reset(request.clone(), failures);
        self.patiently(reset).await.map(drop)
    }

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
                let group = self.options.group.clone();
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
        self.with(|core, _| core.stale());
        let mut changes = self.changes();
        while self.core().is_stale() {
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return;
            }
        }
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

//! Keeps house: forgets silent clients, and learns which directives wait for those that are there. A
//! node without clients asks nobody.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::problem::Problem;

use super::CastleService;
use crate::castle::directives::Waiting;
use crate::groups::request::{DirectivesStamp, GroupAnswer, GroupRequest, WaitingDirective};
use crate::groups::service::odd;
use crate::telemetry::metrics::set_count;

/// How often coordinators are asked what waits, and silent clients are looked for.
const PULL_EVERY: Duration = Duration::from_millis(500);
/// How long a coordinator may take to say it.
const PULL_TIMEOUT: Duration = Duration::from_secs(2);

/// What a coordinator said: all that waits, or that it is what was known.
type Pulled = (PartitionId, DirectivesStamp, Option<Vec<WaitingDirective>>);

impl CastleService {
    /// Keeps house until cancelled.
    pub async fn run(self) {
        let mut every = self.inner.options.clock.every(PULL_EVERY);
        loop {
            every.tick().await;
            let clients = {
                let mut registry = self.registry();
                registry.expire(self.moment().now);
                registry.len()
            };
            match clients {
                0 if self.inner.waiting.load().is_empty() => {}
                0 => self.inner.waiting.store(Arc::default()),
                _ => self.pull().await,
            }
            let metrics = &self.inner.options.metrics;
            set_count(&metrics.castle.clients, clients);
            set_count(&metrics.castle.directives, self.inner.waiting.load().len());
        }
    }

    async fn pull(&self) {
        let known = self.inner.waiting.load_full();
        let pulled = self.ask_coordinators(&known).await;
        if let Some(changed) = with(&known, pulled) {
            self.inner.waiting.store(Arc::new(changed));
        }
    }

    /// What waits now, as far as coordinators say so in time; else as it was known last.
    pub(super) async fn waiting_now(&self) -> Arc<Waiting> {
        let known = self.inner.waiting.load_full();
        let pulled = self.ask_coordinators(&known).await;
        with(&known, pulled).map_or(known, Arc::new)
    }

    async fn ask_coordinators(&self, known: &Waiting) -> Vec<Pulled> {
        let groups = &self.inner.options.groups;
        let asked = (0..groups.state_partitions()).map(|partition| {
            let request = GroupRequest::Directives { known: known.stamp(partition) };
            async move {
                let asked = groups.ask_state(partition, request);
                let answer = tokio::time::timeout(PULL_TIMEOUT, asked).await.ok()?;
                match answer.and_then(|answer| read(partition, answer)) {
                    Ok(pulled) => Some(pulled),
                    Err(problem) => {
                        tracing::debug!(%problem, partition, "directives not pulled");
                        None
                    }
                }
            }
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

fn read(partition: PartitionId, answer: GroupAnswer) -> Result<Pulled, Problem> {
    match answer {
        GroupAnswer::Directives { stamp, waiting } => Ok((partition, stamp, waiting)),
        other => Err(odd(&other)),
    }
}

/// What waits, if anything is news.
fn with(known: &Waiting, pulled: Vec<Pulled>) -> Option<Waiting> {
    let mut changed: Option<Waiting> = None;
    for (partition, stamp, waiting) in pulled {
        if let Some(waiting) = waiting {
            let now = changed.get_or_insert_with(|| known.clone());
            now.pulled(partition, stamp, waiting);
        }
    }
    changed
}

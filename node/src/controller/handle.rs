//! What edges call to change the cluster. Works on any node: plans from the local state, by the
//! pure rules beside it, and proposes through the metadata group. One file per subject.

mod dead_letters;
mod moves;
mod nodes;
mod producers;
mod topic_moves;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::StreamExt;
use rampart_api::model::ids::{GroupId, NodeId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};
use tokio::time::Instant;

use super::moves::SpeedMeter;
use super::situation::Situation;
use super::stalls::Stalls;
use super::topic_rules::TopicLimits;
use crate::clock::Clock;
use crate::metadata::{MembershipKeeper, MetadataHandle};
use crate::partition::PartitionService;
use crate::partition::request::{PartitionKey, PartitionStatus};
use crate::peer::LivenessView;
use crate::randomness::Randomness;
use crate::surroundings::Surroundings;

/// Leaders that are asked at once how their partition is.
const STATUS_AT_ONCE_MAX: usize = 16;
/// How long one of them may take.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
/// Leaders that one request asks in all; what the others would say is estimated.
const STATUS_PER_REQUEST_MAX: usize = 512;

/// Changes topics, nodes and placement. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ControllerHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    metadata: MetadataHandle,
    partitions: PartitionService,
    liveness: LivenessView,
    clock: Clock,
    randomness: Randomness,
    limits: TopicLimits,
    started: Instant,
    meter: Mutex<SpeedMeter>,
    stalls: Mutex<Stalls>,
    /// Ids of the last block that are not given out yet.
    producer_ids: Mutex<Range<u64>>,
}

/// The cluster at one moment, as this node sees it.
#[derive(Debug)]
pub(super) struct Outlook {
    pub(super) state: Arc<MetadataState>,
    pub(super) alive: BTreeSet<NodeId>,
    pub(super) lost: BTreeSet<NodeId>,
    pub(super) stuck: BTreeMap<GroupId, u64>,
}

impl Outlook {
    pub(super) fn situation(&self) -> Situation<'_> {
        let Outlook { state, alive, lost, stuck } = self;
        Situation { state, alive, lost, stuck }
    }
}

impl ControllerHandle {
    /// A handle over this node's view of the cluster.
    pub fn new(
        metadata: MetadataHandle,
        partitions: PartitionService,
        liveness: LivenessView,
        surroundings: &Surroundings,
        limits: TopicLimits,
    ) -> Self {
        let clock = surroundings.clock;
        let started = clock.instant();
        let (meter, stalls, producer_ids) = Default::default();
        let inner = Inner {
            metadata,
            partitions,
            liveness,
            clock,
            randomness: surroundings.randomness.fork("topic ids"),
            limits,
            started,
            meter,
            stalls,
            producer_ids,
        };
        ControllerHandle { inner: Arc::new(inner) }
    }

    pub(super) fn metadata(&self) -> &MetadataHandle {
        &self.inner.metadata
    }

    pub(crate) fn liveness(&self) -> &LivenessView {
        &self.inner.liveness
    }

    pub(super) fn partitions(&self) -> &PartitionService {
        &self.inner.partitions
    }

    /// The cluster now. Nobody counts as lost: that takes a longer look, which the service has.
    pub(super) fn outlook(&self) -> Outlook {
        let state = self.inner.metadata.state();
        let heard = |node: &&NodeId| self.inner.liveness.is_alive(**node);
        let alive = state.nodes.keys().filter(heard).copied().collect();
        let stuck = self.stalls().stuck(self.now_ms());
        Outlook { state, alive, lost: BTreeSet::new(), stuck }
    }

    /// Looks how far the moves are that can get on, so that those that don't are known.
    pub(super) async fn watch_moves(&self) {
        let outlook = self.outlook();
        let situation = outlook.situation();
        let key = |(topic, partition, _): (&TopicRecord, _, _)| PartitionKey {
            topic: topic.id,
            partition,
        };
        let statuses = self.statuses(situation.arriving().map(key)).await;
        let moves = situation.arriving().map(|(_, _, record)| record);
        let moves = moves.map(|record| (record, statuses.get(&record.group)));
        self.stalls().note(moves, self.now_ms());
    }

    /// Who votes in the metadata group, as this node knows.
    fn metadata_voters(&self) -> BTreeSet<NodeId> {
        MembershipKeeper::new(self.inner.metadata.clone()).voters()
    }

    /// Time.
    pub(super) fn clock(&self) -> Clock {
        self.inner.clock
    }

    /// Milliseconds since this handle was made; only differences mean something.
    pub(super) fn now_ms(&self) -> u64 {
        let since = self.inner.clock.instant().saturating_duration_since(self.inner.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn stalls(&self) -> MutexGuard<'_, Stalls> {
        self.inner.stalls.lock().expect("no holder of this lock panics")
    }

    fn meter(&self) -> MutexGuard<'_, SpeedMeter> {
        self.inner.meter.lock().expect("no holder of this lock panics")
    }

    /// Proposes, and answers the index at which it was applied.
    async fn propose(&self, command: MetadataCommand) -> Result<u64, Problem> {
        let (index, _) = self.inner.metadata.propose(command).await?;
        Ok(index)
    }

    /// What the leaders of these partitions say; those that don't answer are missing.
    pub(super) async fn statuses(
        &self,
        keys: impl IntoIterator<Item = PartitionKey>,
    ) -> BTreeMap<GroupId, PartitionStatus> {
        let ask = |key| async move {
            let asked = tokio::time::timeout(STATUS_TIMEOUT, self.inner.partitions.status(key));
            asked.await.ok()?.ok()
        };
        let asked: Vec<_> = keys.into_iter().take(STATUS_PER_REQUEST_MAX).map(ask).collect();
        let answers = futures_util::stream::iter(asked).buffer_unordered(STATUS_AT_ONCE_MAX);
        answers
            .filter_map(|status| async move { status.map(|status| (status.group, status)) })
            .collect()
            .await
    }
}

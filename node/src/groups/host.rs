//! The coordinators of this node: one task for each partition of `__group_state` that it leads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::GroupId;
use rampart_api::model::problem::Problem;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::giving_up::{GivingUp, Reader};
use super::request::{GroupAnswer, GroupRequest};
use super::task::{self, Asked, TaskParts, Work};
use crate::clock::Clock;
use crate::controller::ControllerHandle;
use crate::metadata::MetadataHandle;
use crate::partition::{PartitionService, Replica, ReplicaManager};
use crate::tasks::Tasks;

/// How often it is looked which partitions this node leads, besides every question.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Questions that may wait for one coordinator.
const QUESTIONS_QUEUED_MAX: usize = 4_096;

/// What the host is made of.
#[derive(Debug)]
pub struct GroupHostOptions {
    /// The replicas of this node.
    pub manager: ReplicaManager,
    /// Topics, nodes and their racks.
    pub metadata: MetadataHandle,
    /// Records that are given up, and where they go.
    pub partitions: PartitionService,
    /// Creates dead-letter topics.
    pub controller: ControllerHandle,
    /// Time.
    pub clock: Clock,
    /// Records of one partition that one member may have in its hands.
    pub in_flight_max: usize,
    /// Tasks of the coordinators.
    pub tasks: Tasks,
}

/// The coordinators of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GroupHost {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: GroupHostOptions,
    running: Mutex<BTreeMap<GroupId, Running>>,
}

/// A coordinator that runs.
#[derive(Debug)]
struct Running {
    term: u64,
    queue: mpsc::Sender<Work>,
}

impl GroupHost {
    /// A host without coordinators; `run` starts them.
    pub fn new(options: GroupHostOptions) -> Self {
        GroupHost { inner: Arc::new(Inner { options, running: Mutex::default() }) }
    }

    /// Starts a coordinator wherever this node leads, until cancelled.
    pub async fn run(self) {
        let mut every = self.inner.options.clock.every(LOOK_EVERY);
        loop {
            every.tick().await;
            for replica in self.inner.options.manager.of_groups().iter() {
                if replica.is_leader() {
                    let _ = self.queue(replica);
                }
            }
            self.running().retain(|_, running| !running.queue.is_closed());
        }
    }

    /// Asks the coordinator on this node.
    ///
    /// # Errors
    /// `NOT_LEADER`; `OVERLOADED`; those of the question.
    pub async fn ask(
        &self,
        replica: &Arc<Replica>,
        request: GroupRequest,
    ) -> Result<GroupAnswer, Problem> {
        let (answer, answered) = oneshot::channel();
        let known = match &request {
            GroupRequest::Settle(settle) => self.reader().read(settle).await,
            _ => GivingUp::default(),
        };
        let queue = self.queue(replica)?;
        queue.try_send(Work::Ask(Box::new(Asked { request, known, answer }))).map_err(
            |refused| match refused {
                TrySendError::Full(_) => Problem::new(
                    ErrorCode::Overloaded,
                    "the coordinator's queue of questions is full",
                )
                .hint("poll less often, or settle more records at a time"),
                TrySendError::Closed(_) => replica.not_leader(&replica.status()),
            },
        )?;
        answered.await.unwrap_or_else(|_| {
            let what = "the coordinator moved to another node while the question was under way";
            Err(Problem::unknown(ErrorCode::NotLeader, what))
        })
    }

    /// The queue of the coordinator for a replica that leads.
    fn queue(&self, replica: &Arc<Replica>) -> Result<mpsc::Sender<Work>, Problem> {
        let status = replica.status();
        let groups = replica.groups().filter(|_| replica.is_leader());
        let groups = groups.ok_or_else(|| replica.not_leader(&status))?.clone();
        let mut running = self.running();
        let group = replica.spec().group;
        if let Some(known) = running.get(&group)
            && known.term == status.term
            && !known.queue.is_closed()
        {
            return Ok(known.queue.clone());
        }
        let options = &self.inner.options;
        let (queue, questions) = mpsc::channel(QUESTIONS_QUEUED_MAX);
        let parts = TaskParts {
            replica: replica.clone(),
            groups,
            reader: self.reader(),
            queue: queue.downgrade(),
            tasks: options.tasks.clone(),
            clock: options.clock,
            in_flight_max: options.in_flight_max,
        };
        options.tasks.spawn("group coordinator", task::run(parts, questions));
        running.insert(group, Running { term: status.term, queue: queue.clone() });
        Ok(queue)
    }

    fn reader(&self) -> Reader {
        let options = &self.inner.options;
        Reader {
            partitions: options.partitions.clone(),
            metadata: options.metadata.clone(),
            controller: options.controller.clone(),
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<GroupId, Running>> {
        self.inner.running.lock().expect("no holder of this lock panics")
    }
}

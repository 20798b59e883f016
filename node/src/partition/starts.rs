//! Starts of replicas under way, each in a task of its own: opening a log takes as long as its disk,
//! reading a suspect one through as long as it is long, and neither may hold up the other groups.
//! The replica manager begins them, gives them up and hears of their ends.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use rampart_api::model::ids::{GroupId, ReplicaId};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::tasks::Tasks;

/// Logs that are opened or erased at once. There may be thousands when a node starts.
const OPENS_AT_ONCE: usize = 4;
/// Logs that are read through at once.
const CHECKS_AT_ONCE: usize = 2;
/// Leaders that are asked at once whether a group goes on without its replica here.
const QUESTIONS_AT_ONCE: usize = 4;

/// What starts take turns for: one limit for each thing that may take long, so that a long log never
/// keeps a short one from being opened.
#[derive(Debug)]
pub(super) struct Turns {
    opens: Semaphore,
    checks: Semaphore,
    questions: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Turns {
            opens: Semaphore::new(OPENS_AT_ONCE),
            checks: Semaphore::new(CHECKS_AT_ONCE),
            questions: Semaphore::new(QUESTIONS_AT_ONCE),
        }
    }
}

impl Turns {
    pub(super) async fn open(&self) -> SemaphorePermit<'_> {
        turn(&self.opens).await
    }

    pub(super) async fn check(&self) -> SemaphorePermit<'_> {
        turn(&self.checks).await
    }

    pub(super) async fn question(&self) -> SemaphorePermit<'_> {
        turn(&self.questions).await
    }
}

async fn turn(of: &Semaphore) -> SemaphorePermit<'_> {
    of.acquire().await.expect("nobody closes these semaphores")
}

/// The end of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) group: GroupId,
    pub(super) replica: ReplicaId,
    /// Whether its task panicked.
    pub(super) by_panic: bool,
}

/// The starts under way, at most one of a group: two would open the same log.
#[derive(Debug, Default)]
pub(super) struct Starts {
    groups: BTreeMap<GroupId, (ReplicaId, CancellationToken)>,
    tasks: FuturesUnordered<BoxFuture<'static, Ended>>,
}

impl Starts {
    /// Runs a start, made with the token by which it learns that it is not wanted any more.
    pub(super) fn begin<F>(
        &mut self,
        tasks: &Tasks,
        (group, replica): (GroupId, ReplicaId),
        start: impl FnOnce(CancellationToken) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let cancel = CancellationToken::new();
        let running = tasks.spawn("start replica", start(cancel.clone()));
        let known = self.groups.insert(group, (replica, cancel));
        assert!(known.is_none(), "group {group} is started twice at once");
        let ended = async move {
            // A shutdown ends it too, and then nobody waits here any more.
            let by_panic = !matches!(running.await, Ok(Some(())));
            Ended { group, replica, by_panic }
        };
        self.tasks.push(ended.boxed());
    }

    /// The replica of a group that is being started.
    pub(super) fn get(&self, group: GroupId) -> Option<ReplicaId> {
        self.groups.get(&group).map(|(replica, _)| *replica)
    }

    /// Tells a start that it is not wanted. It ends soon, and only then may its log be touched.
    pub(super) fn cancel(&self, group: GroupId) {
        if let Some((_, cancel)) = self.groups.get(&group) {
            cancel.cancel();
        }
    }

    /// All groups that are being started.
    pub(super) fn groups(&self) -> BTreeSet<GroupId> {
        self.groups.keys().copied().collect()
    }

    /// The next end; waits for ever while nothing is started. Nothing is lost if it is dropped.
    pub(super) async fn ended(&mut self) -> Ended {
        match self.tasks.next().await {
            Some(ended) => {
                self.groups.remove(&ended.group);
                ended
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn id(number: u64) -> (GroupId, ReplicaId) {
        (GroupId(number), ReplicaId(number + 10))
    }

    fn ended(number: u64, by_panic: bool) -> Ended {
        let (group, replica) = id(number);
        Ended { group, replica, by_panic }
    }

    #[tokio::test]
    async fn a_start_that_hangs_keeps_no_other_from_ending_and_can_be_given_up() {
        let (tasks, mut starts) = (Tasks::new(), Starts::default());
        let (told, hears) = oneshot::channel();
        starts.begin(&tasks, id(1), |cancel| async move {
            cancel.cancelled().await;
            told.send(()).unwrap();
        });
        starts.begin(&tasks, id(2), |_| async {});
        assert_eq!(starts.ended().await, ended(2, false));
        starts.begin(&tasks, id(2), |_| async { panic!("a bug") });
        assert_eq!(starts.ended().await, ended(2, true));
        assert_eq!((starts.get(GroupId(1)), starts.get(GroupId(2))), (Some(ReplicaId(11)), None));
        starts.cancel(GroupId(1));
        hears.await.unwrap();
        assert_eq!(starts.ended().await, ended(1, false));
        assert!(starts.groups().is_empty());
    }

    #[tokio::test]
    async fn long_checks_leave_a_turn_to_open() {
        let turns = Turns::default();
        let mut checks = Vec::new();
        for _ in 0..CHECKS_AT_ONCE {
            checks.push(turns.check().await);
        }
        assert!(turns.check().now_or_never().is_none(), "one too many");
        assert!(turns.open().now_or_never().is_some());
        assert!(turns.question().now_or_never().is_some());
    }
}

//! A topic as a producer knows it: its partitions, the lanes to them, and whose turn it is. What the
//! cluster says of it is asked for again now and then, and when something shows that it has changed.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::error::SendError;
use super::lane::Lane;
use super::partitioner::Sticky;
use super::record::Record;
use super::upstream::{TopicFacts, Upstream};
use crate::client::moves::Destination;

/// A topic is not described more often than this.
const REFRESH_PAUSE: Duration = Duration::from_millis(500);
/// How long a record waits for a partition that nobody has told of.
const REFRESH_PATIENCE: Duration = Duration::from_secs(5);

/// What one cluster says of a topic, as of late.
#[derive(Debug, Clone)]
pub(super) struct TopicView {
    facts: watch::Receiver<Arc<TopicFacts>>,
    stale: Arc<Notify>,
    moved: Arc<Moved>,
}

/// That the topic goes on in another cluster.
#[derive(Debug, Default)]
struct Moved {
    /// Castle said so.
    told: OnceLock<Destination>,
    /// What that cluster says of it, once a lane went over.
    next: OnceLock<TopicView>,
}

impl TopicView {
    pub(super) fn new(name: Arc<str>, facts: TopicFacts) -> (TopicView, Watcher) {
        let (facts, receiver) = watch::channel(Arc::new(facts));
        let (stale, moved) = (Arc::new(Notify::new()), Arc::<Moved>::default());
        let view = TopicView { facts: receiver, stale: stale.clone(), moved: moved.clone() };
        (view, Watcher { name, facts, stale, moved })
    }

    /// Where it goes on, if Castle said so.
    pub(super) fn told(&self) -> Option<&Destination> {
        self.moved.told.get()
    }

    /// A lane went over to another cluster, which says this of the topic.
    pub(super) fn goes_on_as(&self, next: TopicView) {
        // Clusters have one view of a topic each, and a topic goes to one of them.
        let _ = self.moved.next.set(next);
    }

    /// The newest facts.
    pub(super) fn facts(&self) -> Arc<TopicFacts> {
        self.facts.borrow().clone()
    }

    /// They may be wrong: asks for them soon.
    pub(super) fn refresh(&self) {
        self.stale.notify_one();
    }

    /// Waits for newer facts, for a while.
    async fn refreshed(&self) {
        let mut facts = self.facts.clone();
        facts.mark_unchanged();
        self.refresh();
        // Whether they came or not, they are looked at again.
        let _ = tokio::time::timeout(REFRESH_PATIENCE, facts.changed()).await;
    }
}

/// One topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    /// In the cluster that the producer was made for.
    pub(super) home: TopicView,
    lanes: Mutex<Vec<Option<Arc<Lane>>>>,
    sticky: Mutex<Sticky>,
}

/// Keeps a topic's facts fresh.
#[derive(Debug)]
pub(super) struct Watcher {
    name: Arc<str>,
    facts: watch::Sender<Arc<TopicFacts>>,
    stale: Arc<Notify>,
    moved: Arc<Moved>,
}

impl Topic {
    pub(super) fn new(name: Arc<str>, facts: TopicFacts, seed: u64) -> (Arc<Topic>, Watcher) {
        let (home, watcher) = TopicView::new(name.clone(), facts);
        let (lanes, sticky) = (Mutex::default(), Mutex::new(Sticky::seeded(seed)));
        (Arc::new(Topic { name, home, lanes, sticky }), watcher)
    }

    /// What the cluster says of it that it is in now, as far as this producer went.
    pub(super) fn view(&self) -> &TopicView {
        let mut view = &self.home;
        while let Some(next) = view.moved.next.get() {
            view = next;
        }
        view
    }

    /// Castle says that it goes on there.
    pub(super) fn goes_on_in(&self, to: Destination) {
        // The topic has one destination, whatever more is said.
        if self.home.moved.told.set(to).is_ok() {
            self.each_lane(Lane::look_up);
        }
    }

    /// Refuses a record that the topic can't take.
    pub(super) fn check(&self, record: &Record) -> Result<(), SendError> {
        let (bytes, max) = (record.size_bytes(), self.view().facts().record_bytes_max);
        if bytes > max {
            // The limit may have been raised.
            self.view().refresh();
            return Err(SendError::RecordTooLarge { bytes, max });
        }
        Ok(())
    }

    /// Waits until the partition that a record names is known, or it is clear that there is none.
    pub(super) async fn meet(&self, record: &Record) {
        let is_new = |named: u32| named >= self.view().facts().partitions();
        if record.partition.is_some_and(is_new) {
            self.view().refreshed().await;
        }
    }

    /// The partition if there is such a one.
    pub(super) fn known(&self, partition: u32) -> Result<u32, SendError> {
        let partitions = self.view().facts().partitions();
        if partition < partitions {
            return Ok(partition);
        }
        Err(SendError::InvalidPartition { topic: self.name.clone(), partition, partitions })
    }

    /// The lane to a partition, made if there is none.
    pub(super) fn lane(
        &self,
        partition: u32,
        make: impl FnOnce() -> Result<Arc<Lane>, SendError>,
    ) -> Result<Arc<Lane>, SendError> {
        let mut lanes = self.lanes();
        let place = partition as usize;
        if let Some(Some(lane)) = lanes.get(place) {
            return Ok(lane.clone());
        }
        if lanes.len() <= place {
            lanes.resize(place + 1, None);
        }
        let lane = make()?;
        lanes[place] = Some(lane.clone());
        Ok(lane)
    }

    /// Chooses a partition for a record that is left to stickiness. The caller holds `sticky` until
    /// the record is in its batch.
    pub(super) fn next_partition(&self, sticky: &mut Sticky, record: &Record) -> u32 {
        let partitions = self.view().facts().partitions().max(1);
        let lanes = self.lanes();
        let lane = |partition: u32| lanes.get(partition as usize).and_then(Option::as_ref);
        if let Some((partition, batch)) = sticky.current()
            && partition < partitions
            && lane(partition).is_some_and(|lane| lane.goes_on(batch, record.size_bytes()))
        {
            return partition;
        }
        sticky.advance(partitions, |partition| lane(partition).map_or(0, |lane| lane.waiting()))
    }

    /// Whose turn it is.
    pub(super) fn sticky(&self) -> MutexGuard<'_, Sticky> {
        self.sticky.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to each lane.
    pub(super) fn each_lane(&self, act: impl Fn(&Lane)) {
        self.lanes().iter().flatten().for_each(|lane| act(lane));
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Option<Arc<Lane>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Asks again and again, until told to stop.
    pub(super) async fn run(
        self,
        upstream: Arc<dyn Upstream>,
        age_max: Duration,
        mut stop: watch::Receiver<bool>,
    ) {
        let asking = async {
            let mut failures = 0;
            loop {
                tokio::select! {
                    () = self.stale.notified() => {}
                    () = sleep(age_max) => {}
                }
                failures = self.ask(&*upstream, failures).await;
                sleep(REFRESH_PAUSE).await;
            }
        };
        tokio::select! {
            // An error is the producer's end, too.
            _ = stop.wait_for(|stop| *stop) => {}
            () = asking => {}
        }
    }

    async fn ask(&self, upstream: &dyn Upstream, failures: u32) -> u32 {
        match upstream.describe(self.name.clone(), failures).await {
            Ok(facts) => {
                self.facts.send_replace(Arc::new(facts));
                0
            }
            Err(error) => {
                tracing::debug!(topic = %self.name, %error, "the topic could not be described");
                // Where it has gone from, little is to be told.
                let is_here = self.moved.next.get().is_none();
                if is_here && error.code().is_none_or(|code| code.retriable()) {
                    self.stale.notify_one();
                }
                failures.saturating_add(1)
            }
        }
    }
}

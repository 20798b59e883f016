//! What users hold: takes records, waits for room, flushes, closes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::batch::Incoming;
use super::delivery::{Answer, Delivery, DeliveryResult};
use super::error::{OptionError, SendError};
use super::lane::{BatchLimits, Lane};
use super::lane_task::LaneTask;
use super::options::ProducerOptions;
use super::record::Record;
use super::shared::Shared;
use super::topic::Topic;
use super::upstream::{TopicFacts, Upstream};
use crate::client::castle::{CastleSession, Steered};
use crate::client::dice::Dice;
use crate::client::pause::pause;
use crate::client::session::Session;
use crate::client::{Client, ClientError, castle, runtime};

/// Sends records to the topics of one cluster. Cheap to clone; clones share everything. Lives inside
/// a tokio runtime. See the [module](super) for what it guarantees.
///
/// When the last clone is dropped, what was taken is still sent in the background, as long as the
/// runtime lives; [`close`](Producer::close) waits for it.
#[derive(Debug, Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) shared: Arc<Shared>,
    /// The producer's own name, for Castle.
    pub(super) instance_id: String,
    castle: OnceLock<CastleSession>,
    topics: Mutex<HashMap<Arc<str>, Arc<Topic>>>,
    is_closed: AtomicBool,
}

impl Producer {
    /// A producer for the cluster of this client.
    ///
    /// # Errors
    /// Options that can't be used together.
    pub fn new(client: Client, options: ProducerOptions) -> Result<Self, OptionError> {
        let session = Arc::new(Session::new(client));
        let producer = Producer::over(session.clone(), options)?;
        if producer.inner.shared.options.castle {
            let steered: Arc<dyn Steered> = producer.inner.clone();
            // It is the first and only time.
            let _ = producer.inner.castle.set(castle::start(session, &steered));
        }
        Ok(producer)
    }

    pub(super) fn over(
        upstream: Arc<dyn Upstream>,
        options: ProducerOptions,
    ) -> Result<Self, OptionError> {
        let inner = Inner {
            instance_id: castle::instance_of(&options.client_id),
            castle: OnceLock::new(),
            shared: Shared::new(options, upstream)?,
            topics: Mutex::default(),
            is_closed: AtomicBool::new(false),
        };
        Ok(Producer { inner: Arc::new(inner) })
    }

    /// Takes a record, as soon as the buffer has room for it. That it was taken says nothing of
    /// whether it is written: the [`Delivery`] does. Records that one task sends to one partition are
    /// written in the order in which they were taken.
    ///
    /// If this future is dropped before it is ready, the record was not taken.
    ///
    /// # Errors
    /// The record was not taken and will not be sent.
    pub async fn send(&self, record: Record) -> Result<Delivery, SendError> {
        let (topic, room) = self.admit(&record).await?;
        self.inner.put(&topic, &record, room, Answer::to_future)
    }

    /// Like [`send`](Producer::send), with a callback in place of a future. It is called once, by the
    /// partition's task, which sends nothing while it runs: hand over whatever takes longer.
    ///
    /// # Errors
    /// The record was not taken, will not be sent, and the callback will not be called.
    pub async fn send_with(
        &self,
        record: Record,
        callback: impl FnOnce(DeliveryResult) + Send + 'static,
    ) -> Result<(), SendError> {
        let (topic, room) = self.admit(&record).await?;
        let answer = |partition| (Answer::to_callback(partition, Box::new(callback)), ());
        self.inner.put(&topic, &record, room, answer)
    }

    /// Like [`send`](Producer::send), but never waits.
    ///
    /// # Errors
    /// Also `Full`, and `TopicNotKnown` before [`partitions`](Producer::partitions) or a `send`.
    pub fn try_send(&self, record: &Record) -> Result<Delivery, SendError> {
        self.inner.check_open()?;
        let known = self.inner.topics().get(&record.topic).cloned();
        let topic =
            known.ok_or_else(|| SendError::TopicNotKnown { topic: record.topic.clone() })?;
        topic.check(record)?;
        let room = self.inner.shared.room.try_take(record.size_bytes())?;
        self.inner.shared.steering.try_pass(record.size_bytes())?;
        self.inner.put(&topic, record, room, Answer::to_future)
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// What the cluster says about the topic.
    pub async fn partitions(&self, topic: impl Into<Arc<str>>) -> Result<u32, SendError> {
        Ok(self.inner.topic(&topic.into()).await?.view().facts().partitions())
    }

    /// Sends what is buffered without waiting for more, and waits until it is decided what became of
    /// every record that was taken before.
    pub async fn flush(&self) {
        let generation = self.inner.shared.outstanding.end_generation();
        self.inner.each_lane(Lane::close_open);
        self.inner.shared.outstanding.decided(generation).await;
    }

    /// Takes nothing more, and waits until it is decided what became of everything that was taken: at
    /// most about as long as the delivery timeout. All clones are closed.
    pub async fn close(&self) {
        self.inner.finish();
        let generation = self.inner.shared.outstanding.end_generation();
        self.inner.shared.outstanding.decided(generation).await;
        self.inner.shared.background.end().await;
    }

    #[cfg(test)]
    pub(super) fn steered(&self) -> &dyn Steered {
        self.inner.as_ref()
    }

    async fn admit(
        &self,
        record: &Record,
    ) -> Result<(Arc<Topic>, OwnedSemaphorePermit), SendError> {
        let topic = self.inner.topic(&record.topic).await?;
        topic.meet(record).await;
        topic.check(record)?;
        let (room, bytes) = (&self.inner.shared.room, record.size_bytes());
        self.inner.shared.steering.pass(bytes).await;
        self.inner.check_open()?;
        let room = match room.try_take(bytes) {
            Err(SendError::Full { .. }) => {
                // Batches are not ended for this: while others are on their way they go on to grow.
                room.take(bytes, || self.inner.each_lane(Lane::look_up)).await
            }
            taken => taken,
        };
        Ok((topic, room?))
    }
}

impl Inner {
    /// Puts a record into the batch of its partition.
    fn put<T>(
        &self,
        topic: &Arc<Topic>,
        record: &Record,
        room: OwnedSemaphorePermit,
        answer: impl FnOnce(u32) -> (Answer, T),
    ) -> Result<T, SendError> {
        let partitions = topic.view().facts().partitions();
        let chosen = || self.shared.options.partitioner.partition(record, partitions);
        if let Some(partition) = record.partition.or_else(chosen) {
            let lane = self.lane(topic, topic.known(partition)?)?;
            return self.push(&lane, record, room, answer).map(|(given, _)| given);
        }
        let mut sticky = topic.sticky();
        let partition = topic.known(topic.next_partition(&mut sticky, record))?;
        let lane = self.lane(topic, partition)?;
        let (given, batch) = self.push(&lane, record, room, answer)?;
        sticky.stay(partition, batch);
        Ok(given)
    }

    fn push<T>(
        &self,
        lane: &Lane,
        record: &Record,
        room: OwnedSemaphorePermit,
        answer: impl FnOnce(u32) -> (Answer, T),
    ) -> Result<(T, u64), SendError> {
        let (answer, given) = answer(lane.partition);
        let timestamp_ms = record.timestamp_ms.unwrap_or_else(runtime::unix_ms);
        let incoming = Incoming { record, timestamp_ms, room, answer };
        let batch = lane.push(incoming, &self.shared.outstanding).map_err(|_| self.end())?;
        self.shared.steering.taken(record.size_bytes());
        Ok((given, batch))
    }

    fn lane(&self, topic: &Arc<Topic>, partition: u32) -> Result<Arc<Lane>, SendError> {
        topic.lane(partition, || {
            // Whoever closes finishes the lanes that are there, and then there are no new ones.
            self.check_open()?;
            let options = &self.shared.options;
            let limits = BatchLimits {
                bytes_max: options.batch_bytes_max,
                linger: options.linger,
                delivery_timeout: options.delivery_timeout,
            };
            let lane = Lane::new(topic.name.clone(), partition, limits);
            let task = LaneTask::new(lane.clone(), self.shared.clone(), topic.home.clone());
            self.shared.background.run(task.run());
            Ok(lane)
        })
    }

    /// A topic, asking the cluster for it the first time.
    async fn topic(&self, name: &Arc<str>) -> Result<Arc<Topic>, SendError> {
        self.check_open()?;
        if let Some(known) = self.topics().get(name) {
            return Ok(known.clone());
        }
        let facts = self.describe(name).await?;
        let mut topics = self.topics();
        self.check_open()?;
        if let Some(known) = topics.get(name) {
            return Ok(known.clone());
        }
        let (topic, watcher) = Topic::new(name.clone(), facts, self.shared.seed);
        self.shared.watch(watcher, &self.shared.home);
        topics.insert(name.clone(), topic.clone());
        Ok(topic)
    }

    async fn describe(&self, name: &Arc<str>) -> Result<TopicFacts, SendError> {
        let deadline = runtime::now() + self.shared.options.delivery_timeout;
        let (mut failures, mut dice) = (0, Dice::seeded(self.shared.seed));
        loop {
            let error = match self.shared.home.upstream.describe(name.clone(), failures).await {
                Ok(facts) => return Ok(facts),
                Err(error) => error,
            };
            failures += 1;
            let pause = pause(failures, None, &mut dice);
            let may_help = error.code().is_none_or(|code| code.retriable())
                && !matches!(error, ClientError::BadServer { .. });
            if !may_help || runtime::now() + pause >= deadline {
                return Err(SendError::Topic { topic: name.clone(), reason: Arc::new(error) });
            }
            sleep(pause).await;
            self.check_open()?;
        }
    }

    /// Takes nothing more.
    pub(super) fn finish(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.shared.steering.open();
        self.shared.room.close();
        self.each_lane(Lane::finish);
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.is_closed.load(Ordering::SeqCst) { Err(self.end()) } else { Ok(()) }
    }

    /// Why nothing is taken any more.
    fn end(&self) -> SendError {
        if self.shared.steering.has_ended() { SendError::Ended } else { SendError::Closed }
    }

    fn each_lane(&self, act: impl Fn(&Lane)) {
        let topics: Vec<_> = self.topics().values().cloned().collect();
        topics.iter().for_each(|topic| topic.each_lane(&act));
    }

    pub(super) fn topics(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Topic>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.finish();
    }
}

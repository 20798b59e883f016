//! What a producer tells Castle of itself, and what it does when Castle tells it to.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::error::SendError;
use super::handle::Inner;
use crate::client::castle::{About, Steered, Throttle};
use crate::client::moves::Destination;
use crate::client::runtime;
use crate::http::castle::{ClientStats, Command, Role, Subscription, TopicDispatch};

/// What stands between `send` and the buffer, and what was counted.
#[derive(Debug)]
pub(super) struct Steering {
    born: Instant,
    is_paused: watch::Sender<bool>,
    throttle: Mutex<Throttle>,
    has_ended: AtomicBool,
    undecided: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    errors: AtomicU64,
}

impl Steering {
    pub(super) fn new() -> Steering {
        Steering {
            born: runtime::now(),
            is_paused: watch::Sender::new(false),
            throttle: Mutex::default(),
            has_ended: AtomicBool::new(false),
            undecided: AtomicU64::new(0),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// Lets a record of so many bytes pass, as soon as Castle does.
    pub(super) async fn pass(&self, bytes: usize) {
        let mut paused = self.is_paused.subscribe();
        // The sender lives as long as `self`.
        let _ = paused.wait_for(|is_paused| !is_paused).await;
        while let Err(free_at) = self.take(bytes) {
            sleep_until(self.born + free_at).await;
        }
    }

    /// The same without waiting.
    pub(super) fn try_pass(&self, bytes: usize) -> Result<(), SendError> {
        let is_paused = *self.is_paused.borrow();
        match is_paused || self.take(bytes).is_err() {
            true => Err(SendError::Paused),
            false => Ok(()),
        }
    }

    fn take(&self, bytes: usize) -> Result<(), Duration> {
        let now = self.now();
        let mut throttle = self.throttle();
        if !throttle.is_free(now) {
            return Err(throttle.free_at());
        }
        throttle.took(bytes as u64, now);
        Ok(())
    }

    /// Nobody waits any more.
    pub(super) fn open(&self) {
        self.is_paused.send_replace(false);
        self.throttle().set(0, self.now());
    }

    /// Whether Castle has ended the producer.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// A record was taken.
    pub(super) fn taken(&self, bytes: usize) {
        self.undecided.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// It is decided what became of so many records.
    pub(super) fn decided(&self, records: usize) {
        self.undecided.fetch_sub(records as u64, Ordering::Relaxed);
    }

    /// A request failed.
    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> Duration {
        runtime::now().saturating_duration_since(self.born)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Steered for Inner {
    fn about(&self) -> About {
        About {
            client_id: self.shared.options.client_id.clone(),
            instance_id: self.instance_id.clone(),
            ..About::default()
        }
    }

    fn report(&self) -> (Vec<Subscription>, ClientStats) {
        let mut names: Vec<String> = self.topics().keys().map(|name| name.to_string()).collect();
        names.sort_unstable();
        let of_topic = |topic| Subscription { role: Role::Producer, topic, ..Default::default() };
        let steering = &self.shared.steering;
        let count = |counted: &AtomicU64| counted.swap(0, Ordering::Relaxed);
        let stats = ClientStats {
            lag: 0,
            in_flight: steering.undecided.load(Ordering::Relaxed),
            records: count(&steering.records),
            bytes: count(&steering.bytes),
            errors: count(&steering.errors),
        };
        (names.into_iter().map(of_topic).collect(), stats)
    }

    fn obey(&self, command: &Command) {
        let steering = &self.shared.steering;
        match command {
            Command::Pause => drop(steering.is_paused.send_replace(true)),
            Command::Resume => drop(steering.is_paused.send_replace(false)),
            Command::Throttle { bytes_per_second } => {
                steering.throttle().set(*bytes_per_second, steering.now());
            }
            Command::Reinit => self.topics().values().for_each(|topic| topic.view().refresh()),
            Command::Exit => {
                steering.has_ended.store(true, Ordering::SeqCst);
                self.finish();
            }
            Command::Move { .. } | Command::Reset { .. } => {}
        }
    }

    fn hint(&self, topic: &str, dispatch: &TopicDispatch) {
        let Some(known) = self.topics().get(topic).cloned() else { return };
        let facts = known.home.facts();
        let is_news = |partition: u32, epoch: u64| {
            partition >= facts.partitions() || epoch > facts.leader(partition).1
        };
        if dispatch.partitions.iter().any(|told| is_news(told.partition, told.epoch)) {
            known.home.refresh();
        }
    }

    fn moved(&self, topic: &str, cluster: &str, addresses: &[String]) {
        let Some(known) = self.topics().get(topic).cloned() else { return };
        // What can't be followed is left to the refusals.
        match self.shared.home.upstream.elsewhere(addresses) {
            Ok(_) => {
                let (cluster, servers) = (cluster.to_owned(), addresses.to_vec());
                known.goes_on_in(Destination { cluster, servers });
            }
            Err(error) => tracing::warn!(topic, cluster, %error, "the topic can't be followed"),
        }
    }
}

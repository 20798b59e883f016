//! What a consumer's handle, its records and its tasks share of one cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::hand::{Reply, Serial, Verdict};
use super::member::Member;
use super::options::{ConsumerOptions, Settle};
use super::rebalance::RebalanceListener;
use super::upstream::Upstream;
use crate::client::moves::Destination;
use crate::client::runtime;

/// What all share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) upstream: Arc<dyn Upstream>,
    pub(super) options: Arc<ConsumerOptions>,
    core: Mutex<Member>,
    born: Instant,
    /// There may be something to do for the task.
    pub(super) work: Notify,
    /// There may be something to see for whoever waits. One for all clusters of a consumer.
    changed: watch::Sender<()>,
    /// Topics that go on in another cluster, as Castle says.
    moving: watch::Sender<BTreeMap<String, Destination>>,
}

impl Shared {
    /// For options that were checked.
    pub(super) fn new(
        options: ConsumerOptions,
        upstream: Arc<dyn Upstream>,
        changed: watch::Sender<()>,
    ) -> Arc<Self> {
        let seed = runtime::entropy();
        let random = || format!("{}-{seed:016x}", short(&options.client_id));
        let member = options.instance_id.clone().unwrap_or_else(random);
        let options = Arc::new(options);
        Arc::new(Shared {
            upstream,
            core: Mutex::new(Member::new(options.clone(), member, seed)),
            options,
            born: runtime::now(),
            work: Notify::new(),
            changed,
            moving: watch::Sender::default(),
        })
    }

    /// Since the consumer began.
    pub(super) fn now(&self) -> Duration {
        runtime::now().saturating_duration_since(self.born)
    }

    pub(super) fn at(&self, time: Duration) -> Instant {
        self.born + time
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Member> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the state, after which the task looks at it anew.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Member, Duration) -> T) -> T {
        let now = self.now();
        let result = act(&mut self.core(), now);
        self.work.notify_one();
        result
    }

    /// Resolves when what whoever waits may see has changed since this was called.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn announce(&self) {
        self.changed.send_replace(());
    }

    /// A topic goes on there.
    pub(super) fn goes_on(&self, topic: &str, to: Destination) {
        self.moving.send_if_modified(|known| {
            let is_news = known.get(topic) != Some(&to);
            if is_news {
                tracing::info!(topic, cluster = to.cluster, "the topic goes on in another cluster");
                known.insert(topic.to_owned(), to);
            }
            is_news
        });
    }

    pub(super) fn moving(&self) -> watch::Receiver<BTreeMap<String, Destination>> {
        self.moving.subscribe()
    }

    pub(super) fn say(&self, serial: Serial, verdict: Verdict, reply: Option<Reply>) {
        if self.options.settle == Settle::Positions {
            if let Some(reply) = reply {
                let _ = reply.send(Err(super::error::SettleError::OtherWay));
            }
            return;
        }
        self.with(|core, now| core.say(serial, verdict, reply, now));
    }

    pub(super) fn abandon(&self, serial: Serial) {
        self.core().abandon(serial);
    }

    pub(super) fn listener(&self) -> Option<&dyn RebalanceListener> {
        self.options.listener.as_deref()
    }
}

/// As much of a name as leaves room for a number behind it.
fn short(name: &str) -> &str {
    let mut end = name.len().min(200);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

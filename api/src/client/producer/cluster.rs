//! A cluster that lanes write to: the one that the producer was made for, or one that a topic moved to.
//! The identity that lanes share is a cluster's own, and so is what is known of a topic there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::topic::{TopicView, Watcher};
use super::upstream::Upstream;
use crate::client::ClientError;
use crate::client::moves::Destination;
use crate::http::producers::ProducerIdentity;

/// A cluster, as a producer's lanes see it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) upstream: Arc<dyn Upstream>,
    /// With epoch and sequence of its own in each partition, one id does for all.
    identity: OnceCell<ProducerIdentity>,
    /// Of topics that moved here.
    views: Mutex<HashMap<Arc<str>, TopicView>>,
    /// Where topics went from here, by the names that this cluster has for them.
    others: Mutex<HashMap<String, Arc<Cluster>>>,
}

impl Cluster {
    pub(super) fn new(upstream: Arc<dyn Upstream>) -> Arc<Self> {
        let (views, others) = (Mutex::default(), Mutex::default());
        Arc::new(Cluster { upstream, identity: OnceCell::new(), views, others })
    }

    /// The producer's identity here, the same for all lanes.
    pub(super) async fn identity(&self, failures: u32) -> Result<ProducerIdentity, ClientError> {
        let new = || self.upstream.identify(None, failures);
        self.identity.get_or_try_init(new).await.copied()
    }

    /// The cluster that a topic went to from here.
    pub(super) fn toward(&self, to: &Destination) -> Result<Arc<Cluster>, ClientError> {
        let mut others = unpoisoned(&self.others);
        if let Some(known) = others.get(&to.cluster) {
            return Ok(known.clone());
        }
        let other = Cluster::new(self.upstream.elsewhere(&to.servers)?);
        others.insert(to.cluster.clone(), other.clone());
        Ok(other)
    }

    /// A topic that came here, of which at first nobody knows more than that it is as large as where
    /// it comes from. `watch` has its facts kept fresh.
    pub(super) fn view_of_moved(
        &self,
        topic: &Arc<str>,
        from: &TopicView,
        watch: impl FnOnce(Watcher),
    ) -> TopicView {
        let mut views = unpoisoned(&self.views);
        if let Some(known) = views.get(topic) {
            return known.clone();
        }
        let (view, watcher) = TopicView::new(topic.clone(), from.facts().without_leaders());
        view.refresh();
        watch(watcher);
        views.insert(topic.clone(), view.clone());
        from.goes_on_as(view.clone());
        view
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

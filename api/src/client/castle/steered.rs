//! Who is steered: what a producer, a consumer or another client says of itself, and what it does
//! when it is told to.

use std::fmt;

use crate::http::castle::{ClientStats, Command, Subscription, TopicDispatch};

/// Who a client is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::client) struct About {
    pub(in crate::client) client_id: String,
    pub(in crate::client) instance_id: String,
    pub(in crate::client) host: String,
    pub(in crate::client) rack: String,
}

/// A client that Castle steers. Nothing here waits.
pub(in crate::client) trait Steered: fmt::Debug + Send + Sync + 'static {
    fn about(&self) -> About;

    /// What it does, and how it was doing since it was asked last.
    fn report(&self) -> (Vec<Subscription>, ClientStats);

    /// Does what is asked of it: everything but `Move`, which the session does.
    fn obey(&self, command: &Command);

    /// So it stands with a topic. A hint.
    fn hint(&self, topic: &str, dispatch: &TopicDispatch) {
        let _ = (topic, dispatch);
    }

    /// A topic goes on in another cluster, whose nodes are at these addresses. The seam for whoever
    /// follows it: what is in flight to the old cluster is to be decided first.
    fn moved(&self, topic: &str, cluster: &str, addresses: &[String]) {
        tracing::warn!(topic, cluster, ?addresses, "the topic goes on in another cluster");
    }
}

/// A client that does nothing but administer: it is seen, and nodes are preferred for it.
#[derive(Debug)]
pub(super) struct Onlooker(pub(super) About);

impl Steered for Onlooker {
    fn about(&self) -> About {
        self.0.clone()
    }

    fn report(&self) -> (Vec<Subscription>, ClientStats) {
        (Vec::new(), ClientStats::default())
    }

    fn obey(&self, command: &Command) {
        tracing::debug!(?command, "nothing to do for a client that only administers");
    }
}

//! `[pure]` A heartbeat in two parts: what the client says of itself, which is the same each time as
//! a rule and is kept, and what is of this heartbeat alone.

use rampart_api::http::castle::{ClientStats, HeartbeatRequest, Role, Subscription};

/// What a client says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The program's name.
    pub client_id: String,
    /// The client's own name.
    pub instance_id: String,
    /// The application.
    pub app: String,
    /// The library.
    pub sdk: String,
    /// Where it runs.
    pub host: String,
    /// Its failure domain.
    pub rack: String,
    /// What it produces to and consumes.
    pub subscriptions: Vec<Subscription>,
}

/// What is of one heartbeat alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// Tells two clients with one name apart.
    pub session: String,
    /// The version of the last answer that the client has.
    pub known_version: u64,
    /// How it is doing.
    pub stats: ClientStats,
    /// Directives that it has done.
    pub done: Vec<u64>,
}

/// Takes a heartbeat apart.
pub fn split(request: HeartbeatRequest) -> (About, Beat) {
    let HeartbeatRequest {
        client_id,
        instance_id,
        session,
        app,
        sdk,
        host,
        rack,
        known_version,
        subscriptions,
        stats,
        done,
    } = request;
    let about = About { client_id, instance_id, app, sdk, host, rack, subscriptions };
    (about, Beat { session, known_version, stats, done })
}

impl About {
    /// Whether it reads as a member of some group.
    pub fn is_in_groups(&self) -> bool {
        self.subscriptions.iter().any(|one| one.role == Role::Consumer && one.group.is_some())
    }

    /// About what it takes in memory.
    pub fn weight(&self) -> u64 {
        let About { client_id, instance_id, app, sdk, host, rack, subscriptions } = self;
        let texts = [client_id, instance_id, app, sdk, host, rack].map(String::len);
        let subscriptions = subscriptions.iter().map(|one| {
            let names = one.group.as_ref().map_or(0, String::len)
                + one.member.as_ref().map_or(0, String::len);
            SUBSCRIPTION_BYTES + one.topic.len() + names + 4 * one.held.len()
        });
        (CLIENT_BYTES + texts.iter().sum::<usize>() + subscriptions.sum::<usize>()) as u64
    }
}

/// What a client takes beside its texts.
const CLIENT_BYTES: usize = 512;
/// The same for each of its subscriptions; its topic is kept twice.
const SUBSCRIPTION_BYTES: usize = 256;

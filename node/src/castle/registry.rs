//! `[pure]` The clients whose heartbeats this node gets: who they are, what they were answered last,
//! and which of two with one name is served. Soft: a client that goes to another node is new there
//! and gets a whole answer. Enforces INV-12: a node has room for so many clients, and says so.

mod entry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rampart_api::http::castle::{CastleClient, Directive};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::MetadataState;
use serde::{Deserialize, Serialize};

use super::about::{About, Beat};
use super::dispatch::{Clusters, DispatchKey};
use super::memberships::Memberships;
use entry::Client;

/// How much there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Clients.
    pub clients_max: usize,
    /// What they weigh.
    pub bytes_max: u64,
    /// A client is forgotten after so much silence.
    pub ttl: Duration,
}

/// Now, on a clock that only grows and on the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Since some moment.
    pub now: Duration,
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

/// A client that is served.
#[derive(Debug, Clone)]
pub struct Registered {
    /// What it says of itself.
    pub about: Arc<About>,
    /// What decides where it goes.
    pub key: Arc<DispatchKey>,
    /// What it has in its groups as far as is known.
    pub memberships: Arc<Memberships>,
    /// It was not served here before: the other nodes have to hear of it.
    pub is_new: bool,
}

/// What a client is to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Where to go.
    pub clusters: Arc<Clusters>,
    /// What it has in its groups.
    pub memberships: Arc<Memberships>,
}

/// How a client is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The answer's version.
    pub version: u64,
    /// The client does not have this answer yet.
    pub is_news: bool,
}

/// What a node says of a session that another node serves from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// A newer client with this name is known there.
    pub is_replaced: bool,
    /// Sessions with this name that are older.
    pub older: Vec<String>,
}

/// The clients of one node.
#[derive(Debug)]
pub struct Registry {
    limits: Limits,
    clients: BTreeMap<String, Client>,
    bytes: u64,
}

impl Registry {
    /// Without clients.
    pub fn new(limits: Limits) -> Registry {
        Registry { limits, clients: BTreeMap::new(), bytes: 0 }
    }

    /// A client sent a heartbeat.
    ///
    /// # Errors
    /// `OVERLOADED` when there is no room for it; `INSTANCE_REPLACED` when a newer one has its name.
    pub fn register(
        &mut self,
        about: About,
        beat: &Beat,
        at: Moment,
    ) -> Result<Registered, Problem> {
        let Some(known) = self.clients.get_mut(&about.instance_id) else {
            return self.admit(about, beat, at);
        };
        // Also of one that is refused: as long as it asks it is known why.
        known.seen = at.now;
        if known.is_replaced(&beat.session) {
            return Err(replaced(&about.instance_id));
        }
        let is_new = known.take_over(&beat.session, at);
        if *known.about != about {
            let (before, after) = (known.about.weight(), about.weight());
            if self.bytes + after > self.limits.bytes_max + before {
                return Err(full("bytes", self.limits.bytes_max));
            }
            self.bytes = self.bytes + after - before;
            known.change(about);
        }
        known.stats = beat.stats;
        Ok(known.registered(is_new))
    }

    fn admit(&mut self, about: About, beat: &Beat, at: Moment) -> Result<Registered, Problem> {
        if self.clients.len() >= self.limits.clients_max {
            return Err(full("clients", self.limits.clients_max as u64));
        }
        let weight = about.weight();
        if self.bytes + weight > self.limits.bytes_max {
            return Err(full("bytes", self.limits.bytes_max));
        }
        self.bytes += weight;
        let (name, client) = (about.instance_id.clone(), Client::new(about, beat, at));
        let registered = client.registered(true);
        self.clients.insert(name, client);
        Ok(registered)
    }

    /// What to answer to a client, and under which version.
    pub fn answer(&mut self, name: &str, beat: &Beat, content: Content, now_ms: i64) -> Answered {
        match self.clients.get_mut(name) {
            Some(client) if client.is_served(&beat.session) => {
                client.answer(beat.known_version, content, now_ms)
            }
            // Forgotten or replaced meanwhile: the next heartbeat says so.
            _ => Answered {
                version: entry::next_version(beat.known_version, 0, now_ms),
                is_news: true,
            },
        }
    }

    /// A client has done these, and that is replicated: an older list of what waits does not bring
    /// them back.
    pub fn settle(&mut self, name: &str, done: &[u64]) {
        if let Some(client) = self.clients.get_mut(name) {
            client.settle(done);
        }
    }

    /// Takes out what a client has done.
    pub fn keep_open(&self, name: &str, waiting: &mut Vec<Directive>) {
        if let Some(client) = self.clients.get(name) {
            waiting.retain(|directive| !client.is_settled(directive.id));
        }
    }

    /// Another node serves the client from now on.
    pub fn claimed(&mut self, name: &str, session: &str, at: Moment) -> Claimed {
        match self.clients.get_mut(name) {
            Some(client) => client.claimed(session, at),
            None => Claimed::default(),
        }
    }

    /// What the other nodes say of a session that this one serves.
    ///
    /// # Errors
    /// `INSTANCE_REPLACED` when one of them knows a newer client with its name.
    pub fn learn(&mut self, name: &str, session: &str, said: &[Claimed]) -> Result<(), Problem> {
        let Some(client) = self.clients.get_mut(name) else { return Ok(()) };
        said.iter().for_each(|claimed| client.learn(session, claimed));
        if client.is_replaced(session) { Err(replaced(name)) } else { Ok(()) }
    }

    /// Whether a client of that name is served here.
    pub fn knows(&self, name: &str, now: Duration) -> bool {
        let known = self.clients.get(name);
        known.is_some_and(|client| self.is_listed(client, now))
    }

    fn is_listed(&self, client: &Client, now: Duration) -> bool {
        client.is_here() && now.saturating_sub(client.seen) < self.limits.ttl
    }

    /// Everybody who is served here, by name.
    pub fn list(&self, node: u64, now: Duration, state: &MetadataState) -> Vec<CastleClient> {
        let listed = self.clients.values().filter(|client| self.is_listed(client, now));
        listed.map(|client| client.describe(node, now, state)).collect()
    }

    /// Forgets who was silent for too long.
    pub fn expire(&mut self, now: Duration) {
        let (ttl, bytes) = (self.limits.ttl, &mut self.bytes);
        self.clients.retain(|_, client| {
            let is_kept = now.saturating_sub(client.seen) < ttl;
            if !is_kept {
                *bytes -= client.about.weight();
            }
            is_kept
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

fn full(what: &str, max: u64) -> Problem {
    Problem::new(ErrorCode::Overloaded, format!("this node takes {max} {what} of clients"))
        .hint("ask another node; `castle.clients_max` in the configuration raises the number")
}

fn replaced(name: &str) -> Problem {
    let detail = format!("a newer client has the instance id {name:?}");
    Problem::new(ErrorCode::InstanceReplaced, detail)
        .hint("give each client an instance id of its own")
}

#[cfg(test)]
mod tests;

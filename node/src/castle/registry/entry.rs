//! `[pure]` One client in the registry.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rampart_api::http::castle::{CastleClient, ClientStats};
use rampart_api::model::limits::{CASTLE_REPLACED_MAX, DIRECTIVES_PER_CLIENT_MAX};
use rampart_raft_store::state::metadata::state::MetadataState;

use super::{Answered, Claimed, Content, Moment, Registered};
use crate::castle::about::{About, Beat};
use crate::castle::dispatch::DispatchKey;
use crate::castle::memberships::{Memberships, all_partitions, kept};

/// One client. Whose view: this node's.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) about: Arc<About>,
    key: Arc<DispatchKey>,
    /// The session that has the name; nothing if it is one that this node has not heard itself.
    session: Option<String>,
    /// It is served by another node.
    is_elsewhere: bool,
    /// Sessions that had the name before, the newest last.
    older: VecDeque<String>,
    since_ms: i64,
    pub(super) seen: Duration,
    pub(super) stats: ClientStats,
    memberships: Arc<Memberships>,
    answered: Option<(u64, Content)>,
    /// Directives that are done, the newest last.
    settled: VecDeque<u64>,
}

impl Client {
    pub(super) fn new(about: About, beat: &Beat, at: Moment) -> Client {
        Client {
            key: Arc::new(DispatchKey::of(&about)),
            about: Arc::new(about),
            session: Some(beat.session.clone()),
            is_elsewhere: false,
            older: VecDeque::new(),
            since_ms: at.now_ms,
            seen: at.now,
            stats: beat.stats,
            memberships: Arc::default(),
            answered: None,
            settled: VecDeque::new(),
        }
    }

    pub(super) fn registered(&self, is_new: bool) -> Registered {
        Registered {
            about: self.about.clone(),
            key: self.key.clone(),
            memberships: self.memberships.clone(),
            is_new,
        }
    }

    pub(super) fn is_replaced(&self, session: &str) -> bool {
        !self.is_served(session) && self.older.iter().any(|older| older == session)
    }

    pub(super) fn is_served(&self, session: &str) -> bool {
        self.session.as_deref() == Some(session)
    }

    pub(super) fn is_here(&self) -> bool {
        self.session.is_some() && !self.is_elsewhere
    }

    /// The session sends its heartbeats here. Answers whether that is news.
    pub(super) fn take_over(&mut self, session: &str, at: Moment) -> bool {
        let is_new = !self.is_served(session) || self.is_elsewhere;
        if !self.is_served(session) {
            self.replace_by(Some(session.to_owned()), at);
        }
        self.is_elsewhere = false;
        is_new
    }

    /// Another client has the name. What it has in groups, and what it was told, is its own.
    fn replace_by(&mut self, session: Option<String>, at: Moment) {
        let before = std::mem::replace(&mut self.session, session);
        self.older.retain(|older| Some(older) != self.session.as_ref());
        before.into_iter().for_each(|before| self.put_older(before));
        self.since_ms = at.now_ms;
        self.memberships = Arc::default();
        self.answered = None;
    }

    fn put_older(&mut self, session: String) {
        if self.older.contains(&session) {
            return;
        }
        if self.older.len() >= CASTLE_REPLACED_MAX {
            self.older.pop_front();
        }
        self.older.push_back(session);
    }

    /// The client says something else of itself.
    pub(super) fn change(&mut self, about: About) {
        self.key = Arc::new(DispatchKey::of(&about));
        let memberships = kept(&about, &self.memberships);
        if memberships != *self.memberships {
            self.memberships = Arc::new(memberships);
        }
        self.about = Arc::new(about);
    }

    pub(super) fn answer(&mut self, known: u64, content: Content, now_ms: i64) -> Answered {
        self.memberships = content.memberships.clone();
        let last = self.answered.as_ref().map_or(0, |(version, _)| *version);
        let is_same = self.answered.as_ref().is_some_and(|(_, before)| is_same(before, &content));
        if is_same && last >= known {
            return Answered { version: last, is_news: last != known };
        }
        let version = next_version(known, last, now_ms);
        self.answered = Some((version, content));
        Answered { version, is_news: true }
    }

    pub(super) fn settle(&mut self, done: &[u64]) {
        for id in done.iter().filter(|id| !self.settled.contains(id)).collect::<Vec<_>>() {
            if self.settled.len() >= DIRECTIVES_PER_CLIENT_MAX {
                self.settled.pop_front();
            }
            self.settled.push_back(*id);
        }
    }

    pub(super) fn is_settled(&self, id: u64) -> bool {
        self.settled.contains(&id)
    }

    /// Another node serves a session with this name.
    pub(super) fn claimed(&mut self, session: &str, at: Moment) -> Claimed {
        if self.is_replaced(session) {
            return Claimed { is_replaced: true, older: Vec::new() };
        }
        if !self.is_served(session) {
            self.replace_by(Some(session.to_owned()), at);
            self.seen = at.now;
        }
        self.is_elsewhere = true;
        Claimed { is_replaced: false, older: self.older.iter().cloned().collect() }
    }

    /// Another node said this of a session that is served here.
    pub(super) fn learn(&mut self, session: &str, said: &Claimed) {
        if !self.is_served(session) {
            return;
        }
        if said.is_replaced {
            self.session = None;
            self.put_older(session.to_owned());
        }
        let older = said.older.iter().filter(|older| *older != session);
        older.for_each(|older| self.put_older(older.clone()));
    }

    pub(super) fn describe(&self, node: u64, now: Duration, state: &MetadataState) -> CastleClient {
        let silent = now.saturating_sub(self.seen).as_millis();
        CastleClient {
            client_id: self.about.client_id.clone(),
            instance_id: self.about.instance_id.clone(),
            app: self.about.app.clone(),
            sdk: self.about.sdk.clone(),
            host: self.about.host.clone(),
            rack: self.about.rack.clone(),
            node,
            since_ms: self.since_ms,
            silent_ms: u64::try_from(silent).unwrap_or(u64::MAX),
            subscriptions: self.about.subscriptions.clone(),
            assigned: all_partitions(&self.memberships, state),
            stats: self.stats,
            directives: Vec::new(),
        }
    }
}

/// Nearly always the very same, which costs nothing to see.
fn is_same(before: &Content, now: &Content) -> bool {
    let same_place =
        Arc::ptr_eq(&before.clusters, &now.clusters) || before.clusters == now.clusters;
    let same_part =
        Arc::ptr_eq(&before.memberships, &now.memberships) || before.memberships == now.memberships;
    same_place && same_part
}

/// Greater than what the client has, from whatever node it has it, and than what this node said last.
/// It is the time as a rule, so that it also grows for who forgot what it had.
pub(super) fn next_version(known: u64, last: u64, now_ms: i64) -> u64 {
    known.max(last).saturating_add(1).max(u64::try_from(now_ms).unwrap_or(0))
}

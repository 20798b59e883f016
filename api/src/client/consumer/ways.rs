//! A consumer's ways to its group: one in each cluster where topics of it are. The first is that of the
//! cluster that it began with; another one begins when a topic goes over to its cluster, and ends when
//! its last topic has gone on. A topic is read by one way, or by none while it goes over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::engine::Engine;
use super::error::ConsumerError;
use super::follow::follow;
use super::options::ConsumerOptions;
use super::rebalance::TopicPartition;
use super::record::{AckHandle, ConsumerRecord};
use super::shared::Shared;
use super::upstream::Upstream;
use crate::client::castle::Steered;
use crate::client::{OptionError, runtime};
use crate::http::groups::StartAt;

/// All ways of a consumer.
#[derive(Debug)]
pub(super) struct Ways {
    options: ConsumerOptions,
    first: Arc<Shared>,
    changed: watch::Sender<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they began.
    all: Vec<Way>,
    /// Who waits for records: all ways know.
    visitors: usize,
    /// Which way gives records first.
    turn: usize,
    is_closed: bool,
}

/// One of them.
#[derive(Debug)]
struct Way {
    shared: Arc<Shared>,
    origin: Option<Origin>,
    /// Has the way's session with Castle.
    follower: JoinHandle<()>,
}

/// Where the topics of a way come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The number of the way that they left.
    pub(super) from: usize,
    /// The name that the cluster there has for this one.
    pub(super) cluster: String,
}

impl Ways {
    /// The first way begins.
    pub(super) fn begin(
        upstream: Arc<dyn Upstream>,
        options: ConsumerOptions,
    ) -> Result<Arc<Ways>, OptionError> {
        options.check()?;
        let changed = watch::Sender::new(());
        let first = Shared::new(options.clone(), upstream, changed.clone());
        let state = Mutex::default();
        let ways = Arc::new(Ways { options, first: first.clone(), changed, state });
        ways.start(&mut ways.state(), first, None);
        Ok(ways)
    }

    fn start(self: &Arc<Self>, state: &mut State, shared: Arc<Shared>, origin: Option<Origin>) {
        drop(runtime::spawn(Engine::new(shared.clone()).run()));
        let steered: Arc<dyn Steered> = shared.clone();
        let castle = self.options.castle.then(|| shared.upstream.steer(&steered)).flatten();
        let following = follow(Arc::downgrade(self), state.all.len(), shared.clone(), castle);
        state.all.push(Way { shared, origin, follower: runtime::spawn(following) });
    }

    /// A topic is read there from now on; the group begins with its oldest record.
    pub(super) fn enter(
        self: &Arc<Self>,
        topic: &str,
        origin: Origin,
        upstream: Arc<dyn Upstream>,
    ) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        let mut there = state.all.iter().filter(|way| way.origin.as_ref() == Some(&origin));
        if there.any(|way| way.shared.with(|core, _| core.join_topic(topic))) {
            return;
        }
        let topics = vec![topic.to_owned()];
        let options = ConsumerOptions { topics, start: StartAt::Earliest, ..self.options.clone() };
        let shared = Shared::new(options, upstream, self.changed.clone());
        let paused = self.first.core().buffer.paused().clone();
        shared.with(|core, now| {
            core.buffer.pause(paused);
            (0..state.visitors).for_each(|_| core.enters(now));
        });
        self.start(&mut state, shared, Some(origin));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self, act: impl FnMut(&Arc<Shared>)) {
        self.state().all.iter().map(|way| &way.shared).for_each(act);
    }

    pub(super) fn options(&self) -> &ConsumerOptions {
        &self.options
    }

    /// The way of the cluster that the consumer began with.
    pub(super) fn first(&self) -> &Arc<Shared> {
        &self.first
    }

    pub(super) fn all(&self) -> Vec<Arc<Shared>> {
        self.state().all.iter().map(|way| way.shared.clone()).collect()
    }

    /// The way that holds a partition.
    pub(super) fn holder(&self, place: &TopicPartition) -> Option<Arc<Shared>> {
        self.all().into_iter().find(|way| way.core().held().contains(place))
    }

    /// Resolves when what whoever waits may see has changed since this was called, in any way.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Gives the application records, of each way in turn. `is_automatic`: those it got before are
    /// done, wherever they came from.
    pub(super) fn take(
        &self,
        max: usize,
        is_automatic: bool,
    ) -> Result<Vec<ConsumerRecord>, ConsumerError> {
        let (mut records, mut refusal) = (Vec::new(), None);
        for way in self.in_turn() {
            let left = max - records.len();
            match way.with(|core, now| core.take(left, is_automatic, now)) {
                Ok(taken) => records.extend(taken.into_iter().map(|(serial, message)| {
                    ConsumerRecord::new(message, AckHandle::new(serial, way.clone()))
                })),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if let Some(ConsumerError::Ended) = refusal {
            // Whose operator it was: the consumer ends as one.
            self.each(|way| way.with(|core, _| core.end()));
        }
        match refusal {
            // What was taken is given; an error that lasts comes again.
            Some(error) if records.is_empty() => Err(error),
            Some(_) | None => Ok(records),
        }
    }

    /// The ways that read a topic, each first at some time.
    fn in_turn(&self) -> Vec<Arc<Shared>> {
        let mut state = self.state();
        state.turn = state.turn.wrapping_add(1);
        let (all, turn) = (&state.all, state.turn);
        let ways = (0..all.len()).map(|number| &all[(turn + number) % all.len()].shared);
        ways.filter(|way| !way.core().topics().is_empty()).cloned().collect()
    }

    /// Delivers nothing of these partitions, wherever they are or will be read.
    pub(super) fn pause(&self, partitions: &[TopicPartition]) {
        self.each(|way| way.with(|core, _| core.buffer.pause(partitions.iter().cloned())));
    }

    pub(super) fn resume(&self, partitions: &[TopicPartition]) {
        self.each(|way| way.with(|core, _| core.buffer.resume(partitions)));
        self.changed.send_replace(());
    }

    /// Which positions are to be committed where. A topic that is going over, and a position beyond
    /// what came of a partition since it went over, are of a cluster where all is committed already.
    pub(super) fn sort(
        &self,
        positions: &BTreeMap<TopicPartition, u64>,
    ) -> Vec<(Arc<Shared>, BTreeMap<TopicPartition, u64>)> {
        let all = self.all();
        let mut sorted: Vec<_> = all.iter().map(|way| (way.clone(), BTreeMap::new())).collect();
        for (place, offset) in positions {
            let number = all.iter().position(|way| way.core().reads(&place.topic));
            let has_left = || self.first.core().has_left(&place.topic);
            let number = match number {
                Some(0) => 0,
                Some(number) => {
                    let (came, _) = all[number].core().positions();
                    if came.get(place) < Some(offset) {
                        continue;
                    }
                    number
                }
                None if has_left() => continue,
                None => 0,
            };
            sorted[number].1.insert(place.clone(), *offset);
        }
        sorted
    }

    /// All ways end. `is_done`: what was delivered last is done.
    pub(super) fn close(&self, is_done: bool) {
        self.state().is_closed = true;
        self.each(|way| way.with(|core, now| core.close(is_done, now)));
    }

    /// Waits until all ways have ended.
    pub(super) async fn closed(&self) {
        let mut changes = self.changes();
        while !self.all().iter().all(|way| way.core().is_over()) {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    /// Nobody follows a topic any more, nor is steered.
    pub(super) fn stay(&self) {
        self.state().all.iter().for_each(|way| way.follower.abort());
    }
}

/// The application is here until this is dropped, in all ways, also in one that begins meanwhile.
pub(super) struct Visit<'a>(&'a Ways);

impl<'a> Visit<'a> {
    pub(super) fn begin(ways: &'a Ways) -> Self {
        let mut state = ways.state();
        state.visitors += 1;
        state.all.iter().for_each(|way| way.shared.with(|core, now| core.enters(now)));
        Visit(ways)
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.visitors -= 1;
        for Way { shared, .. } in &state.all {
            let now = shared.now();
            shared.core().goes(now);
        }
    }
}

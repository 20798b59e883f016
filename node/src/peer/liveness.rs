//! Which nodes are alive, as this node hears them: anything that arrives from a node is a sign of
//! life, and a ping arrives every 100 ms. A node is presumed dead after half a second of silence,
//! or at once when it refuses connections and has none open: then its process is gone.
//!
//! Measures nothing else. Elections, the in-sync set and moves build on it (whose view: this
//! node's; two nodes may disagree).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rampart_api::model::ids::NodeId;
use tokio::time::Instant;

use crate::clock::Clock;

/// What is known of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Since when there is a reason to expect it: it became known, or this node itself woke up
    /// after a pause in which it could not have heard anything.
    pub expected_since: Instant,
    /// When something last arrived from it.
    pub heard_at: Option<Instant>,
    /// When it last refused a connection while none was open.
    pub refused_at: Option<Instant>,
}

impl Observation {
    /// How long it has been silent.
    pub fn silence(&self, now: Instant) -> Duration {
        let last = self.heard_at.map_or(self.expected_since, |at| at.max(self.expected_since));
        now.saturating_duration_since(last)
    }

    /// Whether it is presumed alive.
    pub fn is_alive(&self, silence_max: Duration, now: Instant) -> bool {
        let is_gone =
            self.refused_at.is_some_and(|at| self.heard_at.is_none_or(|heard| heard <= at));
        !is_gone && self.silence(now) < silence_max
    }
}

/// Sentinel of the instants below: never.
const NEVER: u64 = 0;

/// One node's signs of life. Shared by all connections with it and touched on every read.
#[derive(Debug)]
pub(super) struct Pulse {
    known_at: u64,
    heard_at: AtomicU64,
    refused_at: AtomicU64,
    open: AtomicUsize,
}

/// An open connection counts as long as this lives.
#[derive(Debug)]
pub(super) struct OpenMark {
    pulse: Arc<Pulse>,
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        self.pulse.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Signs of life of all known nodes.
#[derive(Debug)]
pub(super) struct LivenessTable {
    clock: Clock,
    /// Instants are kept as microseconds since this one, plus one.
    base: Instant,
    silence_max: Duration,
    own: NodeId,
    /// This node could not have heard anything before this.
    awake_since: AtomicU64,
    nodes: RwLock<BTreeMap<NodeId, Arc<Pulse>>>,
}

impl LivenessTable {
    pub(super) fn new(own: NodeId, silence_max: Duration, clock: Clock) -> Self {
        LivenessTable {
            clock,
            base: clock.instant(),
            silence_max,
            own,
            awake_since: AtomicU64::new(NEVER),
            nodes: RwLock::default(),
        }
    }

    fn stamp(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.base).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }

    fn instant(&self, stamp: u64) -> Option<Instant> {
        (stamp != NEVER).then(|| self.base + Duration::from_micros(stamp - 1))
    }

    /// A node's signs of life; the node becomes known.
    pub(super) fn pulse(&self, node: NodeId) -> Arc<Pulse> {
        if let Some(pulse) = self.nodes.read().expect("no holder of this lock panics").get(&node) {
            return pulse.clone();
        }
        let known_at = self.stamp(self.clock.instant());
        let mut nodes = self.nodes.write().expect("no holder of this lock panics");
        let pulse = nodes.entry(node).or_insert_with(|| {
            Arc::new(Pulse {
                known_at,
                heard_at: AtomicU64::new(NEVER),
                refused_at: AtomicU64::new(NEVER),
                open: AtomicUsize::new(0),
            })
        });
        pulse.clone()
    }

    /// Forgets nodes that left the cluster and have no connection open.
    pub(super) fn retain(&self, is_member: impl Fn(NodeId) -> bool) {
        let mut nodes = self.nodes.write().expect("no holder of this lock panics");
        nodes.retain(|node, pulse| is_member(*node) || pulse.open.load(Ordering::Relaxed) > 0);
    }

    pub(super) fn heard(&self, pulse: &Pulse) {
        pulse.heard_at.store(self.stamp(self.clock.instant()), Ordering::Relaxed);
    }

    /// A connection with the node is open until the mark is dropped.
    pub(super) fn open(&self, pulse: &Arc<Pulse>) -> OpenMark {
        pulse.open.fetch_add(1, Ordering::Relaxed);
        self.heard(pulse);
        OpenMark { pulse: pulse.clone() }
    }

    /// The node refused a connection. Means nothing while another one is open.
    pub(super) fn refused(&self, pulse: &Pulse) {
        if pulse.open.load(Ordering::Relaxed) == 0 {
            pulse.refused_at.store(self.stamp(self.clock.instant()), Ordering::Relaxed);
        }
    }

    /// This node itself was away: the silence of the others until now proves nothing.
    pub(super) fn woke_up(&self) {
        self.awake_since.store(self.stamp(self.clock.instant()), Ordering::Relaxed);
    }

    fn observation(&self, node: NodeId) -> Option<Observation> {
        let nodes = self.nodes.read().expect("no holder of this lock panics");
        let pulse = nodes.get(&node)?;
        let expected = pulse.known_at.max(self.awake_since.load(Ordering::Relaxed));
        Some(Observation {
            expected_since: self.instant(expected).unwrap_or(self.base),
            heard_at: self.instant(pulse.heard_at.load(Ordering::Relaxed)),
            refused_at: self.instant(pulse.refused_at.load(Ordering::Relaxed)),
        })
    }
}

/// Read side of the liveness of nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LivenessView {
    table: Arc<LivenessTable>,
}

impl LivenessView {
    pub(super) fn new(table: Arc<LivenessTable>) -> Self {
        LivenessView { table }
    }

    /// Whether a node is presumed alive. This node always is; one nobody told us of is not.
    pub fn is_alive(&self, node: NodeId) -> bool {
        if node == self.table.own {
            return true;
        }
        let now = self.table.clock.instant();
        self.table.observation(node).is_some_and(|seen| seen.is_alive(self.table.silence_max, now))
    }

    /// Whether a node was heard lately; other than of one that is presumed alive, it is known.
    pub fn is_heard(&self, node: NodeId) -> bool {
        let silence_max = self.table.silence_max.as_millis();
        self.silent_ms(node).is_some_and(|silent| u128::from(silent) < silence_max)
    }

    /// For how long a node has been silent; if it was never heard, since this node expects it.
    pub fn silence(&self, node: NodeId) -> Duration {
        if node == self.table.own {
            return Duration::ZERO;
        }
        let now = self.table.clock.instant();
        self.table.observation(node).map_or(Duration::ZERO, |seen| seen.silence(now))
    }

    /// Milliseconds since a node was last heard; `None` if it is unknown or was never heard.
    pub fn silent_ms(&self, node: NodeId) -> Option<u64> {
        if node == self.table.own {
            return Some(0);
        }
        let heard_at = self.table.observation(node)?.heard_at?;
        let silence = self.table.clock.instant().saturating_duration_since(heard_at);
        u64::try_from(silence.as_millis()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_millis(500);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn silence_and_refusal_decide() {
        let start = Clock::default().instant();
        let at = |millis: u64| start + ms(millis);
        let seen = |heard: Option<u64>, refused: Option<u64>| Observation {
            expected_since: start,
            heard_at: heard.map(at),
            refused_at: refused.map(at),
        };
        // (heard, refused, now) -> alive
        let table = [
            // A node that just became known gets the benefit of the doubt, once.
            (seen(None, None), 499, true),
            (seen(None, None), 500, false),
            (seen(Some(1_000), None), 1_499, true),
            (seen(Some(1_000), None), 1_500, false),
            // Refused and nothing open: gone at once, until it is heard again.
            (seen(Some(1_000), Some(1_001)), 1_001, false),
            (seen(None, Some(10)), 11, false),
            (seen(Some(1_002), Some(1_001)), 1_003, true),
        ];
        for (observation, now, expect) in table {
            assert_eq!(observation.is_alive(MAX, at(now)), expect, "{observation:?} at {now} ms");
        }
    }

    #[test]
    fn own_pause_is_not_held_against_others() {
        let start = Clock::default().instant();
        let seen = Observation {
            expected_since: start + ms(5_000),
            heard_at: Some(start + ms(10)),
            refused_at: None,
        };
        assert!(seen.is_alive(MAX, start + ms(5_100)));
        assert!(!seen.is_alive(MAX, start + ms(5_500)));
    }

    #[test]
    fn open_connection_outweighs_a_refused_one() {
        let table = Arc::new(LivenessTable::new(NodeId(1), MAX, Clock::default()));
        let view = LivenessView::new(table.clone());
        assert!(view.is_alive(NodeId(1)));
        assert!(!view.is_alive(NodeId(2)), "nobody told of it");
        let pulse = table.pulse(NodeId(2));
        assert!(view.is_alive(NodeId(2)));
        let mark = table.open(&pulse);
        table.refused(&pulse);
        assert!(view.is_alive(NodeId(2)));
        drop(mark);
        table.refused(&pulse);
        assert!(!view.is_alive(NodeId(2)));
        let mark = table.open(&pulse);
        table.retain(|_| false);
        assert!(view.silent_ms(NodeId(2)).is_some(), "kept while a connection is open");
        drop(mark);
        table.retain(|_| false);
        assert!(view.silent_ms(NodeId(2)).is_none());
    }
}

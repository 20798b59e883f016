//! What all clients of a run share: where the nodes are, the history they write, how fast they may
//! go, when to stop, and what became of their operations so far.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::watch;

use crate::harness::client::Api;
use crate::history::{Phase, Recorder};

/// The surroundings of every client; cheap to clone.
#[derive(Debug, Clone)]
pub struct Traffic {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    recorder: Recorder,
    seed: u64,
    nodes: RwLock<Nodes>,
    /// Index of a node by the id that the cluster gave it.
    ids: RwLock<BTreeMap<u64, u32>>,
    next_process: AtomicU32,
    pace: Mutex<Pace>,
    closed: watch::Sender<bool>,
    tally: Tally,
    /// When each client that follows Castle began the last write that was acknowledged, in nanoseconds
    /// since the run began.
    steered: Mutex<BTreeMap<u32, u64>>,
}

/// All there ever were, by index, and those that are asked.
#[derive(Debug)]
struct Nodes {
    all: Vec<Api>,
    members: Vec<usize>,
}

/// What became of the operations so far.
#[derive(Debug, Default)]
struct Tally {
    ok: AtomicU64,
    fail: AtomicU64,
    unknown: AtomicU64,
    acked_records: AtomicU64,
}

/// Numbers of a `Tally` at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations that were done.
    pub ok: u64,
    /// Operations that were certainly not done.
    pub fail: u64,
    /// Operations of which nobody knows.
    pub unknown: u64,
    /// Records that were acknowledged with an offset.
    pub acked_records: u64,
}

impl Counts {
    /// All operations that ended.
    pub fn operations(self) -> u64 {
        self.ok + self.fail + self.unknown
    }
}

impl Traffic {
    /// Traffic to these nodes, of at most so many operations a second in all.
    pub fn new(recorder: Recorder, seed: u64, rate: u32, nodes: Vec<Api>) -> Traffic {
        let pace = Pace { step: 1_000_000_000 / u64::from(rate.max(1)), next: 0 };
        let shared = Shared {
            recorder,
            seed,
            nodes: RwLock::new(Nodes { members: (0..nodes.len()).collect(), all: nodes }),
            ids: RwLock::default(),
            next_process: AtomicU32::new(1),
            pace: Mutex::new(pace),
            closed: watch::Sender::new(false),
            tally: Tally::default(),
            steered: Mutex::default(),
        };
        Traffic { shared: Arc::new(shared) }
    }

    /// The history.
    pub fn recorder(&self) -> &Recorder {
        &self.shared.recorder
    }

    /// Replaces the nodes, by index, and says which of them are asked: some were added, or are gone.
    pub fn set_nodes(&self, all: Vec<Api>, members: Vec<usize>) {
        *self.shared.nodes.write().unwrap_or_else(PoisonError::into_inner) = Nodes { all, members };
    }

    /// All nodes, by index.
    pub fn nodes(&self) -> Vec<Api> {
        self.shared.nodes.read().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    /// The node that a client asks at its `turn`-th choice, and its index.
    pub fn node(&self, turn: usize) -> (u32, Api) {
        let nodes = self.shared.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let index = nodes.members[turn % nodes.members.len()];
        (u32::try_from(index).unwrap_or(u32::MAX), nodes.all[index].clone())
    }

    /// Remembers which node has an id. A node on a wiped disk has another id at the same index.
    pub fn learn_id(&self, id: u64, index: u32) {
        self.shared.ids.write().unwrap_or_else(PoisonError::into_inner).insert(id, index);
    }

    /// Index of the node with this id, if it was ever seen.
    pub fn index_of(&self, id: u64) -> Option<u32> {
        self.shared.ids.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// Index of the node at this address, if it is one of those that are known.
    pub fn index_at(&self, url: &str) -> Option<u32> {
        let nodes = self.shared.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let index = nodes.all.iter().position(|api| api.base() == url)?;
        u32::try_from(index).ok()
    }

    /// A client follows Castle, and a write that it began at this time is acknowledged; 0 while it has
    /// none.
    pub fn serves_steered(&self, process: u32, time: u64) {
        self.steered().insert(process, time);
    }

    /// Clients that follow Castle and have had no write acknowledged that they began after this time.
    pub fn unserved_since(&self, time: u64) -> Vec<u32> {
        let unserved = |(process, last): (&u32, &u64)| (*last <= time).then_some(*process);
        self.steered().iter().filter_map(unserved).collect()
    }

    fn steered(&self) -> MutexGuard<'_, BTreeMap<u32, u64>> {
        self.shared.steered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a client that no other one has.
    pub fn new_process(&self) -> u32 {
        self.shared.next_process.fetch_add(1, Ordering::Relaxed)
    }

    /// Random numbers of one client: the same for the same seed.
    pub fn rng(&self, process: u32) -> StdRng {
        StdRng::seed_from_u64(self.shared.seed ^ (u64::from(process) << 32))
    }

    /// Waits for this operation's place in the common pace; false if no more shall begin.
    pub async fn turn(&self) -> bool {
        let now = self.shared.recorder.now();
        let wait = self.shared.pace.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        self.rest(Duration::from_nanos(wait)).await
    }

    /// Waits, but not longer than the traffic lasts; false if no more operations shall begin.
    pub async fn rest(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.closed() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    /// No operation begins any more.
    pub fn close(&self) {
        self.shared.closed.send_replace(true);
    }

    /// Resolves when no operation shall begin any more.
    pub async fn closed(&self) {
        // An error means that the sender is gone, which `self` holds.
        let _ = self.shared.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Counts the end of an operation.
    pub fn count(&self, phase: Phase, acked_records: usize) {
        let tally = &self.shared.tally;
        let counter = match phase {
            Phase::Ok | Phase::Invoke => &tally.ok,
            Phase::Fail => &tally.fail,
            Phase::Unknown => &tally.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        tally.acked_records.fetch_add(acked_records as u64, Ordering::Relaxed);
    }

    /// What became of the operations so far.
    pub fn counts(&self) -> Counts {
        let tally = &self.shared.tally;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            ok: read(&tally.ok),
            fail: read(&tally.fail),
            unknown: read(&tally.unknown),
            acked_records: read(&tally.acked_records),
        }
    }
}

/// Hands out places at a fixed distance; what was not used is not saved up.
#[derive(Debug)]
struct Pace {
    step: u64,
    next: u64,
}

impl Pace {
    /// Nanoseconds to wait from `now`.
    fn take(&mut self, now: u64) -> u64 {
        let place = self.next.max(now);
        self.next = place + self.step;
        place - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_step_apart_and_are_not_saved_up() {
        let mut pace = Pace { step: 10, next: 0 };
        assert_eq!([pace.take(100), pace.take(100), pace.take(105)], [0, 10, 15]);
        assert_eq!([pace.take(1_000), pace.take(1_000)], [0, 10]);
    }
}

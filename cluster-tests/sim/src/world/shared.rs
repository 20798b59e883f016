//! What the driver of a run and everybody inside it share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rampart_cluster_tests::history::Recorder;
use rampart_node::stop::StopReason;
use rampart_raft_store::MemoryFaults;
use tokio::sync::watch;

use super::door::{Ask, Door, Refused, Reply};
use crate::dice::Dice;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The cluster comes up.
    Starting,
    /// Clients work, faults happen.
    Faults,
    /// No more faults: everything must come right.
    Healing,
    /// It has; clients finish what they do.
    Settling,
    /// The clients have seen all they wanted.
    Finished,
}

/// What is shared. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dice: Dice,
    recorder: Recorder,
    clock: Arc<VirtualClock>,
    stage: watch::Sender<Stage>,
    hosts: Vec<Host>,
    violation: Mutex<Option<String>>,
}

/// A machine: what it has when nothing runs on it.
#[derive(Debug)]
pub(crate) struct Host {
    disk: Mutex<MemoryFaults>,
    /// Where the node keeps its identity; another folder after the disk was lost.
    dir: Mutex<PathBuf>,
    /// How it comes into the cluster.
    pub(crate) entry: Entry,
    /// How often a node was started here.
    pub(crate) boots: AtomicU64,
    /// By how many milliseconds its wall clock is wrong at the next start.
    pub(crate) skew_ms: Mutex<i64>,
    door: Mutex<Option<Door>>,
    ended: Mutex<Option<StopReason>>,
}

/// How a machine's first node comes into the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// With the others, before there are any faults.
    Founding,
    /// So long after the faults began.
    Late(Duration),
}

/// Nanoseconds of virtual time, never twice the same, so that they order the history.
#[derive(Debug, Default)]
pub(crate) struct VirtualClock {
    now: AtomicU64,
}

impl VirtualClock {
    /// A moment later than every one before.
    pub(crate) fn next(&self) -> u64 {
        self.now.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn set(&self, elapsed: Duration) {
        let now = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.now.fetch_max(now, Ordering::Relaxed);
    }
}

impl Host {
    /// A new machine.
    pub(crate) fn new(dir: PathBuf, entry: Entry) -> Host {
        Host {
            disk: Mutex::new(empty_disk()),
            dir: Mutex::new(dir),
            entry,
            boots: AtomicU64::new(0),
            skew_ms: Mutex::new(0),
            door: Mutex::new(None),
            ended: Mutex::new(None),
        }
    }

    /// Its disk.
    pub(crate) fn disk(&self) -> MemoryFaults {
        lock(&self.disk).clone()
    }

    /// Where the node keeps its identity.
    pub(crate) fn dir(&self) -> PathBuf {
        lock(&self.dir).clone()
    }

    /// Another disk, with nothing on it.
    pub(crate) fn wipe(&self) {
        *lock(&self.disk) = empty_disk();
        lock(&self.dir).set_extension("wiped");
    }

    /// Whether it has lost what it had.
    pub(crate) fn is_wiped(&self) -> bool {
        lock(&self.dir).extension().is_some()
    }

    /// The node's door, if it is up.
    pub(crate) fn door(&self) -> Option<Door> {
        lock(&self.door).clone()
    }

    /// The node is up, or no more.
    pub(crate) fn set_door(&self, door: Option<Door>) {
        *lock(&self.door) = door;
    }

    /// The process has ended by itself.
    pub(crate) fn end(&self, reason: StopReason) {
        *lock(&self.ended) = Some(reason);
    }

    /// Why the process has ended by itself since the last call.
    pub(crate) fn take_end(&self) -> Option<StopReason> {
        lock(&self.ended).take()
    }
}

fn empty_disk() -> MemoryFaults {
    let disk = MemoryFaults::none();
    // A sync takes a moment, as on a real disk: what is written between two is lost with power.
    disk.slow_syncs(1);
    disk
}

/// Takes a lock whose holder never leaves half a change behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        dice: Dice,
        recorder: Recorder,
        clock: Arc<VirtualClock>,
        hosts: Vec<Host>,
    ) -> Shared {
        let stage = watch::channel(Stage::Starting).0;
        let violation = Mutex::new(None);
        Shared(Arc::new(Inner { dice, recorder, clock, stage, hosts, violation }))
    }

    pub(crate) fn dice(&self) -> &Dice {
        &self.0.dice
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    pub(crate) fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    pub(crate) fn hosts(&self) -> &[Host] {
        &self.0.hosts
    }

    pub(crate) fn stage(&self) -> Stage {
        *self.0.stage.borrow()
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        self.0.stage.send_replace(stage);
    }

    /// Waits until the run is that far.
    pub(crate) async fn reached(&self, stage: Stage) {
        let mut stages = self.0.stage.subscribe();
        // The sender lives as long as this.
        let _ = stages.wait_for(|now| *now >= stage).await;
    }

    /// Something must not have happened; the first one counts.
    pub(crate) fn violate(&self, what: impl Into<String>) {
        lock(&self.0.violation).get_or_insert(what.into());
    }

    pub(crate) fn violation(&self) -> Option<String> {
        lock(&self.0.violation).clone()
    }

    /// Asks the node on a host.
    pub(crate) async fn ask(
        &self,
        host: usize,
        ask: Ask,
        within: Duration,
    ) -> Result<Reply, Refused> {
        match self.0.hosts[host].door() {
            Some(door) => door.ask(ask, within).await,
            None => Err(Refused::Closed),
        }
    }
}

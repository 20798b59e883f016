//! What runs on a simulated machine: the product's node, as `rampart serve` runs it, and its door.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rampart_node::clock::Clock;
use rampart_node::config::Config;
use rampart_node::node::Node;
use rampart_node::start::StartError;
use rampart_node::stop::{StopKind, StopReason};
use rampart_node::surroundings::{Storage, Surroundings};
use rampart_raft_store::runtime;

use super::door::door;
use super::shared::{Entry, Shared, Stage, lock};
use super::wall_ms;

/// The first nodes join one after the other, so that host `n` has node `n`.
const JOIN_LOOK: Duration = Duration::from_millis(10);

/// The name of a host, which is its address too.
pub(crate) fn name(host: usize) -> String {
    format!("n{}", host + 1)
}

/// The life of a process: ends when the machine does.
pub(crate) async fn run(shared: Shared, host: usize) {
    let boot = shared.hosts()[host].boots.fetch_add(1, Ordering::Relaxed);
    let dice = shared.dice().of(&format!("{} boot {boot}", name(host)));
    runtime::seeded(dice.number(), Box::pin(live(shared, host, boot))).await;
}

async fn live(shared: Shared, host: usize, boot: u64) {
    let machine = &shared.hosts()[host];
    if boot == 0 {
        its_turn(&shared, host).await;
    }
    let node = match Box::pin(start(&shared, host, boot)).await {
        Ok(node) => node,
        Err(error) => {
            let what = format!("it did not start: {error}");
            machine.end(StopReason { kind: StopKind::Storage, what });
            return std::future::pending().await;
        }
    };
    let (outside, inside) = door(&node);
    machine.set_door(Some(outside));
    runtime::spawn(inside.serve());
    let reason = node.must_stop().await;
    machine.set_door(None);
    machine.end(reason);
    // The driver takes the process away.
    std::future::pending().await
}

/// Waits until a machine's first node may start.
async fn its_turn(shared: &Shared, host: usize) {
    match shared.hosts()[host].entry {
        Entry::Founding => {
            while host > 0 && shared.hosts()[host - 1].door().is_none() {
                tokio::time::sleep(JOIN_LOOK).await;
            }
        }
        Entry::Late(after) => {
            shared.reached(Stage::Faults).await;
            tokio::time::sleep(after).await;
        }
    }
}

async fn start(shared: &Shared, host: usize, boot: u64) -> Result<Node, StartError> {
    Node::start_with(config(shared, host), surroundings(shared, host, boot)).await
}

fn config(shared: &Shared, host: usize) -> Config {
    let mut config = Config::default();
    let machine = &shared.hosts()[host];
    let is_founding = machine.entry == Entry::Founding && !machine.is_wiped();
    config.node.data_dir = machine.dir();
    config.node.bootstrap = is_founding && host == 0;
    config.node.join = match (is_founding, host) {
        (true, 0) => Vec::new(),
        (true, _) => vec![format!("{}:9090", name(0))],
        (false, _) => others(shared, host),
    };
    config.http.listen = SocketAddr::from(([0, 0, 0, 0], 8080));
    config.peer.listen = SocketAddr::from(([0, 0, 0, 0], 9090));
    config.peer.advertise = format!("{}:9090", name(host));
    config.storage.retention_check_interval_ms = 1_000;
    // Two coordinators are as good as eight, and cost less.
    config.groups.state_partitions = 2;
    // Often enough to be met in a run of seconds.
    config.raft.quiesce_after_ms = 1_000;
    config.raft.renew_after_ms = 1_000;
    config
}

/// Where a node asks to be let in that comes later.
fn others(shared: &Shared, host: usize) -> Vec<String> {
    let all = 0..shared.hosts().len();
    all.filter(|other| *other != host).map(|other| format!("{}:9090", name(other))).collect()
}

fn surroundings(shared: &Shared, host: usize, boot: u64) -> Surroundings {
    let machine = &shared.hosts()[host];
    let now_ms = wall_ms() + *lock(&machine.skew_ms);
    Surroundings {
        clock: Clock::given(now_ms),
        randomness: shared.dice().randomness(&format!("{} boot {boot} entropy", name(host))),
        storage: Storage::InMemory(machine.disk()),
    }
}

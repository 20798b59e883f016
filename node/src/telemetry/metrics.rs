//! The metrics of one node, as `GET /metrics` shows them. Names are
//! `rampart_<area>_<noun>_<unit>[_total]`; dashboards and alerts name no other ones.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use rampart_api::model::error_code::ErrorCode;

/// Upper bounds of the latency histograms, in seconds: 0.25 ms to 30 s.
const LATENCY_SECONDS: [f64; 17] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0,
    5.0, 10.0, 30.0,
];

/// Handles to everything that is counted. Cheap to clone; one per node, not per process.
#[derive(Debug, Clone)]
pub struct Metrics {
    handles: Arc<Handles>,
    registry: Arc<Registry>,
}

/// The handles by area. Updating one takes no lock.
#[derive(Debug)]
pub struct Handles {
    /// Records coming in.
    pub produce: ProduceMetrics,
    /// Records going out.
    pub fetch: FetchMetrics,
    /// The HTTP edge.
    pub http: HttpMetrics,
    /// This node's replicas.
    pub partition: PartitionMetrics,
    /// Clients that send heartbeats.
    pub castle: CastleMetrics,
    /// Consensus.
    pub raft: RaftMetrics,
    /// Disk.
    pub storage: StorageMetrics,
    /// The process and its peers.
    pub node: NodeMetrics,
}

/// `rampart_produce_*`: counted on the leader, once per record.
#[derive(Debug)]
pub struct ProduceMetrics {
    /// Requests that reached a partition's leader, by acknowledgement.
    pub requests: Family<AckLabel, Counter>,
    /// Records appended.
    pub records: Counter,
    /// Bytes of record batches appended.
    pub bytes: Counter,
    /// From arrival at the leader to the acknowledgement, by acknowledgement.
    pub latency: Family<AckLabel, Histogram>,
    /// Bytes of appends accepted here and not answered yet.
    pub in_flight_bytes: Gauge,
}

/// `rampart_fetch_*`: counted on the leader.
#[derive(Debug)]
pub struct FetchMetrics {
    /// Requests that a partition's leader answered.
    pub requests: Counter,
    /// Bytes of record batches read.
    pub bytes: Counter,
    /// Fetches that wait for a record right now.
    pub waiting: Gauge,
}

/// `rampart_http_*`.
#[derive(Debug)]
pub struct HttpMetrics {
    /// Requests answered, by status.
    pub requests: Family<StatusLabel, Counter>,
    /// Requests answered with a problem, by its code.
    pub refused: Family<CodeLabel, Counter>,
    /// From the head of the request to the head of the answer.
    pub latency: Histogram,
    /// Open client connections.
    pub connections: Gauge,
}

/// `rampart_partition_*`: as this node sees it.
#[derive(Debug)]
pub struct PartitionMetrics {
    /// Replicas on this node.
    pub replicas: Gauge,
    /// Of them, leaders.
    pub leaders: Gauge,
    /// Partitions led here that have fewer replicas in sync than they should have.
    pub under_replicated: Gauge,
    /// Replicas here whose partition has had no known leader for longer than an election takes.
    pub leaderless: Gauge,
    /// Partitions whose replicas are being moved, as the controller counts them.
    pub moves: Gauge,
}

/// `rampart_castle_*`.
#[derive(Debug)]
pub struct CastleMetrics {
    /// Clients whose heartbeats this node gets.
    pub clients: Gauge,
    /// Heartbeats answered, by what was said.
    pub heartbeats: Family<HeartbeatLabel, Counter>,
    /// Directives that wait for their clients, as this node knows while it has clients.
    pub directives: Gauge,
}

/// `rampart_raft_*`.
#[derive(Debug)]
pub struct RaftMetrics {
    /// Elections this node started.
    pub elections: Counter,
    /// Elections this node won.
    pub elections_won: Counter,
    /// Groups that stopped without a storage error and were started again in place.
    pub group_restarts: Counter,
    /// Replicas that were started anew for their memory.
    pub renewals: Counter,
    /// Records that were acknowledged with ack 1 and then lost with their leader.
    pub acked_then_lost: Counter,
    /// Snapshots sent to replicas that were too far behind for the log.
    pub snapshots_sent: Counter,
    /// Times the log of a replica here was cut off behind what retention took.
    pub log_cuts: Counter,
}

/// `rampart_storage_*`.
#[derive(Debug)]
pub struct StorageMetrics {
    /// Syncs of the shared log, each for the appends of many groups.
    pub sync_batches: Counter,
    /// Log entries made durable by them.
    pub sync_appends: Counter,
    /// Duration of a sync.
    pub sync_latency: Histogram,
    /// Free bytes on the data directory's disk.
    pub disk_free_bytes: Gauge,
    /// Size of that disk.
    pub disk_size_bytes: Gauge,
    /// 1 while produce is refused because the disk is full up to its reserve.
    pub disk_full: Gauge,
}

/// `rampart_node_*`.
#[derive(Debug)]
pub struct NodeMetrics {
    /// Tasks that ended by a panic.
    pub panics: Counter,
    /// Other nodes that answer pings.
    pub peers_alive: Gauge,
    /// Other nodes in the cluster.
    pub peers: Gauge,
    /// Other nodes that refuse this one for good, or whose place a stranger has taken.
    pub peers_refusing: Gauge,
    /// 1 while `/readyz` says ready.
    pub ready: Gauge,
}

/// How far a record must be before it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AckLabel {
    /// `-1`, `quorum`, `1` or `0`.
    pub ack: &'static str,
}

/// An HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StatusLabel {
    /// 200, 404 …
    pub status: u16,
}

/// What a heartbeat was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HeartbeatLabel {
    /// `ok`, `no_change` …
    pub status: &'static str,
}

/// An error code of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CodeLabel {
    /// `NOT_LEADER` …
    pub code: &'static str,
}

impl Deref for Metrics {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.handles
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("rampart");
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The program.", Info::new(build));
        let handles = Handles {
            produce: produce(registry.sub_registry_with_prefix("produce")),
            fetch: fetch(registry.sub_registry_with_prefix("fetch")),
            http: http(registry.sub_registry_with_prefix("http")),
            partition: partition(registry.sub_registry_with_prefix("partition")),
            castle: castle(registry.sub_registry_with_prefix("castle")),
            raft: raft(registry.sub_registry_with_prefix("raft")),
            storage: storage(registry.sub_registry_with_prefix("storage")),
            node: node(registry.sub_registry_with_prefix("node")),
        };
        Metrics { handles: Arc::new(handles), registry: Arc::new(registry) }
    }

    /// The answer of `GET /metrics`, in the OpenMetrics text format.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    /// The media type of `encode`.
    pub const MEDIA_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Counts a produce request that was acknowledged after `latency`.
    pub fn produced(&self, ack: &'static str, records: u64, bytes: u64, latency: Duration) {
        let label = AckLabel { ack };
        self.produce.requests.get_or_create(&label).inc();
        self.produce.records.inc_by(records);
        self.produce.bytes.inc_by(bytes);
        self.produce.latency.get_or_create(&label).observe(latency.as_secs_f64());
    }

    /// Counts a fetch that is answered.
    pub fn fetched(&self, bytes: u64) {
        self.fetch.requests.inc();
        self.fetch.bytes.inc_by(bytes);
    }

    /// Counts an answered HTTP request.
    pub fn answered(&self, status: u16, latency: Duration) {
        self.http.requests.get_or_create(&StatusLabel { status }).inc();
        self.http.latency.observe(latency.as_secs_f64());
    }

    /// Counts a request that was answered with a problem.
    pub fn refused(&self, code: ErrorCode) {
        self.http.refused.get_or_create(&CodeLabel { code: code.as_str() }).inc();
    }
}

/// Sets a counter to a total that somebody else counts, such as the store's own threads.
pub fn set_total(counter: &Counter<u64, AtomicU64>, total: u64) {
    counter.inner().fetch_max(total, Ordering::Relaxed);
}

/// Sets a gauge to a number of things or bytes.
pub fn set_count(gauge: &Gauge, count: impl TryInto<i64>) {
    gauge.set(count.try_into().unwrap_or(i64::MAX));
}

/// Something that a gauge counts as long as it is there.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    /// From now on, until it is dropped.
    pub fn in_gauge(gauge: &Gauge) -> Counted {
        gauge.inc();
        Counted(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn latency() -> Histogram {
    Histogram::new(LATENCY_SECONDS)
}

fn produce(registry: &mut Registry) -> ProduceMetrics {
    let metrics = ProduceMetrics {
        requests: Family::default(),
        records: Counter::default(),
        bytes: Counter::default(),
        latency: Family::new_with_constructor(latency),
        in_flight_bytes: Gauge::default(),
    };
    registry.register("requests", "Produce requests at the leader.", metrics.requests.clone());
    registry.register("records", "Records appended.", metrics.records.clone());
    registry.register("bytes", "Bytes of record batches appended.", metrics.bytes.clone());
    registry.register(
        "latency_seconds",
        "From arrival at the leader to the acknowledgement.",
        metrics.latency.clone(),
    );
    registry.register(
        "in_flight_bytes",
        "Bytes accepted and not answered yet.",
        metrics.in_flight_bytes.clone(),
    );
    metrics
}

fn fetch(registry: &mut Registry) -> FetchMetrics {
    let metrics = FetchMetrics {
        requests: Counter::default(),
        bytes: Counter::default(),
        waiting: Gauge::default(),
    };
    registry.register(
        "requests",
        "Fetch requests answered by the leader.",
        metrics.requests.clone(),
    );
    registry.register("bytes", "Bytes of record batches read.", metrics.bytes.clone());
    registry.register("waiting_requests", "Fetches waiting for a record.", metrics.waiting.clone());
    metrics
}

fn http(registry: &mut Registry) -> HttpMetrics {
    let metrics = HttpMetrics {
        requests: Family::default(),
        refused: Family::default(),
        latency: latency(),
        connections: Gauge::default(),
    };
    registry.register("requests", "Requests answered, by status.", metrics.requests.clone());
    registry.register(
        "refused_requests",
        "Requests answered with a problem, by its code.",
        metrics.refused.clone(),
    );
    registry.register(
        "latency_seconds",
        "From the head of a request to the head of its answer.",
        metrics.latency.clone(),
    );
    registry.register("connections", "Open client connections.", metrics.connections.clone());
    metrics
}

fn partition(registry: &mut Registry) -> PartitionMetrics {
    let metrics = PartitionMetrics {
        replicas: Gauge::default(),
        leaders: Gauge::default(),
        under_replicated: Gauge::default(),
        leaderless: Gauge::default(),
        moves: Gauge::default(),
    };
    registry.register("replicas", "Replicas on this node.", metrics.replicas.clone());
    registry.register("leaders", "Partitions led by this node.", metrics.leaders.clone());
    registry.register(
        "under_replicated_partitions",
        "Partitions led here with fewer replicas in sync than they should have.",
        metrics.under_replicated.clone(),
    );
    registry.register(
        "leaderless_partitions",
        "Replicas here whose partition has no known leader.",
        metrics.leaderless.clone(),
    );
    registry.register("moves", "Partitions being moved.", metrics.moves.clone());
    metrics
}

fn castle(registry: &mut Registry) -> CastleMetrics {
    let metrics = CastleMetrics {
        clients: Gauge::default(),
        heartbeats: Family::default(),
        directives: Gauge::default(),
    };
    registry.register("clients", "Clients that send heartbeats here.", metrics.clients.clone());
    registry.register("heartbeats", "Heartbeats, by answer.", metrics.heartbeats.clone());
    registry.register(
        "waiting_directives",
        "Directives that clients have not done.",
        metrics.directives.clone(),
    );
    metrics
}

fn raft(registry: &mut Registry) -> RaftMetrics {
    let metrics = RaftMetrics {
        elections: Counter::default(),
        elections_won: Counter::default(),
        group_restarts: Counter::default(),
        renewals: Counter::default(),
        acked_then_lost: Counter::default(),
        snapshots_sent: Counter::default(),
        log_cuts: Counter::default(),
    };
    registry.register("elections", "Elections started here.", metrics.elections.clone());
    registry.register("elections_won", "Elections won here.", metrics.elections_won.clone());
    registry.register(
        "group_restarts",
        "Groups that stopped without a storage error and were started again.",
        metrics.group_restarts.clone(),
    );
    registry.register(
        "renewals",
        "Replicas at rest that were started anew, to give memory back.",
        metrics.renewals.clone(),
    );
    registry.register(
        "acked_then_lost_records",
        "Records acknowledged with ack 1 and lost with their leader.",
        metrics.acked_then_lost.clone(),
    );
    registry.register("snapshots_sent", "Snapshots sent.", metrics.snapshots_sent.clone());
    registry.register("log_cuts", "Logs cut off by retention.", metrics.log_cuts.clone());
    metrics
}

fn storage(registry: &mut Registry) -> StorageMetrics {
    let metrics = StorageMetrics {
        sync_batches: Counter::default(),
        sync_appends: Counter::default(),
        sync_latency: latency(),
        disk_free_bytes: Gauge::default(),
        disk_size_bytes: Gauge::default(),
        disk_full: Gauge::default(),
    };
    registry.register("sync_batches", "Syncs of the shared log.", metrics.sync_batches.clone());
    registry.register("sync_appends", "Log entries made durable.", metrics.sync_appends.clone());
    registry.register("sync_latency_seconds", "Duration of a sync.", metrics.sync_latency.clone());
    registry.register("disk_free_bytes", "Free disk space.", metrics.disk_free_bytes.clone());
    registry.register("disk_size_bytes", "Size of the disk.", metrics.disk_size_bytes.clone());
    registry.register(
        "disk_full_state",
        "1 while produce is refused because the disk is full up to its reserve.",
        metrics.disk_full.clone(),
    );
    metrics
}

fn node(registry: &mut Registry) -> NodeMetrics {
    let metrics = NodeMetrics {
        panics: Counter::default(),
        peers_alive: Gauge::default(),
        peers: Gauge::default(),
        peers_refusing: Gauge::default(),
        ready: Gauge::default(),
    };
    registry.register("panics", "Tasks that ended by a panic.", metrics.panics.clone());
    registry.register("peers_alive", "Other nodes that answer.", metrics.peers_alive.clone());
    registry.register("peers", "Other nodes in the cluster.", metrics.peers.clone());
    registry.register(
        "peers_refusing",
        "Other nodes that refuse this one for good.",
        metrics.peers_refusing.clone(),
    );
    registry.register("ready_state", "1 while /readyz says ready.", metrics.ready.clone());
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_counted_no_more() {
        let gauge = Gauge::default();
        let (one, other) = (Counted::in_gauge(&gauge), Counted::in_gauge(&gauge));
        assert_eq!(gauge.get(), 2);
        drop((one, other));
        assert_eq!(gauge.get(), 0);
        set_count(&gauge, u64::MAX);
        assert_eq!(gauge.get(), i64::MAX);
    }

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new();
        let of_another_subsystem = metrics.clone();
        metrics.produced("quorum", 100, 2_000, Duration::from_millis(3));
        of_another_subsystem.fetched(512);
        metrics.answered(200, Duration::from_millis(1));
        metrics.refused(ErrorCode::StorageFull);
        metrics.partition.under_replicated.set(2);
        set_total(&metrics.node.panics, 3);
        let page = metrics.encode().unwrap();
        for line in [
            "rampart_build_info{version=\"0.1.0\"} 1",
            "rampart_produce_requests_total{ack=\"quorum\"} 1",
            "rampart_produce_records_total 100",
            "rampart_produce_bytes_total 2000",
            "rampart_produce_latency_seconds_bucket{le=\"0.004\",ack=\"quorum\"} 1",
            "rampart_fetch_bytes_total 512",
            "rampart_http_requests_total{status=\"200\"} 1",
            "rampart_http_refused_requests_total{code=\"STORAGE_FULL\"} 1",
            "rampart_partition_under_replicated_partitions 2",
            "rampart_raft_acked_then_lost_records_total 0",
            "rampart_raft_log_cuts_total 0",
            "rampart_node_panics_total 3",
        ] {
            assert!(page.lines().any(|shown| shown == line), "missing {line} in\n{page}");
        }
    }
}

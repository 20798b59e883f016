//! What must hold between keys. The bounds of a single key stand beside its default.

use rampart_api::model::limits::{FORWARDED_BYTES_MAX, PEER_FRAME_BYTES_MAX};

use super::{Config, ConfigError, Loaded};

/// A rule between keys: the key to name, whether it holds, and what would be right.
struct Rule {
    key: &'static str,
    holds: bool,
    wanted: String,
}

/// Refuses values that are right alone and wrong together.
pub(super) fn validate(loaded: &Loaded) -> Result<(), ConfigError> {
    let config = &loaded.config;
    let rules = entry(config).into_iter().chain(timings(config)).chain(limits(config));
    match rules.into_iter().find(|rule| !rule.holds) {
        None => Ok(()),
        Some(broken) => Err(ConfigError::BadValue {
            key: broken.key.to_owned(),
            value: value_of(config, broken.key),
            origin: loaded.origin(broken.key),
            wanted: broken.wanted,
        }),
    }
}

fn entry(config: &Config) -> Vec<Rule> {
    let hidden = |listen: std::net::SocketAddr, advertise: &str| {
        listen.ip().is_unspecified() && advertise.is_empty()
    };
    vec![
        Rule {
            key: "node.bootstrap",
            holds: !config.node.bootstrap || config.node.join.is_empty(),
            wanted: "false where `node.join` is set: a node creates a cluster or joins one".into(),
        },
        Rule {
            key: "http.advertise",
            holds: !hidden(config.http.listen, &config.http.advertise),
            wanted: format!(
                "HOST:PORT as clients reach it, because {} stands for every address",
                config.http.listen
            ),
        },
        Rule {
            key: "peer.advertise",
            holds: !hidden(config.peer.listen, &config.peer.advertise),
            wanted: format!(
                "HOST:PORT as other nodes reach it, because {} stands for every address",
                config.peer.listen
            ),
        },
        Rule {
            key: "peer.listen",
            holds: config.peer.listen.port() == 0 || config.peer.listen != config.http.listen,
            wanted: "another address than `http.listen`".into(),
        },
    ]
}

fn timings(config: &Config) -> Vec<Rule> {
    let raft = &config.raft;
    vec![
        Rule {
            key: "raft.node_dead_ms",
            holds: raft.node_dead_ms >= 3 * raft.ping_interval_ms,
            wanted: format!("at least 3 × `raft.ping_interval_ms` ({})", raft.ping_interval_ms),
        },
        Rule {
            key: "raft.election_timeout_min_ms",
            holds: raft.election_timeout_min_ms >= 2 * raft.heartbeat_interval_ms,
            wanted: format!(
                "at least 2 × `raft.heartbeat_interval_ms` ({})",
                raft.heartbeat_interval_ms
            ),
        },
        Rule {
            key: "raft.election_timeout_max_ms",
            holds: raft.election_timeout_max_ms > raft.election_timeout_min_ms,
            wanted: format!(
                "more than `raft.election_timeout_min_ms` ({})",
                raft.election_timeout_min_ms
            ),
        },
        Rule {
            key: "raft.sweep_interval_ms",
            holds: raft.sweep_interval_ms <= raft.heartbeat_interval_ms,
            wanted: format!(
                "at most `raft.heartbeat_interval_ms` ({})",
                raft.heartbeat_interval_ms
            ),
        },
    ]
}

fn limits(config: &Config) -> Vec<Rule> {
    let limits = &config.limits;
    let request = limits.request_bytes_max;
    let holds_a_request = |key, bytes| Rule {
        key,
        holds: bytes >= request,
        wanted: format!("at least `limits.request_bytes_max` ({request})"),
    };
    let forwarded = |key, bytes| Rule {
        key,
        holds: bytes <= FORWARDED_BYTES_MAX as u64,
        wanted: format!(
            "at most {FORWARDED_BYTES_MAX} (48 MiB): `limits.request_bytes_max` and \
             `limits.fetch_bytes_max` travel between nodes in frames of {PEER_FRAME_BYTES_MAX}"
        ),
    };
    vec![
        forwarded("limits.request_bytes_max", request),
        forwarded("limits.fetch_bytes_max", limits.fetch_bytes_max),
        Rule {
            key: "limits.fetch_bytes_in_flight_max",
            holds: limits.fetch_bytes_in_flight_max >= limits.fetch_bytes_max,
            wanted: format!("at least `limits.fetch_bytes_max` ({})", limits.fetch_bytes_max),
        },
        Rule {
            key: "limits.record_bytes_max",
            holds: limits.record_bytes_max <= request,
            wanted: format!("at most `limits.request_bytes_max` ({request})"),
        },
        holds_a_request(
            "limits.partition_bytes_in_flight_max",
            limits.partition_bytes_in_flight_max,
        ),
        holds_a_request(
            "limits.connection_bytes_in_flight_max",
            limits.connection_bytes_in_flight_max,
        ),
        holds_a_request("limits.node_bytes_in_flight_max", limits.node_bytes_in_flight_max),
        Rule {
            key: "castle.client_ttl_ms",
            holds: config.castle.client_ttl_ms >= 2 * config.castle.heartbeat_ms,
            wanted: format!(
                "at least twice `castle.heartbeat_ms` ({}), or clients come and go",
                config.castle.heartbeat_ms
            ),
        },
        Rule {
            key: "topic_defaults.partitions",
            holds: config.topic_defaults.partitions <= limits.partitions_per_topic_max,
            wanted: format!(
                "at most `limits.partitions_per_topic_max` ({})",
                limits.partitions_per_topic_max
            ),
        },
    ]
}

fn value_of(config: &Config, key: &str) -> String {
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let sections = config.sections();
    let found = sections.iter().find(|known| known.name() == section);
    found.map(|section| section.show(name)).unwrap_or_default()
}

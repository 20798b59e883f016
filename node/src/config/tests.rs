//! Bad configurations and what is said about them; the sample file.

use std::path::{Path, PathBuf};

use super::*;

const FILE: &str = "rampart.toml";

fn from_toml(text: &str) -> Result<Loaded, ConfigError> {
    Loader::new().toml(Path::new(FILE), text)?.load()
}

fn from_environment(name: &str, value: &str) -> Result<Loaded, ConfigError> {
    Loader::new().environment([(name.to_owned(), value.to_owned())])?.load()
}

#[test]
fn defaults_are_valid() {
    let loaded = Loader::new().load().unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.config.node.entry(), Entry::Initialised);
}

#[test]
fn bad_file_names_key_value_place_and_what_would_be_right() {
    let cases = [
        (
            "[http]\nlisten = \"8080\"",
            "`http.listen` = \"8080\" (rampart.toml, line 2) is wrong: it must be IP:PORT",
        ),
        ("[http]\nlisten = 8080", "`http.listen` = 8080"),
        (
            "[http]\nport = 8080",
            "unknown configuration key `http.port` (rampart.toml, line 2): [http] has listen, advertise",
        ),
        (
            "\n[htp]\n",
            "unknown configuration key `htp` (rampart.toml, line 2): the sections are [node], [http]",
        ),
        ("http = 5", "unknown configuration key `http`"),
        ("[kafka]\nlisten = \"127.0.0.1:9092\"", "unknown configuration key `kafka`"),
        ("[raft]\nping_interval_ms = \"100\"", "must be a whole number, 0 or more"),
        ("[raft]\nping_interval_ms = -1", "must be a whole number, 0 or more"),
        ("[raft]\nping_interval_ms = 1.5", "`raft.ping_interval_ms` = a number with a fraction"),
        ("[raft]\nping_interval_ms = 1", "must be between 10 and 10_000"),
        (
            "[raft]\nping_interval_ms = 200",
            "`raft.node_dead_ms` = 500 (default) is wrong: it must be at least 3 × `raft.ping_interval_ms` (200)",
        ),
        (
            "[raft]\nelection_timeout_min_ms = 900",
            "must be more than `raft.election_timeout_min_ms` (900)",
        ),
        (
            "[raft]\nheartbeat_interval_ms = 400",
            "must be at least 2 × `raft.heartbeat_interval_ms` (400)",
        ),
        ("[node]\nbootstrap = \"yes\"", "must be true or false"),
        ("[node]\nbootstrap = true\njoin = [\"a:1\"]", "a node creates a cluster or joins one"),
        (
            "[node]\njoin = [\"10.0.0.1\"]",
            "HOST:PORT as others reach it, such as \"10.0.0.1:9090\", not \"10.0.0.1\"",
        ),
        ("[node]\njoin = \"a:1\"", "a list of strings"),
        ("[node]\njoin = [1]", "an array with something else than strings"),
        ("[node]\ndata_dir = \"\"", "must be a path"),
        (
            "[peer]\nlisten = \"0.0.0.0:9090\"",
            "`peer.advertise` = \"\" (default) is wrong: it must be HOST:PORT as other nodes reach it",
        ),
        ("[peer]\nlisten = \"127.0.0.1:8080\"", "another address than `http.listen`"),
        ("[peer]\nadvertise = \"0.0.0.0:9090\"", "HOST:PORT as others reach it"),
        ("[limits]\nrequest_bytes_max = 50_331_648", "`limits.partition_bytes_in_flight_max`"),
        ("[limits]\nrequest_bytes_max = 50_331_649", "at most 50331648 (48 MiB)"),
        ("[limits]\nfetch_bytes_max = 67_108_864", "in frames of 67108864"),
        ("[limits]\nfetch_bytes_in_flight_max = 1_048_576", "`limits.fetch_bytes_max` (16777216)"),
        ("[castle]\nheartbeat_ms = 8_000", "at least twice `castle.heartbeat_ms` (8000)"),
        ("[log]\nformat = \"xml\"", "must be auto, json or text"),
        ("[log]\nlevel = \"loud=very\"", "such as \"info,rampart_node::raft=debug\""),
        ("[topic_defaults]\nreplication_factor = 0", "between 1 and 15"),
        ("[http\nlisten", "configuration file rampart.toml, line 1"),
        ("[http]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"", "line 3"),
    ];
    for (text, expected) in cases {
        let error = from_toml(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}\n  said   {error}\n  wanted {expected}");
    }
}

#[test]
fn bad_environment_is_named() {
    let cases = [
        ("RAMPART_HTTP_LISTEN", "x", "`http.listen` = x (environment RAMPART_HTTP_LISTEN)"),
        ("RAMPART_HTTP_LISTENER", "x", "unknown configuration key `RAMPART_HTTP_LISTENER`"),
        ("RAMPART_RAFT_NODE_DEAD_MS", "100", "must be at least 3 × `raft.ping_interval_ms`"),
    ];
    for (name, value, expected) in cases {
        let error = from_environment(name, value).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}\n  said   {error}\n  wanted {expected}");
    }
}

#[test]
fn foreign_variables_are_left_alone() {
    for name in
        ["RAMPART_SERVER", "RAMPART_HTTP_SERVICE_HOST", "RAMPART_PEER_PORT_9090_TCP", "PATH"]
    {
        assert!(from_environment(name, "tcp://10.0.0.1:80").is_ok(), "{name}");
    }
}

#[test]
fn later_layers_win_and_are_remembered() {
    let text = "[http]\nlisten = \"127.0.0.1:1001\"\nadvertise = \"file:1\"\n[node]\nrack = \"r1\"";
    let loaded = Loader::new()
        .toml(Path::new(FILE), text)
        .and_then(|l| {
            l.environment([
                ("RAMPART_HTTP_LISTEN".to_owned(), "127.0.0.1:1002".to_owned()),
                ("RAMPART_HTTP_ADVERTISE".to_owned(), "environment:1".to_owned()),
                ("RAMPART_NODE_JOIN".to_owned(), "a:1, b:2".to_owned()),
            ])
        })
        .and_then(|l| l.flag("--http-listen", "http.listen", "127.0.0.1:1003"))
        .and_then(Loader::load)
        .unwrap();
    assert_eq!(loaded.config.http.listen.port(), 1003);
    assert_eq!(loaded.config.http.advertise, "environment:1");
    assert_eq!(loaded.config.node.rack, "r1");
    let peers = ["a:1".to_owned(), "b:2".to_owned()];
    assert_eq!(loaded.config.node.entry(), Entry::Join(&peers));
    assert_eq!(loaded.origin("http.listen").to_string(), "flag --http-listen");
    assert_eq!(loaded.origin("http.advertise").to_string(), "environment RAMPART_HTTP_ADVERTISE");
    assert_eq!(loaded.origin("node.rack"), Origin::File(PathBuf::from(FILE), 5));
    assert_eq!(loaded.origin("log.level"), Origin::Default);
}

#[test]
fn sample_file_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/rampart.toml");
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        file,
        sample(),
        "deploy/config/rampart.toml differs; `rampart config sample > deploy/config/rampart.toml`"
    );
}

#[test]
fn sample_with_its_comments_taken_off_is_the_defaults() {
    let text: String = sample()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(from_toml(&text).unwrap().config, Config::default());
    assert_eq!(from_toml(&sample()).unwrap().config, Config::default());
}

#[test]
fn settings_show_each_key_once() {
    let loaded = from_toml("[node]\nrack = \"r1\"").unwrap();
    let settings = settings(&loaded);
    let rack = settings.iter().find(|setting| setting.key == "node.rack").unwrap();
    assert_eq!(
        (rack.value.as_str(), rack.origin.to_string().as_str()),
        ("\"r1\"", "rampart.toml, line 2")
    );
    let keys: std::collections::BTreeSet<_> = settings.iter().map(|s| &s.key).collect();
    assert_eq!(keys.len(), settings.len());
}

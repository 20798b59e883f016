//! `rampart dev`: a whole cluster in one process, with nothing to configure.

use std::fs::DirBuilder;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use futures_util::future::{join_all, select_all};

use super::greeting;
use super::server::{Variables, environment, stop_at_once};
use super::signals::Signals;
use crate::cli::failure::Failure;
use crate::cli::output::{say, say_error};
use crate::config::{Config, Loader};
use crate::node::Node;
use crate::randomness::Randomness;
use crate::telemetry;

/// The file that keeps the peer ports of a kept cluster: its nodes find each other by them.
const PORTS_FILE: &str = "dev-peer-ports.json";

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct DevArgs {
    /// How many nodes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// Keep the data here, for the next time; otherwise it is gone at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// HTTP port of the first node; the others follow.
    #[arg(long, default_value_t = 8081, value_parser = clap::value_parser!(u16).range(1..=65000))]
    http_port_base: u16,
    #[arg(long, hide = true, value_name = "IP:PORT", env = "RAMPART_KAFKA_LISTEN")]
    kafka_listen: Option<String>,
}

/// Where a cluster lives while it runs; removed at the end unless it is kept.
#[derive(Debug)]
struct Home {
    path: PathBuf,
    is_kept: bool,
}

impl Home {
    fn new(data_dir: Option<&Path>) -> Result<Self, Failure> {
        let (path, made) = match data_dir {
            Some(path) => (path.to_owned(), std::fs::create_dir_all(path)),
            None => {
                // Nobody can guess it, it must not be there yet, and nobody else may look into it.
                let name = format!("rampart-dev-{:016x}", Randomness::of_system().number());
                let path = std::env::temp_dir().join(name);
                let made = DirBuilder::new().mode(0o700).create(&path);
                (path, made)
            }
        };
        made.map_err(|error| {
            Failure::new(format!("directory {}: {error}", path.display()))
                .hint("name one that can be written with --data-dir")
        })?;
        Ok(Home { path, is_kept: data_dir.is_some() })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.is_kept && std::fs::remove_dir_all(&self.path).is_err() {
            say_error(format_args!("{} could not be removed", self.path.display()));
        }
    }
}

/// Runs a cluster until a signal.
pub(in crate::cli) async fn dev(args: DevArgs) -> Result<ExitCode, Failure> {
    super::refuse_kafka(args.kafka_listen.as_deref())?;
    let home = Home::new(args.data_dir.as_deref())?;
    let ports = peer_ports(&home, args.nodes)?;
    let configs = (0..args.nodes)
        .map(|index| config(&args, &home.path, &ports, index))
        .collect::<Result<Vec<_>, _>>()?;
    telemetry::log::start(&configs[0].log);
    let mut signals = Signals::new()?;
    let mut nodes = Vec::new();
    for config in configs {
        tokio::select! {
            started = Box::pin(Node::start(config)) => nodes.push(started?),
            _ = signals.next() => break,
        }
    }
    if nodes.len() < usize::from(args.nodes) {
        join_all(nodes.into_iter().map(|node| Box::pin(node.stop()))).await;
        return Ok(ExitCode::SUCCESS);
    }
    greet(&nodes, &home);
    run(nodes, signals).await
}

async fn run(nodes: Vec<Node>, mut signals: Signals) -> Result<ExitCode, Failure> {
    let broken = select_all(nodes.iter().map(|node| Box::pin(node.must_stop())));
    tokio::select! {
        (reason, _, _) = broken => return Ok(stop_at_once(&nodes, &reason).await),
        _ = signals.next() => say_error("\nstopping"),
    }
    let stopped = join_all(nodes.into_iter().map(|node| Box::pin(node.stop())));
    tokio::select! {
        _ = stopped => Ok(ExitCode::SUCCESS),
        signal = signals.next() => Err(Failure::new(format!("stopped at once by {signal}"))),
    }
}

fn greet(nodes: &[Node], home: &Home) {
    for node in nodes {
        say(format_args!("node {} serves http://{}", node.id(), node.http_addr()));
    }
    let data = home.path.display();
    match home.is_kept {
        true => say(format_args!("data is kept in {data}")),
        false => say("data is gone at the end; --data-dir DIR keeps it"),
    }
    if let Some(first) = nodes.first() {
        say(greeting::lines(first.http_addr()));
    }
    say("ctrl-c ends it");
}

/// Variables that are of one node only, while here several share one environment.
const OF_ONE_NODE: [&str; 8] = [
    "RAMPART_NODE_DATA_DIR",
    "RAMPART_NODE_RACK",
    "RAMPART_NODE_BOOTSTRAP",
    "RAMPART_NODE_JOIN",
    "RAMPART_HTTP_LISTEN",
    "RAMPART_HTTP_ADVERTISE",
    "RAMPART_PEER_LISTEN",
    "RAMPART_PEER_ADVERTISE",
];

/// What all nodes can have from the environment.
fn shared(variables: Variables) -> Variables {
    let is_shared = |name: &str| !OF_ONE_NODE.contains(&name);
    variables.into_iter().filter(|(name, _)| is_shared(name)).collect()
}

/// The configuration of one node: quiet unless the environment says otherwise.
fn config(args: &DevArgs, home: &Path, ports: &[u16], index: u16) -> Result<Config, Failure> {
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
    let data_dir = home.join(format!("node-{}", index + 1));
    let first = (index == 0).then_some(("node.bootstrap", true.to_string()));
    let later = (index > 0).then(|| ("node.join", at(ports[0])));
    let variables = shared(environment()?);
    let mut loader = Loader::new().flag("dev", "log.level", "warn")?.environment(variables)?;
    let settings = [
        ("node.data_dir", data_dir.display().to_string()),
        ("http.listen", at(args.http_port_base + index)),
        ("peer.listen", at(ports[usize::from(index)])),
    ];
    for (key, text) in settings.into_iter().chain(first).chain(later) {
        loader = loader.flag("dev", key, &text)?;
    }
    Ok(loader.load()?.config)
}

/// The peer ports of a kept cluster are those of its first start; otherwise free ones.
fn peer_ports(home: &Home, nodes: u16) -> Result<Vec<u16>, Failure> {
    let file = home.path.join(PORTS_FILE);
    if let Ok(text) = std::fs::read(&file) {
        let ports: Vec<u16> = serde_json::from_slice(&text)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        return match ports.len() == usize::from(nodes) {
            true => Ok(ports),
            false => Err(Failure::usage(format!(
                "{} has a cluster of {} nodes",
                home.path.display(),
                ports.len()
            ))
            .hint(format!("start it with --nodes {}, or choose another directory", ports.len()))),
        };
    }
    // All are held until the last is found, so that no port is given twice.
    let listeners = (0..nodes)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()?;
    let ports = listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    std::fs::write(&file, serde_json::to_vec(&ports).map_err(std::io::Error::from)?)?;
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::ConfigError;

    #[test]
    fn a_kept_cluster_keeps_its_ports_and_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(Some(dir.path())).unwrap();
        let ports = peer_ports(&home, 3).unwrap();
        assert_eq!(peer_ports(&home, 3).unwrap(), ports);
        let failure = peer_ports(&home, 1).unwrap_err();
        assert!(failure.to_string().contains("--nodes 3"), "{failure}");
    }

    #[test]
    fn what_is_of_one_node_is_not_taken_from_the_environment() {
        let given = ["RAMPART_NODE_JOIN", "RAMPART_PEER_ADVERTISE", "RAMPART_LOG_LEVEL"];
        let shared = shared(given.map(|name| (name.to_owned(), "x:1".to_owned())).to_vec());
        assert_eq!(shared, [("RAMPART_LOG_LEVEL".to_owned(), "x:1".to_owned())]);
        for name in OF_ONE_NODE {
            let set = Loader::new().environment([(name.to_owned(), "x:1".to_owned())]);
            let is_unknown = matches!(set, Err(ConfigError::UnknownKey { .. }));
            assert!(!is_unknown, "there is no {name}");
        }
    }

    #[test]
    fn a_home_that_is_not_kept_is_removed() {
        let home = Home::new(None).unwrap();
        let path = home.path.clone();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "others can look into it");
        assert_ne!(Home::new(None).unwrap().path, path, "it can be guessed");
        drop(home);
        assert!(!path.exists());
    }
}

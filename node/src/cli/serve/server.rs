//! `rampart server`: one node, until a signal or until it can't go on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use futures_util::future::join_all;

use super::greeting;
use super::notify::notify;
use super::signals::Signals;
use crate::cli::failure::Failure;
use crate::cli::output::{say, say_error};
use crate::config::{Loaded, Loader};
use crate::node::Node;
use crate::stop::StopReason;
use crate::telemetry;

/// The settings that have a flag. All others are in the file and the environment.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct ServerArgs {
    /// Directory of everything that survives a crash.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address for clients.
    #[arg(long, value_name = "IP:PORT")]
    http_listen: Option<String>,
    /// Address for the other nodes.
    #[arg(long, value_name = "IP:PORT")]
    peer_listen: Option<String>,
    /// On an empty directory: create a cluster of one node.
    #[arg(long, conflicts_with = "join")]
    bootstrap: bool,
    /// On an empty directory: join the cluster of these peer addresses.
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    join: Vec<String>,
    /// How clients reach --http-listen, where that differs.
    #[arg(long, value_name = "HOST:PORT")]
    advertise_http: Option<String>,
    /// How other nodes reach --peer-listen, where that differs.
    #[arg(long, value_name = "HOST:PORT")]
    advertise_peer: Option<String>,
    /// Failure domain, such as an availability zone.
    #[arg(long)]
    rack: Option<String>,
    /// Configuration file.
    #[arg(long, value_name = "FILE", env = "RAMPART_CONFIG")]
    config: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "IP:PORT", env = "RAMPART_KAFKA_LISTEN")]
    kafka_listen: Option<String>,
}

impl ServerArgs {
    /// Defaults, file, environment, flags.
    pub(in crate::cli) fn load(&self) -> Result<Loaded, Failure> {
        super::refuse_kafka(self.kafka_listen.as_deref())?;
        let mut loader = Loader::new();
        if let Some(path) = &self.config {
            loader = loader.file(path)?;
        }
        loader = loader.environment(environment()?)?;
        for (flag, key, text) in self.flags() {
            loader = loader.flag(flag, key, &text)?;
        }
        Ok(loader.load()?)
    }

    fn flags(&self) -> Vec<(&'static str, &'static str, String)> {
        let join = (!self.join.is_empty()).then(|| self.join.join(","));
        let bootstrap = self.bootstrap.then(|| true.to_string());
        [
            ("--data-dir", "node.data_dir", self.data_dir.clone()),
            ("--http-listen", "http.listen", self.http_listen.clone()),
            ("--peer-listen", "peer.listen", self.peer_listen.clone()),
            ("--bootstrap", "node.bootstrap", bootstrap),
            ("--join", "node.join", join),
            ("--advertise-http", "http.advertise", self.advertise_http.clone()),
            ("--advertise-peer", "peer.advertise", self.advertise_peer.clone()),
            ("--rack", "node.rack", self.rack.clone()),
        ]
        .into_iter()
        .filter_map(|(flag, key, text)| Some((flag, key, text?)))
        .collect()
    }
}

/// Environment variables.
pub(super) type Variables = Vec<(String, String)>;

/// The variables that may concern a node. One that is not text is refused, not passed over.
pub(super) fn environment() -> Result<Variables, Failure> {
    text_of(std::env::vars_os())
}

fn text_of(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Variables, Failure> {
    let ours = variables.filter(|(name, _)| name.as_bytes().starts_with(b"RAMPART_"));
    let text = |(name, value): (OsString, OsString)| match (name.to_str(), value.to_str()) {
        (Some(name), Some(value)) => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::usage(format!(
            "environment {}={} is not UTF-8",
            name.to_string_lossy(),
            value.to_string_lossy()
        ))),
    };
    ours.map(text).collect()
}

/// Runs a node.
pub(in crate::cli) async fn server(args: ServerArgs) -> Result<ExitCode, Failure> {
    let config = args.load()?.config;
    telemetry::log::start(&config.log);
    greeting::warn_beyond_loopback("http", config.http.listen);
    greeting::warn_beyond_loopback("peer", config.peer.listen);
    let mut signals = Signals::new()?;
    let node = tokio::select! {
        started = Box::pin(Node::start(config)) => started?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it started");
            return Ok(ExitCode::SUCCESS);
        }
    };
    say(format_args!("node {} serves http://{}", node.id(), node.http_addr()));
    say(greeting::lines(node.http_addr()));
    run(node, signals).await
}

/// Until a signal, or until the node can't go on.
async fn run(node: Node, mut signals: Signals) -> Result<ExitCode, Failure> {
    let mut ready = node.ready();
    let until_ready = async {
        if ready.wait_for(|ready| *ready).await.is_ok() {
            notify("READY=1");
        }
        std::future::pending::<()>().await;
    };
    let signal = tokio::select! {
        () = until_ready => unreachable!("it waits forever"),
        reason = node.must_stop() => return Ok(stop_at_once(&[node], &reason).await),
        signal = signals.next() => signal,
    };
    tracing::info!(signal, "stopping; once more stops at once");
    notify("STOPPING=1");
    tokio::select! {
        () = Box::pin(node.stop()) => Ok(ExitCode::SUCCESS),
        signal = signals.next() => Err(Failure::new(format!("stopped at once by {signal}"))),
    }
}

/// Nothing is handed over; what waits hears that its outcome is unknown.
pub(super) async fn stop_at_once(nodes: &[Node], reason: &StopReason) -> ExitCode {
    tracing::error!(%reason, "the node can't go on");
    notify("STOPPING=1");
    say_error(format_args!("error: the node can't go on: {reason}"));
    join_all(nodes.iter().map(|node| node.abandon(reason))).await;
    ExitCode::from(reason.kind.exit_code())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_variable_of_ours_that_is_not_text_is_refused_by_name() {
        let variable = |name: &str| (OsString::from(name), OsString::from_vec(vec![b'a', 0xff]));
        let failure = text_of([variable("RAMPART_NODE_RACK")].into_iter()).unwrap_err();
        assert!(failure.to_string().contains("RAMPART_NODE_RACK=a"), "{failure}");
        assert_eq!(text_of([variable("LS_COLORS")].into_iter()).unwrap(), []);
    }
}

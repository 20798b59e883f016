//! `rampart node list|status|drain|decommission|recommission|remove`: always by node id, and also
//! while the node itself is dead.

use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use rampart_api::client::Client;
use rampart_api::http::cluster::{
    DecommissionProgress, MoveDescription, NodeActionRequest, NodeActionResponse, NodeDescription,
};
use serde::Serialize;

use super::confirm::confirm;
use super::context::Context;
use super::failure::{Failure, UNSAFE};
use super::output::{bytes, duration_ms, ids, or_dash, pairs, table};

/// How often progress is asked for.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// A decommission that reports the same blockers for so many looks is given up on by `--wait`.
const BLOCKED_LOOKS_MAX: u32 = 20;

#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// List nodes.
    List,
    /// Show a node and what is moving to or from it.
    Status {
        /// Its id.
        node: u64,
    },
    /// Move leaderships away; the data stays. For minutes: a reboot, an upgrade.
    Drain(NodeArgs),
    /// Move all replicas away. For good: afterwards it can be stopped and removed.
    Decommission(DecommissionArgs),
    /// Let a drained or decommissioning node take part again.
    Recommission(NodeArgs),
    /// Take a node that has no replicas, or that is dead, out of the cluster for good.
    Remove(NodeArgs),
}

#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// Its id, as `rampart node list` shows it.
    node: u64,
}

#[derive(Debug, Args)]
pub(super) struct DecommissionArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Begin even though it can't finish.
    #[arg(long)]
    force: bool,
    /// Stay until it is done, or until nothing moves any more.
    #[arg(long)]
    wait: bool,
}

/// A node with what concerns it.
#[derive(Debug, Serialize)]
struct NodeStatus {
    #[serde(flatten)]
    node: NodeDescription,
    decommission: Option<DecommissionProgress>,
    moves: Vec<MoveDescription>,
}

pub(super) async fn run(command: NodeCommand, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        NodeCommand::List => {
            let nodes = client.nodes().await?;
            context.printer.print(&nodes, |list| node_table(&list.nodes))
        }
        NodeCommand::Status { node } => status(&client, node, context).await,
        NodeCommand::Drain(args) => {
            context.refuse_dry_run("node drain")?;
            acted(&client.drain(args.node, NodeActionRequest::default()).await?, context)
        }
        NodeCommand::Decommission(args) => decommission(&client, &args, context).await,
        NodeCommand::Recommission(args) => {
            context.refuse_dry_run("node recommission")?;
            acted(&client.recommission(args.node, NodeActionRequest::default()).await?, context)
        }
        NodeCommand::Remove(args) => {
            context.refuse_dry_run("node remove")?;
            // One that is not there is said before anything is asked.
            client.node(args.node).await?;
            confirm(context, &format!("remove node {} from the cluster", args.node))?;
            acted(&client.remove_node(args.node, NodeActionRequest::default()).await?, context)
        }
    }
}

/// Prints what an action did.
fn acted(done: &NodeActionResponse, context: &Context) -> Result<(), Failure> {
    context.printer.print(done, |done| acted_text(done, context.is_dry_run))
}

/// Blockers are not hidden in a success.
fn acted_text(done: &NodeActionResponse, is_dry_run: bool) -> String {
    let mut text = format!("node {} is {}", done.node, done.state);
    if is_dry_run {
        let way = if done.blockers.is_empty() { "; nothing stands in its way" } else { "" };
        text = format!("nothing was done{way}; {text}");
    }
    for blocker in &done.blockers {
        text.push_str(&format!("\n  blocked: {blocker}"));
    }
    text
}

async fn status(client: &Client, node: u64, context: &Context) -> Result<(), Failure> {
    let description = client.node(node).await?;
    let is_leaving = description.state == "decommissioning";
    let decommission = match is_leaving {
        true => Some(client.decommission_progress(node).await?),
        false => None,
    };
    let mut moves = client.moves().await?.moves;
    moves.retain(|m| m.from.contains(&node) || m.to.contains(&node));
    let status = NodeStatus { node: description, decommission, moves };
    context.printer.print(&status, status_text)
}

fn status_text(status: &NodeStatus) -> String {
    let node = &status.node;
    let mut text = pairs(&[
        ("node", node.id.to_string()),
        ("state", node.state.clone()),
        ("alive", alive(node)),
        ("http", node.http.clone()),
        ("peer", node.peer.clone()),
        ("rack", node.rack.clone()),
        ("version", node.version.clone()),
        ("replicas", node.replicas.to_string()),
        ("leads", node.leaders.to_string()),
        ("metadata", node.metadata_role.clone().unwrap_or_default()),
    ]);
    if let Some(progress) = &status.decommission {
        text.push_str(&format!("\n{}\n", progress_text(progress)));
    }
    if !status.moves.is_empty() {
        text.push_str(&format!("\n{}\n", move_table(&status.moves)));
    }
    text
}

/// Nodes for people.
pub(super) fn node_table(nodes: &[NodeDescription]) -> String {
    let rows = nodes.iter().map(|node| {
        [
            node.id.to_string(),
            node.state.clone(),
            alive(node),
            node.http.clone(),
            node.peer.clone(),
            node.rack.clone(),
            node.replicas.to_string(),
            node.leaders.to_string(),
            node.metadata_role.clone().unwrap_or_default(),
            node.version.clone(),
        ]
    });
    let header = [
        "NODE", "STATE", "ALIVE", "HTTP", "PEER", "RACK", "REPLICAS", "LEADS", "METADATA",
        "VERSION",
    ];
    table(header, rows)
}

/// Moves for people.
pub(super) fn move_table(moves: &[MoveDescription]) -> String {
    let rows = moves.iter().map(|m| {
        [
            format!("{}/{}", m.topic, m.partition),
            ids(m.from.iter().copied()),
            ids(m.to.iter().copied()),
            or_dash(m.bytes_left, bytes),
            or_dash(m.eta_ms, duration_ms),
            m.blockers.join("; "),
        ]
    });
    table(["MOVE", "FROM", "TO", "LEFT", "ETA", ""], rows)
}

fn alive(node: &NodeDescription) -> String {
    match (node.alive, node.silent_ms) {
        (true, _) => "yes".to_owned(),
        (false, Some(ms)) => format!("silent for {}", duration_ms(ms)),
        (false, None) => "no".to_owned(),
    }
}

async fn decommission(
    client: &Client,
    args: &DecommissionArgs,
    context: &Context,
) -> Result<(), Failure> {
    let request = NodeActionRequest { dry_run: context.is_dry_run, force: args.force };
    let started = client.decommission(args.node.node, request).await?;
    if context.is_dry_run || !args.wait {
        return acted(&started, context);
    }
    tokio::select! {
        done = wait(client, args.node.node) => {
            let progress = done?;
            context.printer.print(&progress, progress_text)
        }
        _ = tokio::signal::ctrl_c() => Err(Failure::new("no longer waiting; it goes on").hint(
            format!("`rampart node recommission {}` takes it back", args.node.node),
        )),
    }
}

/// Until no replica is left, or nothing can move.
async fn wait(client: &Client, node: u64) -> Result<DecommissionProgress, Failure> {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} replicas moved, {msg}")
        .expect("a template of our own");
    bar.set_style(style);
    let mut blocked_looks = 0;
    loop {
        let progress = client.decommission_progress(node).await?;
        let total = bar.length().unwrap_or(0).max(progress.partitions_left);
        bar.set_length(total);
        bar.set_position(total - progress.partitions_left);
        bar.set_message(remaining(&progress));
        if progress.partitions_left == 0 && progress.state == "decommissioned" {
            bar.finish_and_clear();
            return Ok(progress);
        }
        blocked_looks = if progress.blockers.is_empty() { 0 } else { blocked_looks + 1 };
        if blocked_looks > BLOCKED_LOOKS_MAX {
            bar.abandon();
            return Err(blocked(&progress));
        }
        tokio::time::sleep(PROGRESS_INTERVAL).await;
    }
}

fn blocked(progress: &DecommissionProgress) -> Failure {
    Failure::new(format!(
        "node {} can't give its replicas away: {}",
        progress.node,
        remaining(progress)
    ))
    .hint(format!(
        "it goes on by itself when that is gone; `rampart node recommission {}` takes it back",
        progress.node
    ))
    .code(UNSAFE)
}

fn remaining(progress: &DecommissionProgress) -> String {
    let left = format!("{} left", bytes(progress.bytes_left));
    match (progress.blockers.is_empty(), progress.eta_ms) {
        (false, _) => format!("blocked: {}", progress.blockers.join("; ")),
        (true, Some(eta)) => format!("{left}, about {}", duration_ms(eta)),
        (true, None) => left,
    }
}

fn progress_text(progress: &DecommissionProgress) -> String {
    match progress.partitions_left {
        0 => format!("node {} is {}: no replicas left", progress.node, progress.state),
        left => format!(
            "node {} is {}: {left} replicas left, {}",
            progress.node,
            progress.state,
            remaining(progress)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_that_nothing_was_done() {
        let mut done = NodeActionResponse {
            node: 4,
            state: "active".into(),
            metadata_index: None,
            blockers: Vec::new(),
        };
        let text = acted_text(&done, true);
        assert_eq!(text, "nothing was done; nothing stands in its way; node 4 is active");
        done.blockers.push("too few nodes".into());
        assert!(acted_text(&done, true).ends_with("\n  blocked: too few nodes"));
        assert!(acted_text(&done, false).starts_with("node 4 is active\n"));
    }

    #[test]
    fn blockers_go_before_an_estimate() {
        let mut progress =
            DecommissionProgress { bytes_left: 2048, eta_ms: Some(3_000), ..Default::default() };
        assert_eq!(remaining(&progress), "2.0 KiB left, about 3.0 s");
        progress.blockers.push("only 2 nodes for 3 replicas".into());
        assert_eq!(remaining(&progress), "blocked: only 2 nodes for 3 replicas");
        assert_eq!(blocked(&progress).code, UNSAFE);
    }
}

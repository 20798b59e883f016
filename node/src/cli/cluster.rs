//! `rampart cluster status|health|rebalance|config`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use rampart_api::http::cluster::{
    AlterClusterRequest, ClusterConfig, ClusterHealth, ClusterStatus, HealthStatus, RebalancePlan,
    RebalanceRequest,
};

use super::context::Context;
use super::failure::{FAILED, Failure};
use super::node::{move_table, node_table};
use super::output::{ids, key_value, number, or_dash, pairs, table};

/// Settings of the cluster begin so; on the command line that may be left out.
const PREFIX: &str = "cluster.";

#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Show who is in the cluster and who leads it.
    Status,
    /// Say what is wrong; exit code 0 only if nothing is.
    Health,
    /// Even out replicas and leaderships over the nodes.
    Rebalance,
    /// Show the settings of the whole cluster, or change them.
    Config(ConfigArgs),
}

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Set one, such as auto_rebalance=false: a node that joins gets nothing by itself.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// Set one back to its default.
    #[arg(long, value_name = "KEY")]
    reset: Vec<String>,
}

pub(super) async fn run(command: ClusterCommand, context: &Context) -> Result<ExitCode, Failure> {
    let client = context.client()?;
    match command {
        ClusterCommand::Status => context.printer.print(&client.cluster().await?, status)?,
        ClusterCommand::Health => {
            let found = client.health().await?;
            context.printer.print(&found, health)?;
            if found.status != HealthStatus::Ok {
                return Ok(ExitCode::from(FAILED));
            }
        }
        ClusterCommand::Rebalance => {
            let request = RebalanceRequest { dry_run: context.is_dry_run };
            context.printer.print(&client.rebalance(request).await?, plan)?;
        }
        ClusterCommand::Config(args) => {
            let change = changes(args);
            if !change.config.is_empty() {
                context.refuse_dry_run("cluster config --set")?;
                client.alter_cluster(&change).await?;
            }
            context.printer.print(&client.cluster_config().await?, settings)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn changes(args: ConfigArgs) -> AlterClusterRequest {
    let full = |key: String| if key.starts_with(PREFIX) { key } else { format!("{PREFIX}{key}") };
    let set = args.set.into_iter().map(|(key, value)| (full(key), Some(value)));
    let reset = args.reset.into_iter().map(|key| (full(key), None));
    AlterClusterRequest { config: set.chain(reset).collect() }
}

fn settings(cluster: &ClusterConfig) -> String {
    let rows = cluster.config.iter().map(|(key, value)| {
        let origin = if cluster.config_set.contains(key) { "set" } else { "default" };
        [key.clone(), value.clone(), origin.to_owned()]
    });
    table(["SETTING", "VALUE", "FROM"], rows)
}

fn status(cluster: &ClusterStatus) -> String {
    let head = pairs(&[
        ("cluster", cluster.cluster_id.clone()),
        ("controller", or_dash(cluster.controller, |node| format!("node {node}"))),
        ("voters", ids(cluster.metadata_voters.iter().copied())),
        ("topics", number(cluster.topics)),
        ("partitions", number(cluster.partitions)),
        ("as seen by", format!("node {}, version {}", cluster.node, cluster.version)),
    ]);
    format!("{head}\n{}", node_table(&cluster.nodes))
}

fn health(health: &ClusterHealth) -> String {
    let word = match health.status {
        HealthStatus::Ok => "ok: everything is as it should be",
        HealthStatus::Degraded => "degraded: everything is served, with less safety",
        HealthStatus::Unavailable => "unavailable: something is not served",
    };
    let mut text = word.to_owned();
    for problem in &health.problems {
        text.push_str(&format!("\n  {problem}"));
    }
    if health.moves > 0 {
        text.push_str(&format!("\n  {} partitions are being moved", health.moves));
    }
    text
}

fn plan(plan: &RebalancePlan) -> String {
    if plan.moves.is_empty() && plan.transfers.is_empty() {
        return "nothing to do: the load is even".to_owned();
    }
    let head = if plan.dry_run { "would be started" } else { "started" };
    let transfers = plan.transfers.iter().map(|transfer| {
        let name = format!("{}/{}", transfer.topic, transfer.partition);
        [name, or_dash(transfer.from, |node| node.to_string()), transfer.to.to_string()]
    });
    let mut text =
        format!("{head}: {} moves, {} transfers\n", plan.moves.len(), plan.transfers.len());
    if !plan.moves.is_empty() {
        text.push_str(&format!("\n{}\n", move_table(&plan.moves)));
    }
    if !plan.transfers.is_empty() {
        text.push_str(&format!("\n{}\n", table(["LEADERSHIP", "FROM", "TO"], transfers)));
    }
    text
}

#[cfg(test)]
mod tests {
    use rampart_api::http::cluster::PlannedTransfer;

    use super::*;

    #[test]
    fn settings_are_named_with_or_without_their_prefix() {
        let pair = |key: &str| (key.to_owned(), "false".to_owned());
        let set = vec![pair("auto_rebalance"), pair("cluster.other")];
        let change = changes(ConfigArgs { set, reset: vec!["third".to_owned()] });
        let keys: Vec<_> = change.config.keys().map(String::as_str).collect();
        assert_eq!(keys, ["cluster.auto_rebalance", "cluster.other", "cluster.third"]);
        assert_eq!(change.config["cluster.third"], None);
    }

    #[test]
    fn an_even_cluster_has_nothing_to_do() {
        assert!(plan(&RebalancePlan::default()).contains("nothing to do"));
        let transfers =
            vec![PlannedTransfer { topic: "t".into(), partition: 3, from: Some(1), to: 2 }];
        let text = plan(&RebalancePlan { transfers, dry_run: true, ..RebalancePlan::default() });
        assert!(text.starts_with("would be started: 0 moves, 1 transfers"), "{text}");
        assert!(text.contains("t/3"), "{text}");
    }
}

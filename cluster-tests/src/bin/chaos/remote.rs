//! A run on a cluster that somebody else runs: on topics of its own, which it takes away afterwards.

use anyhow::{Context, Result, bail};
use rampart_cluster_tests::harness::client::Api;

use super::cleanup;
use super::disturb::perform;
use super::finish;
use super::folder::Folder;
use super::hook::Hook;
use super::judge::{self, End, Seen};
use super::options::{Faults, Run};
use super::stage::{Stage, interrupted};

/// Disturbs as far as the hook does, heals, reads, cleans up, judges.
pub(crate) async fn run(run: &Run, folder: &Folder) -> Result<End> {
    let nodes: Vec<Api> = run.cluster.iter().map(Api::new).collect::<Result<_>>()?;
    for api in &nodes {
        let answer = api.get("/v1/cluster").await;
        answer?.ok().with_context(|| format!("{} is no node of Rampart", api.base()))?;
    }
    let prefix = format!("rampart-chaos-{}-", run.seed);
    let mut stage = Stage::open(run, folder, nodes.clone(), ("running", &prefix))?;
    let seen = tokio::select! {
        seen = drive(&mut stage, nodes.clone()) => seen,
        asked = interrupted() => asked.and_then(|()| bail!("interrupted")),
    };
    stage.traffic.close();
    stage.progress.phase("removing the topics of this run");
    // A client that is still at it may make one more: none of them is left running.
    let stopped = stage.stop().await;
    let groups = cleanup::groups(&nodes, &prefix).await;
    let cleaned = cleanup::topics(&nodes, &prefix).await;
    stage.progress.finish();
    let mut seen = seen?;
    seen.trouble(stopped);
    seen.problem(groups.context("groups of this run are left"));
    seen.problem(cleaned.context("topics of this run are left"));
    seen.not_checked.push("disks of the nodes: they are not ours to read".to_owned());
    judge::conclude(&stage, &seen)
}

async fn drive(stage: &mut Stage<'_>, nodes: Vec<Api>) -> Result<Seen> {
    let run = stage.run;
    let faults = match &run.faults {
        Faults::Named(names) => names.clone(),
        Faults::All => Vec::new(),
    };
    let plan = run.plan(&faults);
    stage.announce(&plan)?;
    stage.create_topics().await?;
    stage.start();
    stage.progress.phase("running");
    let members: Vec<usize> = (0..nodes.len()).collect();
    let mut hook = Hook { command: run.hook.clone(), nodes };
    let disturbed = perform(stage, &plan, &mut hook).await;
    let mut seen = Seen { disturbed, ..Seen::default() };
    seen.trouble(finish::converge(stage, &members).await);
    seen.trouble(stage.stop().await);
    seen.trouble(finish::drain_groups(stage).await);
    seen.trouble(finish::read_all(stage).await);
    Ok(seen)
}

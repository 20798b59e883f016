//! A run on nodes of its own, started here and stopped at the end.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use rampart_cluster_tests::faults::{self, Injected};
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::environment::Environment;
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::workloads::mix::Workload;
use rampart_cluster_tests::workloads::{castle, soak};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::disturb::{Disturbed, Disturber, perform};
use super::folder::Folder;
use super::judge::{self, End, Seen};
use super::options::{Env, Faults, Run};
use super::panics::Panics;
use super::stage::Stage;
use super::{dumps, finish};

/// Begins the names of the topics.
const PREFIX: &str = "chaos-";
/// Size of each node's disk, where it has one: a run of an hour fits.
const DISK_MIB: u64 = 2_048;

/// Starts, disturbs, heals, reads, stops, judges.
pub(crate) async fn run(run: &Run, folder: &Folder) -> Result<End> {
    let (environment, env) = environment(run.env)?;
    let config = config(run);
    let options =
        Options { cuttable: true, shim: has_compiler(), environment, config, ..Options::default() };
    let mut cluster = Cluster::start_with(run.nodes, options).await?;
    let mut stage = Stage::open(run, folder, cluster.apis(), (env, PREFIX))?;
    let seen = drive(&mut stage, &mut cluster).await;
    stage.progress.finish();
    cluster.kill_all();
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => {
            keep(&cluster, folder)?;
            return Err(error.context(format!("what there is lies in {}", folder.path().display())));
        }
    };
    let end = judge::conclude(&stage, &seen)?;
    if end != End::Clean || run.keep || !seen.panics.upstream.is_empty() {
        keep(&cluster, folder)?;
    }
    Ok(end)
}

/// What the nodes are configured to for what will run on them.
fn config(run: &Run) -> &'static str {
    match run.workloads.contains(&Workload::Castle) {
        _ if run.is_soak() => soak::CONFIG,
        true => castle::CONFIG,
        false => "",
    }
}

/// What makes disks fail and clocks wrong is compiled where it is used.
fn has_compiler() -> bool {
    machine::tool("cc", &["--version".as_ref()]).is_ok()
}

/// Where the nodes shall live, and what that is called.
fn environment(wanted: Env) -> Result<(Environment, &'static str)> {
    let namespaces = Environment::Namespaces { disk_mib: DISK_MIB };
    match (wanted, namespaces.possible()) {
        (Env::Loopback, _) => Ok((Environment::Loopback, Env::Loopback.name())),
        (_, Ok(())) => Ok((namespaces, Env::Namespaces.name())),
        (Env::Namespaces, Err(why)) => bail!("no namespaces here: {why}"),
        (Env::Auto, Err(why)) => {
            println!("on loopback, for there are no namespaces here: {why}");
            Ok((Environment::Loopback, Env::Loopback.name()))
        }
    }
}

async fn drive(stage: &mut Stage<'_>, cluster: &mut Cluster) -> Result<Seen> {
    let (possible, skipped) = choose(&stage.run.faults, cluster);
    stage.skipped = skipped;
    let plan = stage.run.plan(&possible);
    stage.announce(&plan)?;
    stage.create_topics().await?;
    stage.start();
    stage.progress.phase("faults");
    let disturbed = perform(stage, &plan, &mut Local { cluster }).await;
    // Whatever a fault that failed has left: all shall run.
    faults::restore(cluster)?;
    let mut seen = settle(stage, cluster, disturbed).await;
    seen.panics = panics(cluster);
    Ok(seen)
}

/// Comes together and is read; what it did not do in time is part of what was seen.
async fn settle(stage: &mut Stage<'_>, cluster: &mut Cluster, disturbed: Disturbed) -> Seen {
    let mut seen = Seen { disturbed, ..Seen::default() };
    let members = cluster.members();
    seen.trouble(finish::converge(stage, &members).await);
    seen.trouble(stage.stop().await);
    seen.trouble(finish::drain_groups(stage).await);
    seen.trouble(finish::read_all(stage).await);
    match dumps::replicas(stage).await {
        Ok(replicas) => seen.trouble(dumps::record(stage, cluster, replicas).await),
        Err(error) => seen.trouble(Err(error)),
    }
    seen
}

/// Names of the faults that are possible here, and of the others with the reason.
fn choose(wanted: &Faults, cluster: &Cluster) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut possible, mut skipped) = (Vec::new(), BTreeMap::new());
    for fault in faults::all() {
        let name = fault.name().to_owned();
        if matches!(wanted, Faults::Named(names) if !names.contains(&name)) {
            continue;
        }
        match fault.possible(cluster) {
            Ok(()) => possible.push(name),
            Err(why) => {
                skipped.insert(name, why);
            }
        }
    }
    (possible, skipped)
}

fn panics(cluster: &Cluster) -> Panics {
    let mut panics = Panics::default();
    for index in 0..cluster.apis().len() {
        panics.look(index, &cluster.log(index));
    }
    panics
}

fn keep(cluster: &Cluster, folder: &Folder) -> Result<()> {
    for index in 0..cluster.apis().len() {
        folder.keep_log(index, &cluster.log(index))?;
        folder.keep_data(index, &cluster.node(index).data_dir)?;
    }
    Ok(())
}

struct Local<'a> {
    cluster: &'a mut Cluster,
}

impl Disturber for Local<'_> {
    async fn inject(&mut self, fault: &str, seed: u64) -> Result<Injected> {
        let Some(fault) = faults::by_name(fault) else { bail!("no fault is called {fault}") };
        fault.inject(self.cluster, &mut StdRng::seed_from_u64(seed)).await
    }

    async fn heal(&mut self, fault: &str, injected: Injected) -> Result<()> {
        let Some(fault) = faults::by_name(fault) else { bail!("no fault is called {fault}") };
        fault.heal(self.cluster, &injected).await
    }

    fn nodes(&self) -> Vec<Api> {
        self.cluster.apis()
    }

    fn members(&self) -> Vec<usize> {
        self.cluster.members()
    }

    fn revive(&mut self, but_for: &BTreeSet<usize>) -> Result<()> {
        let mut members = self.cluster.members();
        members.retain(|index| !but_for.contains(index));
        self.cluster.launch_those_down(&members)
    }
}

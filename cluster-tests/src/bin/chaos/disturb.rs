//! Carries a plan out: begins and ends its faults when their time has come, one after the other, and
//! writes into the history what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, anyhow};
use rampart_cluster_tests::faults::Injected;
use rampart_cluster_tests::harness::client::Api;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::history::{Event, Function, Phase};

use super::plan::{Plan, Step};
use super::stage::Stage;

/// A fault that takes longer to begin or to end is a fault of the harness.
const PATIENCE: Duration = Duration::from_secs(180);

/// A node that ended by itself, a failed sync for example, is started again after this at most.
const REVIVE: Duration = Duration::from_secs(1);

/// Faults that are changes of nodes, complete once they are healed.
const CHANGES: [&str; 2] = ["add-and-remove-node", "drain-node"];

/// Who makes things go wrong.
pub(crate) trait Disturber {
    /// Begins a fault.
    async fn inject(&mut self, fault: &str, seed: u64) -> Result<Injected>;

    /// Ends it.
    async fn heal(&mut self, fault: &str, injected: Injected) -> Result<()>;

    /// All nodes, by index, whether hit or not.
    fn nodes(&self) -> Vec<Api>;

    /// Indices of those that belong to the cluster now.
    fn members(&self) -> Vec<usize>;

    /// Starts those again that have ended, as systemd would, but for these.
    fn revive(&mut self, _but_for: &BTreeSet<usize>) -> Result<()> {
        Ok(())
    }
}

/// What came of a plan.
#[derive(Debug, Default)]
pub(crate) struct Disturbed {
    /// How many of each kind were in force.
    pub(crate) injected: BTreeMap<String, u64>,
    /// What the harness could not do.
    pub(crate) problems: Vec<String>,
}

impl Disturbed {
    /// How many in all.
    pub(crate) fn total(&self) -> u64 {
        self.injected.values().sum()
    }
}

/// Carries the plan out; afterwards every fault of it has been healed.
pub(crate) async fn perform(
    stage: &Stage<'_>,
    plan: &Plan,
    disturber: &mut impl Disturber,
) -> Disturbed {
    let watch = Stopwatch::start();
    let mut disturbed = Disturbed::default();
    let mut in_force: BTreeMap<usize, Injected> = BTreeMap::new();
    for action in plan.actions() {
        loop {
            if let Err(error) = disturber.revive(&hit(&in_force)) {
                disturbed.problems.push(format!("a node is not started again: {error:#}"));
            }
            let left = action.at.saturating_sub(watch.elapsed());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.min(REVIVE)).await;
        }
        let step = &plan.steps[action.step];
        if !action.begins {
            if let Some(injected) = in_force.remove(&action.step) {
                end(stage, (action.step, step), injected, disturber, &mut disturbed).await;
            }
        } else if watch.elapsed() < stage.run.duration {
            let step = (action.step, step);
            let begun = begin(stage, step, hit(&in_force), (disturber, &mut disturbed)).await;
            in_force.extend(begun.map(|injected| (action.step, injected)));
        }
        stage.traffic.set_nodes(disturber.nodes(), disturber.members());
    }
    tokio::time::sleep(stage.run.duration.saturating_sub(watch.elapsed())).await;
    disturbed
}

/// The nodes that the faults in force have hit.
fn hit(in_force: &BTreeMap<usize, Injected>) -> BTreeSet<usize> {
    in_force.values().flat_map(|injected| injected.nodes.iter().copied()).collect()
}

/// Begins one fault while these nodes are hit already; what is to be healed, if anything.
async fn begin(
    stage: &Stage<'_>,
    (number, step): (usize, &Step),
    mut hit: BTreeSet<usize>,
    (disturber, disturbed): (&mut impl Disturber, &mut Disturbed),
) -> Option<Injected> {
    let fault = &step.fault;
    let mut event = stage.traffic.recorder().invoke(event(Function::Inject, fault, number));
    let done = tokio::time::timeout(PATIENCE, disturber.inject(fault, step.seed)).await;
    match done.unwrap_or_else(|_| Err(anyhow!("it takes longer than {PATIENCE:?}"))) {
        Ok(injected) if injected.nothing() => {
            event.error = Some(injected.detail.clone());
            stage.traffic.recorder().end(event, Phase::Fail);
            stage.progress.say(format!("{fault}: not now, {}", injected.detail));
            None
        }
        Ok(injected) => {
            describe(&mut event, &injected);
            hit.extend(&injected.nodes);
            // Of any partition's replicas fewer than half are hit, wherever they are.
            event.majority = Some(hit.len() <= (stage.mix.replicas as usize - 1) / 2);
            stage.progress.begins(number, fault, event.detail.as_deref().unwrap_or_default());
            stage.traffic.recorder().end(event, Phase::Ok);
            *disturbed.injected.entry(fault.clone()).or_default() += 1;
            Some(injected)
        }
        Err(error) => {
            let problem = format!("{fault} cannot be injected: {error:#}");
            stage.progress.say(&problem);
            // Among others it may not be possible just now, and that is no fault of the harness.
            if hit.is_empty() {
                disturbed.problems.push(problem.clone());
            }
            event.error = Some(problem);
            stage.traffic.recorder().end(event, Phase::Unknown);
            // Perhaps it is half done, to whomever.
            let mut injected = Injected::default();
            injected.nodes = (0..disturber.nodes().len()).collect();
            Some(injected)
        }
    }
}

async fn end(
    stage: &Stage<'_>,
    (number, step): (usize, &Step),
    injected: Injected,
    disturber: &mut impl Disturber,
    disturbed: &mut Disturbed,
) {
    let mut event = event(Function::Heal, &step.fault, number);
    describe(&mut event, &injected);
    let mut event = stage.traffic.recorder().invoke(event);
    let change = CHANGES.contains(&step.fault.as_str()).then(|| {
        let change = Event { f: Function::Admin, detail: None, ..event.clone() };
        stage.traffic.recorder().invoke(change)
    });
    let before = disturber.members();
    let done = tokio::time::timeout(PATIENCE, disturber.heal(&step.fault, injected)).await;
    note_removed(stage, before, &disturber.members());
    let phase = match done.unwrap_or_else(|_| Err(anyhow!("it takes longer than {PATIENCE:?}"))) {
        Ok(()) => Phase::Ok,
        Err(error) => {
            let problem = format!("{} cannot be healed: {error:#}", step.fault);
            stage.progress.say(&problem);
            disturbed.problems.push(problem.clone());
            event.error = Some(problem);
            Phase::Unknown
        }
    };
    stage.traffic.recorder().end(event, phase);
    if let Some(change) = change {
        stage.traffic.recorder().end(change, phase);
    }
    stage.progress.ends(number, &step.fault);
}

/// Nodes that belonged to the cluster and are gone for good.
fn note_removed(stage: &Stage<'_>, before: Vec<usize>, now: &[usize]) {
    for index in before.into_iter().filter(|index| !now.contains(index)) {
        let mut event = Event::new(0, Function::Admin);
        event.kind = Some("remove_node".to_owned());
        event.node = u32::try_from(index).ok();
        stage.traffic.recorder().note(event);
    }
}

fn event(f: Function, fault: &str, number: usize) -> Event {
    let mut event = Event::new(0, f);
    event.kind = Some(fault.to_owned());
    event.sequence = i64::try_from(number).ok();
    event
}

/// Whom it hits, as numbers first: `0,2: kill -9`.
fn describe(event: &mut Event, injected: &Injected) {
    let nodes: Vec<String> = injected.nodes.iter().map(usize::to_string).collect();
    event.detail = Some(format!("{}: {}", nodes.join(","), injected.detail));
    if let [node] = injected.nodes.as_slice() {
        event.node = u32::try_from(*node).ok();
    }
}

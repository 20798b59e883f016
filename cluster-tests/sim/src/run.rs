//! One run: everything in it follows from its seed.

use std::fs::File;
use std::io::BufWriter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rampart_cluster_tests::history::Recorder;
use serde::{Deserialize, Serialize};

use crate::clients::{self, Workload};
use crate::dice::Dice;
use crate::faults::{Injector, Plan};
use crate::judge;
use crate::panics;
use crate::world::shared::{Entry, Host, VirtualClock};
use crate::world::{Shared, Stage, World, name};

/// No run goes on for longer after its faults.
const HEALING_MAX: Duration = Duration::from_secs(240);

/// What is run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Decides everything.
    pub(crate) seed: u64,
    /// Virtual time of faults.
    pub(crate) faults: Duration,
    /// Nodes at the beginning; by lot if not given.
    pub(crate) nodes: Option<usize>,
    /// Where the history goes.
    pub(crate) history: PathBuf,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Everything held.
    Holds,
    /// Nothing is wrong, but too little happened to say that it holds.
    TooThin(String),
    /// Something must not have happened.
    Violated(String),
    /// Something panicked.
    Panicked(String),
    /// An assertion of openraft that is known.
    Upstream(String),
}

/// A run in figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) verdict: Verdict,
    /// Lines of the history.
    pub(crate) events: u64,
    /// Values acknowledged.
    pub(crate) acked: u64,
    /// Virtual milliseconds.
    pub(crate) virtual_ms: u64,
    /// Faults by kind.
    pub(crate) faults: std::collections::BTreeMap<String, u64>,
}

/// Runs a seed and judges it.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let scratch = scratch()?;
    let dice = Dice::new(options.seed);
    let nodes = options.nodes.unwrap_or_else(|| dice.of("nodes").pick(&[3, 3, 3, 5]));
    let clock = Arc::new(VirtualClock::default());
    let recorder = recorder(&options.history, clock.clone())?;
    let late = late_joiner(&dice.of("late joiner"), options.faults);
    let entries = std::iter::repeat_n(Entry::Founding, nodes).chain(late.map(Entry::Late));
    let host = |(host, entry)| Host::new(scratch.path().join(name(host)), entry);
    let hosts = entries.enumerate().map(host).collect();
    let shared = Shared::new(dice, recorder.clone(), clock, hosts);
    let (elapsed, faults, ended) = simulate(&shared, options.faults);
    recorder.flush().context("writing the history")?;
    let findings = judge::judge(&options.history)?;
    let verdict = match ended {
        Err(panicked) => panicked,
        Ok(()) => match (shared.violation().or(findings.violation), findings.too_thin) {
            (Some(violation), _) => Verdict::Violated(violation),
            (None, Some(why)) => Verdict::TooThin(why),
            (None, None) => Verdict::Holds,
        },
    };
    Ok(Report {
        seed: options.seed,
        verdict,
        events: findings.events,
        acked: findings.acked,
        virtual_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        faults,
    })
}

/// In one of five runs, when during the faults another node joins.
fn late_joiner(dice: &Dice, faults: Duration) -> Option<Duration> {
    let percent = u32::try_from(dice.below(60)).expect("it is small");
    dice.percent(20).then(|| faults * percent / 100)
}

/// For the nodes' identities, in memory if there is such a place.
fn scratch() -> Result<tempfile::TempDir> {
    let in_memory = Path::new("/dev/shm");
    match in_memory.is_dir() {
        true => tempfile::tempdir_in(in_memory),
        false => tempfile::tempdir(),
    }
    .context("a directory for the nodes' identities")
}

fn recorder(history: &Path, clock: Arc<VirtualClock>) -> Result<Recorder> {
    let file = File::create(history).with_context(|| history.display().to_string())?;
    Ok(Recorder::new(BufWriter::new(file), move || clock.next()))
}

type Ended = (Duration, std::collections::BTreeMap<String, u64>, Result<(), Verdict>);

fn simulate(shared: &Shared, faults: Duration) -> Ended {
    let dice = shared.dice().clone();
    let latency = dice.of("latency").millis(1, 20);
    let workload = Workload::draw(&dice.of("workload"));
    let mut plan = Plan::draw(&dice.of("faults"), shared.hosts().len(), faults);
    if workload.has_groups {
        plan = plan.with_true_clocks();
    }
    let mut world = World::new(shared.clone(), latency);
    world.client(clients::run(shared.clone(), workload));
    let mut injector = Injector::new(plan, latency, &dice);
    let stepped = catch_unwind(AssertUnwindSafe(|| drive(&mut world, &mut injector)));
    let elapsed = world.elapsed();
    let is_whole = stepped.is_ok();
    // A world that a panic left may panic again when it is taken down.
    if is_whole {
        drop(world)
    } else {
        std::mem::forget(world)
    }
    let all = panics::all();
    let panicked = all.first().map(|first| match panics::known_upstream(first) {
        Some(known) => Verdict::Upstream(known.to_owned()),
        None => Verdict::Panicked(format!("{}: {}", first.place, first.message)),
    });
    let ended = match (panicked, stepped) {
        (Some(panicked), _) => Err(panicked),
        (None, Ok(Err(error))) => {
            shared.violate(error.to_string());
            Ok(())
        }
        (None, _) => Ok(()),
    };
    (elapsed, injector.counts(), ended)
}

/// Lets time pass until the clients have finished.
fn drive(world: &mut World, injector: &mut Injector) -> Result<()> {
    let mut healing_since = None;
    while world.shared().stage() < Stage::Finished {
        injector.act(world);
        world.step()?;
        if world.shared().stage() >= Stage::Healing {
            let since = *healing_since.get_or_insert(world.elapsed());
            if world.elapsed() > since + HEALING_MAX {
                world.shared().violate("P18: the clients wait for ever after healing");
                return Ok(());
            }
        }
    }
    Ok(())
}

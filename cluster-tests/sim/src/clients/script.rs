//! What the clients of a run do, one after the other: start, load under faults, wait until
//! everything came right, read it all.

use std::collections::BTreeMap;

use rampart_api::model::topic_config::Ack;
use tokio::task::JoinSet;

use super::{Client, Progress, Target, admin, consumer, finish, producer, start};
use crate::dice::Dice;
use crate::world::{Shared, Stage};

/// First process of each kind.
const ADMIN: u32 = 1;
const PRODUCERS: u32 = 10;
const CONSUMERS: u32 = 100;
const FINISHER: u32 = 200;

/// What is written and read.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    topics: Vec<(String, u32)>,
    producers: Vec<Ack>,
    consumers: usize,
    is_admin: bool,
    pace: u64,
}

impl Workload {
    /// A workload by lot.
    pub(crate) fn draw(dice: &Dice) -> Workload {
        let topics = 1 + dice.below(2);
        let topics = (0..topics).map(|number| {
            let partitions = 1 + dice.below(2);
            (format!("t{number}"), u32::try_from(partitions).expect("a few"))
        });
        let topics = topics.collect();
        let producers = (0..2 + dice.below(4))
            .map(|_| dice.pick(&[Ack::All, Ack::Quorum, Ack::Quorum, Ack::Leader]))
            .collect();
        Workload {
            topics,
            producers,
            consumers: 1 + dice.position(3),
            is_admin: dice.percent(50),
            pace: dice.pick(&[20, 60, 150]),
        }
    }
}

/// Runs the clients; something that must not happen is said to `shared`.
pub(crate) async fn run(shared: Shared, workload: Workload) {
    if let Err(violation) = play(&shared, &workload).await {
        shared.violate(violation);
    }
    shared.set_stage(Stage::Finished);
}

async fn play(shared: &Shared, workload: &Workload) -> Result<(), String> {
    let progress = Progress::default();
    let mut first = Client::new(shared, FINISHER, &progress);
    start::cluster_is_up(&first).await?;
    let mut targets = Vec::new();
    for (name, partitions) in &workload.topics {
        targets.extend(start::topic(&mut first, name, *partitions, BTreeMap::new()).await?);
    }
    let mut working = JoinSet::new();
    load(shared, workload, &targets, &progress, &mut working);
    shared.set_stage(Stage::Faults);
    shared.reached(Stage::Healing).await;
    finish::comes_right(&first, &targets).await?;
    shared.set_stage(Stage::Settling);
    while let Some(ended) = working.join_next().await {
        ended.map_err(|error| format!("a client: {error}"))?;
    }
    finish::replicas_are_equal(&first, &targets).await?;
    finish::read_all(&mut first, &targets).await?;
    finish::replicas_are_equal(&first, &targets).await?;
    finish::dump_all(&first, &targets).await
}

fn load(
    shared: &Shared,
    workload: &Workload,
    targets: &[Target],
    progress: &Progress,
    working: &mut JoinSet<()>,
) {
    for (process, (number, ack)) in (PRODUCERS..).zip(workload.producers.iter().enumerate()) {
        let client = Client::new(shared, process, progress);
        let target = targets[number % targets.len()].clone();
        working.spawn_local(producer::run(client, target, *ack, workload.pace));
    }
    // Every partition is written to until the end, so that it shows whether it works again.
    for (process, target) in (PRODUCERS + 50..).zip(targets) {
        let client = Client::new(shared, process, progress);
        working.spawn_local(producer::run(client, target.clone(), Ack::Quorum, workload.pace * 2));
    }
    for (process, number) in (CONSUMERS..).zip(0..workload.consumers) {
        let client = Client::new(shared, process, progress);
        let target = targets[number % targets.len()].clone();
        working.spawn_local(consumer::run(client, target, workload.pace));
    }
    if workload.is_admin {
        let client = Client::new(shared, ADMIN, progress);
        working.spawn_local(admin::run(client, targets.to_vec()));
    }
}

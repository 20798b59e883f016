//! What the clients of a run do, one after the other: start, load under faults, wait until
//! everything came right, read it all.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::model::topic_config::Ack;
use rampart_cluster_tests::history::{Event, Function};
use tokio::task::JoinSet;

use super::producer::How;
use super::{Client, Progress, Target, admin, consumer, finish, group, once, producer, start};
use crate::dice::Dice;
use crate::world::{Shared, Stage};

/// First process of each kind.
const ADMIN: u32 = 1;
const PRODUCERS: u32 = 10;
const NUMBERING: u32 = 80;
const CONSUMERS: u32 = 100;
const GROUPS: u32 = 120;
const FINISHER: u32 = 200;
/// What is kept of a topic whose records go.
const RETENTION_BYTES: &str = "12000";

/// What is written and read.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    topics: Vec<Topic>,
    producers: Vec<Ack>,
    consumers: usize,
    is_admin: bool,
    pace: u64,
    /// How long a node tries.
    timeout: Duration,
    /// Producers that number what they write.
    numbering: usize,
    /// Whether consumer groups read the first topic.
    pub(crate) has_groups: bool,
}

/// A topic under test.
#[derive(Debug, Clone)]
struct Topic {
    name: String,
    partitions: u32,
    /// Old records go while the run lasts.
    is_short_lived: bool,
}

impl Workload {
    /// A workload by lot.
    pub(crate) fn draw(dice: &Dice) -> Workload {
        let topics = 1 + dice.below(2);
        let topics = (0..topics).map(|number| {
            let partitions = u32::try_from(1 + dice.below(2)).expect("a few");
            Topic { name: format!("t{number}"), partitions, is_short_lived: dice.percent(40) }
        });
        let topics = topics.collect();
        let producers = (0..2 + dice.below(4))
            .map(|_| {
                dice.pick(&[Ack::All, Ack::All, Ack::Quorum, Ack::Quorum, Ack::Leader, Ack::None])
            })
            .collect();
        Workload {
            topics,
            producers,
            consumers: 1 + dice.position(3),
            is_admin: dice.percent(50),
            pace: dice.pick(&[20, 60, 150]),
            timeout: Duration::from_millis(dice.pick(&[300, 1_000, 4_000])),
            numbering: dice.position(3),
            has_groups: dice.percent(50),
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
    for topic in &workload.topics {
        let config = topic.config(&first);
        targets.extend(start::topic(&mut first, &topic.name, topic.partitions, config).await?);
    }
    let groups = match workload.has_groups {
        true => group::prepare(&mut first, &workload.topics[0].name, &targets).await?,
        false => Vec::new(),
    };
    let mut working = JoinSet::new();
    group::load(&first, &groups, GROUPS, &mut working);
    load(shared, workload, &targets, &progress, &mut working);
    shared.set_stage(Stage::Faults);
    shared.reached(Stage::Healing).await;
    finish::comes_right(&first, &targets).await?;
    shared.set_stage(Stage::Settling);
    while let Some(ended) = working.join_next().await {
        ended.map_err(|error| format!("a client: {error}"))?;
    }
    for named in &groups {
        group::drain(&mut first, named).await?;
    }
    finish::replicas_are_equal(&first, &targets).await?;
    finish::read_all(&mut first, &targets).await?;
    finish::replicas_are_equal(&first, &targets).await?;
    finish::dump_all(&first, &targets).await
}

impl Topic {
    /// Its settings; the judge is told where records may go.
    fn config(&self, client: &Client) -> BTreeMap<String, String> {
        if !self.is_short_lived {
            return BTreeMap::new();
        }
        let event = Event::new(client.process, Function::Mark);
        let (topic, kind) = (Some(self.name.clone()), Some("retention".to_owned()));
        client.shared.recorder().note(Event { topic, kind, ..event });
        BTreeMap::from([("retention.bytes".to_owned(), RETENTION_BYTES.to_owned())])
    }
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
        let how = How { ack: *ack, pace: workload.pace, timeout: workload.timeout };
        working.spawn_local(producer::run(client, target, how));
    }
    // Every partition is written to until the end, so that it shows whether it works again.
    for (process, target) in (PRODUCERS + 50..).zip(targets) {
        let client = Client::new(shared, process, progress);
        let how = How { ack: Ack::Quorum, pace: workload.pace * 2, timeout: workload.timeout };
        working.spawn_local(producer::run(client, target.clone(), how));
    }
    for (process, number) in (CONSUMERS..).zip(0..workload.consumers) {
        let client = Client::new(shared, process, progress);
        let target = targets[number % targets.len()].clone();
        working.spawn_local(consumer::run(client, target, workload.pace));
    }
    for (process, number) in (NUMBERING..).zip(0..workload.numbering) {
        let client = Client::new(shared, process, progress);
        let target = targets[number % targets.len()].clone();
        let how = How { ack: Ack::Quorum, pace: workload.pace, timeout: workload.timeout };
        working.spawn_local(once::run(client, target, how));
    }
    if workload.is_admin {
        let client = Client::new(shared, ADMIN, progress);
        working.spawn_local(admin::run(client, targets.to_vec()));
    }
}

//! Somebody who changes the cluster while it is under load: topics come and go, replicas move,
//! leaderships are handed over.

use rampart_api::model::ids::{NodeId, Offset};
use rampart_cluster_tests::history::{Event, Function, Phase};
use rampart_node::controller::request::NewTopic;
use rampart_node::partition::{Answer, Operation};

use super::{Client, Target};
use crate::world::Stage;
use crate::world::door::{Ask, Reply};

/// How often a change is asked for again after the faults, until the judge finds none completed.
const TRIES: u32 = 60;

/// Changes something every few seconds while there are faults.
pub(super) async fn run(mut client: Client, targets: Vec<Target>) {
    let mut number = 0_u32;
    let (mut asked, mut moved) = (false, false);
    while client.shared.stage() < Stage::Healing {
        let target = client.dice.pick(&targets);
        match client.dice.below(4) {
            0 => churn(&mut client, number).await,
            1 => hand_over(&mut client, &target).await,
            2 => truncate(&mut client, &target).await,
            _ => {
                asked = true;
                moved |= reassign(&mut client, &target).await;
            }
        }
        number += 1;
        client.pause(300, 3_000).await;
    }
    // What faults refused must be possible without them.
    for _ in 0..TRIES {
        if moved || !asked {
            break;
        }
        let target = client.dice.pick(&targets);
        moved = reassign(&mut client, &target).await;
        client.pause(300, 600).await;
    }
}

async fn change(client: &mut Client, kind: &str, detail: String, ask: Ask) -> bool {
    let event = client.event(Function::Admin);
    let event = Event { kind: Some(kind.to_owned()), detail: Some(detail), ..event };
    let event = client.shared.recorder().invoke(event);
    match client.ask(ask).await {
        Ok(_) => {
            client.shared.recorder().end(event, Phase::Ok);
            true
        }
        Err(refused) => {
            client.refused(event, &refused);
            false
        }
    }
}

/// A topic nobody writes to, made and perhaps deleted.
async fn churn(client: &mut Client, number: u32) {
    let name = format!("churn-{number}");
    let new = NewTopic { name: name.clone(), partitions: Some(2), ..NewTopic::default() };
    change(client, "create_topic", name.clone(), Ask::Create(new)).await;
    if client.dice.percent(70) {
        client.pause(50, 1_500).await;
        change(client, "delete_topic", name.clone(), Ask::Delete(name)).await;
    }
}

async fn hand_over(client: &mut Client, target: &Target) {
    let detail = format!("{}/{}", target.topic, target.partition);
    let ask = Ask::Partition(Operation::TransferLeadership(target.key, None));
    change(client, "transfer_leadership", detail, ask).await;
}

/// Deletes the older part of a partition.
async fn truncate(client: &mut Client, target: &Target) {
    let status = client.operate(Operation::Status(target.key)).await;
    let Ok(Answer::Status(status)) = status else {
        client.move_on();
        return;
    };
    let (start, end) = (status.log_start.0, status.high_watermark.0);
    let offset = start + client.dice.below(end - start + 1);
    let event = client.event(Function::Truncate).at(&target.topic, target.partition);
    let event = client.shared.recorder().invoke(Event { offset: Some(offset), ..event });
    match client.operate(Operation::Truncate(target.key, Offset(offset))).await {
        Ok(Answer::Truncated(log_start)) => {
            let event = Event { log_start: Some(log_start.0), ..event };
            client.shared.recorder().end(event, Phase::Ok);
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => client.refused(event, &refused),
    }
}

/// As many replicas as before, on nodes chosen by lot; whether the cluster took it on.
async fn reassign(client: &mut Client, target: &Target) -> bool {
    let Ok(Reply::View(view)) = client.ask(Ask::View).await else {
        client.move_on();
        return false;
    };
    let Some(topic) = view.state.topics.get(&target.key.topic) else { return false };
    let count = topic.replication_factor as usize;
    let nodes: Vec<NodeId> = view.state.nodes.keys().copied().collect();
    let chosen: Vec<NodeId> = client.dice.shuffled(nodes).into_iter().take(count).collect();
    let names: Vec<String> = chosen.iter().map(ToString::to_string).collect();
    let detail = format!("{}/{} to {}", target.topic, target.partition, names.join(" "));
    let ask = Ask::Reassign(target.topic.clone(), target.partition, chosen);
    change(client, "reassign", detail, ask).await
}

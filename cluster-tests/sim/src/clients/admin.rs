//! Somebody who changes the cluster while it is under load: topics come and go, replicas move,
//! leaderships are handed over, nodes are taken out of service and back.

use rampart_api::model::ids::{NodeId, Offset};
use rampart_cluster_tests::history::{Event, Function, Phase};
use rampart_node::controller::request::NewTopic;
use rampart_node::partition::{Answer, Operation};
use rampart_raft_store::state::metadata::state::NodeState;

use super::{Client, Target};
use crate::world::Stage;
use crate::world::door::{Ask, Reply, View};
use crate::world::shared::{Entry, Host};

/// How often a change is asked for again after the faults, until the judge finds none completed.
const TRIES: u32 = 60;

/// Changes something every few seconds while there are faults.
pub(super) async fn run(mut client: Client, targets: Vec<Target>) {
    let mut number = 0_u32;
    // Where there is a node to spare, nodes are taken out of service, too.
    let is_late = |host: &Host| host.entry != Entry::Founding;
    let has_spare = client.shared.hosts().iter().any(is_late);
    let kinds = if has_spare { 6 } else { 4 };
    // A decommission may be all that was asked for, and refused.
    let (mut asked, mut moved) = (has_spare, false);
    while client.shared.stage() < Stage::Healing {
        let target = client.dice.pick(&targets);
        match client.dice.below(kinds) {
            4 => decommission(&mut client).await,
            5 => {
                // Whether all are back matters in the end only.
                let _ = recommission(&mut client).await;
            }
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
    for _ in 0..TRIES {
        if !has_spare || recommission(&mut client).await {
            break;
        }
        client.pause(300, 600).await;
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
    // Three replicas also while a node is away: a lost disk must not take a majority.
    let new = NewTopic {
        name: name.clone(),
        partitions: Some(2),
        replication_factor: Some(3),
        ..NewTopic::default()
    };
    change(client, "create_topic", name.clone(), Ask::Create(new)).await;
    if client.dice.percent(70) {
        client.pause(50, 1_500).await;
        change(client, "delete_topic", name.clone(), Ask::Delete(name)).await;
    }
}

/// The nodes in such a state.
fn nodes_in(view: &View, is_meant: impl Fn(NodeState) -> bool) -> Vec<NodeId> {
    let meant = view.state.nodes.values().filter(|node| is_meant(node.state));
    meant.map(|node| node.id).collect()
}

/// Moves everything away from a node.
async fn decommission(client: &mut Client) {
    let Ok(Reply::View(view)) = client.ask(Ask::View).await else { return client.move_on() };
    let nodes = nodes_in(&view, |state| state == NodeState::Active);
    if nodes.is_empty() {
        return;
    }
    let node = client.dice.pick(&nodes);
    change(client, "decommission", node.to_string(), Ask::Decommission(node)).await;
}

/// Takes all nodes back into service; whether all are.
async fn recommission(client: &mut Client) -> bool {
    let Ok(Reply::View(view)) = client.ask(Ask::View).await else {
        client.move_on();
        return false;
    };
    let is_out = |state| !matches!(state, NodeState::Active | NodeState::Replaced);
    let mut all = true;
    for node in nodes_in(&view, is_out) {
        all &= change(client, "recommission", node.to_string(), Ask::Recommission(node)).await;
    }
    all
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
    let nodes = nodes_in(&view, |state| state == NodeState::Active);
    let chosen: Vec<NodeId> = client.dice.shuffled(nodes).into_iter().take(count).collect();
    let names: Vec<String> = chosen.iter().map(ToString::to_string).collect();
    let detail = format!("{}/{} to {}", target.topic, target.partition, names.join(" "));
    let ask = Ask::Reassign(target.topic.clone(), target.partition, chosen);
    change(client, "reassign", detail, ask).await
}

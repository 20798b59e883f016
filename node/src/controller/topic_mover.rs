//! Lets announced moves of topics go on, on the node that leads the metadata group: once the other
//! cluster is seen to be fit, the partitions may be sealed, which their leaders do
//! (`node/src/partition/seal.rs`). Keeps nothing: the next controller sees the same state. Apart from
//! the controller's loop, for another cluster may be slow to answer.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::codec;
use rampart_api::model::ids::TopicId;
use rampart_raft_store::state::metadata::castle::MovePhase;
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse};
use rampart_raft_store::state::metadata::state::MetadataState;

use super::handle::ControllerHandle;

/// How often the moves are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks that pass before one that has to wait is looked at again: to look costs the other cluster a
/// write.
const LOOKS_BETWEEN: u64 = 20;

/// Runs until cancelled.
pub async fn run(controller: ControllerHandle) {
    let mut every = controller.clock().every(LOOK_EVERY);
    let (mut looks, mut waits) = (0, BTreeMap::new());
    loop {
        every.tick().await;
        looks += 1;
        let state = controller.metadata().state();
        let due = due(&state);
        waits.retain(|topic, until| due.contains(topic) && *until > looks);
        for topic in due {
            let is_its_turn = controller.metadata().is_leader() && !waits.contains_key(&topic);
            if is_its_turn && !go_on(&controller, &state, topic).await {
                waits.insert(topic, looks + LOOKS_BETWEEN);
            }
        }
    }
}

/// Topics whose move is announced and may go on.
fn due(state: &MetadataState) -> Vec<TopicId> {
    let moves = state.castle.moves.iter();
    moves.filter(|(_, m)| m.phase == MovePhase::Preparing && !m.held).map(|(id, _)| *id).collect()
}

/// Says whether it goes on.
async fn go_on(controller: &ControllerHandle, state: &MetadataState, topic: TopicId) -> bool {
    let Some(moving) = state.castle.moves.get(&topic) else { return false };
    if let Err(problem) = controller.check_target(state, topic, moving).await {
        tracing::warn!(%topic, to = moving.to, %problem, "a topic's move waits");
        return false;
    }
    let command = codec::encode(&MetadataCommand::SealTopic { topic });
    match controller.metadata().propose_here(command.into()).await {
        Ok((_, MetadataResponse::Refused(problem))) | Err(problem) => {
            tracing::warn!(%topic, %problem, "a topic's move waits");
            false
        }
        Ok(_) => {
            tracing::info!(%topic, to = moving.to, "the topic's partitions are being sealed");
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::state::metadata::castle::TopicMove;

    use super::*;

    #[test]
    fn what_is_held_or_under_way_is_left_alone() {
        let id = |number| TopicId(uuid::Uuid::from_u128(number));
        let announced = TopicMove::announced("east", "t", 0);
        let mut state = MetadataState::default();
        state.castle.moves.insert(id(1), announced.clone());
        state.castle.moves.insert(id(2), TopicMove { held: true, ..announced.clone() });
        let sealing = TopicMove { phase: MovePhase::Sealing, ..announced };
        state.castle.moves.insert(id(3), sealing);
        assert_eq!(due(&state), [id(1)]);
    }
}

//! Lets announced moves of topics go on, on the node that leads the metadata group: once the other
//! cluster is seen to be fit, the partitions may be sealed, which their leaders do
//! (`node/src/partition/seal.rs`). Keeps nothing: the next controller sees the same state. Apart from
//! the controller's loop, for another cluster may be slow to answer.

use std::time::Duration;

use rampart_api::codec;
use rampart_api::model::ids::TopicId;
use rampart_raft_store::state::metadata::castle::MovePhase;
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse};
use rampart_raft_store::state::metadata::state::MetadataState;

use super::handle::ControllerHandle;

/// How often the moves are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs until cancelled.
pub async fn run(controller: ControllerHandle) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let state = controller.metadata().state();
        for topic in due(&state) {
            if controller.metadata().is_leader() {
                go_on(&controller, &state, topic).await;
            }
        }
    }
}

/// Topics whose move is announced and may go on.
fn due(state: &MetadataState) -> Vec<TopicId> {
    let moves = state.castle.moves.iter();
    moves.filter(|(_, m)| m.phase == MovePhase::Preparing && !m.held).map(|(id, _)| *id).collect()
}

async fn go_on(controller: &ControllerHandle, state: &MetadataState, topic: TopicId) {
    let Some(moving) = state.castle.moves.get(&topic) else { return };
    if let Err(problem) = controller.check_target(state, topic, moving).await {
        tracing::warn!(%topic, to = moving.to, %problem, "a topic's move waits");
        return;
    }
    let command = codec::encode(&MetadataCommand::SealTopic { topic });
    match controller.metadata().propose_here(command.into()).await {
        Ok((_, MetadataResponse::Refused(problem))) | Err(problem) => {
            tracing::warn!(%topic, %problem, "a topic's move waits");
        }
        Ok(_) => tracing::info!(%topic, to = moving.to, "the topic's partitions are being sealed"),
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

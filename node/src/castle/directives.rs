//! `[pure]` Directives between what clients read and what is replicated, and those that wait, as this
//! node pulled them from their coordinators.

use std::collections::BTreeMap;

use rampart_api::http::castle::{Command, Directive};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::DirectiveId;
use rampart_raft_store::state::group::state::DirectiveKind;
use rampart_raft_store::state::metadata::state::{MetadataState, NodeState};

use crate::groups::request::{DirectivesStamp, WaitingDirective};

/// What is replicated for a command.
///
/// # Errors
/// `TOPIC_NOT_FOUND`; `NODE_NOT_FOUND`, `INVALID_REQUEST` for where a client can't move to.
pub fn kind_of(command: &Command, state: &MetadataState) -> Result<DirectiveKind, Problem> {
    Ok(match command {
        Command::Reinit => DirectiveKind::Reinit,
        Command::Exit => DirectiveKind::Exit,
        Command::Pause => DirectiveKind::Pause,
        Command::Resume => DirectiveKind::Resume,
        Command::Throttle { bytes_per_second } => {
            DirectiveKind::Throttle { bytes_per_second: *bytes_per_second }
        }
        Command::Move { to } => {
            check_target(to, state)?;
            DirectiveKind::Move { to: to.clone() }
        }
        Command::Reset { topic } => {
            let known = state.topic_names.get(topic).ok_or_else(|| {
                Problem::new(ErrorCode::TopicNotFound, format!("there is no topic {topic:?}"))
                    .hint("`rampart topic list` shows all topics")
            })?;
            DirectiveKind::Reset { topic: *known }
        }
    })
}

/// What a client reads; nothing where a topic is gone.
fn command_of(kind: &DirectiveKind, state: &MetadataState) -> Option<Command> {
    Some(match kind {
        DirectiveKind::Reinit => Command::Reinit,
        DirectiveKind::Exit => Command::Exit,
        DirectiveKind::Pause => Command::Pause,
        DirectiveKind::Resume => Command::Resume,
        DirectiveKind::Throttle { bytes_per_second } => {
            Command::Throttle { bytes_per_second: *bytes_per_second }
        }
        DirectiveKind::Move { to } => Command::Move { to: to.clone() },
        DirectiveKind::Reset { topic } => {
            Command::Reset { topic: state.topics.get(topic)?.name.clone() }
        }
    })
}

/// Whether a client can be told to go there.
fn check_target(to: &str, state: &MetadataState) -> Result<(), Problem> {
    let nodes = || state.nodes.values().filter(|node| node.state != NodeState::Replaced);
    match to.split_once(':') {
        Some(("node", id)) => {
            let known = id.parse().ok().map(NodeId);
            if nodes().any(|node| Some(node.id) == known) {
                return Ok(());
            }
            Err(Problem::new(ErrorCode::NodeNotFound, format!("there is no node {id:?}"))
                .hint("`rampart node list` shows all nodes"))
        }
        Some(("rack", name)) if nodes().any(|node| node.info.rack == name) => Ok(()),
        Some(("rack", name)) => {
            Err(Problem::new(ErrorCode::InvalidRequest, format!("no node is in rack {name:?}"))
                .hint("`rampart node list` shows the racks"))
        }
        Some(_) | None => {
            let detail = format!("{to:?} is no target of a move");
            Err(Problem::new(ErrorCode::InvalidRequest, detail).hint("node:N or rack:NAME is"))
        }
    }
}

/// The directives that wait, by partition of `__group_state` and client.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    partitions: BTreeMap<PartitionId, Pulled>,
}

#[derive(Debug, Clone)]
struct Pulled {
    stamp: DirectivesStamp,
    by_client: BTreeMap<String, Vec<(DirectiveId, DirectiveKind)>>,
}

impl Waiting {
    /// What is known of a partition.
    pub fn stamp(&self, partition: PartitionId) -> Option<DirectivesStamp> {
        Some(self.partitions.get(&partition)?.stamp)
    }

    /// All directives of a partition were pulled.
    pub fn pulled(
        &mut self,
        partition: PartitionId,
        stamp: DirectivesStamp,
        waiting: Vec<WaitingDirective>,
    ) {
        let mut by_client: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (client, id, directive) in waiting {
            by_client.entry(client).or_default().push((id, directive.kind));
        }
        self.partitions.insert(partition, Pulled { stamp, by_client });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let clients = self.partitions.values().flat_map(|pulled| pulled.by_client.values());
        clients.map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.partitions.values().all(|pulled| pulled.by_client.is_empty())
    }

    /// What a client is to do, in order. All of it lies in one partition.
    pub fn of(&self, client: &str, state: &MetadataState) -> Vec<Directive> {
        let waiting = self.partitions.values().find_map(|pulled| pulled.by_client.get(client));
        let Some(waiting) = waiting else { return Vec::new() };
        let directives = waiting
            .iter()
            .filter_map(|(id, kind)| Some(Directive { id: id.0, kind: command_of(kind, state)? }));
        directives.collect()
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::{DiskId, TopicId};
    use rampart_raft_store::state::group::state as group;
    use rampart_raft_store::state::metadata::command::NodeInfo;
    use rampart_raft_store::state::metadata::state::NodeRecord;

    use super::*;

    fn state() -> MetadataState {
        let mut state = MetadataState::default();
        let record = NodeRecord {
            id: NodeId(3),
            disk: DiskId::default(),
            boot: 1,
            info: NodeInfo { rack: "r1".to_owned(), ..NodeInfo::default() },
            state: NodeState::Active,
            replaced_by: None,
        };
        state.nodes.insert(NodeId(3), record);
        state.topic_names.insert("orders".to_owned(), TopicId(uuid::Uuid::from_u128(7)));
        state
    }

    #[test]
    fn a_move_names_a_node_or_a_rack_that_is_there() {
        let kind = |to: &str| kind_of(&Command::Move { to: to.to_owned() }, &state());
        for to in ["node:3", "rack:r1"] {
            assert_eq!(kind(to), Ok(DirectiveKind::Move { to: to.to_owned() }));
        }
        let refused = [
            ("node:4", ErrorCode::NodeNotFound),
            ("node:x", ErrorCode::NodeNotFound),
            ("rack:r2", ErrorCode::InvalidRequest),
            ("10.0.0.1:8080", ErrorCode::InvalidRequest),
            ("", ErrorCode::InvalidRequest),
        ];
        for (to, code) in refused {
            assert_eq!(kind(to).unwrap_err().code, code, "{to}");
        }
    }

    #[test]
    fn a_reset_names_a_topic_that_is_there() {
        let kind = |topic: &str| kind_of(&Command::Reset { topic: topic.to_owned() }, &state());
        let topic = TopicId(uuid::Uuid::from_u128(7));
        assert_eq!(kind("orders"), Ok(DirectiveKind::Reset { topic }));
        assert_eq!(kind("gone").unwrap_err().code, ErrorCode::TopicNotFound);
        assert_eq!(command_of(&DirectiveKind::Reset { topic }, &state()), None, "it is gone");
    }

    #[test]
    fn what_was_pulled_is_each_clients_own() {
        let mut waiting = Waiting::default();
        let stamp = DirectivesStamp { made: 3, waiting: 2 };
        let directive = |kind| group::Directive { kind, expires_ms: 9 };
        let pulled = vec![
            ("a".to_owned(), DirectiveId(1), directive(DirectiveKind::Pause)),
            ("a".to_owned(), DirectiveId(2), directive(DirectiveKind::Resume)),
            ("b".to_owned(), DirectiveId(0), directive(DirectiveKind::Exit)),
        ];
        waiting.pulled(5, stamp, pulled);
        waiting.pulled(6, stamp, Vec::new());
        assert_eq!((waiting.len(), waiting.stamp(5), waiting.stamp(7)), (3, Some(stamp), None));
        let of_a = waiting.of("a", &state());
        let shown: Vec<_> = of_a.iter().map(|one| (one.id, &one.kind)).collect();
        assert_eq!(shown, [(1, &Command::Pause), (2, &Command::Resume)]);
        assert!(waiting.of("c", &state()).is_empty());
        waiting.pulled(5, stamp, Vec::new());
        assert!(waiting.is_empty());
    }
}

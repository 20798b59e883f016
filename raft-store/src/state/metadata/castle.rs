//! What Castle replicates: the clusters beside this one, and which topics move there. Whose view: the
//! cluster's, as of an applied index. A topic that has moved keeps its record, so that whoever comes
//! late learns where it is, until it is deleted.

use std::collections::BTreeMap;

use rampart_api::model::ids::{Offset, PartitionId, TopicId};
use serde::{Deserialize, Serialize};

/// Clusters beside this one, and topics on their way there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CastleRecord {
    /// By the name that this cluster has for them.
    pub clusters: BTreeMap<String, PeerCluster>,
    /// By topic.
    pub moves: BTreeMap<TopicId, TopicMove>,
}

/// Another cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCluster {
    /// URLs of its servers, as clients reach them.
    pub servers: Vec<String>,
}

/// How far a topic's move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovePhase {
    /// Announced. Nothing is sealed, and it may be taken back.
    Preparing,
    /// The partitions' leaders seal them. There is no way back.
    Sealing,
    /// Every partition is sealed.
    Moved,
}

/// A topic that goes on in another cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicMove {
    /// The name of that cluster.
    pub to: String,
    /// The topic's id there.
    pub target: String,
    /// How far it is.
    pub phase: MovePhase,
    /// It stays announced until somebody lets it go on.
    pub held: bool,
    /// Where the sealed partitions end.
    pub sealed: BTreeMap<PartitionId, Offset>,
    /// Milliseconds since the epoch, by the proposer's clock.
    pub started_ms: i64,
}

impl TopicMove {
    /// A move of which nothing is sealed.
    pub fn announced(to: &str, target: &str, now_ms: i64) -> TopicMove {
        TopicMove {
            to: to.to_owned(),
            target: target.to_owned(),
            phase: MovePhase::Preparing,
            held: false,
            sealed: BTreeMap::new(),
            started_ms: now_ms,
        }
    }

    /// Whether it can still be taken back.
    pub fn may_be_cancelled(&self) -> bool {
        match self.phase {
            MovePhase::Preparing => true,
            MovePhase::Sealing | MovePhase::Moved => false,
        }
    }
}

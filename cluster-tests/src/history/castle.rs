//! What a history says of an answer of Castle: which nodes it sends a client to.

use serde::{Deserialize, Serialize};

/// An answer to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// How the client stands, in Castle's word: after `no_change` the answer before it goes on.
    pub status: String,
    /// The answer's version.
    pub version: u64,
    /// When the client is to come again.
    pub interval_ms: u64,
    /// Nodes that may be asked, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brokers: Vec<Named>,
    /// Who leads what the client uses, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaders: Vec<NamedLeader>,
}

/// A node that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// What the cluster calls it.
    pub id: u64,
    /// Which node of the run that is, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
}

/// The leader of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedLeader {
    /// Number in its topic.
    pub partition: u32,
    /// Its epoch.
    pub epoch: u64,
    /// Who it is.
    #[serde(flatten)]
    pub leader: Named,
}

impl Dispatch {
    /// Whether the client goes on with the answer before this one.
    pub fn is_no_change(&self) -> bool {
        self.status == "no_change"
    }

    /// Every node that it names, as the run knows them; some of them twice.
    pub fn nodes(&self) -> impl Iterator<Item = u32> {
        let leaders = self.leaders.iter().map(|named| named.leader);
        self.brokers.iter().copied().chain(leaders).filter_map(|named| named.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_the_same_and_says_only_what_it_knows() {
        let broker = |id, node| Named { id, node };
        let dispatch = Dispatch {
            status: "ok".to_owned(),
            version: 7,
            interval_ms: 1_000,
            brokers: vec![broker(4, Some(1)), broker(9, None)],
            leaders: vec![NamedLeader { partition: 0, epoch: 3, leader: broker(4, Some(1)) }],
        };
        let line = serde_json::to_string(&dispatch).unwrap();
        assert_eq!(
            line,
            r#"{"status":"ok","version":7,"interval_ms":1000,"brokers":[{"id":4,"node":1},{"id":9}],"leaders":[{"partition":0,"epoch":3,"id":4,"node":1}]}"#
        );
        assert_eq!(serde_json::from_str::<Dispatch>(&line).unwrap(), dispatch);
        assert_eq!(dispatch.nodes().collect::<Vec<_>>(), [1, 1]);
        assert!(!dispatch.is_no_change());
    }
}

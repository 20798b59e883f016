//! For how long nodes have been silent. `[pure]` The time is an argument. Counted by every node
//! from what it sees itself, so that a new controller need not begin at zero.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::NodeId;

/// A node that is silent for so long is not waited for any more.
const LOST_AFTER_MS: u64 = 60_000;

/// Remembers since when each silent node is.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    since: BTreeMap<NodeId, u64>,
}

impl Silence {
    /// Notes who is there now; answers who has been away for too long.
    pub(crate) fn note(
        &mut self,
        nodes: impl IntoIterator<Item = NodeId>,
        alive: &BTreeSet<NodeId>,
        now_ms: u64,
    ) -> BTreeSet<NodeId> {
        let silent = nodes.into_iter().filter(|node| !alive.contains(node));
        self.since =
            silent.map(|node| (node, self.since.get(&node).copied().unwrap_or(now_ms))).collect();
        let lost = self.since.iter().filter(|(_, since)| now_ms >= **since + LOST_AFTER_MS);
        lost.map(|(node, _)| *node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_lost_after_a_minute_of_unbroken_silence() {
        let mut silence = Silence::default();
        let nodes = [NodeId(1), NodeId(2)];
        let both = BTreeSet::from(nodes);
        let one = BTreeSet::from([NodeId(1)]);
        let nobody = BTreeSet::new();
        assert_eq!(silence.note(nodes, &one, 0), nobody);
        assert_eq!(silence.note(nodes, &one, LOST_AFTER_MS - 1), nobody);
        assert_eq!(silence.note(nodes, &one, LOST_AFTER_MS), BTreeSet::from([NodeId(2)]));
        assert_eq!(silence.note(nodes, &both, LOST_AFTER_MS + 1), nobody);
        assert_eq!(silence.note(nodes, &one, LOST_AFTER_MS + 2), nobody);
    }
}

//! `[pure]` What it means that other nodes refuse this one. A single one may be the stranger: a
//! foreign process at a member's address must not bring down those that meet it.

use std::collections::BTreeMap;

use rampart_api::model::ids::NodeId;
use rampart_api::peer::handshake::Refusal;

/// Whether so many nodes of the directory refuse this one for good that the rest of it, this node
/// included, is no majority: then it is this node that does not belong there.
pub(super) fn is_outvoted(
    directory: &BTreeMap<NodeId, String>,
    refusals: &BTreeMap<NodeId, Refusal>,
) -> bool {
    let refusing = |node: &&NodeId| refusals.get(node).is_some_and(Refusal::is_final);
    let against = directory.keys().filter(refusing).count();
    against > 0 && directory.len() - against < directory.len() / 2 + 1
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::ClusterId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_stranger_outvotes_nobody_and_a_majority_does() {
        let cluster = |id| ClusterId(Uuid::from_u128(id));
        let stranger = || Refusal::OtherCluster { yours: cluster(1), mine: cluster(2) };
        let busy = || Refusal::NotNow { detail: "starting".to_owned() };
        // (nodes, who refuses for good, who refuses for now) -> outvoted
        let table: [(u64, &[u64], &[u64], bool); 9] = [
            (1, &[], &[], false),
            (2, &[2], &[], true),
            (3, &[], &[], false),
            (3, &[2], &[], false),
            (3, &[2], &[3], false),
            (3, &[2, 3], &[], true),
            (4, &[2], &[], false),
            (5, &[2, 3], &[], false),
            // A node that has left the directory has no say.
            (3, &[2, 9], &[], false),
        ];
        for (nodes, for_good, for_now, expect) in table {
            let directory = (1..=nodes).map(|node| (NodeId(node), String::new())).collect();
            let refusals = for_good.iter().map(|node| (NodeId(*node), stranger()));
            let refusals = refusals.chain(for_now.iter().map(|node| (NodeId(*node), busy())));
            let outvoted = is_outvoted(&directory, &refusals.collect());
            assert_eq!(outvoted, expect, "{nodes} nodes, {for_good:?} refuse");
        }
    }
}

//! One pass of the controller. `[pure]` From what is, to the commands that are due; what was
//! proposed before is visible in the state, so a new controller goes on where the old one stopped.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::MetadataState;

use super::failure::node_steps;
use super::rebalance::{self, lacks_share};
use super::replication::{plan_repairs, raise_defaults};
use super::request::PlannedMove;
use super::situation::Situation;

/// Whether a node that joins takes its share by itself: `true` (the default) or `false`.
const AUTO_REBALANCE: &str = "cluster.auto_rebalance";
/// The settings of the whole cluster, each with its default.
pub const CLUSTER_SETTINGS: [(&str, &str); 1] = [(AUTO_REBALANCE, "true")];
/// The rebalance that is going on: `running`, or `paused/` and the state of the cluster in which
/// somebody took a move of it back. Written by the controller.
const REBALANCE: &str = "cluster.rebalance";
const RUNNING: &str = "running";

/// Partitions whose replicas move at once, for all reasons together.
const MOVES_AT_ONCE_MAX: usize = 8;
/// Preferred leaders that one pass changes.
const ORDERS_PER_PASS_MAX: usize = 64;

/// The commands that are due now. `metadata_voters` vote in the metadata group.
pub(crate) fn due(
    situation: Situation<'_>,
    metadata_voters: &BTreeSet<NodeId>,
) -> Vec<MetadataCommand> {
    let mut commands = node_steps(situation, metadata_voters);
    commands.extend(raise_defaults(situation));
    let slots = MOVES_AT_ONCE_MAX.saturating_sub(situation.moving());
    let repairs = plan_repairs(situation, usize::MAX);
    if repairs.is_empty() {
        commands.extend(rebalance_steps(situation, slots));
    } else {
        commands.extend(repairs.into_iter().take(slots).map(reassign));
    }
    commands
}

fn rebalance_steps(situation: Situation<'_>, slots: usize) -> Vec<MetadataCommand> {
    if !is_running(situation.state) {
        let starts = is_automatic(situation.state)
            && !is_paused(situation.state)
            && lacks_share(situation)
            && !rebalance::plan(situation, 1).moves.is_empty();
        return starts.then(start_rebalance).into_iter().collect();
    }
    let plan = rebalance::plan(situation, slots);
    if !plan.moves.is_empty() {
        return plan.moves.into_iter().map(reassign).collect();
    }
    if situation.moving() > 0 {
        return Vec::new();
    }
    if plan.transfers.is_empty() {
        return vec![set_rebalance(None)];
    }
    let orders = plan.transfers.into_iter().take(ORDERS_PER_PASS_MAX);
    orders
        .map(|planned| MetadataCommand::Reassign { group: planned.group, target: planned.order })
        .collect()
}

fn reassign(planned: PlannedMove) -> MetadataCommand {
    MetadataCommand::Reassign { group: planned.group, target: planned.to }
}

/// Starts a rebalance; it is carried out a few moves at a time.
pub(crate) fn start_rebalance() -> MetadataCommand {
    set_rebalance(Some(RUNNING.to_owned()))
}

/// Stops a rebalance, and none begins by itself before another node joins.
pub(crate) fn pause_rebalance(state: &MetadataState) -> MetadataCommand {
    set_rebalance(Some(paused(state)))
}

fn set_rebalance(value: Option<String>) -> MetadataCommand {
    MetadataCommand::SetClusterConfig { config: BTreeMap::from([(REBALANCE.to_owned(), value)]) }
}

fn is_running(state: &MetadataState) -> bool {
    state.config.get(REBALANCE).is_some_and(|value| value == RUNNING)
}

fn is_paused(state: &MetadataState) -> bool {
    state.config.get(REBALANCE).is_some_and(|value| *value == paused(state))
}

fn paused(state: &MetadataState) -> String {
    format!("paused/{}", state.next_node)
}

fn is_automatic(state: &MetadataState) -> bool {
    state.config.get(AUTO_REBALANCE).is_none_or(|value| value != "false")
}

/// The command that changes cluster-wide settings.
pub(crate) fn plan_cluster_config(
    mut changes: BTreeMap<String, Option<String>>,
) -> Result<MetadataCommand, Problem> {
    for (key, value) in &changes {
        let wrong = match value.as_deref() {
            _ if key != AUTO_REBALANCE => format!("unknown cluster setting {key:.100?}"),
            None | Some("true" | "false") => continue,
            Some(other) => format!("{other:.100?} is no value of {key}"),
        };
        return Err(Problem::new(ErrorCode::InvalidConfig, wrong)
            .hint(format!("the setting is {AUTO_REBALANCE}: true or false")));
    }
    // Turned off, it also ends what is going on: nothing moves by itself from here on.
    if changes.get(AUTO_REBALANCE).is_some_and(|value| value.as_deref() == Some("false")) {
        changes.insert(REBALANCE.to_owned(), None);
    }
    Ok(MetadataCommand::SetClusterConfig { config: changes })
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::state::metadata::state::NodeState;

    use super::super::testing::Sample;
    use super::*;

    /// Passes until nothing is due, the leaders carrying out the moves in between.
    fn settle(sample: &mut Sample) -> usize {
        for pass in 0..200 {
            let commands = due(sample.situation(), &BTreeSet::from([NodeId(1)]));
            assert!(sample.situation().moving() <= MOVES_AT_ONCE_MAX);
            if commands.is_empty() {
                return pass;
            }
            commands.iter().for_each(|command| drop(sample.apply(command)));
            sample.finish_moves();
        }
        panic!("still busy: {:?}", due(sample.situation(), &BTreeSet::new()));
    }

    fn counts(sample: &Sample) -> Vec<(u64, u64)> {
        let loads = sample.situation().loads();
        loads.values().map(|load| (load.replicas, load.leaders)).collect()
    }

    #[test]
    fn a_cluster_grows_from_one_node_to_three() {
        let mut sample = Sample::nodes(1).topic("t", 0, &[&[1][..]; 6]);
        assert_eq!(settle(&mut sample), 0);
        let mut grown = Sample::nodes(3).topic("t", 0, &[&[1][..]; 6]);
        settle(&mut grown);
        assert_eq!(counts(&grown).iter().map(|c| c.0).collect::<Vec<_>>(), [6, 6, 6]);
    }

    #[test]
    fn a_fourth_node_takes_its_share_unless_told_otherwise() {
        let lists: [&[u64]; 8] = [&[1, 2, 3]; 8];
        let mut sample = Sample::nodes(4).topic("t", 3, &lists);
        settle(&mut sample);
        assert_eq!(counts(&sample), [(6, 2); 4]);
        assert!(sample.state.config.is_empty(), "the rebalance is over");

        let mut manual = Sample::nodes(4).topic("t", 3, &lists);
        let off = BTreeMap::from([(AUTO_REBALANCE.to_owned(), Some("false".to_owned()))]);
        manual.apply(&plan_cluster_config(off).unwrap());
        assert_eq!(settle(&mut manual), 0);
        manual.apply(&start_rebalance());
        settle(&mut manual);
        assert_eq!(counts(&manual), [(6, 2); 4]);
    }

    #[test]
    fn a_paused_rebalance_waits_for_another_node() {
        let lists: [&[u64]; 8] = [&[1, 2, 3]; 8];
        let mut sample = Sample::nodes(4).topic("t", 3, &lists);
        let pause = pause_rebalance(&sample.state);
        sample.apply(&pause);
        assert_eq!(settle(&mut sample), 0);
        let (mut sample, new) = sample.replace(4);
        settle(&mut sample);
        assert_eq!(sample.situation().loads()[&new].replicas, 6);
    }

    #[test]
    fn a_decommission_ends_in_decommissioned() {
        let mut sample = Sample::nodes(4).topic("t", 3, &[&[1, 2, 3][..]; 20]).decommissioning(3);
        settle(&mut sample);
        assert_eq!(sample.situation().node_state(NodeId(3)), Some(NodeState::Decommissioned));
        assert_eq!(counts(&sample)[2].0, 0);
        let mut blocked = Sample::nodes(3).topic("t", 3, &[&[1, 2, 3]]).decommissioning(3);
        assert_eq!(settle(&mut blocked), 0, "nothing is done that would not help");
    }

    #[test]
    fn a_replaced_node_is_rebuilt_and_forgotten() {
        let sample = Sample::nodes(3).topic("t", 3, &[&[1, 2, 3][..]; 20]);
        let (mut sample, new) = sample.replace(3);
        settle(&mut sample);
        assert_eq!(sample.situation().node_state(NodeId(3)), None);
        assert_eq!(sample.situation().loads()[&new].replicas, 20);
    }

    #[test]
    fn stuck_moves_do_not_hold_up_the_others() {
        let mut sample = Sample::nodes(6).topic("t", 3, &[&[1, 2, 3][..]; 8]);
        for group in 1..=8 {
            let target = super::super::testing::ids(&[1, 2, 6]);
            sample.reassign(rampart_api::model::ids::GroupId(group), &target);
        }
        assert_eq!(sample.situation().moving(), 8);
        assert_eq!(sample.clone().down(6).situation().moving(), 0);
        let sample = sample.stuck(rampart_api::model::ids::GroupId(3), 120_000);
        assert_eq!(sample.situation().moving(), 7, "it is alive, and takes nothing");
    }

    #[test]
    fn cluster_settings_are_checked() {
        let set = |key: &str, value: &str| {
            plan_cluster_config(BTreeMap::from([(key.to_owned(), Some(value.to_owned()))]))
        };
        assert!(set(AUTO_REBALANCE, "false").is_ok());
        for wrong in [set(AUTO_REBALANCE, "maybe"), set("cluster.magic", "1")] {
            assert_eq!(wrong.unwrap_err().code, ErrorCode::InvalidConfig);
        }
    }
}

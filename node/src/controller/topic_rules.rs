//! What may be asked about topics: names, counts, configuration, placement. `[pure]` Turns a
//! request into the command to propose, or into a refusal that names what was wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use rampart_api::model::dead_letter;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, TopicId};
use rampart_api::model::limits;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::{INTERNAL_TOPIC_PREFIX, TopicConfig, validate_topic_name};
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse};
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};

use super::dead_letter_rules;
use super::placement::{check_factor, place_partitions};
use super::request::NewTopic;
use super::situation::Situation;
use crate::config::{Config, GroupsConfig, TopicDefaultsConfig};
use crate::groups::routing::{GROUP_STATE_TOPIC, GROUP_STATE_TOPIC_ID};

/// Replicas of the cluster's own topics; fewer with fewer nodes.
const INTERNAL_REPLICATION_FACTOR: u32 = 3;

/// What a topic gets that does not say, and what it may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicLimits {
    /// Partitions of a topic that does not say.
    pub default_partitions: u32,
    /// Replicas of a topic that does not say; fewer with fewer nodes.
    pub default_replication_factor: u32,
    /// Partitions of one topic.
    pub partitions_per_topic_max: u32,
    /// Topics of the cluster.
    pub topics_max: usize,
    /// Replicas on one node.
    pub replicas_per_node_max: u64,
    /// Partitions of the topic that holds the groups.
    pub group_state_partitions: u32,
}

impl Default for TopicLimits {
    fn default() -> Self {
        TopicLimits {
            default_partitions: 1,
            default_replication_factor: TopicDefaultsConfig::default().replication_factor,
            partitions_per_topic_max: limits::PARTITIONS_PER_TOPIC_MAX,
            topics_max: limits::TOPICS_MAX,
            replicas_per_node_max: u64::MAX,
            group_state_partitions: GroupsConfig::default().state_partitions,
        }
    }
}

impl TopicLimits {
    /// What an operator allows.
    pub fn of(config: &Config) -> Self {
        TopicLimits {
            default_partitions: config.topic_defaults.partitions,
            default_replication_factor: config.topic_defaults.replication_factor,
            partitions_per_topic_max: config.limits.partitions_per_topic_max,
            topics_max: usize::try_from(config.limits.topics_max).unwrap_or(usize::MAX),
            replicas_per_node_max: config.limits.replicas_per_node_max,
            group_state_partitions: config.groups.state_partitions,
        }
    }
}

/// The topic of that name.
pub(crate) fn find_topic<'a>(
    state: &'a MetadataState,
    name: &str,
) -> Result<&'a Arc<TopicRecord>, Problem> {
    state.topic_by_name(name).ok_or_else(|| {
        let shown: String = name.chars().take(60).collect();
        Problem::new(ErrorCode::TopicNotFound, format!("no topic named {shown:?}"))
            .hint("`rampart topic list` shows all")
    })
}

/// The state after the command; its refusal, if it would be refused.
pub(crate) fn dry_run(
    state: &MetadataState,
    command: &MetadataCommand,
) -> Result<MetadataState, Problem> {
    let mut after = state.clone();
    match after.apply(state.applied_index + 1, command) {
        MetadataResponse::Refused(problem) => Err(problem),
        MetadataResponse::Done
        | MetadataResponse::Joined { .. }
        | MetadataResponse::TopicCreated { .. }
        | MetadataResponse::PartitionsAdded { .. }
        | MetadataResponse::ProducerIds { .. } => Ok(after),
    }
}

/// The command that creates a topic under the given id.
pub(crate) fn plan_create(
    situation: Situation<'_>,
    limits: TopicLimits,
    new: &NewTopic,
    topic: TopicId,
    now_ms: i64,
) -> Result<MetadataCommand, Problem> {
    validate_topic_name(&new.name)?;
    if new.name.starts_with(INTERNAL_TOPIC_PREFIX) {
        return Err(Problem::new(
            ErrorCode::InvalidTopic,
            format!("names that begin with {INTERNAL_TOPIC_PREFIX} are the cluster's own"),
        )
        .hint("choose another name"));
    }
    if situation.state.topic_names.contains_key(&new.name) {
        return Err(Problem::new(
            ErrorCode::TopicExists,
            format!("a topic named {:?} exists already", new.name),
        )
        .hint("choose another name, or alter the existing topic"));
    }
    if situation.state.topics.len() >= limits.topics_max {
        return Err(Problem::new(
            ErrorCode::Overloaded,
            format!("the cluster has {} topics, as many as it may", limits.topics_max),
        )
        .hint("delete topics that are no longer used, or raise limits.topics_max"));
    }
    TopicConfig::from_overrides(&new.config)?;
    let set = new.config.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
    dead_letter_rules::check(&new.name, &BTreeMap::new(), &set.collect())?;
    let partitions = new.partitions.unwrap_or(limits.default_partitions);
    check_partitions(partitions, limits)?;
    let (wanted, now) = factor(situation, limits, new.replication_factor);
    let replicas = place_partitions(situation, partitions, now)?;
    check_replicas(situation, limits, &replicas)?;
    Ok(MetadataCommand::CreateTopic {
        topic,
        name: new.name.clone(),
        internal: false,
        replication_factor: wanted,
        config: new.config.clone(),
        replicas,
        now_ms,
    })
}

/// The creation of the topic that holds the groups, while it is not there. It is made with the cluster:
/// as soon as there is a node to put it on, and it gets more replicas as nodes join.
pub(crate) fn group_state_due(
    situation: Situation<'_>,
    limits: TopicLimits,
    now_ms: i64,
) -> Option<MetadataCommand> {
    if situation.state.topics.contains_key(&GROUP_STATE_TOPIC_ID) {
        return None;
    }
    plan_group_state(situation, limits, now_ms).ok()
}

/// The command that creates the topic which holds the groups.
pub(crate) fn plan_group_state(
    situation: Situation<'_>,
    limits: TopicLimits,
    now_ms: i64,
) -> Result<MetadataCommand, Problem> {
    let limits = TopicLimits { default_replication_factor: INTERNAL_REPLICATION_FACTOR, ..limits };
    let (wanted, now) = factor(situation, limits, None);
    let replicas = place_partitions(situation, limits.group_state_partitions, now)?;
    Ok(MetadataCommand::CreateTopic {
        topic: GROUP_STATE_TOPIC_ID,
        name: GROUP_STATE_TOPIC.to_owned(),
        internal: true,
        replication_factor: wanted,
        config: BTreeMap::new(),
        replicas,
        now_ms,
    })
}

/// Replicas that are wanted, and those to place now: the default waits for nodes to join.
fn factor(situation: Situation<'_>, limits: TopicLimits, asked: Option<u32>) -> (u32, u32) {
    if let Some(asked) = asked {
        return (asked, asked);
    }
    let nodes = u32::try_from(situation.active_alive().count()).unwrap_or(u32::MAX).max(1);
    let wanted = limits.default_replication_factor;
    (wanted, wanted.min(nodes))
}

fn check_partitions(partitions: u32, limits: TopicLimits) -> Result<(), Problem> {
    let max = limits.partitions_per_topic_max;
    if (1..=max).contains(&partitions) {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::InvalidRequest,
        format!("a topic can't have {partitions} partitions"),
    )
    .hint(format!("choose 1 to {max}")))
}

/// No node gets more replicas than it may have.
fn check_replicas(
    situation: Situation<'_>,
    limits: TopicLimits,
    placed: &[Vec<NodeId>],
) -> Result<(), Problem> {
    let mut loads = situation.loads();
    for node in placed.iter().flatten() {
        loads.entry(*node).or_default().replicas += 1;
    }
    let max = limits.replicas_per_node_max;
    let touched = |node: &NodeId| placed.iter().flatten().any(|placed| placed == node);
    match loads.iter().find(|(node, load)| load.replicas > max && touched(node)) {
        None => Ok(()),
        Some((node, load)) => Err(Problem::new(
            ErrorCode::Overloaded,
            format!("node {node} would have {} replicas, at most {max} are allowed", load.replicas),
        )
        .hint("add nodes, delete topics, or raise limits.replicas_per_node_max")),
    }
}

/// The command that deletes a topic.
pub(crate) fn plan_delete(state: &MetadataState, name: &str) -> Result<MetadataCommand, Problem> {
    let topic = own_topic(state, name)?;
    Ok(MetadataCommand::DeleteTopic { topic: topic.id })
}

/// The command that sets and resets configuration keys.
pub(crate) fn plan_alter(
    state: &MetadataState,
    name: &str,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<MetadataCommand, Problem> {
    let topic = find_topic(state, name)?;
    // Keys that are only reset are checked too, so that a misspelt one is named.
    let known: BTreeMap<_, _> = TopicConfig::default().effective();
    let is_there = |key: &String| {
        known.contains_key(key) || topic.config.contains_key(key) || dead_letter::is_group_key(key)
    };
    // What is stored is not judged again: a newer version may have checked it.
    let judged = changes.iter().filter_map(|(key, value)| match value {
        Some(value) => Some((key.clone(), value.clone())),
        None => (!is_there(key)).then(|| (key.clone(), String::new())),
    });
    TopicConfig::from_overrides(&judged.collect())?;
    dead_letter_rules::check(&topic.name, &topic.config, changes)?;
    Ok(MetadataCommand::AlterTopic { topic: topic.id, config: changes.clone() })
}

/// The command that grows a topic to `total` partitions; `None` if it has as many.
pub(crate) fn plan_add_partitions(
    situation: Situation<'_>,
    limits: TopicLimits,
    name: &str,
    total: u32,
) -> Result<Option<MetadataCommand>, Problem> {
    let topic = own_topic(situation.state, name)?;
    check_partitions(total, limits)?;
    let present = u32::try_from(topic.partitions.len()).expect("bounded at creation");
    if total < present {
        return Err(Problem::new(
            ErrorCode::InvalidRequest,
            format!("topic {name} has {present} partitions; it can't shrink to {total}"),
        )
        .hint("partitions hold records, so their number only grows"));
    }
    if total == present {
        return Ok(None);
    }
    let replicas = place_partitions(situation, total - present, topic.replication_factor)?;
    check_replicas(situation, limits, &replicas)?;
    Ok(Some(MetadataCommand::AddPartitions { topic: topic.id, expected: present, replicas }))
}

/// The command that changes how many replicas each partition has.
pub(crate) fn plan_set_factor(
    situation: Situation<'_>,
    name: &str,
    factor: u32,
) -> Result<MetadataCommand, Problem> {
    let topic = find_topic(situation.state, name)?;
    check_factor(situation, factor)?;
    Ok(MetadataCommand::SetReplicationFactor { topic: topic.id, replication_factor: factor })
}

fn own_topic<'a>(state: &'a MetadataState, name: &str) -> Result<&'a Arc<TopicRecord>, Problem> {
    let topic = find_topic(state, name)?;
    if topic.internal {
        return Err(Problem::new(
            ErrorCode::Unsafe,
            format!("{name} is the cluster's own: it is neither deleted nor grown by hand"),
        ));
    }
    Ok(topic)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sample;
    use super::*;

    fn create(sample: &Sample, new: &NewTopic) -> Result<TopicRecord, Problem> {
        let limits = TopicLimits { topics_max: 3, ..TopicLimits::default() };
        let id = TopicId(uuid::Uuid::from_u128(77));
        let command = plan_create(sample.situation(), limits, new, id, 9)?;
        let after = dry_run(&sample.state, &command)?;
        Ok(after.topics[&id].as_ref().clone())
    }

    fn named(name: &str) -> NewTopic {
        NewTopic { name: name.into(), ..NewTopic::default() }
    }

    #[test]
    fn a_topic_that_says_nothing_gets_the_defaults() {
        for (nodes, factor, rises_to) in [(1, 1, 3), (2, 2, 3), (3, 3, 0), (5, 3, 0)] {
            let topic = create(&Sample::nodes(nodes), &named("flights")).unwrap();
            assert_eq!(topic.partitions.len(), 1);
            assert_eq!((topic.replication_factor, topic.rises_to), (factor, rises_to));
        }
        let silent = create(&Sample::nodes(3).down(3), &named("flights")).unwrap();
        assert_eq!((silent.replication_factor, silent.rises_to), (2, 3));
        let explicit = NewTopic { replication_factor: Some(1), ..named("flights") };
        assert_eq!(create(&Sample::nodes(1), &explicit).unwrap().rises_to, 0);
    }

    #[test]
    fn another_default_factor_rises_too() {
        for (default, nodes, factor, rises_to) in
            [(2, 1, 1, 2), (2, 3, 2, 0), (5, 3, 3, 5), (5, 6, 5, 0), (1, 3, 1, 0)]
        {
            let limits =
                TopicLimits { default_replication_factor: default, ..TopicLimits::default() };
            let sample = Sample::nodes(nodes);
            let id = TopicId(uuid::Uuid::from_u128(77));
            let command =
                plan_create(sample.situation(), limits, &named("flights"), id, 9).unwrap();
            let after = dry_run(&sample.state, &command).unwrap();
            let topic = &after.topics[&id];
            assert_eq!((topic.replication_factor, topic.rises_to), (factor, rises_to));
        }
    }

    #[test]
    fn the_topic_of_the_groups_is_made_once_and_rises_with_the_cluster() {
        let limits = TopicLimits { group_state_partitions: 5, ..TopicLimits::default() };
        let mut sample = Sample::nodes(1);
        let command = group_state_due(sample.situation(), limits, 9).unwrap();
        sample.apply(&command);
        assert_eq!(group_state_due(sample.situation(), limits, 9), None);
        let topic = &sample.state.topics[&GROUP_STATE_TOPIC_ID];
        assert!(topic.internal);
        assert_eq!((topic.name.as_str(), topic.partitions.len()), (GROUP_STATE_TOPIC, 5));
        assert_eq!((topic.replication_factor, topic.rises_to), (1, 3));
        assert_eq!(group_state_due(Sample::default().situation(), limits, 9), None, "nowhere");
        let three = Sample::nodes(3);
        let command = group_state_due(three.situation(), limits, 9).unwrap();
        let after = dry_run(&three.state, &command).unwrap();
        let topic = &after.topics[&GROUP_STATE_TOPIC_ID];
        assert_eq!((topic.replication_factor, topic.rises_to), (3, 0));
    }

    #[test]
    fn nonsense_is_named() {
        let sample = Sample::nodes(3).topic("taken", 1, &[&[1]]);
        let config = |key: &str, value: &str| NewTopic {
            config: BTreeMap::from([(key.into(), value.into())]),
            ..named("t")
        };
        let long = "x".repeat(300);
        for (new, code, says) in [
            (named(""), ErrorCode::InvalidTopic, "empty"),
            (named(&long), ErrorCode::InvalidTopic, "300"),
            (named("../etc"), ErrorCode::InvalidTopic, "../etc"),
            (named("__mine"), ErrorCode::InvalidTopic, "__"),
            (named("taken"), ErrorCode::TopicExists, "taken"),
            (
                NewTopic { partitions: Some(0), ..named("t") },
                ErrorCode::InvalidRequest,
                "0 partitions",
            ),
            (
                NewTopic { partitions: Some(10_001), ..named("t") },
                ErrorCode::InvalidRequest,
                "10001",
            ),
            (
                NewTopic { replication_factor: Some(0), ..named("t") },
                ErrorCode::InvalidReplicationFactor,
                "factor 0",
            ),
            (
                NewTopic { replication_factor: Some(4), ..named("t") },
                ErrorCode::InvalidReplicationFactor,
                "factor 4 is not possible with 3 active nodes",
            ),
            (config("retention", "1"), ErrorCode::InvalidConfig, "`retention`"),
            (config("retention.ms", "soon"), ErrorCode::InvalidConfig, "soon"),
        ] {
            let problem = create(&sample, &new).unwrap_err();
            assert_eq!(problem.code, code, "{problem}");
            assert!(problem.detail.contains(says), "{problem}");
        }
        let full = sample.topic("a", 1, &[&[1]]).topic("b", 1, &[&[1]]);
        assert_eq!(create(&full, &named("c")).unwrap_err().code, ErrorCode::Overloaded);
    }

    #[test]
    fn a_node_gets_no_more_replicas_than_it_may_have() {
        let sample = Sample::nodes(3).topic("old", 3, &[&[1, 2, 3]]);
        let limits = TopicLimits { replicas_per_node_max: 3, ..TopicLimits::default() };
        let create = |partitions| {
            let new = NewTopic { partitions: Some(partitions), ..named("new") };
            let id = TopicId(uuid::Uuid::from_u128(77));
            plan_create(sample.situation(), limits, &new, id, 9)
        };
        assert!(create(2).is_ok());
        let refused = create(3).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Overloaded);
        assert!(refused.detail.contains("4 replicas, at most 3"), "{refused}");
        let grow = |total| plan_add_partitions(sample.situation(), limits, "old", total);
        assert!(grow(3).is_ok());
        assert_eq!(grow(4).unwrap_err().code, ErrorCode::Overloaded);
    }

    #[test]
    fn a_key_of_a_newer_version_stands_in_nobodys_way() {
        let mut sample = Sample::nodes(1).topic("t", 1, &[&[1]]);
        let newer = BTreeMap::from([("of.tomorrow".to_owned(), Some("1".to_owned()))]);
        let topic = sample.state.topic_by_name("t").unwrap().id;
        sample.apply(&MetadataCommand::AlterTopic { topic, config: newer });
        let alter = |key: &str, value: Option<&str>| {
            let changes = BTreeMap::from([(key.to_owned(), value.map(str::to_owned))]);
            plan_alter(&sample.state, "t", &changes)
        };
        assert!(alter("retention.ms", Some("60000")).is_ok());
        assert!(alter("of.tomorrow", None).is_ok(), "it can be taken away");
        assert!(alter("of.tomorrow", Some("2")).is_err(), "nobody here can judge it");
    }

    #[test]
    fn configuration_changes_are_checked_as_a_whole() {
        let sample = Sample::nodes(1).topic("t", 1, &[&[1]]);
        let alter = |key: &str, value: Option<&str>| {
            let changes = BTreeMap::from([(key.to_owned(), value.map(str::to_owned))]);
            plan_alter(&sample.state, "t", &changes)
        };
        assert!(alter("retention.ms", Some("60000")).is_ok());
        assert!(alter("retention.ms", None).is_ok());
        for wrong in [alter("retention.sm", Some("1")), alter("retention.sm", None)] {
            let problem = wrong.unwrap_err();
            assert_eq!(problem.code, ErrorCode::InvalidConfig);
            assert!(problem.detail.contains("retention.sm"), "{problem}");
        }
        assert_eq!(alter("ack", Some("7")).unwrap_err().code, ErrorCode::InvalidConfig);
        let missing = plan_alter(&sample.state, "other", &BTreeMap::new()).unwrap_err();
        assert_eq!(missing.code, ErrorCode::TopicNotFound);
    }

    #[test]
    fn partitions_only_grow() {
        let sample = Sample::nodes(3).topic("t", 2, &[&[1, 2], &[2, 3]]);
        let grow =
            |total| plan_add_partitions(sample.situation(), TopicLimits::default(), "t", total);
        let Ok(Some(command)) = grow(4) else { panic!("refused") };
        let after = dry_run(&sample.state, &command).unwrap();
        assert_eq!(after.topic_by_name("t").unwrap().partitions.len(), 4);
        assert_eq!(grow(2), Ok(None));
        for (total, says) in [(1, "shrink"), (0, "0 partitions"), (20_000, "20000")] {
            let problem = grow(total).unwrap_err();
            assert!(problem.detail.contains(says), "{problem}");
        }
    }

    #[test]
    fn the_factor_is_bounded_by_the_active_nodes() {
        let sample = Sample::nodes(3).topic("t", 1, &[&[1]]).draining(3);
        assert!(plan_set_factor(sample.situation(), "t", 2).is_ok());
        let problem = plan_set_factor(sample.situation(), "t", 3).unwrap_err();
        assert!(problem.detail.contains("3 is not possible with 2"), "{problem}");
    }

    #[test]
    fn what_is_not_there_is_not_deleted() {
        let sample = Sample::nodes(1).topic("t", 1, &[&[1]]);
        assert!(plan_delete(&sample.state, "t").is_ok());
        let problem = plan_delete(&sample.state, "x").unwrap_err();
        assert_eq!(problem.code, ErrorCode::TopicNotFound);
    }
}

//! What may be asked about dead letters: which topic takes them, how many groups have a switch of
//! their own, and what a dead-letter topic is like. `[pure]` Fields of the switch are judged where
//! they are defined, in `api/src/model/dead_letter.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use rampart_api::model::dead_letter::{
    Field, check_group_name, group_key, is_group_key, topic_named_by,
};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::TopicId;
use rampart_api::model::limits::DEAD_LETTER_GROUPS_PER_TOPIC_MAX;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::INTERNAL_TOPIC_PREFIX;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};

use super::request::{NewSwitch, NewTopic};
use super::situation::Situation;
use super::topic_rules::{TopicLimits, find_topic, plan_create};
use crate::groups::dead_letters::default_topic;

/// Dead letters are few: one group's lane writes one at a time anyway. In one partition they are
/// looked through, and taken back, in the order in which they died; who wants more adds them.
const PARTITIONS: u32 = 1;

/// Whether these keys may be set beside what is stored. Each was judged by itself before.
///
/// # Errors
/// `INVALID_CONFIG`.
pub(crate) fn check(
    origin: &str,
    stored: &BTreeMap<String, String>,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<(), Problem> {
    let set = changes.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    for (key, text) in set.clone() {
        if topic_named_by(key, text).is_some_and(|named| named == origin) {
            return Err(its_own(origin));
        }
    }
    let is_ours = |key: &str| is_group_key(key) || Field::of_key(key).is_some();
    if origin.starts_with(INTERNAL_TOPIC_PREFIX) && set.clone().any(|(key, _)| is_ours(key)) {
        return Err(internal(origin));
    }
    if !set.clone().any(|(key, _)| is_group_key(key)) {
        return Ok(());
    }
    let stay = stored.keys().filter(|key| !changes.contains_key(*key));
    let groups = stay.chain(set.map(|(key, _)| key)).filter(|key| is_group_key(key)).count();
    match groups > DEAD_LETTER_GROUPS_PER_TOPIC_MAX {
        true => Err(too_many_groups(origin)),
        false => Ok(()),
    }
}

/// The command that sets a switch, and the topic that it is of.
///
/// # Errors
/// `TOPIC_NOT_FOUND`; `UNSAFE` for one of the cluster's own; `INVALID_CONFIG`, and `INVALID_REQUEST`
/// for a name that no group can have.
pub(crate) fn plan_switch<'a>(
    state: &'a MetadataState,
    new: &NewSwitch,
) -> Result<(&'a Arc<TopicRecord>, MetadataCommand), Problem> {
    let origin = find_topic(state, &new.topic)?;
    if origin.internal {
        return Err(internal(&origin.name));
    }
    if let Some(group) = &new.group {
        check_group_name(group)?;
    }
    new.switch.check()?;
    let config = new.switch.changes(new.group.as_deref());
    check(&origin.name, &origin.config, &config)?;
    Ok((origin, MetadataCommand::AlterTopic { topic: origin.id, config }))
}

/// The dead-letter topic that must be there before a switch is turned on. One for each group, where
/// no group is named, is created for the first record that needs it.
pub(crate) fn topic_needed(new: &NewSwitch) -> Option<String> {
    if !new.switch.enabled {
        return None;
    }
    let by_default = || new.group.as_ref().map(|group| default_topic(&new.topic, group));
    new.switch.topic.clone().filter(|name| !name.is_empty()).or_else(by_default)
}

/// The dead-letter topic of that name, if it is there.
///
/// # Errors
/// `INVALID_CONFIG` for one that takes no dead letters of this topic.
pub(crate) fn find_dead_letter_topic(
    state: &MetadataState,
    origin: &TopicRecord,
    name: &str,
) -> Result<Option<Arc<TopicRecord>>, Problem> {
    if name == origin.name {
        return Err(its_own(name));
    }
    match state.topic_by_name(name) {
        Some(found) if found.internal => Err(Problem::new(
            ErrorCode::InvalidConfig,
            format!("{name} is the cluster's own: it takes no dead letters"),
        )
        .hint("name another topic, or none")),
        found => Ok(found.cloned()),
    }
}

/// The command that creates a dead-letter topic under the given id: as many replicas as its origin
/// has, or should have and gets as nodes come back, and records that stay until somebody takes them
/// away.
pub(crate) fn plan_dead_letter_topic(
    (situation, limits): (Situation<'_>, TopicLimits),
    origin: &TopicRecord,
    name: &str,
    (id, now_ms): (TopicId, i64),
) -> Result<MetadataCommand, Problem> {
    let wanted = origin.replication_factor.max(origin.rises_to.into());
    let nodes = u32::try_from(situation.active_alive().count()).unwrap_or(u32::MAX).max(1);
    let new = NewTopic {
        name: name.to_owned(),
        partitions: Some(PARTITIONS),
        replication_factor: Some(wanted.min(nodes)),
        config: BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]),
        dry_run: false,
    };
    let mut command = plan_create(situation, limits, &new, id, now_ms)?;
    if let MetadataCommand::CreateTopic { replication_factor, .. } = &mut command {
        *replication_factor = wanted;
    }
    Ok(command)
}

fn its_own(topic: &str) -> Problem {
    Problem::new(
        ErrorCode::InvalidConfig,
        format!("{topic} can't take its own dead letters: its groups would get them again"),
    )
    .hint("name another topic, or none: then each group has one of its own")
}

fn internal(topic: &str) -> Problem {
    Problem::new(
        ErrorCode::Unsafe,
        format!("{topic} is the cluster's own: its records are never given up"),
    )
}

fn too_many_groups(topic: &str) -> Problem {
    let max = DEAD_LETTER_GROUPS_PER_TOPIC_MAX;
    Problem::new(
        ErrorCode::InvalidConfig,
        format!("more than {max} groups would have a dead-letter switch of their own in {topic}"),
    )
    .hint(format!("reset {} of groups that can do with the topic's", group_key("GROUP")))
}

#[cfg(test)]
mod tests {
    use rampart_api::model::dead_letter::DeadLetterSwitch;
    use rampart_raft_store::state::metadata::command::MetadataResponse;

    use super::super::testing::Sample;
    use super::super::topic_rules::{dry_run, plan_alter};
    use super::*;

    fn on(topic: &str, group: Option<&str>) -> NewSwitch {
        NewSwitch {
            topic: topic.to_owned(),
            group: group.map(str::to_owned),
            switch: DeadLetterSwitch { enabled: true, ..DeadLetterSwitch::default() },
            dry_run: false,
        }
    }

    fn into(topic: &str, into: &str) -> NewSwitch {
        let switch = DeadLetterSwitch {
            enabled: true,
            topic: Some(into.to_owned()),
            ..DeadLetterSwitch::default()
        };
        NewSwitch { switch, ..on(topic, Some("g")) }
    }

    fn set(sample: &mut Sample, new: &NewSwitch) -> Result<(), Problem> {
        let (_, command) = plan_switch(&sample.state, new)?;
        sample.apply(&command);
        Ok(())
    }

    #[test]
    fn a_switch_that_is_set_is_in_the_topics_configuration() {
        let mut sample = Sample::nodes(1).topic("orders", 1, &[&[1]]);
        set(&mut sample, &on("orders", None)).unwrap();
        let config = |sample: &Sample| sample.state.topic_by_name("orders").unwrap().config.clone();
        assert_eq!(
            config(&sample),
            BTreeMap::from([(Field::Enabled.key().to_owned(), "true".to_owned())])
        );
        let off = NewSwitch { switch: DeadLetterSwitch::default(), ..on("orders", None) };
        set(&mut sample, &off).unwrap();
        assert!(config(&sample).is_empty());
    }

    #[test]
    fn nonsense_is_named() {
        let mut sample = Sample::nodes(1).topic("orders", 1, &[&[1]]);
        let wrong = DeadLetterSwitch { attempts: 0, ..DeadLetterSwitch::default() };
        let long = "g".repeat(250);
        for (new, code, says) in [
            (on("other", None), ErrorCode::TopicNotFound, "other"),
            (on("orders", Some("")), ErrorCode::InvalidRequest, "name of a group"),
            (on("orders", Some(&long)), ErrorCode::InvalidRequest, "name of a group"),
            (into("orders", "orders"), ErrorCode::InvalidConfig, "its own dead letters"),
            (into("orders", "__group_state"), ErrorCode::InvalidConfig, "the cluster's own"),
            (into("orders", "a b"), ErrorCode::InvalidConfig, "`a b`"),
            (
                NewSwitch { switch: wrong, ..on("orders", None) },
                ErrorCode::InvalidConfig,
                "attempts",
            ),
        ] {
            let problem = set(&mut sample, &new).unwrap_err();
            assert_eq!(problem.code, code, "{problem}");
            assert!(problem.detail.contains(says), "{problem}");
        }
    }

    #[test]
    fn keys_that_are_set_by_hand_are_judged_the_same() {
        let mut sample = Sample::nodes(1).topic("orders", 1, &[&[1]]);
        let named = |name: &str| Some(format!("enabled=true,topic={name}"));
        let alter = |sample: &Sample, key: &str, value: Option<String>| {
            let changes = BTreeMap::from([(key.to_owned(), value)]);
            plan_alter(&sample.state, "orders", &changes)
        };
        let own = group_key("g");
        assert!(alter(&sample, &own, named("dead")).is_ok());
        assert!(alter(&sample, &own, None).is_ok(), "also where there is none");
        for (key, value) in
            [(own.as_str(), named("orders")), (Field::Topic.key(), Some("orders".to_owned()))]
        {
            let problem = alter(&sample, key, value).unwrap_err();
            assert!(problem.detail.contains("its own dead letters"), "{problem}");
        }
        for number in 0..DEAD_LETTER_GROUPS_PER_TOPIC_MAX {
            set(&mut sample, &on("orders", Some(&number.to_string()))).unwrap();
        }
        let problem = set(&mut sample, &on("orders", Some("one more"))).unwrap_err();
        assert!(problem.detail.contains("more than 100 groups"), "{problem}");
        let hint = problem.hint.unwrap();
        assert!(hint.contains("rampart.dead.letter.group.GROUP"), "{hint}");
        set(&mut sample, &on("orders", Some("7"))).unwrap();
        let changes = BTreeMap::from([(group_key("7"), None), (own, named("dead"))]);
        let instead = plan_alter(&sample.state, "orders", &changes).unwrap();
        sample.apply(&instead);
    }

    #[test]
    fn the_topic_is_created_on_turning_on_where_its_name_is_known() {
        assert_eq!(topic_needed(&on("orders", None)), None, "each group has its own");
        let of_group = topic_needed(&on("orders", Some("billing")));
        assert_eq!(of_group.as_deref(), Some("orders.billing.dlq"));
        assert_eq!(topic_needed(&into("orders", "dead")).as_deref(), Some("dead"));
        let named = NewSwitch { group: None, ..into("orders", "dead") };
        assert_eq!(topic_needed(&named).as_deref(), Some("dead"));
        let off = NewSwitch { switch: DeadLetterSwitch::default(), ..on("orders", Some("g")) };
        assert_eq!(topic_needed(&off), None);
    }

    #[test]
    fn a_topic_that_is_there_is_taken_unless_it_must_not_be() {
        let mut sample = Sample::nodes(1).topic("orders", 1, &[&[1]]).topic("dead", 1, &[&[1]]);
        let created = sample.apply(&MetadataCommand::CreateTopic {
            topic: TopicId(uuid::Uuid::from_u128(90)),
            name: "__group_state".to_owned(),
            internal: true,
            replication_factor: 1,
            config: BTreeMap::new(),
            replicas: vec![sample.alive.iter().copied().collect()],
            now_ms: 0,
        });
        assert!(matches!(created, MetadataResponse::TopicCreated { .. }));
        let origin = sample.state.topic_by_name("orders").unwrap();
        let find = |name: &str| find_dead_letter_topic(&sample.state, origin, name);
        assert_eq!(find("dead").unwrap().unwrap().name, "dead");
        assert_eq!(find("orders.g.dlq").unwrap(), None);
        for name in ["orders", "__group_state"] {
            assert_eq!(find(name).unwrap_err().code, ErrorCode::InvalidConfig, "{name}");
        }
        let own = plan_switch(&sample.state, &on("__group_state", None)).unwrap_err();
        let by_hand = on("__group_state", None).switch.changes(None);
        let by_hand = plan_alter(&sample.state, "__group_state", &by_hand).unwrap_err();
        assert_eq!([own.code, by_hand.code], [ErrorCode::Unsafe; 2]);
    }

    #[test]
    fn a_dead_letter_topic_is_as_safe_as_its_origin_and_keeps_what_it_has() {
        let create = |sample: &Sample, factor: u32, rises_to: u8| {
            let mut origin = sample.state.topic_by_name("orders").unwrap().as_ref().clone();
            (origin.replication_factor, origin.rises_to) = (factor, rises_to);
            let id = TopicId(uuid::Uuid::from_u128(77));
            let around = (sample.situation(), TopicLimits::default());
            let command = plan_dead_letter_topic(around, &origin, "orders.g.dlq", (id, 9)).unwrap();
            dry_run(&sample.state, &command).unwrap().topics[&id].as_ref().clone()
        };
        let three = Sample::nodes(3).topic("orders", 3, &[&[1, 2, 3]]);
        let topic = create(&three, 3, 0);
        assert_eq!((topic.partitions.len(), topic.replication_factor, topic.rises_to), (1, 3, 0));
        assert_eq!(topic.config["retention.ms"], "-1");
        assert!(!topic.internal, "it is read, and grown, like any other");
        let short = create(&three.clone().draining(3), 3, 0);
        assert_eq!((short.replication_factor, short.rises_to), (2, 3), "the third comes later");
        let one = Sample::nodes(1).topic("orders", 1, &[&[1]]);
        let rising = create(&one, 1, 3);
        assert_eq!((rising.replication_factor, rising.rises_to), (1, 3), "as its origin does");
        let single = create(&three, 1, 0);
        assert_eq!((single.replication_factor, single.rises_to), (1, 0));
    }
}

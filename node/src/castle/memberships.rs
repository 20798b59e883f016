//! `[pure]` What a client has in its groups, as their coordinators said last; and what it asks of
//! them with a heartbeat.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::http::castle::{Assigned, ClusterDispatch, Role};
use rampart_api::http::groups::GroupPartition;
use rampart_api::model::ids::TopicId;
use rampart_raft_store::state::group::{MemberId, TopicPartition};
use rampart_raft_store::state::metadata::state::MetadataState;

use super::about::About;

/// By the group's name.
pub type Memberships = BTreeMap<String, Membership>;

/// What a client has in one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// Its name in it.
    pub member: MemberId,
    /// The group's generation.
    pub generation: u64,
    /// What it holds and shall keep.
    pub partitions: Vec<TopicPartition>,
}

/// A group that a client reads in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The group.
    pub group: String,
    /// The client's name in it; nothing if it has none yet.
    pub member: Option<MemberId>,
    /// What it wants to read there.
    pub topics: BTreeSet<TopicId>,
}

/// The groups that a client gives a sign of life to. Topics that are not there are left out; a
/// group without any is not asked.
pub fn signs(about: &About, known: &Memberships, state: &MetadataState) -> Vec<Sign> {
    let mut signs: BTreeMap<&str, (Option<&str>, BTreeSet<TopicId>)> = BTreeMap::new();
    for one in about.subscriptions.iter().filter(|one| one.role == Role::Consumer) {
        let Some(group) = &one.group else { continue };
        let (member, topics) = signs.entry(group).or_default();
        let named = one.member.as_deref().filter(|name| !name.is_empty());
        *member = member.or(named);
        topics.extend(state.topic_names.get(&one.topic));
    }
    let signs = signs.into_iter().filter(|(_, (_, topics))| !topics.is_empty());
    let signs = signs.map(|(group, (named, topics))| {
        let named = named.map(|name| MemberId(name.to_owned()));
        let member = named.or_else(|| known.get(group).map(|known| known.member.clone()));
        Sign { group: group.to_owned(), member, topics }
    });
    signs.collect()
}

/// What is known of the groups that the client reads in, and of no others.
pub fn kept(about: &About, known: &Memberships) -> Memberships {
    let groups: BTreeSet<&str> =
        about.subscriptions.iter().filter_map(|one| one.group.as_deref()).collect();
    let kept = known.iter().filter(|(group, _)| groups.contains(group.as_str()));
    kept.map(|(group, membership)| (group.clone(), membership.clone())).collect()
}

/// Says in a dispatch what a client has of each topic.
pub fn put_assigned(
    dispatch: &mut ClusterDispatch,
    about: &About,
    memberships: &Memberships,
    state: &MetadataState,
) {
    for (name, topic) in &mut dispatch.topics {
        let Some(id) = state.topic_names.get(name) else { continue };
        let groups = about.subscriptions.iter().filter(|one| one.topic == *name);
        let groups: BTreeSet<&str> = groups.filter_map(|one| one.group.as_deref()).collect();
        let known = groups.into_iter().filter_map(|group| memberships.get_key_value(group));
        let assigned = known.map(|(group, membership)| Assigned {
            group: group.clone(),
            member: membership.member.0.clone(),
            generation: membership.generation,
            partitions: membership.of(*id),
        });
        topic.assigned = assigned.collect();
    }
}

/// All that a client holds, for people.
pub fn all_partitions(memberships: &Memberships, state: &MetadataState) -> Vec<GroupPartition> {
    let held = memberships.values().flat_map(|membership| &membership.partitions);
    let named = held.map(|at| GroupPartition {
        topic: state.topics.get(&at.topic).map_or_else(|| at.topic.to_string(), |t| t.name.clone()),
        partition: at.partition,
    });
    named.collect()
}

impl Membership {
    fn of(&self, topic: TopicId) -> Vec<u32> {
        let of_it = self.partitions.iter().filter(|at| at.topic == topic);
        of_it.map(|at| at.partition).collect()
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::http::castle::{Subscription, TopicDispatch};

    use super::*;

    fn id(number: u128) -> TopicId {
        TopicId(uuid::Uuid::from_u128(number))
    }

    fn state() -> MetadataState {
        let names = [("a", 1), ("b", 2)].map(|(name, number)| (name.to_owned(), id(number)));
        MetadataState { topic_names: BTreeMap::from(names), ..MetadataState::default() }
    }

    fn reads(topic: &str, group: &str, member: Option<&str>) -> Subscription {
        Subscription {
            role: Role::Consumer,
            topic: topic.to_owned(),
            group: Some(group.to_owned()),
            member: member.map(str::to_owned),
            held: Vec::new(),
        }
    }

    fn about(subscriptions: Vec<Subscription>) -> About {
        About { subscriptions, ..About::default() }
    }

    fn membership(member: &str, partitions: &[(u128, u32)]) -> Membership {
        let at = |(topic, partition): &(u128, u32)| TopicPartition {
            topic: id(*topic),
            partition: *partition,
        };
        let partitions = partitions.iter().map(at).collect();
        Membership { member: MemberId(member.to_owned()), generation: 4, partitions }
    }

    #[test]
    fn a_group_is_asked_once_for_all_topics_that_are_there() {
        let about = about(vec![
            reads("a", "g", None),
            reads("b", "g", Some("m")),
            reads("b", "h", Some("")),
            reads("missing", "i", None),
            Subscription { topic: "a".to_owned(), ..Subscription::default() },
        ]);
        let known = Memberships::from([("h".to_owned(), membership("known", &[]))]);
        let sign = |group: &str, member: &str, topics: &[u128]| Sign {
            group: group.to_owned(),
            member: Some(MemberId(member.to_owned())),
            topics: topics.iter().map(|number| id(*number)).collect(),
        };
        let expected = [sign("g", "m", &[1, 2]), sign("h", "known", &[2])];
        assert_eq!(signs(&about, &known, &state()), expected);
        let nobody = signs(&about, &Memberships::new(), &state());
        assert_eq!(nobody[1].member, None);
    }

    #[test]
    fn an_answer_says_what_the_client_has_of_each_topic_and_in_which_group() {
        let about =
            about(vec![reads("a", "g", None), reads("b", "g", None), reads("a", "h", None)]);
        let known = Memberships::from([
            ("g".to_owned(), membership("m", &[(1, 0), (1, 3), (2, 1)])),
            ("left".to_owned(), membership("n", &[(1, 2)])),
        ]);
        let names = ["a", "b"].map(|name| (name.to_owned(), TopicDispatch::default()));
        let mut dispatch = ClusterDispatch { brokers: Vec::new(), topics: BTreeMap::from(names) };
        put_assigned(&mut dispatch, &about, &known, &state());
        let of = |topic: &str| dispatch.topics[topic].assigned.clone();
        let assigned = |partitions: &[u32]| Assigned {
            group: "g".to_owned(),
            member: "m".to_owned(),
            generation: 4,
            partitions: partitions.to_vec(),
        };
        assert_eq!(of("a"), [assigned(&[0, 3])]);
        assert_eq!(of("b"), [assigned(&[1])]);
        assert_eq!(kept(&about, &known).keys().collect::<Vec<_>>(), ["g"]);
    }
}

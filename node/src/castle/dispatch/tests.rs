//! Where clients go, as tables.

use rampart_api::http::castle::Subscription;
use rampart_api::model::ids::{ClusterId, DiskId, TopicId};
use rampart_raft_store::state::metadata::castle::{MovePhase, PeerCluster, TopicMove};
use rampart_raft_store::state::metadata::command::NodeInfo;
use rampart_raft_store::state::metadata::state::{NodeRecord, PartitionRecord};

use super::*;

/// Nodes: id, rack, state, partitions that each leads.
type Nodes<'a> = &'a [(u64, &'a str, NodeState, u64)];

fn state(nodes: Nodes<'_>) -> MetadataState {
    let cluster = Some(ClusterId(uuid::Uuid::from_u128(9)));
    let mut state = MetadataState { cluster, ..MetadataState::default() };
    for (id, rack, of, _) in nodes {
        let info = NodeInfo {
            http_addr: format!("h{id}:80"),
            rack: (*rack).to_owned(),
            ..NodeInfo::default()
        };
        let (id, disk) = (NodeId(*id), DiskId::default());
        let record = NodeRecord { id, disk, boot: 1, info, state: *of, replaced_by: None };
        state.nodes.insert(id, record);
    }
    state
}

fn add_topic(state: &mut MetadataState, name: &str, partitions: u32) {
    let id = TopicId(uuid::Uuid::from_u128(u128::from(partitions)));
    let first = state.next_group + 1;
    let partition = |number: u32| PartitionRecord {
        group: GroupId(first + u64::from(number)),
        replicas: Vec::new(),
        initial: Vec::new(),
        initialized: true,
        leader: None,
        epoch: 0,
        membership_index: 0,
        voters: BTreeSet::new(),
        damaged: BTreeSet::new(),
    };
    let record = TopicRecord {
        id,
        name: name.to_owned(),
        internal: false,
        replication_factor: 3,
        rises_to: 0,
        config: BTreeMap::new(),
        partitions: (0..partitions).map(partition).collect(),
        created_ms: 1,
    };
    state.next_group += u64::from(partitions);
    state.topic_names.insert(name.to_owned(), id);
    state.topics.insert(id, Arc::new(record));
}

fn view(state: &MetadataState, nodes: Nodes<'_>, dead: &[u64]) -> View {
    let alive = nodes.iter().map(|node| NodeId(node.0)).filter(|id| !dead.contains(&id.0));
    let led = nodes.iter().map(|(id, _, _, led)| (NodeId(*id), *led)).collect();
    let stamp = Stamp { alive: alive.collect(), ..Stamp::default() };
    View::of(1, stamp, state, &led)
}

fn key(rack: &str, topics: &[&str], turn: u32) -> DispatchKey {
    let topics = topics.iter().map(|name| (*name).to_owned()).collect();
    DispatchKey { rack: rack.to_owned(), topics, turn }
}

fn ids(nodes: Nodes<'_>, dead: &[u64], rack: &str, turn: u32) -> Vec<u64> {
    let state = state(nodes);
    let candidates = view(&state, nodes, dead).candidates(&key(rack, &[], turn));
    candidates.iter().map(|broker| broker.id).collect()
}

#[test]
fn brokers_of_the_rack_come_first_then_those_with_little_to_do() {
    use NodeState::{Active, Decommissioning, Draining, Replaced};
    let even: Nodes<'_> =
        &[(1, "a", Active, 3), (2, "b", Active, 4), (3, "b", Active, 3), (4, "c", Active, 2)];
    assert_eq!(ids(even, &[], "b", 0), [2, 3, 1, 4]);
    assert_eq!(ids(even, &[], "", 0), [1, 2, 3, 4], "no rack is like the client's");
    assert_eq!(ids(even, &[], "", 1), [4, 1, 2, 3], "clients spread over those as good");
    assert_eq!(ids(even, &[2], "b", 0), [3, 1, 4], "one that is not heard is not named");

    let burdened: Nodes<'_> = &[(1, "a", Active, 90), (2, "a", Active, 6), (3, "b", Active, 3)];
    assert_eq!(ids(burdened, &[], "a", 0), [2, 1, 3], "rack before load, load before turn");
    assert_eq!(ids(burdened, &[], "b", 0), [3, 2, 1]);

    let leaving: Nodes<'_> =
        &[(1, "a", Draining, 3), (2, "a", Active, 3), (3, "a", Decommissioning, 0)];
    assert_eq!(ids(leaving, &[], "a", 0), [2], "those that are left alone take no clients");
    let all_leave: Nodes<'_> = &[(1, "a", Draining, 3), (2, "a", Replaced, 0)];
    assert_eq!(ids(all_leave, &[], "a", 0), [1], "but somebody has to");
    let many: Vec<_> = (1..=9).map(|id| (id, "a", Active, 1)).collect();
    assert_eq!(ids(&many, &[], "a", 3).len(), CASTLE_BROKERS_MAX);
    assert!(ids(even, &[1, 2, 3, 4], "a", 0).is_empty());
}

#[test]
fn what_was_made_before_a_node_came_or_went_holds_no_longer() {
    let stamp = |metadata, claims, alive: &[u64]| Stamp {
        metadata,
        claims,
        alive: alive.iter().copied().map(NodeId).collect(),
    };
    let made = stamp(7, 3, &[1, 2]);
    assert!(made.still_holds(&stamp(7, 3, &[1, 2])));
    for now in [
        stamp(7, 3, &[1]),
        stamp(7, 3, &[1, 2, 3]),
        stamp(7, 3, &[1, 3]),
        stamp(8, 3, &[1, 2]),
        stamp(7, 4, &[1, 2]),
    ] {
        assert!(!made.still_holds(&now), "{now:?}");
    }
}

#[test]
fn a_load_is_the_share_of_the_leaderships_in_tenths() {
    let table = [(0, 0, 0.0), (0, 9, 0.0), (1, 3, 0.3), (33, 100, 0.3), (2, 2, 1.0), (1, 100, 0.0)];
    for (led, total, load) in table {
        assert_eq!(share(led, total), load, "{led} of {total}");
    }
}

#[test]
fn topics_that_are_there_come_with_their_leaders() {
    let nodes: Nodes<'_> = &[(1, "a", NodeState::Active, 1), (2, "a", NodeState::Active, 1)];
    let mut state = state(nodes);
    add_topic(&mut state, "orders", 3);
    let view = view(&state, nodes, &[2]);
    let leader = |group: GroupId| match group.0 {
        1 => Some((NodeId(1), 7)),
        2 => Some((NodeId(2), 8)),
        _ => None,
    };
    let clusters = dispatch(&view, &key("a", &["missing", "orders"], 0), &state, leader);
    let own = &clusters[&view.cluster];
    assert_eq!(own.brokers[0].http, "http://h1:80");
    assert_eq!(own.topics.keys().collect::<Vec<_>>(), ["orders"]);
    let shown: Vec<_> =
        own.topics["orders"].partitions.iter().map(|p| (p.partition, p.leader, p.epoch)).collect();
    assert_eq!(shown, [(0, Some(1), 7), (1, None, 8), (2, None, 0)], "node 2 is not heard");
}

#[test]
fn an_answer_is_bounded() {
    let nodes: Nodes<'_> = &[(1, "a", NodeState::Active, 1)];
    let mut state = state(nodes);
    for (name, partitions) in [("a", 9_999), ("b", 10_000), ("c", 2), ("d", 1)] {
        add_topic(&mut state, name, partitions);
    }
    let view = view(&state, nodes, &[]);
    let clusters = dispatch(&view, &key("", &["a", "b", "c", "d"], 0), &state, |_| None);
    let topics = &clusters[&view.cluster].topics;
    assert_eq!(topics.keys().collect::<Vec<_>>(), ["a", "b", "d"], "c is one too many");
}

#[test]
fn clients_of_one_kind_share_an_answer_that_changes_only_when_it_does() {
    let about = |name: &str, topics: [&str; 2]| About {
        instance_id: name.to_owned(),
        subscriptions: topics
            .map(|topic| Subscription { topic: topic.to_owned(), ..Subscription::default() })
            .into(),
        ..About::default()
    };
    let one = Arc::new(DispatchKey::of(&about("n", ["b", "a"])));
    assert_eq!(*one, DispatchKey::of(&about("n", ["a", "b"])));
    let mut dispatches = Dispatches::default();
    let clusters = |id: u64| {
        let brokers = vec![BrokerCandidate { id, ..BrokerCandidate::default() }];
        Clusters::from([("c".to_owned(), ClusterDispatch { brokers, ..Default::default() })])
    };
    assert_eq!(dispatches.get(&one, 1), None);
    let first = dispatches.put(&one, 1, clusters(1));
    assert!(dispatches.get(&one, 1).is_some_and(|kept| Arc::ptr_eq(&kept, &first)));
    assert_eq!(dispatches.get(&one, 2), None, "of another view");
    let same = dispatches.put(&one, 2, clusters(1));
    assert!(Arc::ptr_eq(&same, &first), "that view has nothing new");
    let other = dispatches.put(&one, 3, clusters(2));
    assert_eq!(other.len(), 1);
    assert!(!Arc::ptr_eq(&other, &first));
    for rack in 0..CASTLE_ANSWERS_KEPT_MAX {
        dispatches.put(&Arc::new(key(&rack.to_string(), &[], 0)), 3, clusters(3));
    }
    assert!(dispatches.by_key.len() <= CASTLE_ANSWERS_KEPT_MAX);
}

#[test]
fn a_topic_that_moves_comes_with_the_other_clusters_brokers() {
    let nodes: Nodes<'_> = &[(1, "", NodeState::Active, 0)];
    let mut state = state(nodes);
    add_topic(&mut state, "flights", 1);
    let id = state.topic_names["flights"];
    let servers = vec!["http://elsewhere:1".to_owned()];
    state.castle.clusters.insert("east".into(), PeerCluster { servers });
    let moving = TopicMove { phase: MovePhase::Sealing, ..TopicMove::announced("east", "x", 0) };
    state.castle.moves.insert(id, moving);
    let view = view(&state, nodes, &[]);
    let said = dispatch(&view, &key("", &["flights"], 0), &state, |_| None);
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said["east"].brokers[0].http, "http://elsewhere:1");
    assert_eq!(said[&view.cluster].topics["flights"].moved_to.as_deref(), Some("east"));
}

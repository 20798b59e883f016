//! Clients come, change, go; versions grow; of two with one name the newer is served.

use rampart_api::http::castle::{ClusterDispatch, Command, Subscription};
use rampart_api::model::limits::CASTLE_REPLACED_MAX;
use rampart_raft_store::state::group::TopicPartition;

use super::*;
use crate::castle::memberships::Membership;

const TTL: Duration = Duration::from_secs(15);

fn registry(clients_max: usize) -> Registry {
    Registry::new(Limits { clients_max, bytes_max: 1 << 20, ttl: TTL })
}

fn at(seconds: u64) -> Moment {
    Moment { now: Duration::from_secs(seconds), now_ms: 1_000_000 + 1_000 * seconds as i64 }
}

fn about(name: &str, topics: usize) -> About {
    let one = Subscription { topic: "t".to_owned(), ..Subscription::default() };
    let (instance_id, subscriptions) = (name.to_owned(), vec![one; topics]);
    About { instance_id, subscriptions, ..About::default() }
}

fn beat(session: &str, known_version: u64) -> Beat {
    Beat { session: session.to_owned(), known_version, ..Beat::default() }
}

fn content(cluster: &str, partitions: usize) -> Content {
    let clusters = BTreeMap::from([(cluster.to_owned(), ClusterDispatch::default())]);
    let partitions = vec![TopicPartition::default(); partitions];
    let membership = Membership { partitions, ..Membership::default() };
    let memberships = BTreeMap::from([("g".to_owned(), membership)]);
    Content { clusters: Arc::new(clusters), memberships: Arc::new(memberships) }
}

fn names(registry: &Registry, seconds: u64) -> Vec<String> {
    let listed = registry.list(1, at(seconds).now, &MetadataState::default());
    listed.into_iter().map(|client| client.instance_id).collect()
}

fn code(refused: Result<Registered, Problem>) -> Option<ErrorCode> {
    refused.err().map(|problem| problem.code)
}

#[test]
fn an_answer_is_repeated_only_while_nothing_changes() {
    let mut registry = registry(9);
    let mut seconds = 0;
    let mut answer = |session: &str, known: u64, content: Content| {
        seconds += 5;
        let beat = beat(session, known);
        registry.register(about("a", 1), &beat, at(seconds)).unwrap();
        registry.answer("a", &beat, content, at(seconds).now_ms)
    };
    let first = answer("s", 0, content("x", 0));
    assert_eq!(first, Answered { version: 1_005_000, is_news: true });
    let known = first.version;
    assert_eq!(answer("s", known, content("x", 0)), Answered { version: known, is_news: false });
    // Its answer was lost: the same again.
    assert_eq!(answer("s", 0, content("x", 0)), Answered { version: known, is_news: true });
    let moved = answer("s", known, content("y", 0));
    assert!(moved.is_news && moved.version > known, "another place to go");
    let given = answer("s", moved.version, content("y", 2));
    assert!(given.is_news && given.version > moved.version, "a partition more");
    // It was at another node meanwhile, whose clock is ahead.
    let back = answer("s", 9_000_000, content("y", 2));
    assert_eq!(back, Answered { version: 9_000_001, is_news: true });
    let again = answer("s", 9_000_001, content("z", 2));
    assert_eq!(again.version, 9_000_002, "versions never go back");
    let newer = answer("newer", 0, content("z", 2));
    assert!(newer.is_news, "another client knows nothing");
    let end = answer("newer", u64::MAX, content("z", 2));
    assert_eq!(end.version, u64::MAX, "whoever lies harms nobody else");
}

#[test]
fn a_node_has_room_for_so_many_and_it_comes_back() {
    let mut registry = registry(2);
    for name in ["a", "b"] {
        assert!(registry.register(about(name, 0), &beat("s", 0), at(0)).unwrap().is_new);
    }
    let refused = registry.register(about("c", 0), &beat("s", 0), at(1));
    assert_eq!(code(refused), Some(ErrorCode::Overloaded));
    assert!(!registry.register(about("a", 0), &beat("s", 0), at(10)).unwrap().is_new);
    assert_eq!(names(&registry, 14), ["a", "b"]);
    assert_eq!(names(&registry, 15), ["a"], "b is silent for too long");
    assert!(!registry.knows("b", at(15).now) && registry.knows("a", at(15).now));
    registry.expire(at(15).now);
    assert_eq!(registry.len(), 1);
    assert!(registry.register(about("c", 0), &beat("s", 0), at(16)).is_ok());
    registry.expire(at(99).now);
    assert!(registry.is_empty());
    assert_eq!(registry.bytes, 0);
}

#[test]
fn what_clients_say_of_themselves_is_bounded_and_counted() {
    let mut registry = registry(9_999);
    registry.register(about("first", 1), &beat("s", 0), at(0)).unwrap();
    let refused = (0..9_999).find_map(|number| {
        let about = about(&number.to_string(), 100);
        registry.register(about, &beat("s", 0), at(0)).err()
    });
    assert_eq!(refused.map(|problem| problem.code), Some(ErrorCode::Overloaded));
    let weights = |registry: &Registry| -> u64 {
        registry.clients.values().map(|client| client.about.weight()).sum()
    };
    assert_eq!(registry.bytes, weights(&registry));
    assert!(registry.bytes <= registry.limits.bytes_max);
    let grown = registry.register(about("first", 200), &beat("s", 0), at(1));
    assert_eq!(code(grown), Some(ErrorCode::Overloaded));
    let same = registry.register(about("first", 1), &beat("s", 0), at(2)).unwrap();
    assert_eq!(same.about.subscriptions.len(), 1);
    registry.register(about("first", 0), &beat("s", 0), at(3)).unwrap();
    assert_eq!(registry.bytes, weights(&registry));
}

#[test]
fn of_two_clients_with_one_name_the_newer_is_served() {
    let mut registry = registry(9);
    registry.register(about("a", 0), &beat("old", 0), at(0)).unwrap();
    assert!(registry.register(about("a", 0), &beat("new", 0), at(1)).unwrap().is_new);
    for seconds in [5, 10, 60] {
        let refused = registry.register(about("a", 0), &beat("old", 0), at(seconds));
        assert_eq!(code(refused), Some(ErrorCode::InstanceReplaced));
    }
    assert!(!registry.register(about("a", 0), &beat("new", 0), at(61)).unwrap().is_new);
    for number in 0..2 * CASTLE_REPLACED_MAX {
        let session = number.to_string();
        registry.register(about("a", 0), &beat(&session, 0), at(62)).unwrap();
    }
    let refused = registry.register(about("a", 0), &beat("14", 0), at(63));
    assert_eq!(code(refused), Some(ErrorCode::InstanceReplaced), "the last of them are known");
}

#[test]
fn nodes_tell_each_other_whose_name_it_is() {
    let (mut one, mut other, mut third) = (registry(9), registry(9), registry(9));
    one.register(about("a", 0), &beat("old", 0), at(0)).unwrap();
    assert_eq!(other.claimed("a", "old", at(0)), Claimed::default(), "not known there");

    // The newer one comes to another node.
    other.register(about("a", 0), &beat("new", 0), at(1)).unwrap();
    let said = one.claimed("a", "new", at(1));
    assert_eq!(said, Claimed { is_replaced: false, older: vec!["old".to_owned()] });
    assert_eq!(other.learn("a", "new", &[said]), Ok(()));
    assert!(names(&one, 1).is_empty() && !one.knows("a", at(1).now), "served by the other");
    let refused = one.register(about("a", 0), &beat("old", 0), at(5));
    assert_eq!(code(refused), Some(ErrorCode::InstanceReplaced));

    // The old one tries a third.
    assert!(third.register(about("a", 0), &beat("old", 0), at(6)).unwrap().is_new);
    let said = [one.claimed("a", "old", at(6)), other.claimed("a", "old", at(6))];
    assert!(said[1].is_replaced);
    let refused = third.learn("a", "old", &said);
    assert_eq!(refused.unwrap_err().code, ErrorCode::InstanceReplaced);
    assert!(names(&third, 6).is_empty());
    let refused = third.register(about("a", 0), &beat("old", 0), at(7));
    assert_eq!(code(refused), Some(ErrorCode::InstanceReplaced));

    // The newer one moves on to the first: served there, and no more by the other.
    assert!(one.register(about("a", 0), &beat("new", 0), at(8)).unwrap().is_new);
    let said = other.claimed("a", "new", at(8));
    assert_eq!(one.learn("a", "new", &[said]), Ok(()));
    assert_eq!((names(&one, 8).len(), names(&other, 8).len()), (1, 0));
}

#[test]
fn what_is_done_does_not_come_again_by_an_older_list() {
    let mut registry = registry(9);
    registry.register(about("a", 0), &beat("s", 0), at(0)).unwrap();
    let open = |registry: &Registry, ids: &[u64]| {
        let directive = |id: &u64| Directive { id: *id, kind: Command::Pause };
        let mut waiting: Vec<_> = ids.iter().map(directive).collect();
        registry.keep_open("a", &mut waiting);
        waiting.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    registry.settle("a", &[3, 3, 4]);
    registry.settle("nobody", &[5]);
    assert_eq!(open(&registry, &[3, 4, 5]), [5]);
    registry.settle("a", &(100..200).collect::<Vec<_>>());
    assert_eq!(open(&registry, &[3, 199]), [3], "so many are remembered");
}

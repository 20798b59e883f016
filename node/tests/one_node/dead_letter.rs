//! The dead-letter switch of a real node: what is set is in force, and the topic that takes dead
//! records is there when it is turned on, once, however often it is asked for.

use std::collections::BTreeMap;

use rampart_api::http::dead_letter::SetDeadLetterRequest;
use rampart_api::http::topics::AlterTopicRequest;
use rampart_api::model::error_code::ErrorCode;
use rampart_node::groups::switch::switch;

use super::*;

fn on() -> SetDeadLetterRequest {
    serde_json::from_str(r#"{"enabled":true,"attempts":2}"#).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn turning_the_switch_on_makes_the_topic_that_takes_dead_letters() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("orders").await;
    let (client, group) = (&one.client, Some("billing"));
    let dry = SetDeadLetterRequest { dry_run: true, ..on() };
    let planned = client.set_dead_letter("orders", group, &dry).await.unwrap();
    assert_eq!(planned.created_topic.as_deref(), Some("orders.billing.dlq"));
    assert!(client.topic("orders.billing.dlq").await.is_err(), "nothing was done");
    let set = client.set_dead_letter("orders", group, &on()).await.unwrap();
    assert_eq!(set.created_topic, planned.created_topic);
    let again = client.set_dead_letter("orders", group, &on()).await.unwrap();
    assert_eq!(again.created_topic, None, "it is there");
    let made = client.topic("orders.billing.dlq").await.unwrap();
    assert_eq!((made.partitions.len(), made.config["retention.ms"].as_str()), (1, "-1"));
    let shown = client.dead_letter("orders", group).await.unwrap();
    assert_eq!((shown.settings, shown.group.as_deref()), (set.settings, group));
    let others = client.dead_letter("orders", Some("other")).await.unwrap();
    assert!(!others.settings.enabled);
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_of_a_group_is_made_for_the_first_record_that_needs_it() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("orders").await;
    let set = one.client.set_dead_letter("orders", None, &on()).await.unwrap();
    assert_eq!(set.created_topic, None, "nobody knows its name");
    let controller = one.node.controller();
    let orders = one.client.topic("orders").await.unwrap();
    let config = orders.config_set.iter().map(|key| (key.clone(), orders.config[key].clone()));
    let switch = switch(&config.collect::<BTreeMap<_, _>>(), "orders", "billing").unwrap();
    assert_eq!((switch.policy.attempts_max, switch.topic.as_str()), (2, "orders.billing.dlq"));
    let origin = rampart_api::model::ids::TopicId(orders.id.parse().unwrap());
    let ensure = || controller.ensure_dead_letter_topic(origin, &switch.topic);
    let (first, second) = tokio::join!(ensure(), ensure());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.id, second.id, "two at once get the same one");
    assert_eq!(ensure().await.unwrap().id, first.id);
    let own = controller.ensure_dead_letter_topic(origin, "orders").await.unwrap_err();
    assert_eq!(own.code, ErrorCode::InvalidConfig);
    one.client.delete_topic("orders").await.unwrap();
    assert_eq!(ensure().await.unwrap_err().code, ErrorCode::TopicNotFound);
    one.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_switch_are_set_and_refused_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let one = OneNode::start(dir.path(), &[]).await;
    one.create("orders").await;
    let alter = async |key: &str, value: Option<&str>| {
        let config = BTreeMap::from([(key.to_owned(), value.map(str::to_owned))]);
        let change = AlterTopicRequest { config, ..AlterTopicRequest::default() };
        one.client.alter_topic("orders", &change).await
    };
    let own = "rampart.dead.letter.group.billing";
    alter(own, Some("enabled=true,attempts=7")).await.unwrap();
    let shown = one.client.dead_letter("orders", Some("billing")).await.unwrap();
    assert_eq!(shown.settings.attempts, 7);
    alter(own, None).await.unwrap();
    let all = one.client.dead_letter("orders", None).await.unwrap();
    assert!(all.groups.is_empty(), "{all:?}");
    for (key, value) in [
        (own, "enabled=true,topic=orders"),
        ("errors.deadletterqueue.topic.name", "orders"),
        ("rampart.dead.letter.group.a b", "enabled=true"),
        ("rampart.dead.letter.jitter", "1"),
    ] {
        let refused = alter(key, Some(value)).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::InvalidConfig), "{key}: {refused}");
    }
    one.node.stop().await;
}

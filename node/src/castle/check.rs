//! `[pure]` Whether a heartbeat makes sense, before anything is kept of it. Enforces INV-12 on what
//! one client may say.

use rampart_api::http::castle::{HeartbeatRequest, Role, Subscription};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::limits::{
    CASTLE_SUBSCRIPTIONS_MAX, DIRECTIVES_PER_CLIENT_MAX, GROUP_NAME_BYTES_MAX,
    MEMBER_TEXT_BYTES_MAX, PARTITIONS_PER_GROUP_MAX,
};
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::validate_topic_name;

/// Bytes of a name that are shown in a refusal.
const SHOWN_CHARS: usize = 40;

/// Whether a heartbeat makes sense.
///
/// # Errors
/// `INVALID_REQUEST`, `INVALID_TOPIC`: what is wrong and what would be right.
pub fn check(request: &HeartbeatRequest) -> Result<(), Problem> {
    if request.instance_id.is_empty() {
        return Err(invalid("instance_id is empty")
            .hint("give the client a name that no other one has while it runs"));
    }
    let texts = [
        ("client_id", &request.client_id),
        ("instance_id", &request.instance_id),
        ("session", &request.session),
        ("app", &request.app),
        ("sdk", &request.sdk),
        ("host", &request.host),
        ("rack", &request.rack),
    ];
    texts.into_iter().try_for_each(|(name, text)| text_fits(name, text, MEMBER_TEXT_BYTES_MAX))?;
    count_fits("subscriptions", request.subscriptions.len(), CASTLE_SUBSCRIPTIONS_MAX)?;
    count_fits("done", request.done.len(), DIRECTIVES_PER_CLIENT_MAX)?;
    let held = request.subscriptions.iter().map(|one| one.held.len()).sum();
    count_fits("held, in all subscriptions,", held, PARTITIONS_PER_GROUP_MAX)?;
    request.subscriptions.iter().try_for_each(subscription)
}

fn subscription(one: &Subscription) -> Result<(), Problem> {
    validate_topic_name(&one.topic)?;
    if let Some(group) = &one.group {
        text_fits("the name of a group", group, GROUP_NAME_BYTES_MAX)?;
        if group.is_empty() {
            return Err(invalid("the name of a group is empty")
                .hint("leave it out for a consumer without a group"));
        }
        if one.role == Role::Producer {
            let topic = &one.topic;
            return Err(invalid(format!("a producer to {topic} is in a group"))
                .hint(r#"say "role":"consumer""#));
        }
    }
    if let Some(member) = &one.member {
        text_fits("member", member, MEMBER_TEXT_BYTES_MAX)?;
        if one.group.is_none() {
            return Err(invalid("a member of no group").hint("say in which group it is"));
        }
    }
    Ok(())
}

fn text_fits(name: &str, text: &str, max: usize) -> Result<(), Problem> {
    if text.len() <= max {
        return Ok(());
    }
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    let detail = format!("{name} has {} bytes: {start}…", text.len());
    Err(invalid(detail).hint(format!("at most {max} are taken")))
}

fn count_fits(name: &str, count: usize, max: usize) -> Result<(), Problem> {
    if count <= max {
        return Ok(());
    }
    Err(invalid(format!("{name} names {count}")).hint(format!("at most {max} are taken")))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::InvalidRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat() -> HeartbeatRequest {
        HeartbeatRequest { instance_id: "a".to_owned(), ..HeartbeatRequest::default() }
    }

    fn with(one: Subscription) -> HeartbeatRequest {
        HeartbeatRequest { subscriptions: vec![one], ..heartbeat() }
    }

    fn consumer(topic: &str, group: &str) -> Subscription {
        let (topic, group) = (topic.to_owned(), Some(group.to_owned()));
        Subscription { role: Role::Consumer, topic, group, ..Subscription::default() }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let topic = || Subscription { topic: "t".to_owned(), ..Subscription::default() };
        let text = "x".repeat(257);
        let table = [
            (HeartbeatRequest::default(), "instance_id is empty"),
            (HeartbeatRequest { rack: text.clone(), ..heartbeat() }, "rack has 257 bytes"),
            (HeartbeatRequest { session: text.clone(), ..heartbeat() }, "session has 257 bytes"),
            (HeartbeatRequest { done: vec![1; 101], ..heartbeat() }, "done names 101"),
            (
                HeartbeatRequest { subscriptions: vec![topic(); 10_000], ..heartbeat() },
                "subscriptions names 10000",
            ),
            (with(Subscription { held: vec![0; 20_001], ..topic() }), "names 20001"),
            (with(Subscription { topic: "a b".to_owned(), ..topic() }), "a b"),
            (with(Subscription { role: Role::Producer, ..consumer("t", "g") }), "producer to t"),
            (with(consumer("t", "")), "group is empty"),
            (with(consumer("t", &"g".repeat(10_000))), "has 10000 bytes: gggg"),
            (with(Subscription { member: Some("m".to_owned()), ..topic() }), "member of no group"),
            (
                with(Subscription { member: Some(text), ..consumer("t", "g") }),
                "member has 257 bytes",
            ),
        ];
        for (request, wrong) in table {
            let problem = check(&request).unwrap_err();
            assert!(problem.detail.contains(wrong), "{} instead of {wrong}", problem.detail);
        }
        assert_eq!(check(&heartbeat()), Ok(()));
        let whole = Subscription {
            member: Some("m".repeat(256)),
            held: vec![0; 20_000],
            ..consumer("t", &"g".repeat(249))
        };
        assert_eq!(check(&with(whole)), Ok(()));
    }
}

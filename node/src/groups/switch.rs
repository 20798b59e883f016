//! `[pure]` The dead-letter switch that a topic has for a group, as the coordinator needs it: when to
//! try again, and where a record goes that is given up. How it is set: `api/src/model/dead_letter.rs`
//! and `node/src/controller/handle/dead_letters.rs`.

use std::collections::BTreeMap;

use rampart_api::model::dead_letter::DeadLetterSwitch;

use super::dead_letters::default_topic;
use super::retry_policy::RetryPolicy;

/// A dead-letter switch that is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Switch {
    /// When to try again, and how often.
    pub policy: RetryPolicy,
    /// Name of the dead-letter topic, which may not be there yet.
    pub topic: String,
}

/// The switch of a group, or nothing where it is off: its own if it has one, else the topic's.
/// `stored` is the configuration of the topic as the metadata has it.
pub fn switch(stored: &BTreeMap<String, String>, topic: &str, group: &str) -> Option<Switch> {
    let (switch, _) = DeadLetterSwitch::in_force(stored, Some(group));
    if !switch.enabled {
        return None;
    }
    let policy = RetryPolicy {
        attempts_max: switch.attempts,
        delay_ms: switch.delay_ms,
        backoff: switch.backoff,
        delay_ms_max: switch.delay_ms_max,
    };
    let topic = switch.topic.unwrap_or_else(|| default_topic(topic, group));
    Some(Switch { policy, topic })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(switch: &DeadLetterSwitch, group: Option<&str>) -> BTreeMap<String, String> {
        let changes = switch.changes(group).into_iter();
        changes.filter_map(|(key, value)| Some((key, value?))).collect()
    }

    #[test]
    fn it_is_off_until_somebody_turns_it_on() {
        assert_eq!(switch(&BTreeMap::new(), "orders", "billing"), None);
        let on = DeadLetterSwitch { enabled: true, ..DeadLetterSwitch::default() };
        let found = switch(&stored(&on, None), "orders", "billing").unwrap();
        assert_eq!(found.policy, RetryPolicy::default(), "the defaults are the same");
        assert_eq!(found.topic, "orders.billing.dlq");
    }

    #[test]
    fn a_group_of_its_own_mind_has_its_own() {
        let all = DeadLetterSwitch {
            enabled: true,
            topic: Some("dead".to_owned()),
            ..DeadLetterSwitch::default()
        };
        let own = DeadLetterSwitch {
            enabled: true,
            attempts: 2,
            delay_ms: 7,
            backoff: 1.5,
            delay_ms_max: 9,
            topic: None,
        };
        let mut config = stored(&all, None);
        config.extend(stored(&own, Some("a/b")));
        let found = switch(&config, "orders", "a/b").unwrap();
        let policy = RetryPolicy { attempts_max: 2, delay_ms: 7, backoff: 1.5, delay_ms_max: 9 };
        assert_eq!((found.policy, found.topic), (policy, default_topic("orders", "a/b")));
        assert_eq!(switch(&config, "orders", "other").unwrap().topic, "dead");
        config.extend(stored(&DeadLetterSwitch { enabled: false, ..all }, Some("other")));
        assert_eq!(switch(&config, "orders", "other"), None, "off for one is off for one");
        assert!(switch(&config, "orders", "third").is_some());
    }
}

//! What is set is what is read; what can't be set is named; every group has one key.

use proptest::prelude::*;

use super::*;

fn full() -> DeadLetterSwitch {
    DeadLetterSwitch {
        enabled: true,
        attempts: 3,
        delay_ms: 250,
        backoff: 1.5,
        delay_ms_max: 60_000,
        topic: Some("orders.dead".to_owned()),
    }
}

/// As the metadata merges them.
fn merge(stored: &mut BTreeMap<String, String>, changes: BTreeMap<String, Option<String>>) {
    for (key, value) in changes {
        match value {
            Some(value) => stored.insert(key, value),
            None => stored.remove(&key),
        };
    }
}

#[test]
fn a_group_has_the_topics_switch_until_it_has_its_own() {
    let mut stored = BTreeMap::from([("retention.ms".to_owned(), "1".to_owned())]);
    let asked = |stored: &BTreeMap<_, _>, group| DeadLetterSwitch::in_force(stored, group);
    assert_eq!(asked(&stored, Some("g")), (DeadLetterSwitch::default(), Scope::Default));
    merge(&mut stored, full().changes(None));
    assert_eq!(asked(&stored, Some("g")), (full(), Scope::Topic));
    let off = DeadLetterSwitch { enabled: false, ..DeadLetterSwitch::default() };
    merge(&mut stored, off.changes(Some("g")));
    assert_eq!(asked(&stored, Some("g")), (off.clone(), Scope::Group));
    assert_eq!(asked(&stored, Some("other")), (full(), Scope::Topic));
    assert_eq!(asked(&stored, None), (full(), Scope::Topic));
    assert_eq!(groups(&stored).collect::<Vec<_>>(), [("g".to_owned(), off)]);
    merge(&mut stored, DeadLetterSwitch::default().changes(None));
    assert_eq!(stored.len(), 2, "the topic's is gone: {stored:?}");
    assert_eq!(asked(&stored, None).1, Scope::Default);
}

#[test]
fn a_switch_is_one_line_of_which_parts_may_be_missing() {
    let line = "enabled=true,attempts=3,delay_ms=250,backoff=1.5,delay_ms_max=60000,\
                topic=orders.dead";
    assert_eq!(full().to_text(), line);
    assert_eq!(line.parse(), Ok(full()));
    let part = DeadLetterSwitch { enabled: true, attempts: 9, ..DeadLetterSwitch::default() };
    assert_eq!(" attempts = 9, enabled = true".parse(), Ok(part.clone()));
    assert!(!part.to_text().contains("topic"), "{}", part.to_text());
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    let cases = [
        ("", "`` is no field"),
        ("enabled", "`` is no value of enabled: it is true or false"),
        ("enabled=yes", "true or false"),
        ("attempts=0", "attempts: it is a number from 1 to 100"),
        ("attempts=101", "from 1 to 100"),
        ("delay_ms=-1", "delay_ms: it is a number from 0 to 604800000"),
        ("delay_ms_max=604800001", "delay_ms_max"),
        ("backoff=0.9", "backoff: it is a number from 1 to 10"),
        ("backoff=11", "from 1 to 10"),
        ("backoff=NaN", "from 1 to 10"),
        ("topic=a b", "topic: 1 to 249 characters"),
        ("topic=__group_state", "the cluster's own"),
        ("attempt=5", "`attempt` is no field"),
        ("delay_ms=5000,delay_ms_max=1000", "longer than delay_ms_max, 1000"),
    ];
    for (text, expected) in cases {
        let error = text.parse::<DeadLetterSwitch>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    for backoff in [f64::NAN, f64::INFINITY, 1e300, 0.0] {
        let switch = DeadLetterSwitch { backoff, ..full() };
        let problem = Problem::from(switch.check().unwrap_err());
        assert_eq!(problem.code, ErrorCode::InvalidConfig);
        assert!(problem.detail.len() < 200, "{problem}");
    }
    assert_eq!(full().check(), Ok(()));
    let nameless = DeadLetterSwitch { topic: Some(String::new()), ..full() };
    assert_eq!(nameless.check(), Ok(()), "the same as none");
}

#[test]
fn what_a_newer_version_stored_leaves_the_rest_as_it_is() {
    let text = "enabled=true,attempts=1000,jitter=0.5,delay_ms=7";
    let stored = BTreeMap::from([
        (group_key("g"), text.to_owned()),
        (Field::Enabled.key().to_owned(), "true".to_owned()),
        (Field::Attempts.key().to_owned(), "many".to_owned()),
    ]);
    let expected = DeadLetterSwitch { enabled: true, delay_ms: 7, ..DeadLetterSwitch::default() };
    assert_eq!(DeadLetterSwitch::in_force(&stored, Some("g")).0, expected);
    let expected = DeadLetterSwitch { enabled: true, ..DeadLetterSwitch::default() };
    assert_eq!(DeadLetterSwitch::in_force(&stored, None).0, expected);
}

#[test]
fn keys_that_no_group_has_are_recognised() {
    assert_eq!(group_key("Bill.ing_2-x"), "rampart.dead.letter.group.Bill.ing_2-x");
    assert_eq!(group_key("a/ü="), "rampart.dead.letter.group.a%2F%C3%BC%3D");
    let long = group_key(&"g".repeat(GROUP_NAME_BYTES_MAX + 1));
    let under = |name: &str| format!("{GROUP_KEY_PREFIX}{name}");
    for key in ["retention.ms", &under(""), &under("%2f"), &under("%41"), &under("%"), &long] {
        assert_eq!(group_of_key(key), None, "{key}");
    }
    for key in ["a b", "%FF", "%2", "%+1", "ü"].map(under) {
        assert_eq!(group_of_key(&key), None, "{key}");
    }
}

#[test]
fn the_topic_that_a_key_names_is_found() {
    let named = |key: &str, text: &str| topic_named_by(key, text);
    assert_eq!(named(Field::Topic.key(), "t"), Some("t".to_owned()));
    assert_eq!(named(&group_key("g"), "enabled=true,topic=t"), Some("t".to_owned()));
    assert_eq!(named(&group_key("g"), "enabled=true"), None);
    assert_eq!(named("retention.ms", "1"), None);
}

fn switches() -> impl Strategy<Value = DeadLetterSwitch> {
    let numbers = (any::<bool>(), 1..=DEAD_LETTER_ATTEMPTS_MAX, 10_u32..=100);
    let delays = (0..=DEAD_LETTER_DELAY_MS_MAX).prop_flat_map(|max| (0..=max, Just(max)));
    let topic = prop::option::of("[A-Za-z0-9.-]{3,249}");
    (numbers, delays, topic).prop_map(|((enabled, attempts, tenths), (delay_ms, max), topic)| {
        let backoff = f64::from(tenths) / 10.0;
        DeadLetterSwitch { enabled, attempts, delay_ms, backoff, delay_ms_max: max, topic }
    })
}

proptest! {
    #[test]
    fn what_is_set_is_what_is_read(
        switch in switches(),
        before in switches(),
        group in prop::option::of("\\PC{1,60}"),
    ) {
        prop_assert_eq!(switch.check(), Ok(()));
        let mut stored = BTreeMap::new();
        merge(&mut stored, before.changes(group.as_deref()));
        merge(&mut stored, switch.changes(group.as_deref()));
        prop_assert_eq!(DeadLetterSwitch::in_force(&stored, group.as_deref()).0, switch);
    }

    #[test]
    fn every_group_has_one_key(group in "\\PC{1,60}", noise in ".{0,40}") {
        prop_assert_eq!(group_of_key(&group_key(&group)), Some(group));
        let key = format!("{GROUP_KEY_PREFIX}{noise}");
        if let Some(group) = group_of_key(&key) {
            prop_assert_eq!(group_key(&group), key);
        }
    }
}

//! What is shown of a configuration can be set again and is the same one; nothing that is set
//! makes it panic.

use proptest::prelude::*;

use super::*;

/// Values that a key takes. A new key is asked for one here.
fn values(key: &str) -> BoxedStrategy<String> {
    let number = |from: u64, to: u64| (from..=to).prop_map(|n| n.to_string());
    let or = |word: &'static str, values: BoxedStrategy<String>| {
        prop_oneof![Just(word.to_owned()), values].boxed()
    };
    let words = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        prop::sample::select(words).boxed()
    };
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    match key {
        "ack" => words(&["-1", "all", "quorum", "1", "0"]),
        "ack1.max.lag.ms" => number(0, DAY_MS).boxed(),
        "cleanup.policy" => words(&["delete"]),
        "errors.deadletterqueue.topic.name" => or("", "[a-z][a-z.]{0,20}".boxed()),
        "max.message.bytes" => number(1, REQUEST_BYTES_MAX as u64).boxed(),
        "message.timestamp.after.max.ms" => number(0, i64::MAX as u64).boxed(),
        "message.timestamp.type" => words(&["CreateTime", "LogAppendTime"]),
        "min.insync.replicas" => or("majority", number(1, 1_000).boxed()),
        "rampart.dead.letter.backoff" => {
            (10..=100_u32).prop_map(|tenths| (f64::from(tenths) / 10.0).to_string()).boxed()
        }
        "rampart.dead.letter.delay.ms" | "rampart.dead.letter.delay.max.ms" => {
            number(0, 7 * DAY_MS).boxed()
        }
        "rampart.dead.letter.enable" => words(&["true", "false"]),
        "replica.lag.time.max.ms" => number(1, DAY_MS).boxed(),
        "retention.bytes" | "retention.ms" => or("-1", number(1, i64::MAX as u64).boxed()),
        "segment.bytes" => number(1 << 20, 1 << 30).boxed(),
        "share.delivery.count.limit" => number(1, 100).boxed(),
        _ => panic!("`{key}` has no values here"),
    }
}

fn overrides() -> impl Strategy<Value = BTreeMap<String, String>> {
    let keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    let chosen = prop::sample::subsequence(keys.clone(), 0..=keys.len());
    chosen.prop_flat_map(|keys| {
        let pairs: Vec<_> = keys.iter().map(|key| (Just((*key).to_owned()), values(key))).collect();
        pairs.prop_map(BTreeMap::from_iter)
    })
}

proptest! {
    #[test]
    fn what_is_shown_can_be_set_again(overrides in overrides()) {
        let config = TopicConfig::from_overrides(&overrides).unwrap();
        let shown = config.effective();
        prop_assert_eq!(shown.len(), KEYS.len(), "every key is shown");
        prop_assert_eq!(TopicConfig::from_overrides(&shown).unwrap(), config);
        for (key, value) in overrides.iter().filter(|(_, value)| *value != "all") {
            prop_assert_eq!(&shown[key], value);
        }
    }

    #[test]
    fn noise_is_refused_by_the_name_of_its_key(value in "\\PC{0,40}|-?[0-9]{15,25}") {
        for key in KEYS {
            let overrides = BTreeMap::from([(key.name.to_owned(), value.clone())]);
            if let Err(error) = TopicConfig::from_overrides(&overrides) {
                prop_assert!(error.to_string().contains(key.name), "{}", error);
            }
        }
    }

    #[test]
    fn acks_read_as_they_are_shown(word in ".{0,8}") {
        for ack in [Ack::All, Ack::Quorum, Ack::Leader, Ack::None] {
            prop_assert_eq!(ack.to_string().parse::<Ack>(), Ok(ack));
        }
        let _ = word.parse::<Ack>();
    }
}

//! Many at once: every record is handled, those of a key in their order and never two at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::fake::Fake;
use super::*;
use crate::client::consumer::{ConsumerError, Verdict};
use crate::client::runtime;

#[derive(Debug, Default)]
struct Seen {
    /// By key and partition, the numbers of first deliveries.
    by_key: BTreeMap<(String, u32), Vec<u32>>,
    at_work: BTreeSet<String>,
    most_at_work: usize,
    again: Vec<String>,
}

#[tokio::test]
async fn keys_keep_their_order_while_many_work() {
    let fake = Fake::new(3, 100);
    let consumer = consumer(&fake, ConsumerOptions { records_max: 50, ..options(Settle::Records) });
    let seen = Arc::new(Mutex::new(Seen::default()));
    let notes = seen.clone();
    let handler = move |message: crate::client::consumer::Message| {
        let notes = notes.clone();
        async move {
            let text = |bytes: &Option<bytes::Bytes>| {
                String::from_utf8(bytes.clone().unwrap().to_vec()).unwrap()
            };
            let (key, value) = (text(&message.key), text(&message.value));
            {
                let mut seen = notes.lock().unwrap();
                assert!(seen.at_work.insert(key.clone()), "two of {key} at a time");
                seen.most_at_work = seen.most_at_work.max(seen.at_work.len());
                let number = value.split_once('-').unwrap().1.parse().unwrap();
                if message.attempt == 1 {
                    let place = (key.clone(), message.partition);
                    seen.by_key.entry(place).or_default().push(number);
                } else {
                    seen.again.push(value.clone());
                }
            }
            sleep(Duration::from_millis(20)).await;
            notes.lock().unwrap().at_work.remove(&key);
            match (value.as_str(), message.attempt) {
                ("1-50", 1) => Verdict::Retry { delay: None, error: "once more".to_owned() },
                ("2-7", 1) => panic!("a handler's own fault"),
                _ => Verdict::Success,
            }
        }
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let run = runtime::spawn(async move {
        let until = async move { drop(stopped.await) };
        consumer.run(4, handler, until).await.unwrap();
    });
    until("all are done", || fake.committed() == [100, 100, 100]).await;
    stop.send(()).unwrap();
    within(run).await.unwrap();
    assert!(fake.members().is_empty(), "it has left");
    let seen = seen.lock().unwrap();
    assert!((2..=4).contains(&seen.most_at_work), "{} at once", seen.most_at_work);
    assert_eq!(seen.by_key.values().map(Vec::len).sum::<usize>(), 300);
    assert!(seen.by_key.values().all(|numbers| numbers.is_sorted()), "{:?}", seen.by_key);
    let again: BTreeSet<_> = seen.again.iter().map(String::as_str).collect();
    assert_eq!(again, ["1-50", "2-7"].into());
}

#[tokio::test]
async fn positions_have_no_place_for_records_in_any_order() {
    let fake = Fake::new(1, 1);
    let consumer = consumer(&fake, options(Settle::Positions));
    let handler = |_| async { Verdict::Success };
    let refused = consumer.run(2, handler, std::future::pending()).await.unwrap_err();
    assert!(matches!(refused, ConsumerError::OtherWay(_)), "{refused}");
}

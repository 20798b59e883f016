//! The consumer against a coordinator in memory that loses, refuses and forgets what a test wants.

mod control;
mod fake;
mod moving;
mod parallel;
mod rebalance;
mod settling;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use self::fake::Fake;
use super::{Consumer, ConsumerOptions, ConsumerRecord, Settle};

const TOPIC: &str = "orders";
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// What sessions and locks are counted in: as short as a busy machine allows.
const BEAT: Duration = Duration::from_millis(150);

fn options(settle: Settle) -> ConsumerOptions {
    ConsumerOptions {
        settle,
        instance_id: Some("me".to_owned()),
        lock: 4 * BEAT,
        session: 9 * BEAT,
        processing_max: 1_000 * BEAT,
        ..ConsumerOptions::of("g", [TOPIC])
    }
}

fn consumer(fake: &Arc<Fake>, options: ConsumerOptions) -> Consumer {
    Consumer::over(fake.clone(), options).unwrap()
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Polls until so many records are there.
async fn gather(consumer: &mut Consumer, count: usize) -> Vec<ConsumerRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(within(consumer.poll(PATIENCE)).await.unwrap());
    }
    assert_eq!(records.len(), count);
    records
}

fn value(record: &ConsumerRecord) -> String {
    String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()
}

fn values(records: &[ConsumerRecord]) -> Vec<String> {
    records.iter().map(value).collect()
}

fn names(partition: u32, range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("{partition}-{n}")).collect()
}

/// How often each value came.
fn count(seen: &mut BTreeMap<String, u32>, records: &[ConsumerRecord]) {
    records.iter().for_each(|record| *seen.entry(value(record)).or_default() += 1);
}

/// Lets time pass until something is so.
async fn until(what: &'static str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect(what);
}

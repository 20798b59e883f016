//! The producer against a cluster in memory that loses, delays and refuses what a test wants.

mod batching;
mod bounds;
mod fake;
mod log;
mod moving;
mod once;
mod steering;
mod storm;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use self::fake::Fake;
use super::{Delivery, Producer, ProducerOptions, Record};

const TOPIC: &str = "flights";
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn quick() -> ProducerOptions {
    ProducerOptions { linger: Duration::ZERO, seed: Some(7), ..ProducerOptions::default() }
}

fn producer(fake: &Arc<Fake>, options: ProducerOptions) -> Producer {
    Producer::over(fake.clone(), options).unwrap()
}

fn record(value: &str) -> Record {
    Record::to(TOPIC).value(value.to_owned())
}

fn names(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("v{n}")).collect()
}

/// Sends values to partition 0, one after the other.
async fn send_all(producer: &Producer, values: &[String]) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for value in values {
        let record = record(value).partition(0);
        deliveries.push(within(producer.send(record)).await.unwrap());
    }
    deliveries
}

/// Offsets of all, in order.
async fn offsets(deliveries: Vec<Delivery>) -> Vec<u64> {
    let mut offsets = Vec::new();
    for delivery in deliveries {
        offsets.push(within(delivery).await.unwrap().offset.unwrap());
    }
    offsets
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Lets other tasks run until something is so.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    within(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(holds(), "{what}");
}

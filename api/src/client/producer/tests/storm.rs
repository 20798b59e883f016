//! Every fate at random, many times: what is acknowledged is there once and where it was said to be,
//! what is not written is not there, what is unknown is there at most once, and all is in order,
//! however late the strays come in.

use std::time::Duration;

use futures_util::future::join_all;

use super::fake::{Fake, Fate};
use super::*;
use crate::client::dice::Dice;
use crate::model::problem::Outcome;

const SEEDS: u64 = 100;
const RECORDS: u32 = 60;

fn fate(dice: &mut Dice) -> Fate {
    match dice.below(20) {
        0..=1 => Fate::AnswerLost,
        2..=3 => Fate::Lost,
        4..=6 => Fate::Stray(dice.below(12) as usize),
        7 => Fate::NotLeader,
        8 => Fate::Silence,
        9..=10 => Fate::Overtaken,
        _ => Fate::Done,
    }
}

#[tokio::test]
async fn whatever_happens_to_attempts_the_answers_are_true() {
    let unknown: usize = join_all((0..SEEDS).map(run)).await.into_iter().sum();
    assert!(unknown > 0, "there was no trouble that a producer could not get over");
}

/// Gives how many records ended unknown.
async fn run(seed: u64) -> usize {
    let mut dice = Dice::seeded(seed);
    let fake = Fake::new(1);
    let options = ProducerOptions {
        in_flight_max: 1 + dice.below(5) as usize,
        batch_bytes_max: 61 + dice.below(200) as usize,
        delivery_timeout: Duration::from_millis(100 + u64::from(dice.below(200))),
        ..quick()
    };
    let producer = producer(&fake, options);
    fake.script((0..40).map(|_| fate(&mut dice)));
    let mut sent = Vec::new();
    for n in 0..RECORDS {
        let value = if dice.below(30) == 0 { format!("bad{n}") } else { format!("v{n}") };
        let delivery = within(producer.send(record(&value).partition(0))).await.unwrap();
        sent.push((value, delivery));
        if dice.below(4) == 0 {
            tokio::task::yield_now().await;
        }
    }
    within(producer.close()).await;
    let mut ends = Vec::new();
    for (value, delivery) in sent {
        ends.push((value, within(delivery).await.map_err(|error| error.outcome())));
    }
    // What was acknowledged is there now; nothing that comes in later changes anything of it.
    let before = fake.values(0);
    fake.let_strays_in();
    let values = fake.values(0);
    assert_eq!(values[..before.len()], before, "seed {seed}");
    let number = |value: &String| value.trim_start_matches('v').parse().unwrap();
    let positions: Vec<u32> = values.iter().map(number).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "seed {seed}: {values:?}");
    for (value, end) in &ends {
        let found = values.iter().position(|other| other == value);
        match end {
            Ok(metadata) => {
                let offset = metadata.offset.map(|offset| offset as usize);
                assert!(found.is_some(), "seed {seed}: {value} is lost");
                assert!(offset.is_none() || offset == found, "seed {seed}: {value} {end:?}");
            }
            Err(Outcome::NotDone) => assert_eq!(found, None, "seed {seed}: {value}"),
            Err(Outcome::Unknown) => {}
        }
    }
    ends.iter().filter(|(_, end)| *end == Err(Outcome::Unknown)).count()
}

//! The end of a group: a last member does what is left until nothing is, and what died is read.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::Value;

use super::super::process::{Process, exchange, request};
use super::super::value;
use super::member::Member;
use super::{Group, Way, look};
use crate::harness::client::Api;
use crate::harness::clock::Stopwatch;
use crate::history::{Delivery, Event, Function, Phase};

/// A group that has nothing in the way is done within this time.
const DRAIN: Duration = Duration::from_secs(120);
/// Pause after a refusal.
const PAUSE: Duration = Duration::from_millis(100);
/// One page of dead letters.
const PAGE: Duration = Duration::from_secs(30);
/// Longer than those before it, for nobody needs to notice its end.
const SESSION_MS: u64 = 10_000;

/// Drains a group of a topic of so many partitions; an error if it does not come to its end.
pub async fn drain(process: &mut Process, group: &Group, partitions: u32) -> Result<()> {
    let mut member = Member::new(group.clone(), format!("{}-last", process.id), SESSION_MS);
    let watch = Stopwatch::start();
    loop {
        for ended in [member.poll(process, 1_000).await, member.settle(process).await] {
            if ended != Phase::Ok {
                tokio::time::sleep(PAUSE).await;
            }
        }
        let left = match look(process, group).await {
            Some(lag) if is_done(&lag, partitions) => break,
            left => left.unwrap_or_default(),
        };
        if watch.elapsed() > DRAIN {
            bail!("the group {} has this left after {DRAIN:?}: {left}", group.name);
        }
    }
    member.leave(process).await;
    process.note(Function::Mark, |event| {
        *event = group.event(event.clone());
        event.kind = Some("drained".to_owned());
    });
    Ok(())
}

/// Whether nothing is left in any partition.
fn is_done(lag: &Value, partitions: u32) -> bool {
    let all = lag["partitions"].as_array().map_or(&[][..], Vec::as_slice);
    let is_done = |partition: &Value| partition["lag"] == 0 && partition["dying"] == 0;
    all.len() == partitions as usize && all.iter().all(is_done)
}

/// Reads what a group has given up.
pub async fn read_dead_letters(process: &mut Process, api: &Api, group: &Group) -> Result<()> {
    if group.way != Way::GivesUp {
        return Ok(());
    }
    let topic = group.dead_letters();
    let answer = api.get(&format!("/v1/topics/{topic}")).await?;
    if answer.status == 404 {
        // Nothing was given up.
        let event = group.event(process.event(Function::DeadLetters, 0));
        process.traffic.recorder().note(event);
        return Ok(());
    }
    let described = answer.ok()?;
    let partitions = described["partitions"].as_array().context("no partitions")?.len();
    for partition in 0..u32::try_from(partitions)? {
        read_partition(process, api, group, (&topic, partition)).await?;
    }
    Ok(())
}

async fn read_partition(
    process: &mut Process,
    api: &Api,
    group: &Group,
    (topic, partition): (&str, u32),
) -> Result<()> {
    let mut from = 0;
    loop {
        let event = group.event(process.event(Function::DeadLetters, 0)).at(topic, partition);
        let event = process.traffic.recorder().invoke(Event { offset: Some(from), ..event });
        let path = format!(
            "/v1/topics/{topic}/partitions/{partition}/records?encoding=string&offset={from}\
             &max_records=2000&linearizable=true"
        );
        let reply = exchange(api, request(api, Method::GET, &path, &Value::Null), PAGE).await;
        let (mut event, phase) = (Event { error: reply.error(), ..event }, reply.phase());
        let page = reply.into_body();
        let records = page["records"].as_array().cloned().unwrap_or_default();
        for record in &records {
            event.offsets.extend(record["offset"].as_u64());
            event.deliveries.push(dead(record).with_context(|| format!("no origin: {record}"))?);
        }
        let (next, end) = (page["next_offset"].as_u64(), page["high_watermark"].as_u64());
        let error = event.error.clone();
        process.end(event, phase).await;
        let (Phase::Ok, Some((next, end))) = (phase, next.zip(end)) else {
            bail!("the dead letters of {}: {}", group.name, error.unwrap_or_default());
        };
        if next >= end {
            return Ok(());
        }
        ensure!(!records.is_empty(), "an empty page of {topic} at {from}, below its end {end}");
        from = next;
    }
}

/// A dead record, as its headers say where it came from.
fn dead(record: &Value) -> Option<Delivery> {
    let header = |name: &str| record["headers"][format!("rampart-dlq-{name}")].as_str();
    let partition = header("partition")?.parse().ok()?;
    let offset = header("offset")?.parse().ok()?;
    let text = record["value"].as_str().map_or_else(|| record["value"].to_string(), value::read);
    let delivery = Delivery::of((header("topic")?, partition), offset, &text);
    Some(Delivery { attempt: header("attempts")?.parse().ok()?, ..delivery })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dead_record_says_where_it_came_from() {
        let headers = json!({
            "rampart-dlq-topic": "t", "rampart-dlq-partition": "1", "rampart-dlq-offset": "9",
            "rampart-dlq-attempts": "3",
        });
        let record = json!({ "offset": 0, "value": "3.1.0", "headers": headers });
        let expected = Delivery { attempt: 3, ..Delivery::of(("t", 1), 9, "3.1.0") };
        assert_eq!(dead(&record), Some(expected));
        assert_eq!(dead(&json!({ "offset": 0, "value": "3.1.0" })), None);
    }

    #[test]
    fn a_group_is_done_when_each_partition_is() {
        let at = |lag: u64, dying: u64| json!({ "lag": lag, "dying": dying });
        assert!(is_done(&json!({ "partitions": [at(0, 0), at(0, 0)] }), 2));
        for others in [vec![at(0, 0)], vec![at(0, 0), at(1, 0)], vec![at(0, 1), at(0, 0)]] {
            assert!(!is_done(&json!({ "partitions": others }), 2));
        }
    }
}

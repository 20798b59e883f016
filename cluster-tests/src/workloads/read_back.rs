//! Reads what was written back, into the history, and lets it be judged.

use anyhow::{Result, bail};

use crate::harness::client::Api;
use crate::history::event::{Event, Function, Phase};
use crate::history::journal::Journal;
use crate::history::recorder::Recorder;
use crate::invariants::Verdict;

/// Who reads, in the history: no writer has this number.
const READER: u32 = u32::MAX;

/// Reads every partition of a topic through one node, and demands that the history so far is clean.
pub async fn judge(journal: &Journal, node: &Api, topic: &str, partitions: u32) -> Result<Verdict> {
    for partition in 0..partitions {
        read(journal.recorder(), node, (topic, partition), None).await?;
    }
    journal.judge()?.demand_clean()
}

/// Reads a partition from an offset, or from its log start, to its high watermark.
pub async fn read(
    recorder: &Recorder,
    node: &Api,
    (topic, partition): (&str, u32),
    from: Option<u64>,
) -> Result<()> {
    let mut from = from;
    loop {
        let begun = Event { offset: from, ..Event::new(READER, Function::FinalRead) };
        let begun = recorder.invoke(begun.at(topic, partition));
        let offset = from.map_or("earliest".to_owned(), |offset| offset.to_string());
        let query = format!("&offset={offset}&max_records=5000&max_bytes=8388608");
        let page = match node.read(topic, partition, &query).await {
            Ok(page) => page,
            Err(error) => {
                let text = Some(format!("{error:#}"));
                recorder.end(Event { error: text, ..begun }, Phase::Fail);
                return Err(error);
            }
        };
        let (is_empty, next, end) =
            (page.records.is_empty(), page.next_offset, page.high_watermark);
        let value = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        let (offsets, values) =
            page.records.into_iter().map(|record| (record.offset, value(record.value))).unzip();
        let (next_offset, high_watermark) = (Some(next), Some(end));
        let log_start = Some(page.log_start);
        let read = Event { offsets, values, next_offset, high_watermark, log_start, ..begun };
        recorder.end(read, Phase::Ok);
        if next >= end {
            return Ok(());
        }
        if is_empty {
            bail!("an empty page of {topic}/{partition} at {next}, below its end {end}");
        }
        from = Some(next);
    }
}

//! How fast the judge is: writes a history of so many operations (a million unless said) to a file,
//! judges it, and prints the time and the memory that it took.
//! `cargo run --release -p rampart-cluster-tests --example judge_speed [OPERATIONS]`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::history::{Ack, Event, Function, Phase};
use rampart_cluster_tests::invariants::{Outcome, check_file};

const PARTITIONS: u64 = 12;
/// Each so many produces the partition is read on by a consumer.
const READ_EVERY: u64 = 10;
/// Records in a page of a read at the end.
const PAGE: u64 = 5_000;

fn main() -> Result<()> {
    let operations = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("history.jsonl");
    let lines = write(&path, operations)?;
    let size = std::fs::metadata(&path)?.len() / 1_000_000;
    let before = memory_peak()?;
    let watch = Stopwatch::start();
    let verdict = check_file(&path)?;
    let took = watch.elapsed().as_secs_f64();
    println!("{verdict}");
    ensure!(verdict.outcome == Outcome::Clean, "a good history is not clean");
    let grown = memory_peak()?.saturating_sub(before);
    println!(
        "{lines} lines ({size} MB) judged in {took:.2} s, {} bytes an operation",
        grown / operations
    );
    Ok(())
}

/// Writes a history without faults; answers its lines.
fn write(path: &Path, operations: u64) -> Result<u64> {
    let mut history = History { sink: BufWriter::new(File::create(path)?), lines: 0, op: 0 };
    let mut ends = vec![0_u64; PARTITIONS as usize];
    let mut read = ends.clone();
    while history.op < operations {
        let partition = history.op % PARTITIONS;
        let (end, next) = (&mut ends[partition as usize], &mut read[partition as usize]);
        history.produce(partition, *end)?;
        *end += 1;
        if *end % READ_EVERY == 0 {
            history.read(Function::Fetch, partition, (*next, *end), *end)?;
            *next = *end;
        }
    }
    for (partition, end) in (0..).zip(&ends) {
        for from in (0..*end).step_by(PAGE as usize) {
            history.read(Function::FinalRead, partition, (from, (from + PAGE).min(*end)), *end)?;
        }
    }
    history.sink.flush()?;
    Ok(history.lines)
}

struct History {
    sink: BufWriter<File>,
    lines: u64,
    op: u64,
}

impl History {
    fn produce(&mut self, partition: u64, offset: u64) -> Result<()> {
        let event = Event::new(u32::try_from(partition)?, Function::Produce);
        let event = event.at("speed", u32::try_from(partition)?);
        let values = vec![value(partition, offset)];
        let event = Event { ack: Some(Ack::Quorum), values, ..event };
        let done = Event { offsets: vec![offset], epoch: Some(1), ..event.clone() };
        self.operation(event, done)
    }

    fn read(
        &mut self,
        f: Function,
        partition: u64,
        (from, to): (u64, u64),
        end: u64,
    ) -> Result<()> {
        let event = Event::new(100 + u32::try_from(partition)?, f);
        let event = event.at("speed", u32::try_from(partition)?);
        let event = Event { offset: Some(from), ..event };
        let done = Event {
            offsets: (from..to).collect(),
            values: (from..to).map(|offset| value(partition, offset)).collect(),
            next_offset: Some(to),
            high_watermark: Some(end),
            log_start: Some(0),
            ..event.clone()
        };
        self.operation(event, done)
    }

    fn operation(&mut self, begin: Event, end: Event) -> Result<()> {
        self.op += 1;
        for (event, phase) in [(begin, Phase::Invoke), (end, Phase::Ok)] {
            self.lines += 1;
            let event = Event { time: self.lines * 1_000, op: self.op, phase, ..event };
            serde_json::to_writer(&mut self.sink, &event)?;
            self.sink.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn value(partition: u64, offset: u64) -> String {
    format!("w{partition}-{offset}")
}

/// The most memory that this process has had, in bytes.
fn memory_peak() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.context("no VmHWM")?.trim().trim_end_matches(" kB");
    Ok(number.trim().parse::<u64>()? * 1_024)
}

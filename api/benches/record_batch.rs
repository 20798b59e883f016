//! What a record batch costs whoever builds, checks or reads one: the edge, the SDK, the log.
//! `make bench-micro`

#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark fails")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use rampart_api::model::limits::BATCH_DECOMPRESSED_BYTES_MAX;
use rampart_api::model::record_batch::{self, BatchBuilder, BatchHeader, NewRecord, WalkLimits};

/// Records of a batch.
const RECORDS: usize = 100;
/// Bytes of a record's value, and what that is called.
const SIZES: [(usize, &str); 2] = [(100, "100 x 100 B"), (1 << 10, "100 x 1 KiB")];

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = record_batch_v2, header
}
criterion_main!(benches);

fn record_batch_v2(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record batch");
    for (bytes, size) in SIZES {
        let value = vec![b'v'; bytes];
        let batch = build(&value);
        group.throughput(Throughput::Bytes((RECORDS * bytes) as u64));
        group.bench_function(format!("build/{size}"), |b| b.iter(|| build(black_box(&value))));
        of_records(&mut group, size, &batch);
        group.bench_function(format!("validate header and checksum/{size}"), |b| {
            b.iter(|| record_batch::validate(black_box(&batch)).unwrap());
        });
    }
    group.finish();
}

/// What goes through the records.
fn of_records(group: &mut BenchmarkGroup<'_, WallTime>, size: &str, batch: &Bytes) {
    group.bench_function(format!("read, record by record/{size}"), |b| {
        b.iter(|| {
            let records = record_batch::read(black_box(batch)).unwrap();
            records
                .map(|record| record.unwrap().value.map_or(0, |value| value.len()))
                .sum::<usize>()
        });
    });
    group.bench_function(format!("read, all at once/{size}"), |b| {
        b.iter(|| record_batch::records(black_box(batch)).unwrap());
    });
    let limits = WalkLimits {
        plain_bytes_max: BATCH_DECOMPRESSED_BYTES_MAX,
        record_bytes_max: BATCH_DECOMPRESSED_BYTES_MAX,
    };
    group.bench_function(format!("walk/{size}"), |b| {
        b.iter(|| record_batch::walk(black_box(batch), limits).unwrap());
    });
}

/// The header alone: the same for every size.
fn header(criterion: &mut Criterion) {
    let batch = build(b"v");
    criterion.bench_function("record batch/parse header", |b| {
        b.iter(|| BatchHeader::parse(black_box(&batch)).unwrap());
    });
}

fn build(value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for _ in 0..RECORDS {
        builder.push(NewRecord { key: None, value: Some(value), timestamp_ms: 1, headers: &[] });
    }
    builder.build()
}

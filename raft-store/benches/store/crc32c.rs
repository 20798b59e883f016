//! The checksum of all that is stored.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rampart_raft_store::format::envelope;

use crate::replica::{SIZES, noise};

pub(crate) fn crc32c(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crc32c");
    for bytes in SIZES {
        let noise = noise(bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{} KiB", bytes >> 10), |b| {
            b.iter(|| envelope::crc32c(&[black_box(&noise)]));
        });
    }
    group.finish();
}

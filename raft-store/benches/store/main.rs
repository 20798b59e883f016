//! What the store costs by itself: checksums, synced appends and reads on both engines, and what
//! is done when an entry is applied. `make bench-micro`

#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark fails")]

mod append;
mod apply;
mod crc32c;
mod fetch;
mod replica;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = crc32c::crc32c, append::append, fetch::fetch, apply::partition, apply::metadata
}
criterion_main!(benches);

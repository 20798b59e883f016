//! Tests of whole clusters. `harness` runs real processes and disturbs them, `workloads` are their
//! clients, `invariants` judge what came out; the tests themselves are in `tests/`, the demo and
//! the benchmark in `src/bin/`.

pub mod flights;
pub mod harness;
pub mod invariants;
pub mod workloads;

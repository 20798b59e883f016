//! Tests of whole clusters. `harness` runs real processes and disturbs them, `workloads` are their
//! clients, `history` is what they saw, `invariants` judge it; the tests themselves are in `tests/`,
//! the demo and the benchmark in `src/bin/`.

pub mod flights;
pub mod gates;
pub mod harness;
pub mod history;
pub mod invariants;
pub mod planted;
pub mod workloads;

//! Tests of whole clusters. `harness` runs real processes, `faults` are all that can happen to
//! them, `workloads` are their clients, `history` is what they saw, `invariants` judge it; the tests
//! themselves are in `tests/`, the demo and the benchmark in `src/bin/`.

pub mod faults;
pub mod figures;
pub mod flights;
pub mod gates;
pub mod harness;
pub mod history;
pub mod invariants;
pub mod planted;
pub mod workloads;

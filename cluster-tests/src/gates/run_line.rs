//! One run of a finder, as the record keeps it. Lines are only ever appended; a field keeps its
//! meaning for ever.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Which finder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The simulation of whole clusters in one process.
    Sim,
    /// Real processes, disks and networks, with faults.
    Chaos,
    /// The storage engine alone: power cuts and damaged files.
    Crash,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gate::Sim => "sim",
            Gate::Chaos => "chaos",
            Gate::Crash => "crash",
        })
    }
}

/// What a run found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No property was violated.
    Clean,
    /// Some property was; `failed_seeds` says where.
    Violated,
    /// The run or its judge did not come to an end: it counts for nothing.
    Undecided,
}

/// What a run did and found, whoever ran it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// Seconds of the run; of a simulation, simulated ones.
    pub seconds: u64,
    /// Sizes of the clusters that were run.
    pub nodes: Vec<u64>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Operations that clients began.
    pub operations: u64,
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Files that were damaged.
    pub damaged_files: u64,
    /// Protocols that the clients spoke.
    pub protocols: Vec<String>,
    /// What this machine does not allow, or the run left out.
    pub skipped: Vec<String>,
    /// Assertions of openraft that are known not to be ours.
    pub known_upstream: u64,
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// Which finder.
    pub gate: Gate,
    /// Commit that was run.
    pub commit: String,
    /// What the code in the replicated path was; see `tree`.
    pub tree: String,
    /// Day of the run, as `2026-01-31`.
    pub date: String,
    /// The first seed of the run.
    pub first_seed: u64,
    /// How many seeds, from the first on without a gap.
    pub seeds: u64,
    /// What it found.
    pub verdict: Verdict,
    /// Seeds that violate a property. Open until a later run over them is clean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_seeds: Vec<u64>,
    /// What it did.
    pub work: Work,
}

impl RunLine {
    /// The first seed after this run.
    pub fn next_seed(&self) -> u64 {
        self.first_seed.saturating_add(self.seeds)
    }

    /// Whether a seed was run.
    pub fn has_run(&self, seed: u64) -> bool {
        (self.first_seed..self.next_seed()).contains(&seed)
    }
}

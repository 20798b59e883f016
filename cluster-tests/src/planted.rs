//! The bugs that can be planted in a server or a simulation that was built for it, who should find
//! each, and by which property. They themselves are in `raft-store/src/planted.rs`; a test compares.

/// Who finds a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finder {
    /// The simulation.
    Sim,
    /// Real processes with faults.
    Chaos,
}

/// One bug.
#[derive(Debug, Clone, Copy)]
pub struct PlantedBug {
    /// As `RAMPART_PLANTED` names it.
    pub name: &'static str,
    /// Properties that it violates; to be found by another is luck, and counts too.
    pub properties: &'static [&'static str],
    /// Whose faults and clients bring it out.
    pub finders: &'static [Finder],
}

const BOTH: &[Finder] = &[Finder::Sim, Finder::Chaos];
const SIM: &[Finder] = &[Finder::Sim];
const CHAOS: &[Finder] = &[Finder::Chaos];

const fn bug(
    name: &'static str,
    properties: &'static [&'static str],
    finders: &'static [Finder],
) -> PlantedBug {
    PlantedBug { name, properties, finders }
}

/// All of them, in the order in which the product has them.
pub const BUGS: &[PlantedBug] = &[
    bug("ack-before-fsync", &["P1", "P18", "P19"], BOTH),
    // The vote must be lost in the moment before anything else is synced.
    bug("vote-not-synced", &["P1", "P2", "P18", "P19"], SIM),
    bug("vote-forgotten", &["P1", "P2", "P18", "P19"], BOTH),
    bug("offset-from-memory", &["P2", "P19"], BOTH),
    bug("stale-leader-reads", &["P1", "P8"], BOTH),
    bug("read-uncommitted", &["P2", "P3", "P8"], BOTH),
    bug("snapshot-at-last-applied", &["P1", "P17", "P18"], BOTH),
    bug("reused-replica-id", &["P1", "P18", "P19"], BOTH),
    bug("ok-after-discard", &["P1", "P2"], BOTH),
    bug("crc-not-checked", &["P2", "P3", "P19"], BOTH),
    // What a majority has is not lost, so clients see nothing: it takes a look at the disks.
    bug("ack-all-without-isr", &["P1"], SIM),
    bug("ack-one-unguarded", &["P14"], BOTH),
    bug("truncate-skipped", &["P1", "P2", "P18", "P19"], BOTH),
    bug("unknown-as-failed", &["P3"], BOTH),
    bug("retry-of-unknown", &["P4"], BOTH),
    bug("trim-too-far", &["P1", "P17"], BOTH),
    bug("cut-too-far", &["P1", "P17"], BOTH),
    bug("lost-on-restart", &["P1", "P18", "P19"], BOTH),
    bug("applied-ahead-on-restart", &["P2", "P8", "P18"], BOTH),
    bug("duplicate-after-failover", &["P4"], BOTH),
    bug("old-token-accepted", &["P11", "P12"], BOTH),
    bug("two-holders", &["P11"], BOTH),
    bug("parked-not-kept", &["P16"], BOTH),
    bug("dead-letter-unnumbered", &["P16"], BOTH),
    bug("ack-not-written", &["P12", "P18"], BOTH),
    bug("commit-on-delivery", &["P12", "P13", "P16"], BOTH),
    // The simulation has no Castle.
    bug("castle-names-removed-node", &["P20"], CHAOS),
];

/// The bug of a name.
pub fn named(name: &str) -> Option<&'static PlantedBug> {
    BUGS.iter().find(|bug| bug.name == name)
}

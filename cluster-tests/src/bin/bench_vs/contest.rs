//! Rounds: a turn of Rampart, then one of Kafka, never both at once, each on fresh data.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use rampart_cluster_tests::figures::median;

use super::idle::idle;
use super::kafka::Kafka;
use super::kafka::baseline::Baseline;
use super::rampart::Rampart;
use super::rows::{Figure, Part};
use super::system::System;
use super::turn::turn;

/// What one turn measured.
pub(crate) type Figures = BTreeMap<(Part, Figure), f64>;

/// What is done.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) rounds: u32,
    pub(crate) span: Duration,
    pub(crate) warm: Duration,
    pub(crate) linger_ms: u64,
    pub(crate) in_flight: u32,
    /// These.
    pub(crate) only: Vec<Part>,
}

impl Plan {
    /// Whether any of these is done.
    pub(crate) fn wants(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.only.contains(part))
    }
}

/// How Kafka is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opponent {
    /// As it comes: what is acknowledged may be in the page cache of all replicas only.
    Default,
    /// `flush.messages=1`: like Rampart it syncs before it acknowledges.
    FlushPerMessage,
}

impl Opponent {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Opponent::Default => "Kafka default",
            Opponent::FlushPerMessage => "Kafka flush per message",
        }
    }

    /// What of a plan makes a difference to it.
    pub(crate) fn share(self, plan: &Plan) -> Plan {
        let is_of_it = |part: &Part| self == Opponent::Default || part.depends_on_syncs();
        let only = plan.only.iter().copied().filter(is_of_it).collect();
        Plan { only, ..plan.clone() }
    }
}

/// One round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) rampart: Figures,
    pub(crate) kafka: Figures,
}

/// All rounds against one opponent.
#[derive(Debug)]
pub(crate) struct Contest {
    pub(crate) opponent: Opponent,
    pub(crate) rounds: Vec<Round>,
}

impl Contest {
    pub(crate) async fn run(
        opponent: Opponent,
        plan: &Plan,
        baseline: &Baseline,
    ) -> Result<Contest> {
        let mut rounds = Vec::new();
        for number in 1..=plan.rounds {
            let (of, name) = (plan.rounds, opponent.name());
            eprintln!("bench-vs: round {number} of {of} against {name}");
            let mut round = Round::default();
            take_turns(&mut round, opponent, plan, baseline).await?;
            rounds.push(round);
        }
        Ok(Contest { opponent, rounds })
    }

    /// Rampart's figure : Kafka's, the median of the rounds: what disturbed the machine for longer
    /// than a round disturbed both.
    pub(crate) fn ratio(&self, row: (Part, Figure)) -> Option<f64> {
        let ratio = |round: &Round| Some(round.rampart.get(&row)? / round.kafka.get(&row)?);
        median(self.rounds.iter().filter_map(ratio).collect())
    }

    /// Rampart's figures of all rounds.
    pub(crate) fn rampart(&self, row: (Part, Figure)) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| round.rampart.get(&row).copied()).collect()
    }

    /// Kafka's.
    pub(crate) fn kafka(&self, row: (Part, Figure)) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| round.kafka.get(&row).copied()).collect()
    }
}

async fn take_turns(
    round: &mut Round,
    opponent: Opponent,
    plan: &Plan,
    baseline: &Baseline,
) -> Result<()> {
    if plan.only.iter().any(|part| *part != Part::Idle) {
        let (rampart, fresh) = Rampart::start(&plan.folder, plan.in_flight).await?;
        turn(rampart, fresh, plan, &mut round.rampart).await?;
        let (kafka, fresh) = Kafka::start(baseline, opponent, &plan.folder).await?;
        turn(kafka, fresh, plan, &mut round.kafka).await?;
    }
    // On nodes that have seen no load.
    if plan.wants(&[Part::Idle]) {
        let (rampart, _) = Rampart::start(&plan.folder, plan.in_flight).await?;
        measure_idle(rampart, plan, &mut round.rampart).await?;
        let (kafka, _) = Kafka::start(baseline, opponent, &plan.folder).await?;
        measure_idle(kafka, plan, &mut round.kafka).await?;
    }
    Ok(())
}

async fn measure_idle<S: System>(system: S, plan: &Plan, figures: &mut Figures) -> Result<()> {
    idle(&system, plan.span, figures).await?;
    system.end().await
}

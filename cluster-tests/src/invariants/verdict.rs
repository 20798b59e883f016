//! What the judge says: of each property how many facts were looked at, or why none; what is
//! violated; and whether that is enough to call the history clean.

use std::fmt;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::property::Property;

/// The judge's word on the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every property that was checked holds.
    Clean,
    /// At least one does not.
    Violated,
    /// None is violated, but the history is too thin to say that they hold.
    Undecided,
}

/// One thing that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Of which property.
    pub property: Property,
    /// What was seen: topic, partition, offset, value, operations and their times.
    pub message: String,
}

/// One property in this history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyVerdict {
    /// Which.
    pub property: Property,
    /// What it is called.
    pub title: String,
    /// How many times it was looked at.
    pub facts: u64,
    /// How many times it was violated, shown or not.
    pub violations: u64,
    /// Why it was not checked; nothing if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_checked: Option<String>,
}

/// What the history consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines.
    pub events: u64,
    /// Operations that began.
    pub operations: u64,
    /// Records acknowledged, at whatever level.
    pub acked: u64,
    /// Records whose producer was never told.
    pub unknown: u64,
    /// Records refused.
    pub failed: u64,
    /// Records read, each time counted.
    pub read: u64,
    /// Records read at the end, each time counted.
    pub read_at_the_end: u64,
    /// Records given to members of groups, each time counted.
    #[serde(default)]
    pub delivered: u64,
    /// Records that members settled, each time counted.
    #[serde(default)]
    pub settled: u64,
    /// Faults injected.
    pub faults: u64,
}

/// What ack 1 cost under one leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckOneLoss {
    /// Topic and partition.
    pub partition: String,
    /// The leader's epoch.
    pub epoch: u64,
    /// Records acknowledged and then lost.
    pub records: u64,
    /// From the first acknowledgement of a lost record to the last, as the clients saw them.
    pub span_ms: u64,
    /// The least it can have been, answers being late.
    pub span_least_ms: u64,
}

/// How long partitions that kept a majority took no writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outages {
    /// How many were measured.
    pub count: u64,
    /// Of a hundred, the last but one.
    pub p99_ms: u64,
    /// The longest.
    pub worst_ms: u64,
}

/// Everything the judge says about a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub outcome: Outcome,
    /// Why the history is too thin.
    pub undecided: Vec<String>,
    /// The first of each property; `properties` has the counts.
    pub violations: Vec<Violation>,
    /// Each property, in order.
    pub properties: Vec<PropertyVerdict>,
    /// What there was to judge.
    pub counts: Counts,
    /// Losses that ack 1 allows, and those that it does not.
    pub ack_one_losses: Vec<AckOneLoss>,
    /// Times without a leader, where a majority was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outages: Option<Outages>,
}

impl Verdict {
    /// The properties that are violated, in order.
    pub fn violated(&self) -> Vec<Property> {
        let violated = self.properties.iter().filter(|property| property.violations > 0);
        violated.map(|property| property.property).collect()
    }

    /// How many times a property was looked at.
    pub fn facts(&self, property: Property) -> u64 {
        self.properties.iter().filter(|p| p.property == property).map(|p| p.facts).sum()
    }

    /// An error unless the history is clean.
    pub fn demand_clean(self) -> Result<Verdict> {
        if self.outcome != Outcome::Clean {
            bail!("{self}");
        }
        Ok(self)
    }
}

impl Verdict {
    /// All in one line.
    pub fn summary(&self) -> String {
        let word = match self.outcome {
            Outcome::Clean => "clean",
            Outcome::Violated => "violated",
            Outcome::Undecided => "undecided",
        };
        let Counts { events, operations, acked, unknown, failed, read, faults, .. } = self.counts;
        let Counts { read_at_the_end, delivered, settled, .. } = self.counts;
        format!(
            "{word}: {operations} operations in {events} lines, {faults} faults; records: {acked} \
             acknowledged, {unknown} unknown, {failed} refused, {read} read, {read_at_the_end} of \
             them at the end, {delivered} delivered to groups, {settled} settled"
        )
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        for reason in &self.undecided {
            writeln!(f, "  undecided: {reason}")?;
        }
        for property in &self.properties {
            writeln!(f, "  {property}")?;
            for violation in self.violations.iter().filter(|v| v.property == property.property) {
                writeln!(f, "       {}", violation.message)?;
            }
        }
        for loss in &self.ack_one_losses {
            writeln!(f, "  {loss}")?;
        }
        if let Some(Outages { count, p99_ms, worst_ms }) = self.outages {
            writeln!(f, "  {count} outages: p99 {p99_ms} ms, worst {worst_ms} ms")?;
        }
        Ok(())
    }
}

impl fmt::Display for PropertyVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PropertyVerdict { property, title, facts, violations, not_checked } = self;
        write!(f, "{:<3} {title}: ", format!("{property:?}"))?;
        match not_checked {
            Some(why) if *violations == 0 => write!(f, "not checked ({why})"),
            _ if *violations > 0 => write!(f, "VIOLATED {violations} times, {facts} facts"),
            _ => write!(f, "holds, {facts} facts"),
        }
    }
}

impl fmt::Display for AckOneLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AckOneLoss { partition, epoch, records, span_ms, span_least_ms } = self;
        write!(
            f,
            "ack 1 lost {records} records of {partition} in epoch {epoch}, acknowledged over \
             {span_ms} ms, at least {span_least_ms} ms"
        )
    }
}

//! What is compared, and what is to be reached.

/// A load, or another thing that is done to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Part {
    /// 1 KiB to 6 partitions, flat out.
    Produce6,
    /// 1 KiB to 1 partition, flat out.
    Produce1,
    /// 100 bytes to 6 partitions, flat out.
    Small,
    /// 2,000 records a second of 1 KiB to 6 partitions.
    Rate,
    /// All of what the first one wrote, read back.
    Consume,
    /// From start to ready.
    Start,
    /// kill -9 of a leader.
    Kill,
    /// 1,000 partitions that nobody uses.
    Idle,
}

/// A figure of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    Records,
    Megabytes,
    NodesCpu,
    GeneratorCpu,
    Memory,
    P50,
    P99,
    Fresh,
    Existing,
    NextWrite,
    IdleCpu,
}

/// What is to be reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    None,
    /// Rampart's figure is at least so many times that of Kafka as it comes, and of Kafka as it
    /// syncs each message.
    AtLeast(f64, f64),
    /// It is at most so many times Kafka's.
    AtMost(f64, f64),
    /// It is at most so much, whatever Kafka's is.
    Below(f64),
}

/// All of them, in the order in which they are shown.
pub(crate) const ROWS: &[(Part, Figure, Target)] = &[
    (Part::Produce6, Figure::Records, Target::AtLeast(2.0, 6.0)),
    (Part::Produce6, Figure::Megabytes, Target::None),
    (Part::Produce6, Figure::NodesCpu, Target::AtMost(0.4, 0.15)),
    (Part::Produce6, Figure::GeneratorCpu, Target::None),
    (Part::Produce6, Figure::Memory, Target::AtMost(0.35, 0.35)),
    (Part::Produce1, Figure::Records, Target::AtLeast(3.0, 8.0)),
    (Part::Produce1, Figure::Megabytes, Target::None),
    (Part::Produce1, Figure::NodesCpu, Target::AtMost(0.4, 0.15)),
    (Part::Produce1, Figure::GeneratorCpu, Target::None),
    (Part::Produce1, Figure::Memory, Target::AtMost(0.35, 0.35)),
    (Part::Small, Figure::Records, Target::AtLeast(1.5, 5.0)),
    (Part::Small, Figure::Megabytes, Target::None),
    (Part::Small, Figure::NodesCpu, Target::AtMost(0.4, 0.15)),
    (Part::Small, Figure::GeneratorCpu, Target::None),
    (Part::Small, Figure::Memory, Target::AtMost(0.35, 0.35)),
    (Part::Rate, Figure::P50, Target::None),
    (Part::Rate, Figure::P99, Target::AtMost(0.4, 0.1)),
    (Part::Consume, Figure::Records, Target::AtLeast(1.5, 1.5)),
    (Part::Consume, Figure::Megabytes, Target::None),
    (Part::Start, Figure::Fresh, Target::AtMost(0.1, 0.1)),
    (Part::Start, Figure::Existing, Target::AtMost(0.1, 0.1)),
    (Part::Kill, Figure::NextWrite, Target::AtMost(0.2, 0.2)),
    (Part::Idle, Figure::IdleCpu, Target::Below(2.0)),
    (Part::Idle, Figure::Memory, Target::Below(500.0)),
];

impl Part {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Produce6 => "produce, 1 KiB, 6 partitions",
            Part::Produce1 => "produce, 1 KiB, 1 partition",
            Part::Small => "produce, 100 bytes, 6 partitions",
            Part::Rate => "2,000 records/s, 1 KiB, 6 partitions",
            Part::Consume => "consume, 1 KiB, 6 partitions",
            Part::Start => "start to ready, all three",
            Part::Kill => "kill -9 of a leader",
            Part::Idle => "idle, 1,000 partitions x 3",
        }
    }

    /// Whether it makes a difference to it when Kafka syncs.
    pub(crate) fn depends_on_syncs(self) -> bool {
        !matches!(self, Part::Start | Part::Kill | Part::Idle)
    }
}

impl Figure {
    /// For people, and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Figure::Records => "records/s",
            Figure::Megabytes => "MB/s",
            Figure::NodesCpu => "CPU s of the nodes / M records",
            Figure::GeneratorCpu => "CPU s of the client / M records",
            Figure::Memory => "RSS per node, MiB",
            Figure::P50 => "p50, ms",
            Figure::P99 => "p99, ms",
            Figure::Fresh => "without data, ms",
            Figure::Existing => "with data, ms",
            Figure::NextWrite => "to the next acknowledged write, ms",
            Figure::IdleCpu => "CPU of the busiest node, % of a core",
        }
    }
}

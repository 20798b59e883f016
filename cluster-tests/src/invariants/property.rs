//! The properties that a history may violate, as the plan for the harness numbers them.

use serde::{Deserialize, Serialize};

/// One property. The variants' order is the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // `title` says what each is.
pub enum Property {
    P1,
    P2,
    P3,
    P4,
    P5,
    P6,
    P7,
    P8,
    P9,
    P10,
    P11,
    P12,
    P13,
    P14,
    P15,
    P16,
    P17,
    P18,
    P19,
    P20,
}

use Property::{
    P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17, P18, P19, P20,
};

impl Property {
    /// All of them.
    pub const ALL: [Property; 20] =
        [P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17, P18, P19, P20];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            P1 => "no lost acknowledgement",
            P2 => "offsets unique, dense, and of one value",
            P3 => "nothing phantom or refused",
            P4 => "no duplicate",
            P5 => "real-time order",
            P6 => "batch atomicity",
            P7 => "monotonic poll",
            P8 => "fetch bound",
            P9 => "read committed",
            P10 => "transactions",
            P11 => "group exclusivity",
            P12 => "committed offsets",
            P13 => "at least once",
            P14 => "ack-1 bound",
            P15 => "membership",
            P16 => "dead letter",
            P17 => "retention",
            P18 => "liveness",
            P19 => "replica equality",
            P20 => "Castle",
        }
    }

    /// Why a history says nothing about it, where it has no facts.
    pub fn without_facts(self) -> &'static str {
        match self {
            P9 | P10 => "no such operations: transactions",
            P11 | P12 | P13 => "no such operations: consumer groups",
            P16 => "no such operations: a group that gives records up",
            P20 => "no such operations: heartbeats to Castle",
            P14 => "no such operations: ack 1 with its epoch, and a last read behind it",
            P15 => "no such operations: changes of nodes or replicas",
            P17 => "no such operations: nothing says where a log starts",
            P18 => "no faults that leave a majority, no heals, no marks",
            P19 => "no partition with the dumps of two replicas",
            P1 | P2 | P3 | P4 | P5 | P6 | P7 | P8 => "no such operations",
        }
    }

    /// Its place in `ALL`.
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

//! What a process that works on a store says to the one that watches it: one JSON object a line, on
//! a pipe that no power cut of the store's file system reaches. A step is said before it is
//! submitted, and that it is durable right after the store said so. `[pure]`

use serde::{Deserialize, Serialize};

use crate::model::{Found, LogId, Step};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// All that was found in the store after it was opened.
    Found(Found),
    /// A step is submitted next.
    Begun {
        /// Counts up within one process.
        id: u64,
        /// Whose log; 0 for the node itself.
        group: u64,
        /// What is done.
        step: Step,
    },
    /// The store said that a step is durable.
    Durable {
        /// The step's.
        id: u64,
        /// Where a snapshot was taken, which is not known before.
        snapshot: Option<LogId>,
    },
    /// The store was closed in order.
    Ended,
    /// The store refused, or did what it must not.
    Failed(String),
}

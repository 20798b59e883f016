//! The one shape of a refusal between services, nodes and edges: a code, what was wrong, what
//! would be right, and whether the work was not done or is unknown.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error_code::ErrorCode;
use super::ids::NodeId;

/// Whether the work that was asked for may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did not happen and will not.
    NotDone,
    /// It may have happened, or may still.
    Unknown,
}

/// A refusal, as it travels between services and nodes. Edges turn it into their own form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Problem {
    /// What kind of refusal.
    pub code: ErrorCode,
    /// Not done, or unknown.
    pub outcome: Outcome,
    /// What was wrong, naming the thing.
    pub detail: String,
    /// What would be right, or what to do next.
    pub hint: Option<String>,
    /// Milliseconds after which trying again makes sense.
    pub retry_after_ms: Option<u64>,
    /// The leader to ask instead, with `NotLeader`.
    pub leader: Option<NodeId>,
    /// The valid range `[log start, high watermark]`, with `OffsetOutOfRange`.
    pub valid_offsets: Option<(u64, u64)>,
    /// Where the topic goes on, with `TopicMoved`. The node that answers a client knows it by itself:
    /// it does not travel between nodes.
    #[serde(skip)]
    pub moved_to: Option<Box<MovedTo>>,
}

/// The cluster where a topic goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedTo {
    /// The name that this cluster has for it.
    pub cluster: String,
    /// URLs of its servers.
    pub servers: Vec<String>,
    /// The topic's id there.
    pub id: String,
    /// Where the partition ends here, once that is known.
    pub sealed_at: Option<u64>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl Problem {
    /// A refusal of work that certainly was not done.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        let retry_after_ms = matches!(code.status(), 429 | 503 | 507).then_some(200);
        Problem {
            code,
            outcome: Outcome::NotDone,
            detail: detail.into(),
            hint: None,
            retry_after_ms,
            leader: None,
            valid_offsets: None,
            moved_to: None,
        }
    }

    /// A refusal of work that may have happened.
    pub fn unknown(code: ErrorCode, detail: impl Into<String>) -> Self {
        Problem { outcome: Outcome::Unknown, ..Problem::new(code, detail) }
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// Names the leader to ask instead.
    #[must_use]
    pub fn leader(mut self, leader: Option<NodeId>) -> Self {
        self.leader = leader;
        self
    }
}

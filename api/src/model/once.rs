//! What travels with a batch that is to be written once, from the edge to the log: hashes of the
//! request's key and body, and the time that its records were given.

use serde::{Deserialize, Serialize};

/// Half of a SHA-256: two things with equal hashes are taken for one.
pub type Hash128 = [u8; 16];

/// An `Idempotency-Key`, and the body that came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyTag {
    /// Of the principal and the key.
    pub key: Hash128,
    /// Of everything of the request that decides what is written.
    pub body: Hash128,
}

/// A batch of an idempotent producer, or of a request with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnceTag {
    /// Time that records without one were given: the answer to a duplicate says it again.
    pub stamp_ms: i64,
    /// Absent where the batch's own header says who sends it.
    pub key: Option<KeyTag>,
}

//! Requests that came with an `Idempotency-Key`, in the order they were written. Bounded in number
//! and in time, whichever is first.

use std::collections::{BTreeMap, VecDeque};

use rampart_api::model::limits::{IDEMPOTENCY_KEY_EXPIRY_MS, IDEMPOTENCY_KEYS_PER_PARTITION_MAX};
use rampart_api::model::once::{Hash128, KeyTag};
use serde::{Deserialize, Serialize};

use super::batch::{Original, Refusal, Verdict};
use super::is_over;

/// The keys of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys {
    by_key: BTreeMap<Hash128, KeyedRequest>,
    /// Keys in the order they were written, which is that of their times.
    order: VecDeque<Hash128>,
}

/// A request that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyedRequest {
    pub(super) tag: KeyTag,
    /// Append time.
    pub(super) written_ms: i64,
    pub(super) original: Original,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// What a request is whose key is known.
    pub(super) fn check(&self, tag: &KeyTag, now_ms: i64) -> Option<Verdict> {
        let known = self.by_key.get(&tag.key)?;
        if is_over(known.written_ms, IDEMPOTENCY_KEY_EXPIRY_MS, now_ms) {
            return None;
        }
        Some(match known.tag.body == tag.body {
            true => Verdict::Duplicate(known.original),
            false => Verdict::Refused(Refusal::OtherBody),
        })
    }

    /// A request with a key that is not known is in the log.
    pub(super) fn note(&mut self, tag: &KeyTag, original: Original, now_ms: i64) {
        self.push(KeyedRequest { tag: *tag, written_ms: now_ms, original });
        if self.order.len() > IDEMPOTENCY_KEYS_PER_PARTITION_MAX {
            self.forget_first();
        }
    }

    pub(super) fn push(&mut self, request: KeyedRequest) {
        if self.by_key.insert(request.tag.key, request).is_none() {
            self.order.push_back(request.tag.key);
        }
    }

    pub(super) fn expire(&mut self, now_ms: i64) {
        while self
            .iter()
            .next()
            .is_some_and(|first| is_over(first.written_ms, IDEMPOTENCY_KEY_EXPIRY_MS, now_ms))
        {
            self.forget_first();
        }
    }

    /// In the order they were written.
    pub(super) fn iter(&self) -> impl Iterator<Item = &KeyedRequest> {
        self.order.iter().filter_map(|key| self.by_key.get(key))
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.order.pop_front() {
            self.by_key.remove(&first);
        }
    }
}

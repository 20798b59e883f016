//! `[pure]` The hash by which a partition knows what it is to write once: of an idempotency key, and
//! of what came with it.

use rampart_api::model::once::Hash128;
use sha2::{Digest, Sha256};

/// Half of the SHA-256 of the parts and their lengths.
pub(crate) fn once_hash(parts: &[&[u8]]) -> Hash128 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let whole: [u8; 32] = digest.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

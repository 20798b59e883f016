//! What entries carry: data of random sizes that no compression makes smaller, memberships, blanks.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rampart_api::model::ids::{NodeId, Offset};
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_raft_store::state::partition::PartitionCommand;
use rampart_raft_store::type_config::{EntryPayload, Member, Membership, Proposal, ProposalKind};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// A payload and its number of records.
pub(super) type Payload = (EntryPayload, u64);

/// Any payload; one value in five is as large as `value_bytes_max` allows.
pub(super) fn any(rng: &mut StdRng, value_bytes_max: usize) -> Payload {
    match rng.random_range(0..20) {
        0..2 => (EntryPayload::Blank, 0),
        2 => (membership(rng), 0),
        _ => {
            let batches = rng.random_range(1..=2);
            let sizes: Vec<_> = (0..batches).map(|_| rng.random_range(1..=4)).collect();
            let limit = if rng.random_bool(0.2) { value_bytes_max } else { value_bytes_max / 10 };
            let bodies: Vec<_> = sizes.iter().map(|records| batch(rng, *records, limit)).collect();
            (data(bodies.concat().into()), sizes.iter().sum())
        }
    }
}

/// A small one.
pub(super) fn small(rng: &mut StdRng) -> Payload {
    (data(batch(rng, 1, 100)), 1)
}

/// Nothing below this offset can be read any more.
pub(super) fn trim_to(offset: u64) -> Payload {
    let command = PartitionCommand::TrimTo { offset: Offset(offset) };
    (EntryPayload::Normal(command.proposal()), 0)
}

fn data(body: Bytes) -> EntryPayload {
    EntryPayload::Normal(Proposal { kind: ProposalKind::Batches, body, ticket: None })
}

fn batch(rng: &mut StdRng, records: u64, value_bytes_max: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        let mut value = vec![0; rng.random_range(1..=value_bytes_max.max(1))];
        rng.fill_bytes(&mut value);
        let timestamp_ms = rng.random_range(0..1_000_000);
        builder.push(NewRecord { key: None, value: Some(&value), timestamp_ms, headers: &[] });
    }
    builder.build()
}

fn membership(rng: &mut StdRng) -> EntryPayload {
    let ids: BTreeSet<u64> = (0..3).map(|_| rng.random_range(1..50)).collect();
    let node = |id: &u64| (*id, Member { node: NodeId(id / 7 + 1) });
    let nodes: BTreeMap<u64, Member> = ids.iter().map(node).collect();
    match Membership::new(vec![ids], nodes) {
        Ok(membership) => EntryPayload::Membership(membership),
        Err(_) => EntryPayload::Blank,
    }
}

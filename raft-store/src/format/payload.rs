//! An entry's payload as (kind, bytes), on disk and on the wire alike. A proposal's body is passed
//! on as it is: `Bytes` in, the same `Bytes` out.

use bytes::Bytes;

use super::envelope::FormatError;
use super::membership::{decode_membership, encode_membership};
use crate::type_config::{EntryPayload, Proposal, ProposalKind};

// On disk and on the wire: never reuse, never renumber. 1 to 15 are the numbers of ProposalKind.
const BLANK: u8 = 0;
const MEMBERSHIP: u8 = 16;

/// Kind and bytes of a payload. The ticket is the proposer's alone and is not part of it.
pub fn encode_entry_payload(payload: &EntryPayload) -> (u8, Bytes) {
    match payload {
        EntryPayload::Blank => (BLANK, Bytes::new()),
        EntryPayload::Normal(proposal) => (proposal.kind as u8, proposal.body.clone()),
        EntryPayload::Membership(membership) => {
            (MEMBERSHIP, Bytes::from(encode_membership(membership)))
        }
    }
}

/// The reverse of [`encode_entry_payload`].
pub fn decode_entry_payload(kind: u8, bytes: Bytes) -> Result<EntryPayload, FormatError> {
    match kind {
        BLANK if bytes.is_empty() => Ok(EntryPayload::Blank),
        BLANK => Err(FormatError::malformed("a blank entry with a payload")),
        MEMBERSHIP => Ok(EntryPayload::Membership(decode_membership(&bytes)?)),
        number => match ProposalKind::from_number(number) {
            Some(kind) => Ok(EntryPayload::Normal(Proposal { kind, body: bytes, ticket: None })),
            None => Err(FormatError::UnknownKind { kind: number }),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use rampart_api::model::ids::NodeId;

    use super::*;
    use crate::type_config::{Member, Membership};

    fn payloads() -> impl Strategy<Value = EntryPayload> {
        let kind = prop_oneof![
            Just(ProposalKind::Batches),
            Just(ProposalKind::Partition),
            Just(ProposalKind::Metadata),
            Just(ProposalKind::OnceBatches),
            Just(ProposalKind::Groups),
        ];
        let normal = (kind, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(kind, body)| {
            EntryPayload::Normal(Proposal { kind, body: body.into(), ticket: None })
        });
        let members = prop::collection::btree_map(1..50u64, 1..9u64, 1..6);
        let membership = members.prop_map(|members| {
            let voters: BTreeSet<u64> = members.keys().copied().take(3).collect();
            let nodes: BTreeMap<u64, Member> =
                members.into_iter().map(|(id, node)| (id, Member { node: NodeId(node) })).collect();
            EntryPayload::Membership(Membership::new(vec![voters], nodes).unwrap())
        });
        prop_oneof![Just(EntryPayload::Blank), normal, membership]
    }

    proptest! {
        #[test]
        fn payloads_survive_the_trip(payload in payloads()) {
            let (kind, bytes) = encode_entry_payload(&payload);
            let back = decode_entry_payload(kind, bytes.clone()).unwrap();
            prop_assert_eq!(encode_entry_payload(&back), (kind, bytes));
        }

        #[test]
        fn foreign_payloads_never_panic(kind: u8, bytes: Vec<u8>) {
            let _ = decode_entry_payload(kind, bytes.into());
        }
    }
}

//! Log ids, memberships and payloads: openraft's types to bytes and back.

use bytes::Bytes;
use proptest::prelude::*;

use super::log_id::StoredLogId;
use super::membership::{MembershipRecord, StoredMembershipRecord};
use super::survives::{harm, survives_in_codec};
use super::*;
use crate::test_values::{log_ids, membership_records, stored_memberships};
use crate::type_config::{EntryPayload, LogId, Membership, StoredMembership};

proptest! {
    #[test]
    fn log_ids_survive_the_trip(stored in log_ids(), harm in harm()) {
        prop_assert_eq!(StoredLogId::from(&LogId::from(stored)), stored);
        survives_in_codec(&stored, &harm)?;
    }

    #[test]
    fn joint_memberships_survive_as_the_payload_of_an_entry(
        record in membership_records(),
        harm in harm(),
    ) {
        let membership = Membership::try_from(record.clone()).unwrap();
        prop_assert_eq!(membership.get_joint_config().len(), record.configs.len());
        let payload = EntryPayload::Membership(membership.clone());
        let (kind, bytes) = encode_entry_payload(&payload);
        match decode_entry_payload(kind, bytes.clone()).unwrap() {
            EntryPayload::Membership(back) => prop_assert_eq!(back, membership),
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert!(decode_entry_payload(kind, Bytes::from(harm.flipped(&bytes))).is_err());
        prop_assert!(decode_entry_payload(kind, Bytes::copy_from_slice(harm.cut(&bytes))).is_err());
        survives_in_codec::<MembershipRecord>(&record, &harm)?;
    }

    #[test]
    fn stored_memberships_survive_the_trip(record in stored_memberships(), harm in harm()) {
        let stored = StoredMembership::try_from(record.clone()).unwrap();
        prop_assert_eq!(&StoredMembershipRecord::from(&stored), &record);
        survives_in_codec(&record, &harm)?;
    }
}

#[test]
fn a_voter_that_lives_nowhere_is_refused() {
    let record = MembershipRecord { configs: vec![[1].into()], nodes: Default::default() };
    assert!(Membership::try_from(record).is_err());
}

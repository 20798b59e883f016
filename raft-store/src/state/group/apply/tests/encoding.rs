//! States as random commands leave them survive as a snapshot, and so does every command; a replica
//! that starts from a snapshot and applies the rest is equal to one that applied all (INV-04).

use rampart_api::codec;

use super::random::{aimed, commands, entries};
use super::*;
use crate::format::survives::{harm, survives, survives_in_codec};
use crate::machine::GROUP_SNAPSHOT_VERSION;

proptest::proptest! {
    #[test]
    fn what_commands_make_survives_as_a_snapshot(
        commands in proptest::collection::vec(commands(), 1..40),
        harm in harm(),
    ) {
        let mut groups = Groups::new();
        for command in commands {
            let command = aimed(&groups.state, &command);
            survives_in_codec(&vec![command.clone()], &harm)?;
            groups.apply(command);
        }
        survives(GROUP_SNAPSHOT_VERSION, &groups.state, &harm)?;
    }

    #[test]
    fn a_snapshot_and_the_rest_equal_the_whole(
        entries in entries(),
        at: proptest::sample::Index,
    ) {
        let at = at.index(entries.len());
        let mut whole = Groups::new();
        let mut late = None;
        for (position, entry) in entries.iter().enumerate() {
            if position == at {
                let state: GroupState = codec::decode(&codec::encode(&whole.state)).unwrap();
                late = Some(Groups { state });
            }
            let entry: Vec<_> = entry.iter().map(|one| aimed(&whole.state, one)).collect();
            let outcomes = whole.entry(&entry);
            if let Some(late) = &mut late {
                proptest::prop_assert_eq!(late.entry(&entry), outcomes);
            }
        }
        proptest::prop_assert_eq!(late.unwrap().state, whole.state);
    }
}

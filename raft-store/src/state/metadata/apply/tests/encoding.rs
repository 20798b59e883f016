//! States as random commands leave them survive as a snapshot, and so does every command.

use rampart_api::codec;

use super::random::commands;
use super::*;
use crate::format::survives::{harm, survives, survives_in_codec};
use crate::machine::{METADATA_CASTLE_VERSION, METADATA_SNAPSHOT_VERSION, WholeState};
use crate::state::metadata::castle::CastleRecord;

proptest::proptest! {
    #[test]
    fn what_commands_make_survives_as_a_snapshot(
        commands in proptest::collection::vec(commands(), 1..40),
        harm in harm(),
    ) {
        let mut cluster = Cluster::of(4);
        for command in &commands {
            survives_in_codec(command, &harm)?;
            let response = cluster.apply(command);
            let back: MetadataResponse = codec::decode(&codec::encode(&response)).unwrap();
            proptest::prop_assert_eq!(back, response);
        }
        let state = &cluster.state;
        proptest::prop_assert_eq!(&MetadataState::decode(&state.encode()).unwrap(), state);
        let bare = MetadataState { castle: CastleRecord::default(), ..state.clone() };
        survives(METADATA_SNAPSHOT_VERSION, &bare, &harm)?;
        survives(METADATA_CASTLE_VERSION, &(bare, state.castle.clone()), &harm)?;
    }
}

//! Reads a whole log, when its replica ended by an error of the storage: opening looks only at the
//! end of it, and damage in the middle would end the replica again and again.

use std::io;

use openraft::storage::{RaftLogReader, RaftLogStorage};
use rampart_api::model::ids::GroupId;
use rampart_raft_store::LogStorage;
use rampart_raft_store::error::OpenGroupError;

/// Reads every entry.
///
/// # Errors
/// `Damaged` with the place, or that the disk does not answer.
pub(super) async fn check(group: GroupId, log: &mut LogStorage) -> Result<(), OpenGroupError> {
    let unreadable = |source| OpenGroupError::Io { group, source };
    let state = log.get_log_state().await.map_err(unreadable)?;
    let mut next = state.last_purged_log_id.map_or(0, |id| id.index + 1);
    let end = state.last_log_id.map_or(0, |id| id.index + 1);
    let mut reader = log.get_log_reader().await;
    while next < end {
        // A piece at a time: about a mebibyte.
        let read = reader.limited_get_log_entries(next, end).await;
        let what = match read.as_ref().map(|entries| entries.last()) {
            Ok(Some(last)) => {
                next = last.log_id.index + 1;
                continue;
            }
            Ok(None) => "entries are missing".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => error.to_string(),
            Err(error) => {
                return Err(unreadable(io::Error::new(error.kind(), error.to_string())));
            }
        };
        return Err(OpenGroupError::Damaged { group, index: Some(next), what });
    }
    Ok(())
}

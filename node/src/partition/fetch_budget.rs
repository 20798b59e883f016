//! Bytes that fetches have read on this node and that are not sent yet, whoever asked (INV-12).
//! Room is taken before the log is read, and given back when the last of the bytes is dropped: when
//! they are in a peer's or a client's socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a fetch waits for room: reads end within milliseconds, unless they can't be sent.
const ROOM_WAIT: Duration = Duration::from_millis(200);

/// The room of one node.
#[derive(Debug)]
pub(super) struct FetchBudget {
    room: Arc<Semaphore>,
    bytes_max: usize,
}

/// Room for one read.
#[derive(Debug)]
pub(super) struct Taken {
    permit: OwnedSemaphorePermit,
}

/// Bytes that hold their room.
struct Held {
    bytes: Bytes,
    _room: Arc<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl FetchBudget {
    pub(super) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        FetchBudget { room: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// Takes room for a read of so many bytes; a larger one than all there is takes all.
    pub(super) async fn take(&self, bytes: usize) -> Result<Taken, Problem> {
        let wanted = u32::try_from(bytes.min(self.bytes_max)).expect("the limit fits 32 bits");
        let room = self.room.clone().acquire_many_owned(wanted);
        match tokio::time::timeout(ROOM_WAIT, room).await {
            Ok(Ok(permit)) => Ok(Taken { permit }),
            Ok(Err(_)) | Err(_) => Err(Problem::new(
                ErrorCode::Overloaded,
                format!("the node's {} bytes for fetches in flight are used up", self.bytes_max),
            )
            .hint("try again after Retry-After, or fetch less at a time")),
        }
    }
}

impl Taken {
    /// Binds the room to what was read, and gives back what was not needed.
    pub(super) fn hold(mut self, batches: Vec<Bytes>) -> Vec<Bytes> {
        let bytes: usize = batches.iter().map(Bytes::len).sum();
        drop(self.permit.split(self.permit.num_permits().saturating_sub(bytes)));
        let room = Arc::new(self.permit);
        let held = |bytes| Bytes::from_owner(Held { bytes, _room: room.clone() });
        batches.into_iter().map(held).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_held_by_what_was_read_and_given_back_with_it() {
        let budget = FetchBudget::new(100);
        let taken = budget.take(80).await.unwrap();
        assert_eq!(budget.take(80).await.unwrap_err().code, ErrorCode::Overloaded);
        let read = taken.hold(vec![Bytes::from_static(b"0123456789"), Bytes::from_static(b"ab")]);
        assert_eq!(read, ["0123456789", "ab"], "the bytes are what they were");
        assert_eq!(budget.room.available_permits(), 88, "only what was read is in flight");
        let part = read[0].slice(3..4);
        drop(read);
        assert_eq!(budget.room.available_permits(), 88, "a part of it is still there");
        drop(part);
        assert_eq!(budget.room.available_permits(), 100);
    }

    #[tokio::test]
    async fn a_read_larger_than_all_room_takes_all() {
        let budget = FetchBudget::new(100);
        let taken = budget.take(1 << 30).await.unwrap();
        assert_eq!(budget.room.available_permits(), 0);
        assert_eq!(taken.hold(Vec::new()), Vec::<Bytes>::new());
        assert_eq!(budget.room.available_permits(), 100);
    }
}

//! Joining: one question on a connection of its own, by a node that has no id yet.

use std::time::Duration;

use rampart_api::model::limits::PEER_FRAME_BYTES_MAX;
use rampart_api::model::problem::Problem;
use rampart_api::peer::frame::FrameKind;
use rampart_api::peer::handshake::{Class, Hello, Identity, Refusal, Welcome};
use rampart_api::peer::rpc::{
    JoinAnswer, JoinRequest, PeerRequest, PeerResponse, RequestFrame, ResponseFrame,
};
use tokio::io::AsyncWriteExt;

use super::link::{ConnectError, greet};

/// Why a node could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Nobody answers at the address, or not in this protocol: worth another try.
    #[error("{0}")]
    Unreachable(String),
    /// The node there refuses the handshake.
    #[error("the node at {addr} refuses: {refusal}")]
    Refused {
        /// Where.
        addr: String,
        /// Why.
        refusal: Refusal,
    },
    /// The cluster says no, or not now.
    #[error(transparent)]
    Problem(Box<Problem>),
}

/// Asks the node at `addr` to take this one into its cluster. Asking again with the same disk is
/// harmless: it gets the same id.
///
/// # Errors
/// See `JoinError`; all but a final refusal are worth another try.
pub async fn join(
    addr: &str,
    request: JoinRequest,
    deadline: Duration,
) -> Result<JoinAnswer, JoinError> {
    match tokio::time::timeout(deadline, ask(addr, request, deadline)).await {
        Ok(answer) => answer,
        Err(_) => Err(JoinError::Unreachable(format!(
            "no answer from {addr} within {} ms",
            deadline.as_millis()
        ))),
    }
}

/// Shakes hands with the node at `addr` as this one, to learn whether it would be let in. `None` if
/// nobody answers in time, or it would.
pub async fn refusal_at(addr: &str, identity: Identity, deadline: Duration) -> Option<Refusal> {
    let hello = Hello { class: Class::Control, from: Some(identity), to: None };
    match tokio::time::timeout(deadline, greet(addr, &hello)).await {
        Ok(Ok((Welcome::Refused(refusal), _, _))) => Some(refusal),
        Ok(Ok(_)) | Ok(Err(_)) | Err(_) => None,
    }
}

async fn ask(
    addr: &str,
    request: JoinRequest,
    deadline: Duration,
) -> Result<JoinAnswer, JoinError> {
    let hello = Hello { class: Class::Join, from: None, to: None };
    let (welcome, mut reader, mut writer) = greet(addr, &hello).await.map_err(unreachable_at)?;
    if let Welcome::Refused(refusal) = welcome {
        return Err(JoinError::Refused { addr: addr.to_owned(), refusal });
    }
    let frame = RequestFrame {
        id: 0,
        deadline_ms: u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX),
        is_forwarded: false,
        metadata_index: 0,
        request: PeerRequest::Join(request),
    };
    let frame = frame.encode().expect("a request to join is small");
    writer.write_all(&frame.to_bytes()).await.map_err(|e| unreachable_at(e.into()))?;
    let frame = reader.next(PEER_FRAME_BYTES_MAX).await.map_err(|e| unreachable_at(e.into()))?;
    let odd = || JoinError::Unreachable(format!("{addr} answered oddly"));
    if frame.kind != FrameKind::Response {
        return Err(odd());
    }
    match ResponseFrame::decode(frame.payload).map_err(|_| odd())?.response {
        PeerResponse::Joined(answer) => Ok(answer),
        PeerResponse::Problem(problem) => Err(JoinError::Problem(Box::new(problem))),
        _ => Err(odd()),
    }
}

#[allow(clippy::needless_pass_by_value)] // Used as a conversion.
fn unreachable_at(error: ConnectError) -> JoinError {
    JoinError::Unreachable(error.to_string())
}

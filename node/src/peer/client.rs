//! Joining: one question on a connection of its own, by a node that has no id yet.

use std::convert::Infallible;
use std::time::Duration;

use rampart_api::model::ids::{DiskId, NodeId};
use rampart_api::model::limits::{PEER_FRAME_BYTES_MAX, PEER_HANDSHAKE_BYTES_MAX};
use rampart_api::model::problem::Problem;
use rampart_api::peer::frame::FrameKind;
use rampart_api::peer::handshake::{Class, Hello, Identity, Refusal, Welcome};
use rampart_api::peer::rpc::{
    JoinAnswer, JoinRequest, PeerRequest, PeerResponse, RequestFrame, ResponseFrame,
};
use tokio::io::AsyncWriteExt;

use super::link::{ConnectError, greet};
use super::reader::FrameReader;
use crate::net::{TcpListener, TcpStream};

/// How long a caller of a node that is not let in yet may take to say hello.
const CALLER_TIMEOUT: Duration = Duration::from_millis(500);

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

/// The data directory that a node asks to join with, if it is at `addr` and tells.
pub async fn joiner_at(addr: &str, wanted: NodeId, deadline: Duration) -> Option<DiskId> {
    let hello = Hello { class: Class::Join, from: None, to: Some(wanted) };
    match tokio::time::timeout(deadline, greet(addr, &hello)).await {
        Ok(Ok((Welcome::Refused(Refusal::Joining { disk }), _, _))) => Some(disk),
        Ok(Ok(_)) | Ok(Err(_)) | Err(_) => None,
    }
}

/// Tells whoever connects that a node with this data directory is here and asks to be let in; so
/// the cluster can check that it is where it says. Never ends.
pub async fn answer_callers(listener: &TcpListener, disk: DiskId) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let told = tokio::time::timeout(CALLER_TIMEOUT, tell(socket, disk)).await;
                tracing::debug!(?told, "somebody asked who is here");
            }
            Err(error) => {
                tracing::debug!(%error, "nobody could be answered");
                tokio::time::sleep(CALLER_TIMEOUT).await;
            }
        }
    }
}

async fn tell(socket: TcpStream, disk: DiskId) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    // What it says is of no interest; it is read so that closing does not reset the answer.
    let _ = FrameReader::new(read).next(PEER_HANDSHAKE_BYTES_MAX).await;
    let answer = Welcome::Refused(Refusal::Joining { disk });
    write.write_all(&answer.encode().to_bytes()).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_joining_node_is_met_where_it_is_and_nowhere_else() {
        let disk = DiskId(uuid::Uuid::from_u128(7));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let wait = Duration::from_secs(5);
        let met = tokio::select! {
            met = joiner_at(&addr, NodeId(2), wait) => met,
            never = answer_callers(&listener, disk) => match never {},
        };
        assert_eq!(met, Some(disk));
        drop(listener);
        assert_eq!(joiner_at(&addr, NodeId(2), wait).await, None);
    }
}

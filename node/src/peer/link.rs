//! A link: this node's way to another one for one class of messages. One task per link connects,
//! shakes hands, runs the connection, and connects again with growing, jittered pauses.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::ids::NodeId;
use rampart_api::model::limits::PEER_HANDSHAKE_BYTES_MAX;
use rampart_api::peer::DecodeError;
use rampart_api::peer::handshake::{Class, Hello, Refusal, Welcome};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, watch};

use super::connection::Connection;
use super::facts::FactsError;
use super::handler::CallError;
use super::net::Inner;
use super::reader::{FrameReader, ReadError};
use crate::net::{OwnedWriteHalf, TcpStream};

/// What a link is right now.
#[derive(Debug, Clone)]
pub(super) enum LinkState {
    /// The first attempt is under way.
    Connecting,
    /// Open.
    Up(Arc<Connection>),
    /// The last attempt or connection failed; another one follows.
    Down(CallError),
}

/// A way to another node. Shared by everybody who sends there.
#[derive(Debug)]
pub(super) struct Link {
    state: watch::Sender<LinkState>,
    /// Somebody has a reason to believe that connecting would work now.
    try_now: Notify,
}

/// Why an attempt to connect failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("its address is not known")]
    NoAddress,
    #[error("connecting to {addr}: {source}")]
    Connect { addr: String, source: io::Error },
    #[error("no handshake with {addr} within {within:?}")]
    Late { addr: String, within: Duration },
    #[error("handshake: {0}")]
    Read(#[from] ReadError),
    #[error("handshake: {0}")]
    Write(#[from] io::Error),
    #[error("handshake: {0}")]
    Decode(#[from] DecodeError),
    #[error("{addr} refuses this node: {refusal}")]
    Refused { addr: String, refusal: Refusal },
    #[error("this node refuses {addr}: {refusal}")]
    Refuses { addr: String, refusal: Refusal },
    #[error(transparent)]
    Facts(#[from] FactsError),
}

impl ConnectError {
    /// One of the two is not who it should be; that does not pass in a moment.
    fn is_final(&self) -> bool {
        match self {
            ConnectError::Refused { refusal, .. } | ConnectError::Refuses { refusal, .. } => {
                refusal.is_final()
            }
            ConnectError::NoAddress
            | ConnectError::Connect { .. }
            | ConnectError::Late { .. }
            | ConnectError::Read(_)
            | ConnectError::Write(_)
            | ConnectError::Decode(_)
            | ConnectError::Facts(_) => false,
        }
    }
}

impl Link {
    pub(super) fn new() -> Arc<Link> {
        let (state, _) = watch::channel(LinkState::Connecting);
        Arc::new(Link { state, try_now: Notify::new() })
    }

    /// The open connection. Waits for the first attempt; while the link is down it fails at once.
    pub(super) async fn connection(&self, within: Duration) -> Result<Arc<Connection>, CallError> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, LinkState::Connecting));
        match tokio::time::timeout(within, settled).await {
            Ok(Ok(state)) => open(&state),
            Ok(Err(_)) => Err(CallError::NotSent("the node is stopping".to_owned())),
            Err(_) => Err(CallError::NotSent("the link is still connecting".to_owned())),
        }
    }

    /// The open connection, if there is one right now.
    pub(super) fn connection_now(&self) -> Result<Arc<Connection>, CallError> {
        open(&self.state.borrow())
    }

    /// Cuts the pause before the next attempt short.
    pub(super) fn try_now(&self) {
        self.try_now.notify_one();
    }
}

fn open(state: &LinkState) -> Result<Arc<Connection>, CallError> {
    match state {
        LinkState::Up(connection) => Ok(connection.clone()),
        LinkState::Down(why) => Err(why.clone()),
        LinkState::Connecting => Err(CallError::NotSent("the link is still connecting".to_owned())),
    }
}

/// Runs a link until it is cancelled.
pub(super) async fn run(net: Arc<Inner>, link: Arc<Link>, peer: NodeId, class: Class) {
    let limits = net.limits;
    let pulse = net.liveness.pulse(peer);
    let randomness = net.randomness.fork(&format!("link {class} {peer}"));
    let mut pause = limits.reconnect_pause_min;
    let (mut was_up, mut was_refused) = (true, false);
    loop {
        let why = match connect(&net, peer, class).await {
            Ok((reader, writer)) => {
                pause = limits.reconnect_pause_min;
                let _open = net.liveness.open(&pulse);
                let (connection, queue) = Connection::new(limits);
                link.state.send_replace(LinkState::Up(connection.clone()));
                net.link_is_up(peer, class);
                let ended = connection.run(queue, writer, reader, (&net.liveness, &pulse)).await;
                tracing::info!(%peer, %class, reason = %ended, "link lost");
                (was_up, was_refused) = (true, false);
                CallError::NotSent(format!("link to node {peer} lost: {ended}"))
            }
            Err(error) => {
                if let ConnectError::Connect { source, .. } = &error
                    && source.kind() == io::ErrorKind::ConnectionRefused
                {
                    net.liveness.refused(&pulse);
                }
                // Once per outage: the pauses are short.
                if std::mem::take(&mut was_up) {
                    tracing::info!(%peer, %class, reason = %error, "link down");
                }
                if error.is_final() {
                    pause = limits.refused_pause;
                    if !std::mem::replace(&mut was_refused, true) {
                        tracing::error!(%peer, %class, reason = %error, "nothing is sent there");
                    }
                }
                down(&net, peer, error)
            }
        };
        link.state.send_replace(LinkState::Down(why));
        tokio::time::sleep(limits.reconnect_pause_min).await;
        let jittered = pause.mul_f64(0.5 + randomness.unit() / 2.0);
        let _ = tokio::time::timeout(jittered, link.try_now.notified()).await;
        pause = (pause * 2).min(limits.reconnect_pause_max);
    }
}

fn down(net: &Inner, peer: NodeId, error: ConnectError) -> CallError {
    match error {
        ConnectError::Refused { refusal, .. } => {
            net.was_refused(peer, &refusal);
            CallError::Refused(refusal)
        }
        other => CallError::NotSent(other.to_string()),
    }
}

async fn connect(
    net: &Inner,
    peer: NodeId,
    class: Class,
) -> Result<(FrameReader, OwnedWriteHalf), ConnectError> {
    let addr = net.address(peer).ok_or(ConnectError::NoAddress)?;
    let within = net.limits.connect_timeout;
    let hello = Hello { class, from: Some(net.identity), to: Some(peer) };
    let greeting = tokio::time::timeout(within, greet(&addr, &hello)).await;
    let (welcome, reader, writer) =
        greeting.map_err(|_| ConnectError::Late { addr: addr.clone(), within })??;
    let identity = match welcome {
        Welcome::Accepted(identity) => identity,
        Welcome::Refused(refusal) => return Err(ConnectError::Refused { addr, refusal }),
    };
    if identity.node != peer {
        let refusal = Refusal::OtherNode { wanted: peer, this: identity.node };
        return Err(ConnectError::Refuses { addr, refusal });
    }
    // The listener is judged too: no acknowledgement of a wiped disk may ever count.
    match net.facts.meet(&net.identity, &identity).await? {
        Ok(()) => Ok((reader, writer)),
        Err(refusal) => Err(ConnectError::Refuses { addr, refusal }),
    }
}

/// Connects and shakes hands.
pub(super) async fn greet(
    addr: &str,
    hello: &Hello,
) -> Result<(Welcome, FrameReader, OwnedWriteHalf), ConnectError> {
    let failed = |source| ConnectError::Connect { addr: addr.to_owned(), source };
    let socket = TcpStream::connect(addr).await.map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    let (read, mut write) = socket.into_split();
    write.write_all(&hello.encode().to_bytes()).await?;
    let mut reader = FrameReader::new(read);
    let welcome = Welcome::decode(reader.next(PEER_HANDSHAKE_BYTES_MAX).await?)?;
    Ok((welcome, reader, write))
}

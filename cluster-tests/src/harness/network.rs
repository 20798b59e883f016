//! The network between nodes, in user space and without privileges: each node advertises a proxy
//! as its peer address, and the proxy holds back what crosses a cut or is late. Bytes are held, not
//! dropped, and connections stay open, as when packets vanish on a real network and are sent again
//! later.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clock::background;
use super::links::{Link, Links};
use super::probe::pass;
use super::socket_owner::owner_of;

/// All links of a cluster. Nodes are known by their index in it.
#[derive(Debug)]
pub struct Network {
    links: watch::Sender<Links>,
    pids: Arc<Mutex<BTreeMap<usize, u32>>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Default for Network {
    fn default() -> Self {
        Network::new()
    }
}

impl Network {
    /// A network where everybody reaches everybody.
    pub fn new() -> Self {
        Network {
            links: watch::Sender::new(Links::default()),
            pids: Arc::default(),
            listeners: Vec::new(),
        }
    }

    /// Puts a proxy before a node's peer listener; answers the address to advertise.
    pub async fn add_node(&mut self, index: usize, target: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()?)).await?;
        let address = listener.local_addr()?;
        let gate = Gate { links: self.links.subscribe(), pids: self.pids.clone() };
        self.listeners.push(background(accept(listener, index, target, gate)));
        Ok(address)
    }

    /// Tells which process a node is, so that its outgoing connections are recognised.
    pub fn set_pid(&self, index: usize, pid: u32) {
        self.pids.lock().unwrap_or_else(PoisonError::into_inner).insert(index, pid);
    }

    /// Makes the links what they should be: cut, late and slow ones; packets there are none.
    pub fn apply(&self, links: &Links) {
        self.links.send_replace(links.clone());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

#[derive(Debug, Clone)]
struct Gate {
    links: watch::Receiver<Links>,
    pids: Arc<Mutex<BTreeMap<usize, u32>>>,
}

impl Gate {
    fn sender(&self, port: u16) -> Option<usize> {
        let pids = self.pids.lock().unwrap_or_else(PoisonError::into_inner);
        let pids: Vec<(usize, u32)> = pids.iter().map(|(index, pid)| (*index, *pid)).collect();
        owner_of(port, &pids)
    }

    /// Resolves as soon as neither direction is cut; an error means that the network is gone.
    async fn open(&mut self, link: Link) -> Result<()> {
        let back = (link.1, link.0);
        self.links.wait_for(|links| !links.is_cut(link) && !links.is_cut(back)).await?;
        Ok(())
    }

    /// Resolves when so many bytes have crossed the link.
    async fn cross(&mut self, link: Link, bytes: usize) -> Result<()> {
        let (late, kbit) = {
            let links = self.links.wait_for(|links| !links.is_cut(link)).await?;
            (links.late(link), links.kbit(link))
        };
        if let Some((least, most)) = late {
            #[expect(clippy::disallowed_methods)] // Links are late by chance, not by a seed.
            pass(rand::random_range(least..=most)).await;
        }
        if let Some(kbit) = kbit {
            pass(Duration::from_micros(bytes as u64 * 8_000 / u64::from(kbit))).await;
        }
        Ok(())
    }
}

async fn accept(listener: TcpListener, index: usize, target: SocketAddr, gate: Gate) {
    while let Ok((stream, from)) = listener.accept().await {
        // Unknown senders are gone already, or are not ours.
        let Some(sender) = gate.sender(from.port()) else {
            continue;
        };
        background(link(stream, target, (sender, index), gate.clone()));
    }
}

async fn link(incoming: TcpStream, target: SocketAddr, ends: Link, mut gate: Gate) {
    if gate.open(ends).await.is_err() {
        return;
    }
    let Ok(outgoing) = TcpStream::connect(target).await else {
        return;
    };
    // Failing is harmless: the proxy is then only a little slower.
    let _ = (incoming.set_nodelay(true), outgoing.set_nodelay(true));
    let (in_read, in_write) = incoming.into_split();
    let (out_read, out_write) = outgoing.into_split();
    // When one direction breaks the whole connection goes, as with a reset.
    tokio::select! {
        _ = pump(in_read, out_write, ends, gate.clone()) => {}
        _ = pump(out_read, in_write, (ends.1, ends.0), gate) => {}
    }
}

async fn pump<R, W>(mut from: R, mut to: W, link: Link, mut gate: Gate) -> Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await;
        gate.cross(link, *read.as_ref().unwrap_or(&0)).await?;
        match read? {
            0 => return Ok(to.shutdown().await?),
            n => to.write_all(&buffer[..n]).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::links::Trouble;
    use super::*;

    const LONG: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn bytes_wait_while_a_direction_is_cut_and_arrive_when_it_is_healed() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut network = Network::new();
        let address = network.add_node(1, echo.local_addr().unwrap()).await.unwrap();
        network.set_pid(0, std::process::id());
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut server, _) = echo.accept().await.unwrap();
        let mut byte = [0];

        client.write_all(b"a").await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        let mut links = Links::default();
        for trouble in [Trouble::Cut, Trouble::Late(LONG, LONG)] {
            let number = links.add(vec![(0, 1)], trouble);
            network.apply(&links);
            client.write_all(b"b").await.unwrap();
            let early = tokio::time::timeout(LONG / 2, server.read_exact(&mut byte)).await;
            assert!(early.is_err(), "a byte crossed at once: {trouble:?}");
            server.write_all(b"c").await.unwrap();
            client.read_exact(&mut byte).await.unwrap();
            links.end(number);
            network.apply(&links);
            server.read_exact(&mut byte).await.unwrap();
            assert_eq!(&byte, b"b");
        }
    }

    #[tokio::test]
    async fn connections_of_strangers_are_closed() {
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut network = Network::new();
        let address = network.add_node(0, target.local_addr().unwrap()).await.unwrap();
        let mut stranger = TcpStream::connect(address).await.unwrap();
        assert_eq!(stranger.read(&mut [0]).await.unwrap(), 0);
    }
}

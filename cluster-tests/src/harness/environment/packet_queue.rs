//! Packets that are late: the kernel hands each to this process (NFQUEUE) and delivers it when it
//! hears the verdict, here after a while that is drawn per packet, so that packets overtake each
//! other. This kernel has no netem, and this needs no payload: only numbers cross.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::super::clock::Stopwatch;
use super::nfqueue;

/// How often the thread looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// Above every answer of the kernel without a payload.
const BUFFER: usize = 8 << 10;

/// Least and longest time that packets of a queue are late.
type Lateness = Arc<Mutex<BTreeMap<u16, (Duration, Duration)>>>;

/// The queues of one namespace, one per sender; its thread ends with it.
#[derive(Debug)]
pub(super) struct PacketQueue {
    late: Lateness,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PacketQueue {
    /// Opens this many queues, numbered from 0, in the namespace behind a path.
    pub(super) fn open(namespace: &Path, queues: u16) -> Result<PacketQueue> {
        let file = File::open(namespace).with_context(|| namespace.display().to_string())?;
        let (late, ended) = (Lateness::default(), Arc::new(AtomicBool::new(false)));
        let (theirs, end) = (late.clone(), ended.clone());
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        // A thread of its own: it moves into the namespace and never comes back.
        let thread = std::thread::spawn(move || match socket_inside(&file, queues) {
            Ok(socket) => {
                let _ = tell.send(Ok(()));
                deliver(&socket, &theirs, &end);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        });
        told.recv().map_err(|_| anyhow!("the thread of the queue has ended"))??;
        Ok(PacketQueue { late, ended, thread: Some(thread) })
    }

    /// From now on packets of these queues are late, and those of all others are not.
    pub(super) fn set(&self, late: BTreeMap<u16, (Duration, Duration)>) {
        *self.late.lock().unwrap_or_else(PoisonError::into_inner) = late;
    }
}

impl Drop for PacketQueue {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; if it did there would be nothing left to end.
            let _ = thread.join();
        }
    }
}

fn socket_inside(namespace: &File, queues: u16) -> Result<OwnedFd> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(NETFILTER))?;
    bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    for queue in 0..queues {
        for message in nfqueue::opening(queue) {
            send(&socket, &message, SendFlags::empty())?;
        }
    }
    Ok(socket)
}

/// Takes packets in and lets each go when it is due, until it is ended.
fn deliver(socket: &OwnedFd, late: &Lateness, ended: &AtomicBool) {
    let clock = Stopwatch::start();
    let mut waiting: BinaryHeap<Reverse<(Duration, u16, u32)>> = BinaryHeap::new();
    let mut buffer = vec![0; BUFFER];
    while !ended.load(Ordering::Relaxed) {
        let now = clock.elapsed();
        while let Some(&Reverse((due, queue, packet))) = waiting.peek() {
            if due > now {
                break;
            }
            waiting.pop();
            // A verdict that is lost loses a packet, and packets do get lost.
            let _ = send(socket, &nfqueue::accept(queue, packet), SendFlags::empty());
        }
        let next = waiting.peek().map_or(LOOK, |Reverse((due, ..))| due.saturating_sub(now));
        if !readable(socket, next.min(LOOK)) {
            continue;
        }
        // An overrun of the socket's buffer is such a loss too.
        let Ok((count, _)) = recv(socket, &mut buffer[..], RecvFlags::DONTWAIT) else { continue };
        for (queue, packet) in nfqueue::packets(&buffer[..count]) {
            let bounds = late.lock().unwrap_or_else(PoisonError::into_inner).get(&queue).copied();
            let (least, most) = bounds.unwrap_or_default();
            #[expect(clippy::disallowed_methods)] // Packets are late by chance, not by a seed.
            let wait = rand::random_range(least..=most);
            waiting.push(Reverse((clock.elapsed() + wait, queue, packet)));
        }
    }
}

fn readable(socket: &OwnedFd, span: Duration) -> bool {
    let span = Timespec { tv_sec: 0, tv_nsec: i64::from(span.subsec_nanos()) };
    let mut polled = [PollFd::new(socket, PollFlags::IN)];
    poll(&mut polled, Some(&span)).is_ok_and(|ready| ready > 0)
}

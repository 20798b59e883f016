//! Clients that go where Castle sends them. Some are producers of the SDK, with its session; their
//! heartbeats are their own. The others ask Castle themselves, with no more than HTTP: each answer goes
//! into the history, and they write to the leaders that it names, there and nowhere else. So it is seen
//! what Castle says at every node, and whether that is enough to be served.

mod answer;
mod follower;
mod producer;

use tokio::task::JoinHandle;

use self::follower::Asks;
use super::traffic::Traffic;
use crate::harness::clock::background;

/// Partitions of their topic.
pub const PARTITIONS: u32 = 2;
/// Clients come more often than by default, so that a short run sees many answers.
pub const CONFIG: &str = "[castle]\nheartbeat_ms = 1_000\nclient_ttl_ms = 5_000\n";
/// Producers of the SDK: batches that each of them has on their way to a partition at once.
const PRODUCERS: [usize; 2] = [1, 5];
/// How those who ask themselves choose whom.
const FOLLOWERS: [Asks; 2] = [Asks::TheNamed, Asks::Everybody];
/// So many clients send heartbeats.
pub const CLIENTS: usize = PRODUCERS.len() + FOLLOWERS.len();

/// Starts the clients; they end when the traffic is closed.
pub fn clients(traffic: &Traffic, topic: &str) -> Vec<JoinHandle<()>> {
    let producers = PRODUCERS
        .map(|in_flight| background(producer::write(traffic.clone(), topic.to_owned(), in_flight)));
    let followers =
        FOLLOWERS.map(|asks| background(follower::follow(traffic.clone(), topic.to_owned(), asks)));
    producers.into_iter().chain(followers).collect()
}

//! Readers that wait at the end of a partition until something comes.

use super::process::Process;
use super::reader::{Asking, Position, fetch};
use super::traffic::Traffic;

/// Short enough that a stop is quick.
const WAIT_MS: u64 = 1_000;

/// Follows one partition until the traffic is closed.
pub async fn follow(traffic: Traffic, topic: String, partition: u32) {
    let mut process = Process::new(&traffic);
    let mut position = Position::start(&topic, partition);
    let asking = Asking { wait_ms: WAIT_MS, ..Asking::default() };
    while traffic.turn().await {
        fetch(&mut process, &mut position, &asking).await;
    }
}

//! Readers that must see whatever was acknowledged before they asked.

use std::time::Duration;

use super::process::Process;
use super::reader::{Asking, Position, fetch};
use super::traffic::Traffic;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Follows one partition until the traffic is closed, asking a leader that confirms itself.
pub async fn follow(traffic: Traffic, topic: String, partition: u32) {
    let mut process = Process::new(&traffic);
    let mut position = Position::start(&topic, partition);
    let asking = Asking { linearizable: true, ..Asking::default() };
    while traffic.rest(PAUSE).await && traffic.turn().await {
        fetch(&mut process, &mut position, &asking).await;
        // Another node each time: each must find the one that leads.
        process.move_on();
    }
}
